"""npm `oidc-provider` signs somebody in through our pages, and out: it checks our requests, we check its answers."""

import asyncio
import html
import re
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
import pytest
from directories import oidc_directory
from identity_stage import PUBLIC_URL
from sqlalchemy import text

from parvis_identity.models import ProviderKind, ProviderState, SsoProvider
from parvis_identity.service import sessions
from parvis_identity.service.sso import discovery
from parvis_identity.service.sso.oidc import secret_label
from parvis_kit.ids import uuid7


@pytest.fixture(scope="module")
def running():
    with oidc_directory() as made:
        yield made


@pytest.fixture
def directory(running):
    said = {"given_name": "Anne", "family_name": "Roche", "preferred_username": "anne", "groups": ["Paie", "Audit"]}
    running.knows({"anne": {**said, "email": f"{uuid7()}@orsel.example", "email_verified": True}, "luc": said})
    return running


@asynccontextmanager
async def told():
    """Where a logout token comes that the directory sends."""
    arrived: asyncio.Queue[str] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(re.search(r"content-length: (\d+)", head)[1])
        arrived.put_nowait(parse_qs((await reader.readexactly(length)).decode())["logout_token"][0])
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/logout", arrived


@pytest.fixture
async def provider(stage, directory):
    return await connected(stage, directory)


async def connected(stage, directory, **declared) -> SsoProvider:
    """Set up as its administrator does: the portal is declared there, its issuer here."""
    firm = stage.town.found(f"orsel-{str(uuid7())[-6:]}", "Cabinet Orsel")
    async with stage.unit() as unit:
        row = SsoProvider(
            organisation_id=firm.id, organisation_slug=firm.slug, kind=ProviderKind.OIDC, template="oidc",
            name="Annuaire", state=ProviderState.LIVE, issuer=directory.issuer, created_at=unit.now,
            changed_at=unit.now,
        )  # fmt: skip
        here = f"{PUBLIC_URL}/sso/{row.id}"
        row.client_id, secret = directory.declare(
            f"{here}/callback", post_logout_redirect_uris=[f"{here}/logout"], **declared
        )
        row.sealed_secret = stage.seal.seal(f'["{secret}"]'.encode(), secret_label(row))
        row.metadata_document = await discovery.fetch(stage.outgoing, directory.issuer)
        unit.add(row)
    return row


class There:
    """A browser at the directory."""

    def __init__(self, ours) -> None:
        self.ours = ours
        self.http = httpx.AsyncClient(trust_env=False)

    async def sign_in(self, provider, name: str = "anne", **query) -> httpx.Response:
        """To the directory, through its own pages, and back."""
        left = await self.ours.get(f"/sso/{provider.id}/start", params=query)
        return await self.ours.get(await self.through(left.headers["location"], name))

    async def through(self, address: str, name: str = "anne") -> str:
        """Where on our side the directory's pages and redirects end."""
        answer = await self.http.get(address)
        for _ in range(20):
            if (location := answer.headers.get("location")) is not None:
                address = urljoin(str(answer.url), location)
                if address.startswith(PUBLIC_URL):
                    return address.removeprefix(PUBLIC_URL)
                answer = await self.http.get(address)
                continue
            form = re.search(r"<form.*?</form>", answer.text, re.DOTALL)
            assert form, answer.text[:2000]
            fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form[0]))
            if 'name="login"' in form[0]:
                fields |= {"login": name, "password": "any"}
            if 'name="logout"' in answer.text:  # the button stands beside its form
                fields["logout"] = "yes"
            target = re.search(r'action="([^"]+)"', form[0])[1]
            answer = await self.http.post(urljoin(str(answer.url), html.unescape(target)), data=fields)
        raise AssertionError("the directory's pages lead nowhere")


@pytest.fixture
def there(stage):
    return There(stage.browser())


async def signed_in(stage, browser):
    async with stage.unit() as unit:
        return await sessions.signed_in(unit, browser.http.cookies.get(stage.site.cookies.session, ""))


async def test_somebody_signs_in(stage, there, provider):
    arrived = await there.sign_in(provider, next="/links")

    assert (arrived.status_code, arrived.headers.get("location")) == (303, "/links"), arrived.text
    organisation_id, person = stage.town.settled[-1]
    assert (organisation_id, list(person.groups)) == (provider.organisation_id, ["Paie", "Audit"])
    assert (person.given_name, person.family_name) == ("Anne", "Roche")


async def test_whoever_is_signed_in_there_comes_back_at_once_as_the_same_person(stage, there, provider):
    await there.sign_in(provider)
    await there.sign_in(provider, name="luc")  # nobody asks: whoever is signed in there stays who they are

    query = text("SELECT string_agg(subject, ' ') FROM sso_identities WHERE provider_id = :id")
    async with stage.unit() as unit:
        assert await unit.scalar(query, {"id": provider.id}) == "anne"


async def test_proving_it_again_asks_there_again(stage, there, provider):
    await there.sign_in(provider)
    before = await signed_in(stage, there.ours)
    left = await there.ours.get("/sso/step-up", params={"next": "/password"})

    again = await there.ours.get(await there.through(left.headers["location"]))
    other = await there.ours.get("/sso/step-up", params={"next": "/password"})
    as_luc = await there.ours.get(await there.through(other.headers["location"], "luc"))

    after = await signed_in(stage, there.ours)
    assert again.headers.get("location") == "/password", again.text
    assert after.session.proof_at > before.session.proof_at
    assert "somebody_else" in as_luc.text


async def test_signing_out_here_signs_out_there(there, provider):
    await there.sign_in(provider)
    left = await there.ours.submit("/oauth2/logout")

    back = await there.ours.get(await there.through(left.headers["location"]))
    page = await there.http.get((await there.ours.get(f"/sso/{provider.id}/start")).headers["location"])
    asked = await there.http.get(urljoin(str(page.url), page.headers["location"]))

    assert back.headers["location"] == "/signed-out"
    assert 'name="login"' in asked.text


async def test_signing_out_there_signs_out_here(stage, there, directory):
    async with told() as (address, arrived):
        declared = {"backchannel_logout_uri": address, "backchannel_logout_session_required": True}
        provider = await connected(stage, directory, **declared)
        await there.sign_in(provider)
        page = await there.http.get(f"{directory.issuer}/session/end")
        form = re.search(r'name="xsrf" value="([^"]+)"', page.text)
        await there.http.post(f"{directory.issuer}/session/end/confirm", data={"xsrf": form[1], "logout": "yes"})
        async with asyncio.timeout(20):
            token = await arrived.get()

    posted = await stage.browser().http.post(f"/sso/{provider.id}/logout", data={"logout_token": token})

    assert posted.status_code == 200, posted.text
    assert await signed_in(stage, there.ours) is None


async def test_a_secret_that_changed_there_is_named_as_such(stage, there, provider):
    sealed = stage.seal.seal(b'["another"]', secret_label(provider))
    await stage.run("UPDATE sso_providers SET sealed_secret = :sealed WHERE id = :id", sealed=sealed, id=provider.id)

    answer = await there.sign_in(provider)

    assert "client_refused" in answer.text
    assert urlsplit(str(answer.url)).path.endswith("/callback")
