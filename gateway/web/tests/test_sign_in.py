"""Signing in against an identity that is played: what is sent, what is proven, what is refused."""

import asyncio
import time
from base64 import b64decode, urlsafe_b64encode
from contextlib import asynccontextmanager
from hashlib import sha256
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from parvis_kit.errors import Kind, ServiceError
from parvis_local.authority import identity_of, make_identities, renew_certificates
from parvis_watch import papers, start
from parvis_watch.http import HttpServer
from parvis_web.relying_party import RelyingParty
from parvis_web.testing import ORIGIN, Suite

KEY = ECKey.generate_key("P-256", parameters={"kid": "k1", "use": "sig", "alg": "ES256"})
OTHER = ECKey.generate_key("P-256", parameters={"kid": "k1", "use": "sig", "alg": "ES256"})
HOST, SERVICES = "127.0.0.1", ("identity", "web")
ACCOUNT, SESSION = UUID(int=1), UUID(int=2)


class PlayedIdentity:
    """Token endpoint and keys. `claims` are changed by a test; `key` signs."""

    def __init__(self) -> None:
        self.claims: dict[str, object] = {}
        self.key = KEY
        self.seen: dict[str, list[str]] = {}
        self.proof = ""
        self.status = 200

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth2/jwks":
            return httpx.Response(200, json=KeySet([KEY]).as_dict(private=False))
        self.seen = parse_qs(request.content.decode())
        self.proof = request.headers["authorization"]
        if self.status != 200:
            return httpx.Response(self.status, json={"error": "invalid_grant"})
        id_token = jwt.encode({"alg": "ES256", "kid": "k1"}, self.claims, self.key)
        return httpx.Response(200, json={"id_token": id_token, "refresh_token": "r", "access_token": "a"})

    def vouch(self, asked: str, **changed: object) -> None:
        now = int(time.time())
        self.claims = {
            "iss": ORIGIN,
            "aud": "web",
            "sub": str(ACCOUNT),
            "sid": str(SESSION),
            "nonce": asked,
            "iat": now,
            "exp": now + 60,
        } | changed


@pytest.fixture
def identity() -> PlayedIdentity:
    return PlayedIdentity()


@pytest.fixture
def party(settings, identity) -> RelyingParty:
    return RelyingParty(settings, transport=httpx.MockTransport(identity))


def test_the_sign_in_page_is_asked_with_state_nonce_and_challenge(party):
    address, attempt = party.begin("/o/durand/", organisation="durand")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    challenge = urlsafe_b64encode(sha256(attempt.verifier.encode()).digest()).rstrip(b"=").decode()
    assert asked["code_challenge"] == challenge
    assert asked["code_challenge_method"] == "S256"
    assert (asked["state"], asked["nonce"]) == (attempt.state, attempt.nonce)
    assert asked["redirect_uri"] == f"{ORIGIN}/auth/callback"
    assert asked["organisation"] == "durand"


async def test_the_secret_is_renewed_while_people_are_signing_in(party, identity, tmp_path, monkeypatch):
    monkeypatch.setattr(start, "SECRETS", tmp_path)
    monkeypatch.delenv("PARVIS_WEB_CLIENT_SECRET", raising=False)
    file = tmp_path / "parvis_web_client_secret"

    async def shown():
        identity.vouch(attempt.nonce)
        await party.finish(attempt, "code")
        return b64decode(identity.proof.removeprefix("Basic ")).decode().partition(":")[2]

    file.write_text("first-secret-of-the-pages\n")
    _, attempt = party.begin("/x")
    kept = party.keep(attempt)
    assert await shown() == "first-secret-of-the-pages"
    file.write_text("second-secret-of-the-pages, first-secret-of-the-pages\n")
    assert await shown() == "second-secret-of-the-pages"
    assert party.recall(kept) == attempt  # begun before
    file.write_text("second-secret-of-the-pages\n")
    assert party.recall(kept) is None


def test_an_attempt_is_recalled_only_as_it_was_kept(party):
    _, attempt = party.begin("/x")
    kept = party.keep(attempt)
    assert party.recall(kept) == attempt
    assert party.recall(kept[:-4] + "AAAA") is None
    assert party.recall("nonsense") is None
    assert attempt.verifier not in kept


