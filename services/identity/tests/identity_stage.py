"""The service as tests see it: its pages over HTTP in process, its use cases on a real database, and tenancy
played by a dictionary.
"""

import base64
import hashlib
import html
import re
import secrets
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
from sqlalchemy import text

from parvis.identity.v1.identity_pb2 import DirectoryPerson
from parvis_identity.http.app import make_app
from parvis_identity.http.site import Site
from parvis_identity.models import Account, AccountState, Client, ProviderKind
from parvis_identity.rpc import ClientRpc
from parvis_identity.service import accounts, housekeeping, product_clients
from parvis_identity.service.account_links import AccountLinks
from parvis_identity.service.authentication import Authentication
from parvis_identity.service.authorization import Authorization
from parvis_identity.service.client_keys import ClientKeys
from parvis_identity.service.clients import Clients
from parvis_identity.service.dns_proofs import DnsProofs
from parvis_identity.service.domains import Domains
from parvis_identity.service.dpop import Nonces, Proofs
from parvis_identity.service.factor_resets import FactorResets
from parvis_identity.service.factors import Factors
from parvis_identity.service.hashing import Hasher
from parvis_identity.service.keys import KeyRing
from parvis_identity.service.organisations import (
    Administration,
    Employment,
    Face,
    Membership,
    ProductAnswer,
    Staff,
    StaffAccount,
    Viewed,
)
from parvis_identity.service.outgoing import Outgoing
from parvis_identity.service.own_erasure import OwnErasure
from parvis_identity.service.passkeys import Passkeys
from parvis_identity.service.password_links import PasswordLinks
from parvis_identity.service.product_clients import Wanted
from parvis_identity.service.pushed import PushedRequests
from parvis_identity.service.refused_passwords import RefusedPasswords
from parvis_identity.service.registration import Registration
from parvis_identity.service.request_objects import RequestObjects
from parvis_identity.service.requests import Requests
from parvis_identity.service.sealing import Seal
from parvis_identity.service.second_factor import SecondFactors
from parvis_identity.service.sessions import OrganisationTokens
from parvis_identity.service.sign_in import Passwords
from parvis_identity.service.sso.arrival import Arrivals
from parvis_identity.service.sso.directory import Settled
from parvis_identity.service.sso.oidc import OidcUpstream
from parvis_identity.service.sso.oidc_logout import OidcLogout
from parvis_identity.service.sso.oidc_setup import OidcSetup
from parvis_identity.service.sso.providers import Providers
from parvis_identity.service.sso.saml_connections import Saml
from parvis_identity.service.sso.signing_in import SigningIn
from parvis_identity.service.token_endpoint import TokenEndpoint
from parvis_identity.service.tokens import Tokens
from parvis_identity.service.trials import Trials
from parvis_identity.service.viewings import Viewings
from parvis_identity.settings import Settings
from parvis_identity.store import accounts as account_store
from parvis_kit.caller import Caller
from parvis_kit.errors import ServiceError, not_found, precondition, unavailable
from parvis_kit.ids import uuid7
from parvis_kit.unit import Database
from parvis_ui.pages import Pages

PUBLIC_URL = "http://localhost:8600"
PASSWORD = "Portail-2026!"
ENCRYPTION_KEY = base64.b64encode(b"k" * 32).decode()
WEB_SECRET = "web-secret-of-the-tests"


