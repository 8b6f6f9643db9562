"""The gRPC edge of a service: who calls, in whose name, under which rule; one unit of work per call; one translation
of errors.

An implementation is any object with one coroutine per RPC:

    async def GetContact(self, unit: UnitOfWork, request: GetContactRequest) -> ContactRecord

One that waits for something else than the database (a store, a mail server) is marked `@in_steps` and gets `begin` in
place of `unit`: `async with begin() as unit:` is one transaction, and between two it holds no connection.

The rule of each RPC is an option in its contract (`parvis.access.v1.rule`); an RPC without a rule, or without an
implementation, stops the
start. Calls without a deadline are refused (gRPC otherwise waits for ever).
"""

import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any, TypeVar

import grpc
import structlog
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from parvis.access.v1 import access_pb2
from parvis_kit.caller import Acting, Caller, acting_as
from parvis_kit.errors import Kind, ServiceError, forbidden, internal, invalid, precondition, unauthenticated
from parvis_kit.grants import GrantCache, GrantSet
from parvis_kit.ids import parse_optional
from parvis_kit.revocations import Revocations
from parvis_kit.settings import ServiceSettings
from parvis_kit.tls import peer_service, server_credentials
from parvis_kit.tokens import TokenVerifier
from parvis_kit.unit import Database, UnitOfWork
from parvis_kit.wire import status_of
from parvis_watch import refusals, replicas
from parvis_watch.metrics import RPC_SECONDS, RPCS, RPCS_NOW, origin
from parvis_watch.traces import edge

#: Opens one transaction of a call that has several.
Begin = Callable[[], AbstractAsyncContextManager[UnitOfWork]]
Handler = Callable[[Any, Any], Awaitable[Message]]
_Method = TypeVar("_Method", bound=Callable[..., Awaitable[Message]])
_IN_STEPS = "_parvis_in_steps"
Context = grpc.aio.ServicerContext[Any, Any]
#: Asks identity whether a caller's session is still open, where the revocation stream is silent.
Confirm = Callable[[Caller], Awaitable[bool]]

_log = structlog.get_logger(__name__)


def in_steps(method: _Method) -> _Method:
    """Marks an RPC that opens its own transactions; see the module. What one step committed stays, whatever follows:
    each step leaves a state that can be gone on from, or that is cleared away later.
    """
    setattr(method, _IN_STEPS, True)
    return method


def is_in_steps(method: Callable[..., Awaitable[Message]]) -> bool:
    """Whether an RPC is marked so."""
    return getattr(method, _IN_STEPS, False)


