"""A service as a process: what it is wired from, how it starts, reports and stops.

    def main(argv: Sequence[str] | None = None) -> None:
        run(Settings, wire, argv)

    async def wire(settings: Settings) -> Service[Settings]:
        service = Service(settings)
        service.offer(tenancy_pb2.DESCRIPTOR.services_by_name["ContactService"], ContactRpc(…))
        service.bus.on(AccountActivated, events.account_activated)
        service.pages = fastapi_app
        return service

Commands of every service: (none) serves, with `--role api`, `worker` or `all`; `migrate` brings the schema to its
newest revision; `verify-audit` checks every chain; `replay-events` sends events again; and those that a service adds
(`Command`).
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar
from uuid import UUID

import structlog
import uvloop
from google.protobuf.descriptor import ServiceDescriptor

from parvis.identity.v1 import identity_pb2, identity_pb2_grpc
from parvis.tenancy.v1 import events_pb2 as tenancy_events
from parvis.tenancy.v1 import tenancy_pb2, tenancy_pb2_grpc
from parvis_kit import audit, bus, grants
from parvis_kit.broker import Broker
from parvis_kit.caller import Caller, acting_for
from parvis_kit.client import Peers
from parvis_kit.errors import Kind, ServiceError, unauthenticated
from parvis_kit.migrations import upgrade_schema
from parvis_kit.outbox import Relay
from parvis_kit.probes import watch
from parvis_kit.revocations import Revocations
from parvis_kit.server import Confirm, GrpcServer
from parvis_kit.settings import ServiceSettings
from parvis_kit.tokens import FetchKeys, TokenVerifier
from parvis_kit.unit import Database
from parvis_watch import metrics, refill, start
from parvis_watch.http import HttpServer, Watched
from parvis_watch.jobs import for_ever
from parvis_watch.logs import configure_logs, evidence
from parvis_watch.papers import Address
from parvis_watch.probes import Probes
from parvis_watch.replicas import Stop
from parvis_watch.traces import configure_traces

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from starlette.types import ASGIApp

Settings = TypeVar("Settings", bound=ServiceSettings)
Role = Literal["api", "worker", "all"]

#: Seconds that identity's word about a session is good for while the revocation stream is silent.
CONFIRMED = 5.0

_log = structlog.get_logger(__name__)


class Service(Generic[Settings]):
    """What a service is wired from. Made inside the running loop, after any fork; nothing connects before it is
    needed.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        fetch_keys: FetchKeys | None = None,
        fetch_grants: grants.Fetch | None = None,
        confirm: Confirm | None = None,
        knows_rights: bool = True,
    ) -> None:
        self.settings = settings
        self.database = Database(
            Address.told("parvis_database_url", settings.database_url.get_secret_value()),
            service=settings.service,
            pool=settings.database_pool,
            direct=Address.told("parvis_database_direct_url", settings.database_direct_url.get_secret_value())
            if settings.database_direct_url
            else "",
        )
        self.peers = Peers(settings)
        self.broker = _broker(settings)
        self.bus = bus.Bus(self.broker, self.database, consumer=settings.service)
        self.revocations = Revocations(self.bus)
        self.grants = grants.GrantCache(fetch_grants or self._fetch_grants, unheard=lambda: self.revocations.stale)
        self.verifier = TokenVerifier(fetch_keys or self._fetch_keys, issuer=settings.public_url)
        self.grpc = GrpcServer(
            settings,
            self.database,
            verifier=self.verifier,
            revocations=self.revocations,
            grants=self.grants if knows_rights else None,
            confirm=confirm or self._confirm,
        )
        #: The service's own HTTP application; health and metrics are answered before it.
        self.pages: ASGIApp | None = None
        #: What is asked when somebody reads the metrics.
        self.probes = Probes()
        #: What the relays of identity and tenancy publish every five seconds on the revocation stream.
        self.heartbeat: Message | None = None
        self._background: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self._confirmed: dict[str, tuple[float, bool]] = {}
        self._started = False
        if knows_rights:
            self.bus.broadcast(tenancy_events.GrantsChanged, self._grants_changed)

    def offer(self, service: ServiceDescriptor, implementation: object) -> None:
        """Answers the RPCs of a contract's service."""
        self.grpc.add(service, implementation)

    def background(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Runs `work` in worker processes until they stop; started again when it fails."""
        self._background.append(work)

    async def serve(self, role: Role) -> None:
        """Serves until SIGTERM or SIGINT, then stops: says that it leaves and answers on for a moment (not after
        SIGINT), takes nothing new, ends what runs, hands back the rest.
        """
        stop = Stop()
        self._standings = watch(self.probes, self.settings, self.database, self.bus, self.revocations)
        await start.unless_too_new(self.settings.service, self._standings.refuse())
        app = Watched(self.pages if role != "worker" else None, ready=self._failing, probes=self.probes)
        http = HttpServer(app, self.settings, grace=bus.GRACE)
        answering = asyncio.create_task(http.serve())
        tasks = [asyncio.create_task(for_ever(self.bus.listen))]
        if role != "worker" and self.settings.grpc_listen:
            await self.grpc.start()
        metrics.WORKS.set(role != "api")
        if role != "api":
            url, name = self.database.url, self.settings.service
            relay = Relay(url, self.broker, source=name, heartbeat=self.heartbeat)
            work = [self.bus.consume, relay.run, lambda: audit.seal_for_ever(url, source=name), *self._background]
            tasks += [asyncio.create_task(for_ever(each)) for each in work]
        self._started = True
        _log.info("started", role=role)
        await stop.asked()
        self._started = False
        if role != "worker":  # nobody calls a worker
            app.leaving = True
            await stop.drained(self.settings.drain_seconds, self.grpc.health.leave)
        await self.grpc.stop(bus.GRACE)
        http.should_exit = True
        await answering
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.broker.close()
        await self.peers.close()
        await self.database.close()
        _log.info("stopped")

    async def _failing(self) -> str:
        # NATS counts at the start only: it is every replica's, and without any of them nobody would be answered at all.
        failing = await self.database.ready() if self._started else "starting or stopping"
        return failing or await self._standings.lagging() or ("" if self.broker.reached else "NATS cannot be reached")

    async def _fetch_keys(self) -> str:
        stub = identity_pb2_grpc.SessionServiceStub(self.peers.channel("identity"))
        with acting_for(None):
            return (await stub.ListSigningKeys(identity_pb2.ListSigningKeysRequest())).jwks_json

    async def _fetch_grants(self, caller: Caller) -> grants.GrantSet:
        stub = tenancy_pb2_grpc.RightsServiceStub(self.peers.channel("tenancy"))
        request = tenancy_pb2.GetGrantSetRequest(
            membership_id=str(caller.membership_id), organisation_id=str(caller.organisation_id)
        )
        try:
            with acting_for(caller.organisation_id):
                return grants.from_message(await stub.GetGrantSet(request))
        except ServiceError as error:
            if error.kind is Kind.NOT_FOUND:
                raise unauthenticated("membership_ended") from error
            raise

    async def _confirm(self, caller: Caller) -> bool:
        key = str(caller.session_id)
        known = self._confirmed.get(key)
        if known is None or known[0] < time.monotonic():
            stub = identity_pb2_grpc.SessionServiceStub(self.peers.channel("identity"))
            with acting_for(caller.organisation_id):
                state = await stub.CheckSession(
                    identity_pb2.CheckSessionRequest(session_id=key, account_id=str(caller.account_id))
                )
            self._confirmed = {k: v for k, v in self._confirmed.items() if v[0] > time.monotonic()}
            known = self._confirmed[key] = (time.monotonic() + CONFIRMED, state.open)
        return known[1]

    async def _grants_changed(self, event: tenancy_events.GrantsChanged, envelope: bus.Envelope) -> None:
        if envelope.organisation_id is not None:
            memberships = frozenset(map(UUID, event.membership_ids))
            self.grants.drop(envelope.organisation_id, memberships, event.revision)


def _broker(settings: ServiceSettings) -> Broker:
    return Broker(
        Address.told("parvis_nats_url", settings.nats_url.get_secret_value()),
        name=f"parvis-{settings.service}",
        replicas=settings.broker_replicas,
    )


@dataclass(frozen=True)  # with slots, Python 3.11 cannot make one of a generic class
class Command(Generic[Settings]):
    """A command of one service (`python -m parvis_X <name>`); what `run` answers is the exit status."""

    #: One line for `--help`.
    says: str
    run: Callable[[Settings, argparse.Namespace], Coroutine[Any, Any, int]]
    #: Adds the command's own arguments.
    arguments: Callable[[argparse.ArgumentParser], object] | None = None


def run(
    settings_type: type[Settings],
    wire: Callable[[Settings], Awaitable[Service[Settings]]],
    argv: Sequence[str] | None = None,
    commands: Mapping[str, Command[Settings]] | None = None,
) -> None:
    """The command line of a service. `wire` makes the service inside the running loop. See the module."""
    name = settings_type.service
    own = commands or {}
    arguments = start.command_line(name, own).parse_args(argv)
    settings = start.read(settings_type, name, serves=arguments.command is None)
    configure_logs(name, settings.log_level)
    url = ((arguments.command == "migrate" and settings.migration_url) or settings.database_url).get_secret_value()
    with start.explained(name, url, serves=arguments.command is None):
        match arguments.command:
            case None:
                uvloop.run(_serve(settings, wire, arguments.role))
            case "migrate":
                asyncio.run(upgrade_schema(f"parvis_{name}", url))
            case "verify-audit":
                sys.exit(uvloop.run(_verify(url)))
            case "replay-events":
                sys.exit(asyncio.run(refill.command(url, refill.told(arguments.since))))
            case command:
                sys.exit(uvloop.run(own[command].run(settings, arguments)))


async def _serve(settings: Settings, wire: Callable[[Settings], Awaitable[Service[Settings]]], role: Role) -> None:
    stop_traces = configure_traces(settings.service)
    service = await wire(settings)
    await service.serve(role)
    await stop_traces()


async def _verify(url: str) -> int:
    chains = await audit.verify_all(url)
    broken = [chain for chain in chains if chain.problem]
    for chain in broken:
        evidence.error("audit_chain_broken", organisation=str(chain.organisation_id), seq=chain.seq, how=chain.problem)
    erased, unsealed = sum(chain.erased for chain in chains), sum(chain.unsealed for chain in chains)
    _log.info("audit_chains_verified", chains=len(chains), broken=len(broken), erased=erased, unsealed=unsealed)
    return 1 if broken else 0
