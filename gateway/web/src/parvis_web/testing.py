"""For tests: the pages with services that answer what a test says. Fakes are passed in where the channels go."""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
from google.protobuf import descriptor_pool, message_factory

from parvis.access.v1 import access_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.caller import acting
from parvis_kit.errors import ServiceError, unauthenticated
from parvis_web.clients import Clients
from parvis_web.rights import RIGHTS
from parvis_web.sessions import Session, Sessions
from parvis_web.visit import Portal

FIRM, OTHER = "0192f000-0000-7000-8000-000000000001", "0192f000-0000-7000-8000-000000000002"
ACCOUNT, SESSION = UUID("0192f000-0000-7000-8000-00000000000a"), UUID("0192f000-0000-7000-8000-00000000000b")
ORIGIN = "http://localhost:8600"
EVERY_RIGHT = tuple(RIGHTS)


class FakeServices:
    """Every RPC answers with an empty message unless `answers` says something else: a message, an error, or a
    function.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.fallback: ServiceError | None = None
        self.calls: list[str] = []
        self.requests: list[tuple[str, Any]] = []

    def channel(self, _peer: str) -> Any:
        return self

    def unary_unary(self, path: str, *_: Any, **__: Any) -> Callable[..., Any]:
        service, method = path.strip("/").split("/")
        described = descriptor_pool.Default().FindServiceByName(service).methods_by_name[method]
        rule = described.GetOptions().Extensions[access_pb2.rule]
        in_own_name = {access_pb2.SUBJECT_SERVICE, access_pb2.SUBJECT_MEMBER_OR_SERVICE}
        answer_class = message_factory.GetMessageClass(described.output_type)

        async def call(request: Any, *, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - as a stub
            del timeout
            if not acting().token and rule.subject not in in_own_name:
                raise unauthenticated("token_missing")
            self.calls.append(method)
            self.requests.append((method, request))
            await asyncio.sleep(0)
            answer = self.answers.get(method, self.fallback or answer_class())
            if callable(answer):
                answer = answer(request)
            if isinstance(answer, ServiceError):
                raise answer
            return answer

        return call

    def last(self, method: str) -> Any:
        """The newest request of an RPC."""
        return [request for name, request in self.requests if name == method][-1]


class MemorySessions(Sessions):
    """Sessions without a database."""

    def __init__(self, clients: Clients) -> None:
        super().__init__(None, clients, hours=1)  # type: ignore[arg-type] # never asked
        self.kept: dict[str, Session] = {}

    async def find(self, cookie: str) -> Session | None:
        return self.kept.get(cookie)

    async def end(self, session: Session) -> None:
        self.kept = {cookie: kept for cookie, kept in self.kept.items() if kept is not session}


@dataclass
class Suite:
    """The application, its services, and somebody who is signed in."""

    services: FakeServices
    portal: Portal
    sessions: MemorySessions
    client: httpx.AsyncClient
    session: Session
    frame: tenancy_pb2.Frame
    organisations: list[tenancy_pb2.MyOrganisation] = field(default_factory=list)

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.client.get(path, **options)

    async def post(self, path: str, values: dict[str, Any] | None = None, **options: Any) -> httpx.Response:
        """A form, as a browser on one of our pages sends it."""
        sent = {"csrf": self.session.csrf, **(values or {})}
        headers = {"Origin": ORIGIN, **options.pop("headers", {})}
        return await self.client.post(path, data=sent, headers=headers, **options)

    def sign_out(self) -> None:
        self.client.cookies.clear()
        self.client.cookies.set("parvis_lang", "en")
        self.sessions.kept.clear()


def make_frame(
    kind: "tenancy_pb2.MembershipKind.ValueType" = tenancy_pb2.MEMBERSHIP_KIND_STAFF,
    rights: Sequence[str] | None = None,
) -> tenancy_pb2.Frame:
    return tenancy_pb2.Frame(
        organisation=tenancy_pb2.Face(
            id=FIRM, slug="durand", name="Cabinet Durand", kind=tenancy_pb2.ORGANISATION_KIND_CUSTOMER
        ),
        time_zone="Europe/Paris",
        membership=tenancy_pb2.Membership(
            id=str(uuid4()), given_name="Claire", family_name="Martin", kind=kind, profile_name="Administrateur"
        ),
        rights=EVERY_RIGHT if rights is None else rights,
        organisations=2,
    )


def text_of(answer: httpx.Response) -> str:
    """What a reader sees, roughly: markup and doubled spaces gone."""
    return (
        re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text.replace("<wbr>", "")))
        .replace("\u00a0", " ")
        .replace("\u202f", " ")
        .replace("’", "'")
    )
