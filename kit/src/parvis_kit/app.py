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
newest revision;
`replay` brings dead letters back; `verify-audit` checks every chain; and those that a service adds (`Command`).
"""

import argparse
import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar
from uuid import UUID

import structlog
import uvicorn
import uvloop
from google.protobuf.descriptor import ServiceDescriptor
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

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
from parvis_kit.postgres import for_ever
from parvis_kit.revocations import Revocations
from parvis_kit.server import Confirm, GrpcServer
from parvis_kit.settings import ServiceSettings
from parvis_kit.telemetry import configure_logs
from parvis_kit.tokens import FetchKeys, TokenVerifier
from parvis_kit.unit import Database, origin

if TYPE_CHECKING:
    from google.protobuf.message import Message

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
            settings.database_url.get_secret_value(), service=settings.service, pool=settings.database_pool
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
        #: What the relays of identity and tenancy publish every five seconds on the revocation stream.
        self.heartbeat: Message | None = None
        self._background: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self._confirmed: dict[str, tuple[float, bool]] = {}
        if knows_rights:
            self.bus.broadcast(tenancy_events.GrantsChanged, self._grants_changed)

    def offer(self, service: ServiceDescriptor, implementation: object) -> None:
        """Answers the RPCs of a contract's service."""
        self.grpc.add(service, implementation)

    def background(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Runs `work` in worker processes until they stop; started again when it fails."""
        self._background.append(work)

    async def serve(self, role: Role) -> None:
        """Serves until SIGTERM or SIGINT, then stops: takes nothing new, ends what runs, hands back the rest."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        health = Health(self, self.pages if role != "worker" else None)
        http = HttpServer(health, self.settings.http_listen, trusted_proxies=self.settings.trusted_proxies)
        answering = asyncio.create_task(http.serve())
        tasks = [asyncio.create_task(for_ever(self.bus.listen))]
        if role != "worker" and self.settings.grpc_listen:
            await self.grpc.start()
        if role != "api":
            url, name = self.database.url, self.settings.service
            relay = Relay(url, self.broker, source=name, heartbeat=self.heartbeat)
            work = [self.bus.consume, relay.run, lambda: audit.seal_for_ever(url, source=name), *self._background]
            tasks += [asyncio.create_task(for_ever(each)) for each in work]
        health.started = True
        _log.info("started", role=role)
        await stop.wait()
        health.started = False
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


class Health:
    """Answers /health/live, /health/ready and /metrics to whoever reaches the service itself; everything else is the
    service's own.

    What came through the gateway (it always says for which host) never sees these three.
    """

    def __init__(self, service: Service[Any], pages: ASGIApp | None) -> None:
        self._service = service
        self._pages = pages
        self.started = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        inside = scope["type"] == "http" and not any(name == b"x-forwarded-host" for name, _ in scope["headers"])
        path = scope.get("path") if inside else None
        if path == "/health/live":
            await Response(status_code=204)(scope, receive, send)
        elif path == "/health/ready":
            await (await self._ready())(scope, receive, send)
        elif path == "/metrics":
            await Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)(scope, receive, send)
        elif self._pages is not None:
            origin.set("request")  # a request has a task of its own
            await self._pages(scope, receive, send)
        elif scope["type"] == "http":
            await Response(status_code=404)(scope, receive, send)

    async def _ready(self) -> Response:
        failing = "starting or stopping" if not self.started else await self._service.database.ready()
        if not failing and not self._service.broker.connected:
            failing = "NATS cannot be reached"
        if failing:
            return JSONResponse({"status": "unready", "failing": failing}, status_code=503)
        return JSONResponse({"status": "ready"})


class HttpServer(uvicorn.Server):
    """Serves `app` at host:port; the address of a visitor is what a trusted proxy says it is."""

    def __init__(self, app: ASGIApp, listen: str, *, trusted_proxies: str) -> None:
        host, _, port = listen.rpartition(":")
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=int(port),
                http="httptools",
                ws="none",
                lifespan="off",
                loop="none",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=True,
                forwarded_allow_ips=trusted_proxies,
                timeout_graceful_shutdown=int(bus.GRACE),
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        """Signals are the service's: uvicorn would take them for itself."""
        yield


def _broker(settings: ServiceSettings, part: str = "") -> Broker:
    name = f"parvis-{settings.service}{part}"
    return Broker(settings.nats_url.get_secret_value(), name=name, replicas=settings.broker_replicas)


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
    arguments = _parser(name, own).parse_args(argv)
    settings = settings_type()
    configure_logs(name, settings.log_level)
    match arguments.command:
        case "migrate":
            owner = settings.migration_url or settings.database_url
            asyncio.run(upgrade_schema(f"parvis_{name}", owner.get_secret_value()))
        case "replay":
            url = settings.database_url.get_secret_value()
            count = uvloop.run(bus.replay_dead_letters(url, _broker(settings, "-replay"), name))
            _log.info("dead_letters_replayed", count=count)
        case "verify-audit":
            sys.exit(uvloop.run(_verify(settings)))
        case command if command in own:
            sys.exit(uvloop.run(own[command].run(settings, arguments)))
        case _:
            uvloop.run(_serve(settings, wire, arguments.role))


def _parser(name: str, own: Mapping[str, Command[Any]]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m parvis_{name}")
    parser.add_argument("--role", choices=["api", "worker", "all"], default="all", help="what this process does")
    several = parser.add_subparsers(dest="command", metavar="command")
    several.add_parser("migrate", help="brings the schema to its newest revision")
    several.add_parser("replay", help="brings dead letters back")
    several.add_parser("verify-audit", help="checks every chain of the audit trail")
    for each, command in own.items():
        mine = several.add_parser(each, help=command.says, description=command.says)
        if command.arguments is not None:
            command.arguments(mine)
    return parser


async def _serve(settings: Settings, wire: Callable[[Settings], Awaitable[Service[Settings]]], role: Role) -> None:
    service = await wire(settings)
    await service.serve(role)


async def _verify(settings: ServiceSettings) -> int:
    chains = await audit.verify_all(settings.database_url.get_secret_value())
    broken = [chain for chain in chains if chain.problem]
    for chain in broken:
        _log.error("audit_chain_broken", organisation=str(chain.organisation_id), seq=chain.seq, how=chain.problem)
    erased, unsealed = sum(chain.erased for chain in chains), sum(chain.unsealed for chain in chains)
    _log.info("audit_chains_verified", chains=len(chains), broken=len(broken), erased=erased, unsealed=unsealed)
    return 1 if broken else 0
