"""Tenancy on real PostgreSQL and NATS, over real mutual TLS, called as anyone. Only identity is played."""

import asyncio
import base64
import json
import time
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from uuid import UUID

import pytest
from google.protobuf.message_factory import GetMessageClass
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from parvis.identity.v1 import events_pb2 as identity_events
from parvis.identity.v1 import identity_pb2
from parvis.tenancy.v1 import (
    closing_pb2,
    closing_pb2_grpc,
    journal_pb2,
    journal_pb2_grpc,
    tenancy_pb2,
    tenancy_pb2_grpc,
)
from parvis_kit.caller import Acting, acting, acting_as, acting_for
from parvis_kit.client import Peers
from parvis_kit.errors import ServiceError, conflict
from parvis_kit.ids import uuid7
from parvis_kit.outbox import Relay
from parvis_kit.testing import free_port, running
from parvis_kit.tokens import AUDIENCE
from parvis_local.authority import identity_of, make_identities
from parvis_tenancy.main import wire
from parvis_tenancy.service.accounts import Identity
from parvis_tenancy.settings import Settings

ISSUER = "http://localhost:8600"
SERVICES = ("web", "identity", "tenancy", "documents", "notify", "billing")
SETUP_TOKEN = "the token of the first start"
ANCHOR_KEY = base64.b64encode(bytes(range(32))).decode()
METHODS = {
    method.name: (getattr(stubs, f"{service.name}Stub"), GetMessageClass(method.input_type))
    for file, stubs in (
        (tenancy_pb2, tenancy_pb2_grpc),
        (journal_pb2, journal_pb2_grpc),
        (closing_pb2, closing_pb2_grpc),
    )
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


@contextmanager
def refused(kind, reason):
    """The call inside is refused with this kind and reason."""
    with pytest.raises(ServiceError) as caught:
        yield caught
    assert (caught.value.kind, caught.value.reason) == (kind, reason), str(caught.value)


class PlayedIdentity:
    """Identity's side of the calls that tenancy makes: accounts by mail, or by firm and identifier."""

    def __init__(self) -> None:
        self.personal = {}
        self.managed = {}
        self.revoked = []
        self.links = []
        self.corrected = []
        self.issued = []
        #: Whether accounts had a password of their own before one was issued.
        self.used = False
        self.policy = identity_pb2.PasswordPolicy(minimum=8)
        self.products = {}
        self.clients = {}
        #: What identity answers to a change, when it is an error.
        self.refusal = None

    async def EnsurePersonalAccount(self, request):
        account = identity_pb2.Account(id=str(uuid7()), mail=request.mail, identifier=request.mail, locale="fr")
        return self.personal.setdefault(request.mail, account)

    async def BatchGetAccounts(self, request):
        found = [each for each in self.personal.values() if each.id in request.ids]
        return identity_pb2.BatchGetAccountsResponse(accounts=found)

    async def CreateManagedAccount(self, request):
        key = (acting().organisation_id, request.identifier)
        if key in self.managed:
            raise conflict("identifier_taken")
        self.managed[key] = identity_pb2.Account(
            id=request.id, mail=request.mail, identifier=request.identifier, locale=request.locale
        )
        return self.managed[key]

    async def MintLink(self, request):
        self.links.append(request)
        return identity_pb2.Link(url=f"{ISSUER}/activate/secret-{request.link_id}")

    async def RevokeLinks(self, request):
        self.revoked.append(request.account_id)
        return identity_pb2.RevokeLinksResponse()

    async def IssueProvisionalPassword(self, request):
        self.issued.append(request.account_id)
        return identity_pb2.ProvisionalPassword(
            identifier="C0001", password="k7wp-3mzd-hx9r-qa4t", was_active=self.used
        )

    async def GetPasswordPolicy(self, _):
        return identity_pb2.PasswordPolicies(policy=self.policy)

    async def SavePasswordPolicy(self, request):
        self.policy.CopyFrom(request.policy)
        return identity_pb2.PasswordPolicies(policy=self.policy)

    async def CorrectManagedMail(self, request):
        self.corrected.append((request.account_id, request.mail))
        return identity_pb2.Account(id=request.account_id, mail=request.mail)

    async def RegisterClient(self, request):
        client = identity_pb2.RegisteredClient(client_id=f"client-{request.product_id}", client_secret="shown once")
        self.products[request.product_id] = client
        self.clients[client.client_id] = identity_pb2.Client(client_id=client.client_id, settings=request.settings)
        return client

    async def GetClient(self, request):
        return self.clients[request.client_id]

    async def UpdateClient(self, request):
        if self.refusal is not None:
            raise self.refusal
        self.clients[request.client_id].settings.CopyFrom(request.settings)
        return identity_pb2.RegisteredClient(client_id=request.client_id)

    async def RotateClientSecret(self, request):
        return identity_pb2.RegisteredClient(client_id=request.client_id, client_secret=f"kept {request.keep_hours} h")

    async def SetClientOpen(self, request):
        client = self.clients[request.client_id]
        if request.open:
            client.ClearField("closed_at")
        else:
            client.closed_at.GetCurrentTime()
        return client

    async def StartTrial(self, request):
        return identity_pb2.Trial(authorization_url=f"{ISSUER}{request.return_path}?client_id={request.client_id}")

    async def FinishTrial(self, request):
        return identity_pb2.TrialReport(scope=f"{request.client_id} {request.state}")


@dataclass
class Actor:
    """Somebody who calls: a service (`token` empty) or a person through one."""

    stage: "Stage"
    service: str = "web"
    token: str = ""
    organisation_id: UUID | None = None
    membership_id: str = ""
    account_id: str = ""

    async def call(self, method, request=None, **fields):
        """Calls an RPC by its name, with a request or its fields."""
        stub_class, request_class = METHODS[method]
        stub = stub_class(self.stage.peers(self.service).channel("tenancy"))
        carried = acting_as(Acting(token=self.token)) if self.token else acting_for(self.organisation_id)
        with carried:
            return await getattr(stub, method)(request or request_class(**fields))


@dataclass
class Stage:
    """A running tenancy, and whoever calls it."""

    service: object
    folder: object
    address: str
    key: ECKey
    identity: PlayedIdentity
    _peers: dict = field(default_factory=dict)

    def peers(self, service):
        if service not in self._peers:
            self._peers[service] = Peers(settings_of(service, self.folder, peers={"tenancy": self.address}))
        return self._peers[service]

    def token(self, **claims):
        now = int(time.time())
        standard = {
            "iss": ISSUER, "aud": AUDIENCE, "sid": str(uuid7()), "iat": now, "exp": now + 300, "auth_time": now,
            "proof_time": now,
        }  # fmt: skip
        return jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": self.key.kid}, standard | claims, self.key)

    def token_without(self, **claims):
        """A token as `token` makes one; what is None is left out."""
        now = int(time.time())
        standard = {"iss": ISSUER, "iat": now, "exp": now + 300, "jti": uuid7().hex}
        told = {name: value for name, value in (standard | claims).items() if value is not None}
        return jwt.encode({"alg": "ES256", "typ": claims.pop("typ", "at+jwt"), "kid": self.key.kid}, told, self.key)

    def as_service(self, name, organisation_id=None):
        return Actor(self, name, organisation_id=UUID(organisation_id) if organisation_id else None)

    def as_account(self, account_id):
        return Actor(self, token=self.token(sub=account_id), account_id=account_id)

    def wear(self, membership):
        """Acts as a membership, whatever its state."""
        kind = "staff" if membership.kind == tenancy_pb2.MEMBERSHIP_KIND_STAFF else "portal"
        token = self.token(sub=membership.account_id, org=membership.organisation_id, mbr=membership.id, mkind=kind)
        where = UUID(membership.organisation_id)
        return Actor(self, "web", token, where, membership.id, membership.account_id)

    async def arrive(self, account_id, organisation_id):
        """What identity does when somebody enters an organisation: from then on they act there."""
        membership = await self.as_service("identity").call(
            "ResolveMembership", account_id=account_id, organisation_id=organisation_id
        )
        return self.wear(membership)

    async def set_up(self):
        """The first start; returns the provider's administrator."""
        fields = {"organisation_name": "Éditions Logicielles", "given_name": "Paule", "family_name": "Provost"}
        answer = await self.as_service("web").call(
            "SetUp", setup_token=SETUP_TOKEN, mail="paule@editeur.example", **fields
        )
        face = await self.as_service("identity").call("GetFace", slug=answer.slug)
        account = self.identity.personal["paule@editeur.example"]
        return await self.arrive(account.id, face.id)

    async def firm(self, provider, name="Cabinet Armor"):
        """A new customer; returns its administrator."""
        mail = f"admin-{uuid7().hex}@armor.example"
        made = await provider.call(
            "CreateCustomer",
            name=name,
            administrator_mail=mail,
            administrator_given_name="Anne",
            administrator_family_name="Kervella",
        )
        return await self.arrive(self.identity.personal[mail].id, made.id)

    async def colleague(self, administrator, profile, name="Marc Tanguy"):
        """Somebody with a starter profile who was invited and has arrived."""
        member = await self.invite(administrator, profile, name)
        return await self.arrive(member.account_id, str(administrator.organisation_id))

    async def invite(self, administrator, profile, name="Marc Tanguy"):
        given_name, family_name = name.split(" ", 1)
        return await administrator.call(
            "InviteMember",
            mail=f"m{uuid7().hex}@armor.example",
            given_name=given_name,
            family_name=family_name,
            profile_id=await self.profile(administrator, profile),
        )

    async def profile(self, administrator, built_in):
        found = await administrator.call("ListProfiles")
        return next(each.id for each in found.profiles if each.built_in == built_in)

    async def contact(self, adviser, name="Menuiserie Kerautret", main_adviser_id="", **fields):
        people = [tenancy_pb2.Person(given_name="Loïc", family_name="Kerautret", mail="loic@kerautret.example")]
        contact = tenancy_pb2.Contact(kind=tenancy_pb2.CONTACT_KIND_CLIENT, name=name, **fields)
        return await adviser.call("CreateContact", contact=contact, people=people, main_adviser_id=main_adviser_id)

    async def portal(self, adviser, record):
        """The first person of a contact with a portal access, arrived."""
        person = record.people[0]
        access = await adviser.call("GrantAccess", contact_id=record.contact.id, person_id=person.id)
        return await self.arrive(access.account_id, str(adviser.organisation_id))

    async def product(self, provider, *customers):
        """A product, subscribed by customers (their administrators)."""
        made = await provider.call(
            "RegisterProduct",
            name="Paie Facile",
            launch_url="https://paie.example/",
            redirect_uris=["https://paie.example/callback"],
        )
        for each in customers:
            where = str(each.organisation_id)
            await provider.call("SubscribeCustomer", product_id=made.id, organisation_id=where)
        return made

    async def events(self, actor, event_class):
        """What was emitted for an organisation, oldest first."""
        query = "SELECT payload FROM outbox WHERE organisation_id = $1 AND subject = $2 ORDER BY id"
        rows = await self.rows(actor, query, actor.organisation_id, event_class.DESCRIPTOR.full_name)
        return [event_class.FromString(row["payload"]) for row in rows]

    async def acts(self, actor):
        return [row["act"] for row in await self.rows(actor, "SELECT act FROM audit ORDER BY at, id")]

    async def rows(self, actor, query, *arguments):
        from parvis_kit.caller import Caller

        own = Caller("tenancy")
        async with self.service.database.begin(own, organisation_id=actor.organisation_id) as unit:
            return await unit.fetch(query, *arguments)


def settings_of(service, folder, **variables):
    """The settings of a service of this stage; only its certificate and peers matter for callers."""
    files = identity_of(service, folder)
    unused = {
        "anchor_keys": ANCHOR_KEY,
        "database_url": "postgresql://unused",
        "nats_url": "nats://unused",
        "http_listen": "127.0.0.1:0",
    }
    paths = {"tls_ca": files.authority, "tls_certificate": files.certificate, "tls_key": files.key}
    return Settings(**{**unused, **paths, "public_url": ISSUER, **variables})


#: Who publishes heartbeats: tenancy itself, and identity, which is played.
SOURCES = ("tenancy", "identity")


@asynccontextmanager
async def at_work(database_urls, nats_url, folder):
    """Tenancy at work as its main module wires it; a second relay plays identity's heartbeat."""
    make_identities(SERVICES, folder)
    key = ECKey.generate_key("P-256", {"kid": "k", "use": "sig", "alg": "ES256"})
    address = f"127.0.0.1:{free_port()}"
    settings = settings_of(
        "tenancy",
        folder,
        database_url=database_urls.service,
        nats_url=nats_url,
        grpc_listen=address,
        setup_token_sha256=sha256(SETUP_TOKEN.encode()).hexdigest(),
    )
    played = PlayedIdentity()

    async def keys():
        return json.dumps(KeySet([key]).as_dict(private=False))

    service = await wire(
        settings,
        identity=Identity(accounts=played, clients=played, passwords=played),
        fetch_keys=keys,
        fetch_product_keys=keys,
    )
    beat = identity_events.RevocationHeartbeat()
    relays = [Relay(database_urls.service, service.broker, source=each, heartbeat=beat) for each in SOURCES]
    await service.grpc.start()
    stage = Stage(service, folder, address, key, played)
    try:
        async with running(service.bus.listen, service.bus.consume, *(relay.run for relay in relays)):
            await until(lambda: not service.revocations.stale)
            yield stage
    finally:
        await service.grpc.stop(0)
        for peers in stage._peers.values():
            await peers.close()
        await service.broker.close()
        await service.database.close()


async def until(condition, within=20.0):
    """Waits for something that becomes true elsewhere."""
    async with asyncio.timeout(within):
        while not (found := condition()):  # noqa: ASYNC110 - what is waited for is in another task
            await asyncio.sleep(0.02)
    return found