async def test_a_code_is_redeemed_with_its_verifier(party, identity):
    _, attempt = party.begin("/")
    identity.vouch(attempt.nonce)
    proven = await party.finish(attempt, "the-code")
    assert (proven.account_id, proven.session_id, proven.refresh_token) == (ACCOUNT, SESSION, "r")
    assert identity.seen["code_verifier"] == [attempt.verifier]


@pytest.mark.parametrize(
    "changed",
    [
        {"nonce": "another"},
        {"iss": "https://evil.example"},
        {"aud": "product"},
        {"exp": 1},
        {"sid": None},
    ],
    ids=["nonce", "issuer", "audience", "expired", "no session"],
)
async def test_an_id_token_that_is_not_for_this_sign_in_is_refused(party, identity, changed):
    _, attempt = party.begin("/")
    identity.vouch(attempt.nonce, **changed)
    with pytest.raises(ServiceError) as refused:
        await party.finish(attempt, "the-code")
    assert refused.value.kind is Kind.INVALID


async def test_an_id_token_of_another_key_is_refused(party, identity):
    _, attempt = party.begin("/")
    identity.vouch(attempt.nonce)
    identity.key = OTHER
    with pytest.raises(ServiceError):
        await party.finish(attempt, "the-code")


async def test_a_code_that_identity_refuses_is_no_sign_in(party, identity):
    _, attempt = party.begin("/")
    identity.status = 400
    with pytest.raises(ServiceError) as refused:
        await party.finish(attempt, "used")
    assert refused.value.reason == "sign_in_failed"


async def test_a_callback_without_its_attempt_begins_again(suite: Suite):
    suite.sign_out()
    answer = await suite.get("/auth/callback?code=x&state=forged")
    assert answer.headers["location"] == "/auth/start"
    assert "test-session" not in answer.headers.get("set-cookie", "")


async def test_a_browser_that_signed_in_holds_a_cookie_and_no_token(suite: Suite, party, identity, monkeypatch):
    suite.sign_out()
    monkeypatch.setattr(suite.portal.relying_party, "finish", party.finish)
    started: dict[str, object] = {}

    async def start(**told: object) -> str:
        started.update(told)
        return "the-cookie"

    monkeypatch.setattr(suite.portal.sessions, "start", start)
    begun = await suite.get("/auth/start?next=/o/durand/")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(begun.headers["location"]).query).items()}
    identity.vouch(asked["nonce"])
    answer = await suite.get(f"/auth/callback?code=c&state={asked['state']}")
    [cookie] = [each for each in answer.headers.get_list("set-cookie") if each.startswith("test-session=")]
    assert (answer.status_code, answer.headers["location"]) == (303, "/o/durand/")
    assert cookie.startswith("test-session=the-cookie;")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert str(started["id_token"]) not in f"{answer.headers} {answer.text}"


async def test_a_sign_in_that_was_given_up_says_so(suite: Suite):
    suite.sign_out()
    begun = await suite.get("/auth/start?next=/o/durand/")
    state = parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]
    answer = await suite.get(f"/auth/callback?error=access_denied&state={state}")
    assert answer.status_code == 400
    assert "Nothing was changed" in answer.text


async def test_nobody_is_sent_to_another_site_after_signing_in(suite: Suite):
    begun = await suite.get("/auth/start?next=https://evil.example/")
    state = parse_qs(urlsplit(begun.headers["location"]).query)["state"][0]
    kept = next(value for name, value in suite.client.cookies.items() if name.startswith("test-attempt-"))
    attempt = suite.portal.relying_party.recall(kept)
    assert attempt is not None
    assert (attempt.state, attempt.next) == (state, "/")


@pytest.mark.parametrize(
    ("language", "said"), [("en", "Too many requests at once"), ("fr", "Trop de demandes à la fois")]
)
async def test_who_asks_too_much_at_once_reads_so_in_their_language(suite: Suite, language, said):
    suite.sign_out()
    suite.client.cookies.set("parvis_lang", language)
    answer = await suite.get("/busy")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
    assert said in answer.text