@dataclass
class Town:
    """What tenancy would answer."""

    faces: dict[str, Face] = field(default_factory=dict)
    memberships: dict[tuple[UUID, UUID], Membership] = field(default_factory=dict)
    products: dict[tuple[UUID, str], list[Face]] = field(default_factory=dict)
    #: (who views, where, as which membership) → whom they see, or why they do not.
    views: dict[tuple[UUID, UUID, UUID], Viewed | ServiceError] = field(default_factory=dict)
    assigners: tuple[str, ...] = ("Anne Roche",)
    #: Whether people may assign products to themselves.
    may_assign: bool = False
    #: What the caller may do.
    rights: set[str] = field(default_factory=set)
    #: Since when memberships are active.
    there_since: datetime = field(default_factory=lambda: datetime(2020, 1, 1, tzinfo=UTC))
    #: Members whom the caller's rights do not reach.
    out_of_reach: set[UUID] = field(default_factory=set)
    #: Of organisations whose staff matters.
    staffs: dict[UUID, list[StaffAccount]] = field(default_factory=dict)
    #: Whom it was told of as people of a firm's directory, and why they are not let in, if so.
    settled: list[tuple[UUID, DirectoryPerson]] = field(default_factory=list)
    closed: str = ""
    #: What accounts administer.
    administered: dict[UUID, list[Administration]] = field(default_factory=dict)
    #: Whether it does not answer.
    away: bool = False

    async def face(self, slug: str) -> Face | None:
        return self.faces.get(slug)

    async def face_by_id(self, organisation_id: UUID) -> Face | None:
        return next((each for each in self.faces.values() if each.id == organisation_id), None)

    async def membership(self, account_id: UUID, organisation_id: UUID) -> Membership:
        found = self.memberships.get((account_id, organisation_id))
        if found is None:
            raise not_found("membership_not_found")
        return found

    async def viewed(self, account_id: UUID, organisation_id: UUID, membership_id: UUID) -> Viewed:
        found = self.views.get((account_id, organisation_id, membership_id), not_found("membership_not_found"))
        if isinstance(found, ServiceError):
            raise found
        return found

    async def product(self, account_id: UUID, client_id: str, organisation_id: UUID | None) -> ProductAnswer:
        mine = self.products.get((account_id, client_id), [])
        mine = [face for face in mine if organisation_id in {None, face.id}]
        if not mine:
            face = next((face for face in self.faces.values() if face.id == organisation_id), None)
            return ProductAnswer(
                assigned=False, organisation=face, assigners=self.assigners, may_assign=self.may_assign
            )
        if len(mine) > 1:
            raise precondition("choose_organisation")
        return ProductAnswer(assigned=True, organisation=mine[0], assigners=())

    async def employments(self, account_id: UUID) -> list[Employment]:
        if self.away:
            raise unavailable("tenancy_away")
        faces = {each.id: each for each in self.faces.values()}
        mine = ((where, each) for (who, where), each in self.memberships.items() if who == account_id)
        return [Employment(faces[where], each.profile_id) for where, each in mine if each.kind == "staff"]

    async def allows(self, right: str) -> bool:
        return right in self.rights

    async def staff(self, organisation_id: UUID) -> Staff:
        found = self.staffs.get(organisation_id, [])
        return Staff(tuple(found), frozenset(each.profile_id for each in found))

    def employ(self, firm: Face, account: Account, profile_id: UUID) -> Membership:
        """Somebody works for a firm from now on."""
        self.staffs.setdefault(firm.id, []).append(StaffAccount(account.id, profile_id, account.name, account.mail))
        made = Membership(uuid7(), "staff", account.id, profile_id)
        self.memberships[account.id, firm.id] = made
        return made

    async def administrations(self, account_id: UUID) -> list[Administration]:
        return self.administered.get(account_id, [])

    async def settle(self, organisation_id: UUID, person: DirectoryPerson) -> Settled:
        self.settled.append((organisation_id, person))
        return Settled(open=not self.closed, reason=self.closed)

    async def allows_on(self, right: str, membership_id: UUID) -> bool:
        return right in self.rights and membership_id not in self.out_of_reach

    async def name(self, organisation_id: UUID) -> str:
        return next(face.name for face in self.faces.values() if face.id == organisation_id)

    async def member(self, membership_id: UUID) -> StaffAccount:
        for (account_id, _), each in self.memberships.items():
            if each.id == membership_id:
                return StaffAccount(account_id, membership_id, "", "", membership_id, since=self.there_since)
        raise not_found("member_not_found")

    def found(self, slug: str, name: str) -> Face:
        self.faces[slug] = Face(uuid7(), slug, name, "#175c4a")
        return self.faces[slug]

    def open_requests(self, slug: str) -> Face:
        """People may ask for an account from now on."""
        self.faces[slug] = replace(self.faces[slug], accepts_requests=True)
        return self.faces[slug]


