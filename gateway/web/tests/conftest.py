from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from parvis.identity.v1 import identity_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import not_found, unauthenticated
from parvis_ui.pages import Pages
from parvis_web.clients import Clients
from parvis_web.holdings import HOLDINGS
from parvis_web.kept import Kept
from parvis_web.main import application
from parvis_web.relying_party import RelyingParty
from parvis_web.sessions import Session
from parvis_web.settings import WebSettings
from parvis_web.testing import ACCOUNT, ORIGIN, OTHER, SESSION, FakeServices, MemorySessions, Suite, make_frame
from parvis_web.visit import Portal


@pytest.fixture(scope="session")
def settings() -> WebSettings:
    return WebSettings(
        instance="test",
        database_url="postgresql://nobody@localhost/none",
        nats_url="nats://localhost",
        http_listen="127.0.0.1:0",
        tls_ca="/none",
        tls_certificate="/none",
        tls_key="/none",
        public_url=ORIGIN,
        identity_internal_url="http://identity.test",
        web_client_secret="secret",
    )


@pytest.fixture(scope="session")
def drawn() -> Pages:
    return Pages("parvis_web")


@pytest.fixture
async def suite(settings: WebSettings, drawn: Pages) -> AsyncIterator[Suite]:
    services = FakeServices()
    clients = Clients(services.channel)
    sessions = MemorySessions(clients)
    portal = Portal(
        settings, drawn, clients, sessions, RelyingParty(settings), Kept(clients.records, HOLDINGS, settings)
    )
    session = Session(
        cookie_sha256=b"x",
        key=b"k" * 32,
        account_id=ACCOUNT,
        session_id=SESSION,
        refresh_token="refresh",
        id_token="id",
        expires_at=datetime.now(UTC) + timedelta(hours=1),
        csrf="the-token",
    )
    sessions.kept["cookie"] = session
    frame = make_frame()
    mine = [
        tenancy_pb2.MyOrganisation(
            face=frame.organisation, kind=tenancy_pb2.MEMBERSHIP_KIND_STAFF, profile_name="Administrateur"
        ),
        tenancy_pb2.MyOrganisation(
            face=tenancy_pb2.Face(id=OTHER, slug="lenoir", name="Lenoir Conseil"),
            kind=tenancy_pb2.MEMBERSHIP_KIND_STAFF,
        ),
    ]

    def token(request: identity_pb2.GetOrganisationTokenRequest) -> Any:
        if request.organisation_id and request.organisation_id not in {each.face.id for each in mine}:
            return not_found()
        made = identity_pb2.OrganisationToken(token=f"token-{request.organisation_id}", session_id=str(SESSION))
        made.expires_at.FromDatetime(datetime.now(UTC) + timedelta(minutes=5))
        made.proven_at.FromDatetime(datetime.now(UTC))
        return made if request.refresh_token == "refresh" else unauthenticated("session_ended")

    def organisations(request: tenancy_pb2.ListMyOrganisationsRequest) -> tenancy_pb2.ListMyOrganisationsResponse:
        shown = mine[: request.page_size or 50]
        named = next((each for each in mine if each.face.slug == request.slug), None)
        return tenancy_pb2.ListMyOrganisationsResponse(organisations=shown, total=len(mine), named=named)

    services.answers |= {
        "GetOrganisationToken": token,
        "ListMyOrganisations": organisations,
        "GetFrame": lambda _: frame,
        "GetHome": lambda _: tenancy_pb2.Home(frame=frame),
    }
    transport = httpx.ASGITransport(application(portal))
    async with httpx.AsyncClient(
        transport=transport, base_url=ORIGIN, cookies={"test-session": "cookie", "parvis_lang": "en"}
    ) as client:
        yield Suite(services, portal, sessions, client, session, frame, mine)


@pytest.fixture(scope="session")
def service_package() -> str:
    return "parvis_web"