async def test_the_newest_three_attempts_are_kept(suite: Suite):
    suite.sign_out()
    states = []
    for number in range(6):
        begun = await suite.get(f"/auth/start?next=/o/durand/{number}")
        states.append(parse_qs(urlsplit(begun.headers["location"]).query)["state"][0])

    kept = [value for name, value in suite.client.cookies.items() if name.startswith("test-attempt-")]
    recalled = [suite.portal.relying_party.recall(value) for value in kept]
    assert {each.state for each in recalled if each} == set(states[-3:])
    assert len(kept) == 3


async def test_attempts_that_nobody_can_read_are_dropped_first(suite: Suite):
    suite.sign_out()
    for number in range(5):
        suite.client.cookies.set(f"test-attempt-{number}", "nonsense", domain="localhost.local")
    await suite.get("/auth/start")
    await suite.get("/auth/start")
    await suite.get("/auth/start")

    kept = [value for name, value in suite.client.cookies.items() if name.startswith("test-attempt-")]
    assert len(kept) == 3
    assert "nonsense" not in kept


@pytest.mark.parametrize(("site", "cleared"), [("same-origin", '"cache"'), ("cross-site", None)])
async def test_the_page_after_signing_out_takes_the_others_out_of_the_browser(suite: Suite, site, cleared):
    suite.sign_out()
    answer = await suite.get("/auth/cleared", headers={"Sec-Fetch-Site": site})

    assert (answer.status_code, answer.headers.get("clear-site-data")) == (204, cleared)
    assert answer.headers["cache-control"] == "no-store"


@pytest.fixture
def folder(tmp_path):
    make_identities(SERVICES, tmp_path)
    return tmp_path


class IdentityOnALine(PlayedIdentity):
    """As an application that is asked over a line; `heard` counts what arrives."""

    heard = 0

    def application(self) -> Starlette:
        async def answer(request: Request) -> JSONResponse:
            self.heard += 1
            asked = httpx.Request(
                request.method, str(request.url), headers=request.headers.raw, content=await request.body()
            )
            said = self(asked)
            return JSONResponse(said.json(), status_code=said.status_code)

        return Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST"])])


@asynccontextmanager
async def listening(identity, folder):
    """The address of identity."""
    own = identity_of("identity", folder)
    told = SimpleNamespace(
        http_listen=f"{HOST}:0", http_tls=True, trusted_proxies=HOST,
        tls_ca=own.authority, tls_key=own.key, tls_certificate=own.certificate,
    )  # fmt: skip
    server = HttpServer(identity.application(), told, grace=1)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        while not server.started:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.01)
    try:
        yield f"https://{HOST}:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


def party_of(settings, address, folder):
    own = identity_of("web", folder)
    files = {"tls_ca": own.authority, "tls_key": own.key, "tls_certificate": own.certificate}
    return RelyingParty(settings.model_copy(update={"identity_internal_url": address, **files}))


async def sign_in(party, identity):
    _, attempt = party.begin("/")
    identity.vouch(attempt.nonce)
    return await party.finish(attempt, "code")


async def test_a_code_is_redeemed_over_tls_while_the_authority_is_replaced(settings, folder, monkeypatch):
    monkeypatch.setattr(papers, "PAUSE", 0.05)
    identity = IdentityOnALine()
    async with listening(identity, folder) as address:
        party = party_of(settings, address, folder)
        assert (await sign_in(party, identity)).refresh_token == "r"
        renewing = asyncio.create_task(
            asyncio.to_thread(renew_certificates, SERVICES, folder, new_authority=True, pause=1.0)
        )
        done = 0
        while not renewing.done():
            await sign_in(party, identity)
            done += 1
        await renewing
        await sign_in(party, identity)
    assert done


async def test_a_stranger_in_the_place_of_identity_hears_nothing(settings, folder, tmp_path_factory):
    another = tmp_path_factory.mktemp("another")
    make_identities(SERVICES, another)
    identity = IdentityOnALine()
    async with listening(identity, another) as address:
        with pytest.raises(ServiceError) as refused:
            await sign_in(party_of(settings, address, folder), identity)
    assert (refused.value.kind, refused.value.reason) == (Kind.UNAVAILABLE, "service_unavailable")
    assert identity.heard == 0