def settings_for(**changes: Any) -> Settings:
    values = {
        "instance": "parvis-test", "database_url": "postgresql://x", "nats_url": "nats://x",
        "http_listen": "127.0.0.1:1",
        "tls_ca": "/x", "tls_certificate": "/x", "tls_key": "/x", "public_url": PUBLIC_URL,
        "key_encryption_keys": ENCRYPTION_KEY, "web_client_secret": WEB_SECRET,
    }  # fmt: skip
    # Cheap: the tests count hashes, they do not measure them. No installation may have such: set past the limits.
    freely = {"argon2_memory_kib": 64, "argon2_passes": 1}
    freely |= {name: changes.pop(name) for name in ("argon2_passes", "hashing_queue") if name in changes}
    return Settings(**{**values, **changes}).model_copy(update=freely)


class Stage:
    """The service and its collaborators."""

    def __init__(self, database: Database, settings: Settings, ring: KeyRing) -> None:
        self.database, self.settings, self.ring = database, settings, ring
        self.town = Town()
        self.tokens = Tokens(ring, issuer=PUBLIC_URL)
        self.clients = Clients()
        self.outgoing = Outgoing(settings.private_networks)
        self.keys = ClientKeys(self.outgoing)
        self.hasher = Hasher(settings)
        self.links = accounts.Links(ring.link_secret, public_url=PUBLIC_URL)
        self.seal = Seal(settings.key_encryption_keys.get_secret_value())
        self.passkeys = Passkeys(PUBLIC_URL, ring.link_secret)
        self.second_factors = SecondFactors(database, ring, self.seal, self.passkeys)
        self.factors = Factors(database, ring, self.seal, self.passkeys)
        self.factor_resets = FactorResets(
            self.town, ring.link_secret, waits=timedelta(hours=settings.factor_reset_hours)
        )
        self.passwords = Passwords(
            database,
            self.hasher,
            ring,
            settings.password_policy,
            self.second_factors,
            refused=RefusedPasswords(self.town, public_url=PUBLIC_URL),
            even_seconds=settings.refusal_seconds,
        )
        self.password_links = PasswordLinks(database, self.hasher, ring, self.passwords)
        self.endpoint = TokenEndpoint(self.tokens, self.clients, self.town)
        self.trials = Trials(self.endpoint, self.outgoing, issuer=PUBLIC_URL, secret=ring.link_secret)
        self.client_rpc = ClientRpc(self.clients, self.trials, self.outgoing)
        self.viewings = Viewings(self.town, lifetime=timedelta(minutes=settings.viewing_minutes))
        self.exchange = OrganisationTokens(self.tokens, self.town, self.viewings, gateway_client="web")
        self.account_links = AccountLinks(database, self.passwords, self.town)
        self.seal = Seal(settings.key_encryption_keys.get_secret_value())
        self.saml = Saml.over(database, self.outgoing, self.seal, public_url=PUBLIC_URL)
        self.upstreams = {
            ProviderKind.OIDC: OidcUpstream(self.outgoing, self.seal, public_url=PUBLIC_URL),
            ProviderKind.SAML: self.saml.upstream,
        }
        self.sso = SigningIn(database, self.seal, Arrivals(self.town), self.town, self.second_factors, self.upstreams)
        self.oidc_logout = OidcLogout(database, self.outgoing)
        setups = {ProviderKind.OIDC: OidcSetup(self.outgoing), ProviderKind.SAML: self.saml.setup}
        self.providers = Providers(self.town, self.seal, setups, public_url=PUBLIC_URL)
        self.dns = DnsProofs(settings.dns_servers, step=0.3, whole=0.6)
        self.domains = Domains(database, self.dns, self.town, ring.link_secret, public_url=PUBLIC_URL)
        self.requests = Requests(database, ring.link_secret, public_url=PUBLIC_URL)
        self.erasure = OwnErasure(self.town)
        self.site = Site(
            settings,
            database,
            Pages("parvis_identity"),
            passwords=self.passwords,
            password_links=self.password_links,
            authorization=Authorization(self.tokens, self.clients, self.town),
            authentication=Authentication(database, self.clients, self.keys, issuer=PUBLIC_URL),
            proofs=Proofs(issuer=PUBLIC_URL, nonces=Nonces(ring.link_secret) if settings.dpop_nonces else None),
            pushed=PushedRequests(ring.link_secret),
            registration=Registration(database, self.clients, self.outgoing, settings),
            request_objects=RequestObjects(self.keys, self.outgoing, issuer=PUBLIC_URL),
            requests=self.requests,
            account_links=self.account_links,
            sso=self.sso,
            oidc_logout=self.oidc_logout,
            saml=self.saml,
            second_factors=self.second_factors,
            factors=self.factors,
            domains=self.domains,
            factor_resets=self.factor_resets,
            tokens=self.tokens,
            ring=ring,
            clients=self.clients,
            organisations=self.town,
        )
        self.app = make_app(self.site)

    def unit(self, organisation_id: UUID | None = None, **caller: Any):
        return self.database.begin(Caller("tests", **caller), organisation_id=organisation_id)

    def browser(self) -> "Browser":
        return Browser(self)

    async def person(self, *, mail: str = "", state: str = AccountState.ACTIVE, password: str = PASSWORD) -> Account:
        """A personal account that can sign in."""
        async with self.unit() as unit:
            account = await accounts.ensure_personal(
                unit,
                mail=mail or f"{secrets.token_hex(6)}@exemple.fr",
                given_name="Anne",
                family_name="Roche",
                locale="fr",
            )
        return await self._with_password(account, state, password)

    async def client_of(self, firm: Face, identifier: str, *, state: str = AccountState.ACTIVE) -> Account:
        """A managed account of a firm that can sign in."""
        async with self.unit(firm.id) as unit:
            account = await accounts.create_managed(
                unit,
                account_id=uuid7(),
                identifier=identifier,
                mail="client@exemple.fr",
                given_name="Luc",
                family_name="Morel",
                locale="fr",
            )
        return await self._with_password(account, state, PASSWORD)

    async def _with_password(self, account: Account, state: str, password: str) -> Account:
        if state == AccountState.PENDING:
            return account
        async with self.unit() as unit:
            await account_store.set_password_hash(unit, account.id, await self.hasher.hash(password))
            row = await account_store.lock(unit, account.id)
            row.state = state
        return row

    async def relying_party(self, **changes: Any) -> tuple[Client, str]:
        """A product that people can sign in to."""
        async with self.unit() as unit:
            wanted = Wanted(["https://paie.example/retour"], ["https://paie.example/"])
            client, secret = await product_clients.register(unit, "Paie", wanted, product_id=None, organisation_id=None)
            for name, value in changes.items():
                setattr(client, name, value)
        return client, secret

    async def audited(self, act: str) -> int:
        async with self.unit() as unit:
            return await unit.scalar(text("SELECT count(*) FROM audit WHERE act = :act"), {"act": act})

    async def events(self, name: str) -> list[bytes]:
        async with self.unit() as unit:
            query = text("SELECT payload FROM outbox WHERE subject = :subject ORDER BY id")
            return list(await unit.scalars(query, {"subject": f"parvis.identity.v1.{name}"}))

    async def run(self, statement: str, **values: Any) -> None:
        async with self.unit() as unit:
            await unit.execute(text(statement), values)

    async def forget_failures(self) -> None:
        await self.run("DELETE FROM sign_in_attempts")


