"""The home page made by one process: what the services are held against.

The same SQL statements on the same databases (as the services' own roles, with the same settings of the
transaction), the same rows turned into the same messages by the services' own code, the same page of the gateway
with the same templates. What is missing is what the house is made of: gRPC, tokens, sessions, other processes, the
unit of work, Traefik.

Started by `bench_home.py`: `python home.py PORT`, with a JSON object of `environments`, `slug`,
`organisation_id`, `membership_id`, `account_id` on standard input.
"""

import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import asyncpg
import uvicorn
import uvloop
from google.protobuf.message import Message
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from parvis.tenancy.v1 import tenancy_pb2
from parvis_billing.rpc import InvoiceRpc
from parvis_documents.rpc import DocumentRpc
from parvis_kit.caller import Caller
from parvis_kit.grants import GrantSet, from_message
from parvis_kit.unit import Database
from parvis_tenancy.rpc.organisations import OrganisationRpc
from parvis_tenancy.service import organisations, rights
from parvis_ui.pages import Pages
from parvis_web.pages import home
from parvis_web.sessions import Session
from parvis_web.settings import WebSettings
from parvis_web.templating import add_filters
from parvis_web.visit import OrganisationVisit, Portal

CONNECTIONS = 8


@dataclass(frozen=True, slots=True)
class BareUnit:
    """What the reads of the home page ask of a unit of work, straight on a connection."""

    connection: asyncpg.Connection
    caller: Caller
    organisation_id: UUID
    grants: GrantSet
    now: datetime

    async def fetch(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        return await self.connection.fetch(query, *arguments)


class Local:
    """A method of a service, called in this process in a transaction of its database."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        caller: Caller,
        grants: GrantSet,
        method: Callable[[Any, Message], Awaitable[Message]],
    ) -> None:
        self._pool, self._caller, self._grants, self._method = pool, caller, grants, method
        self._begin = (
            f"BEGIN; SET LOCAL parvis.organisation = '{caller.organisation_id}';"
            f" SET LOCAL parvis.account = '{caller.account_id}';"
        )

    async def __call__(self, request: Message, *, timeout: float | None = None) -> Message:  # noqa: ASYNC109 - as a stub
        async with self._pool.acquire() as connection:
            await connection.execute(self._begin)
            unit = BareUnit(connection, self._caller, self._grants.organisation_id, self._grants, datetime.now(UTC))
            answer = await self._method(unit, request)
            await connection.execute("COMMIT")
        return answer


async def _keep(_: asyncpg.Connection) -> None:
    """A connection goes back to the pool as it is: its settings ended with the transaction."""


async def application(told: Mapping[str, Any]) -> Starlette:
    """The page for one caller, whose grant set is read once, as the services hold it too."""
    urls = {service: told["environments"][service]["PARVIS_DATABASE_URL"] for service in told["environments"]}
    caller = Caller(
        "web",
        account_id=UUID(told["account_id"]),
        organisation_id=UUID(told["organisation_id"]),
        membership_id=UUID(told["membership_id"]),
        kind="staff",
    )
    database = Database(urls["tenancy"], service="tenancy")
    async with database.begin(caller) as unit:
        grants = from_message(await rights.compiled(unit, UUID(told["membership_id"])))
        asked = tenancy_pb2.ListMyOrganisationsRequest(slug=told["slug"])
        mine = await organisations.mine(unit, UUID(told["account_id"]), asked)
    await database.close()

    async def local(service: str, method: Callable[[Any, Any], Awaitable[Message]]) -> Local:
        pool = await asyncpg.create_pool(
            urls[service], min_size=CONNECTIONS, max_size=CONNECTIONS, reset=_keep, server_settings={"jit": "off"}
        )
        return Local(pool, caller, grants, method)

    # The implementations ask nothing of what they are made with for these three methods.
    nothing: Any = None
    clients: Any = SimpleNamespace(
        organisations=SimpleNamespace(GetHome=await local("tenancy", OrganisationRpc(nothing, "").GetHome)),
        documents=SimpleNamespace(GetOverview=await local("documents", DocumentRpc(nothing).GetOverview)),
        invoices=SimpleNamespace(GetOverview=await local("billing", InvoiceRpc(nothing, nothing).GetOverview)),
    )
    settings = WebSettings()
    pages = Pages("parvis_web", store_origin=settings.store_url)
    add_filters(pages)
    pages.warm()
    portal = Portal(
        settings=settings, pages=pages, clients=clients, sessions=nothing, relying_party=nothing, kept=nothing
    )
    session = Session(
        cookie_sha256=b"",
        key=bytes(32),
        account_id=UUID(told["account_id"]),
        session_id=UUID(int=0),
        refresh_token="",
        id_token="",
        expires_at=datetime.max.replace(tzinfo=UTC),
        csrf=told["csrf"],
    )
    session.offer(mine)
    session.enter(mine.named)
    page = next(route for route in home.pages.routes if route.handler is home.home)

    async def answer(request: Request) -> Response:
        visit = OrganisationVisit(portal, request, page, "0" * 16)
        visit.session = session
        visit.enter(session.entered[request.path_params["slug"]][1])
        return await page.handler(visit)

    return Starlette(routes=[Route(page.path, answer)])


async def main(port: int) -> None:
    """Serves until it is ended."""
    told = json.loads(sys.stdin.readline())
    os.environ.update(told["environments"]["web"])
    config = uvicorn.Config(
        await application(told), host="127.0.0.1", port=port, http="httptools", ws="none", lifespan="off",
        loop="none", access_log=False, log_config=None, server_header=False,
    )  # fmt: skip
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