class GrpcServer:
    """See the module. `grants` is None in identity, which knows no rights."""

    def __init__(
        self,
        settings: ServiceSettings,
        database: Database,
        *,
        verifier: TokenVerifier,
        revocations: Revocations,
        grants: GrantCache | None,
        confirm: Confirm,
    ) -> None:
        self._settings = settings
        self._database = database
        self._verifier = verifier
        self._revocations = revocations
        self._grants = grants
        self._confirm = confirm
        #: Makes what the service keeps of others' news as new as the rights of a caller who carries a revision.
        self.ready: Callable[[GrantSet], Awaitable[None]] | None = None
        #: The same of a caller's organisation as `GrantSet.closes_at`, in a service that knows no rights.
        self.closing: Callable[[Caller], Awaitable[datetime | None]] | None = None
        self.health = replicas.Health()
        self._server: grpc.aio.Server | None = None
        self._services: dict[str, dict[str, grpc.RpcMethodHandler[Any, Any]]] = {}

    def add(self, service: ServiceDescriptor, implementation: object) -> None:
        """Offers a service of a contract. Raises RuntimeError when a rule, a list of callers or a method is missing."""
        listed = self._settings.callers
        handlers = {}
        for method in service.methods:
            callers = listed.get(method.full_name) or listed.get(service.full_name)
            if not callers:
                raise RuntimeError(f"{method.full_name}: the settings name no service that may call it")
            handlers[method.name] = self._handler(method, getattr(implementation, method.name, None), callers)
        self._services[service.full_name] = handlers

    async def start(self) -> None:
        """Listens; answers once this returns."""
        server = grpc.aio.server(options=replicas.SERVER, maximum_concurrent_rpcs=500)
        for name, methods in self._services.items():
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, methods),))
        server.add_generic_rpc_handlers((self.health.handler(),))
        server.add_secure_port(self._settings.grpc_listen, server_credentials(self._settings))
        await server.start()
        self._server = server

    async def stop(self, grace: float = 8.0) -> None:
        """Takes no new call, lets running ones end within `grace` seconds."""
        self.health.go()
        if self._server is not None:
            await self._server.stop(grace)

    def _handler(
        self, method: MethodDescriptor, handler: Handler | None, callers: frozenset[str]
    ) -> "grpc.RpcMethodHandler[Any, Any]":
        rule = method.GetOptions().Extensions[access_pb2.rule]
        if rule.subject == access_pb2.SUBJECT_UNSPECIFIED:
            raise RuntimeError(f"{method.full_name}: no rule")
        if handler is None:
            raise RuntimeError(f"{method.full_name}: not implemented")
        observe = RPC_SECONDS.labels(method.full_name).observe

        async def serve(request: Message, context: Context) -> Message:
            started = time.perf_counter()
            code = "ok"
            RPCS_NOW.inc()
            carried = _text(dict(context.invocation_metadata() or ()).get("traceparent"))
            try:
                with edge(method.full_name, "SERVER", carried), refusals.noted(method.full_name):
                    return await self._serve(handler, rule, callers, request, context)
            except Exception as error:  # noqa: BLE001 - the edge: whatever it was, there is an answer and a trace
                answer = _answer(error, method.full_name)
                code = answer.kind.value
                status, message, trailing = status_of(answer)
                await context.abort(status, message, (*trailing, *(context.trailing_metadata() or ())))
            finally:
                RPCS_NOW.dec()
                RPCS.labels(method.full_name, code).inc()
                observe(time.perf_counter() - started)
            raise AssertionError("abort raises")

        return grpc.unary_unary_rpc_method_handler(
            serve,
            request_deserializer=GetMessageClass(method.input_type).FromString,
            response_serializer=GetMessageClass(method.output_type).SerializeToString,
        )

    async def _serve(
        self, handler: Handler, rule: access_pb2.Rule, callers: frozenset[str], request: Message, context: Context
    ) -> Message:
        remaining = context.time_remaining()
        if remaining is None:
            raise invalid("deadline_missing")
        service = peer_service(context)
        refusals.known(by=service)
        if service not in callers:
            raise forbidden("service_not_allowed", service=service)
        metadata = dict(context.invocation_metadata() or ())
        caller = await self._caller(service, rule, metadata)
        organisation = caller.organisation_id
        if caller.is_service:
            organisation = parse_optional(_text(metadata.get("parvis-organisation")), "parvis-organisation")
        carried = Acting(token=caller.token, organisation_id=organisation, deadline=time.monotonic() + remaining)
        carried.hears(context.invocation_metadata())
        asked = dict(carried.revisions)

        @asynccontextmanager
        async def begin() -> AsyncIterator[UnitOfWork]:
            # Each step anew: what was taken away meanwhile is not used in the next one.
            grants = await self._rights(caller, rule, carried.revisions)
            async with self._database.begin(caller, organisation_id=organisation, grants=grants) as unit:
                yield unit

        mark = origin.set("request")
        try:
            with acting_as(carried):
                if is_in_steps(handler):
                    await self._rights(caller, rule, asked)  # whoever may not do this at all learns it before any step
                    return await handler(begin, request)
                async with begin() as unit:
                    return await handler(unit, request)
        finally:
            if carried.revisions != asked:
                context.set_trailing_metadata(carried.tells())
            origin.reset(mark)

    async def _rights(self, caller: Caller, rule: access_pb2.Rule, revisions: Mapping[str, int]) -> GrantSet | None:
        """What the caller may do at this step, no older than the revision that they know of. FORBIDDEN without the
        RPC's right, UNAUTHENTICATED when the session ended meanwhile, PRECONDITION step_up_required where the person
        must prove first who they are, organisation_closing where nothing changes any more.
        """
        if self._revocations.is_revoked(caller):
            raise unauthenticated("session_ended")
        if rule.fresh and not caller.is_fresh:
            raise precondition("step_up_required")
        if caller.membership_id is None:
            return None
        changes = not (rule.viewable or rule.in_closing or rule.subject == access_pb2.SUBJECT_ACCOUNT)
        if self._grants is None:
            _open(await self.closing(caller) if changes and self.closing else None)
            return None
        known = revisions.get(str(caller.organisation_id), 0)
        grants = await self._grants.get(caller, at_least=known)
        if rule.right and caller.is_staff:
            grants.require(rule.right)
        _open(grants.closes_at if changes else None)
        if known and self.ready is not None:
            await self.ready(grants)
        return grants

    async def _caller(self, service: str, rule: access_pb2.Rule, metadata: Mapping[str, str | bytes]) -> Caller:
        bearer = _text(metadata.get("authorization"))
        if not bearer:
            if rule.subject in {access_pb2.SUBJECT_SERVICE, access_pb2.SUBJECT_MEMBER_OR_SERVICE}:
                return Caller(service)
            raise unauthenticated("token_missing")
        if rule.subject == access_pb2.SUBJECT_SERVICE:
            raise forbidden("services_only")
        scheme, _, token = bearer.partition(" ")
        if scheme != "Bearer":
            raise unauthenticated("token_invalid")
        caller = await self._verifier.verify(token, service=service)
        refusals.known(account=caller.account_id, actor=caller.actor, organisation=caller.organisation_id)
        if self._revocations.is_revoked(caller) or (self._revocations.stale and not await self._confirm(caller)):
            raise unauthenticated("session_ended")
        if caller.actor is not None and not rule.viewable:
            raise forbidden("viewing_read_only")
        if rule.subject != access_pb2.SUBJECT_ACCOUNT and caller.membership_id is None:
            raise unauthenticated("no_membership")
        if rule.subject == access_pb2.SUBJECT_STAFF and not caller.is_staff:
            raise forbidden("staff_only")
        if rule.subject == access_pb2.SUBJECT_PORTAL and not caller.is_portal:
            raise forbidden("portal_only")
        return caller


def _open(closes_at: datetime | None) -> None:
    if closes_at is not None:
        raise precondition("organisation_closing", day=closes_at.date().isoformat())


def _answer(error: Exception, method: str) -> ServiceError:
    """What the caller is told. Of a mistake of ours, a reference that finds it in the logs."""
    if isinstance(error, ServiceError) and error.kind is not Kind.INTERNAL:
        return error
    # U+0000, which a request may carry and no text or JSON of PostgreSQL's may.
    if getattr(getattr(error, "orig", error), "sqlstate", None) in {"22021", "22P05"}:
        return invalid("malformed_request")
    reference = secrets.token_hex(4)
    _log.error("rpc_failed", method=method, reference=reference, exc_info=error)
    return internal(reference=reference)


def _text(value: str | bytes | None) -> str:
    return value if isinstance(value, str) else ""