async def make_stage(database: Database, **changes: Any) -> Stage:
    settings = settings_for(**changes)
    ring = KeyRing(Seal(settings.key_encryption_keys.get_secret_value()))
    await housekeeping.prepare(database, ring, settings)
    return Stage(database, settings, ring)


class Browser:
    """One browser: cookies, forms as they are in the page, no script."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        transport = httpx.ASGITransport(stage.app, client=("192.0.2.7", 4711))
        self.http = httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL)

    async def get(self, address: str, **options: Any) -> httpx.Response:
        return await self.http.get(address, **options)

    async def form(self, address: str) -> tuple[str, dict[str, str]]:
        """Where the (last) form of a page is sent to, and its hidden fields."""
        return form_in(await self.get(address))

    async def send(self, form: tuple[str, dict[str, str]], **fields: str) -> httpx.Response:
        """Fills in a form that was opened and sends it."""
        return await self.http.post(form[0], data={**form[1], **fields}, headers={"Origin": PUBLIC_URL})

    async def submit(self, address: str, **fields: str) -> httpx.Response:
        """Opens a page, fills in its (last) form and sends it."""
        return await self.send(await self.form(address), **fields)

    async def sign_in(self, identifier: str, password: str = PASSWORD, *, at: str = "/login") -> httpx.Response:
        return await self.submit(at, identifier=identifier, password=password)


@dataclass
class Flow:
    """One authorization request, as a relying party makes it."""

    client: Client
    secret: str
    extra: dict[str, str] = field(default_factory=dict)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def parameters(self) -> dict[str, str]:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return {
            "response_type": "code", "client_id": self.client.client_id, "redirect_uri": self.client.redirect_uris[0],
            "scope": "openid profile email", "state": "s-123", "nonce": "n-456",
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="), "code_challenge_method": "S256",
            **self.extra,
        }  # fmt: skip

    async def authorize(self, browser: Browser, **changes: str | None) -> httpx.Response:
        asked = {name: value for name, value in {**self.parameters, **changes}.items() if value is not None}
        return await browser.get("/oauth2/authorize", params=asked)

    async def code(self, browser: Browser) -> str:
        return answer_of(await self.authorize(browser))["code"]

    async def exchange(self, browser: Browser, code: str, **changes: str) -> httpx.Response:
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": self.client.redirect_uris[0],
            "code_verifier": self.verifier, **changes,
        }  # fmt: skip
        return await browser.http.post("/oauth2/token", data=form, auth=(self.client.client_id, self.secret))

    async def refresh(self, browser: Browser, token: str, **changes: str) -> httpx.Response:
        form = {"grant_type": "refresh_token", "refresh_token": token, **changes}
        return await browser.http.post("/oauth2/token", data=form, auth=(self.client.client_id, self.secret))


def form_in(page: httpx.Response) -> tuple[str, dict[str, str]]:
    """Where the first form of a page is sent to, and its hidden fields."""
    forms = re.findall(r"<form.*?</form>", page.text, re.DOTALL)
    form = next(f for f in forms if 'name="csrf"' in f)
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
    target = re.search(r'action="([^"]+)"', form)[1]
    return target.replace("&amp;", "&"), {name: value.replace("&amp;", "&") for name, value in hidden.items()}


def read(response: httpx.Response) -> str:
    """The page as its reader sees it: no entities, plain spaces and apostrophes."""
    return html.unescape(response.text).translate({0xA0: " ", 0x202F: " ", 0x2019: "'"})


def comparable(page: str) -> str:
    """A page without what is drawn anew each time: the challenge for passkeys."""
    return re.sub(r"<parvis-passkey.*?>", "", page, flags=re.DOTALL)


def answer_of(response: httpx.Response) -> dict[str, str]:
    """The parameters that a redirect carries to the relying party."""
    query = parse_qs(urlsplit(response.headers["location"]).query)
    return {name: values[0] for name, values in query.items()}


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a JWT, unverified."""
    import json

    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
