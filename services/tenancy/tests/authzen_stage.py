"""A product that asks, and organisations whose facts stand in the tables as a test writes them."""

import base64
import hashlib
import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import httpx
from joserfc import jws
from joserfc.jwk import ECKey

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.caller import Caller
from parvis_kit.ids import uuid7
from parvis_tenancy.models import Assignment, Contact, ContactAdviser, Membership, PersonalRight, Profile

ACCESS = "/api/tenancy/access/v1"
SCOPES = {"mine": 1, "all": 2, "attached": 3, "group": 4}


@dataclass
class World:
    """An organisation that subscribes a product: its people and records by the names that a scenario gives them."""

    stage: object
    organisation_id: UUID
    slug: str
    product: object
    word: str
    people: dict = field(default_factory=dict)
    accounts: dict = field(default_factory=dict)
    records: dict = field(default_factory=dict)

    async def person(self, name, *, below=None, uses=False, state=2, account_id=None, **rights):
        """A member with exactly these rights: `read="all"`, `contacts_read="mine"`."""
        membership_id, account_id = uuid7(), account_id or uuid7()
        profile = await self._nothing()
        codes = {
            ("contacts.read" if action == "contacts_read" else f"{self.word}.{action}"): SCOPES[scope]
            for action, scope in rights.items()
        }
        async with self._begin() as unit:
            unit.add(
                Membership(
                    organisation_id=self.organisation_id, id=membership_id, account_id=account_id, kind=1, state=state,
                    given_name=name, family_name="Exemple", mail=f"{name}@exemple.example", profile_id=profile,
                    sort_key=name, search_key=name, invited_at=datetime.now(UTC), created_at=datetime.now(UTC),
                    manager_id=self.people.get(below),
                )
            )  # fmt: skip
            await unit.flush()
            unit.add(
                *(
                    PersonalRight(
                        organisation_id=self.organisation_id, membership_id=membership_id, code=code, scope=scope
                    )
                    for code, scope in codes.items()
                )
            )
            if uses:
                unit.add(
                    Assignment(
                        organisation_id=self.organisation_id,
                        product_id=UUID(self.product.id),
                        membership_id=membership_id,
                    )
                )
        self.people[name], self.accounts[name] = membership_id, account_id

    async def record(self, name, *advisers, contact_id=None):
        """A contact in the charge of these people."""
        contact_id = contact_id or uuid7()
        async with self._begin() as unit:
            unit.add(
                Contact(
                    organisation_id=self.organisation_id, id=contact_id, kind=1, code=name, name=name, sort_key=name,
                    search_key=name, created_at=datetime.now(UTC),
                )
            )  # fmt: skip
            await unit.flush()
            unit.add(
                *(
                    ContactAdviser(
                        organisation_id=self.organisation_id, contact_id=contact_id, membership_id=self.people[each],
                        role=1 if place == 0 else 2,
                    )
                    for place, each in enumerate(advisers)
                )
            )  # fmt: skip
        self.records[name] = contact_id

    def subject(self, name):
        return {"type": "member", "id": str(self.people[name])}

    def resource(self, name):
        return {"type": "contact", "id": str(self.records[name])}

    @property
    def itself(self):
        return {"type": "product", "id": self.product.client_id}

    def action(self, name):
        return {"name": f"{self.word}.{name}"}

    def asked(self, who, what, which=None):
        """An evaluation; without a record it is about the product."""
        about = self.itself if which is None else self.resource(which)
        return {"subject": self.subject(who), "action": self.action(what), "resource": about}

    async def run(self, query, *arguments):
        async with self._begin() as unit:
            return await unit.fetch(query, *arguments)

    async def _nothing(self):
        """A profile without rights."""
        found = await self.run(
            "SELECT id FROM profiles WHERE organisation_id = $1 AND sort_key = 'rien'", self.organisation_id
        )
        if found:
            return found[0]["id"]
        profile_id = uuid7()
        async with self._begin() as unit:
            unit.add(
                Profile(
                    organisation_id=self.organisation_id, id=profile_id, name="Rien", sort_key="rien",
                    created_at=datetime.now(UTC),
                )
            )  # fmt: skip
        return profile_id

    def _begin(self):
        return self.stage.service.database.begin(Caller("tenancy"), organisation_id=self.organisation_id)


async def make_world(stage, provider, *, scoped=(), plain=(), name="Cabinet Armor", word=""):
    """A firm, a product that it subscribes, and the rights that the product declares."""
    admin = await stage.firm(provider, name)
    product = await stage.product(provider, admin)
    word = word or f"w{uuid7().hex[-12:]}"
    rights = [
        tenancy_pb2.DeclaredRight(code=f"{word}.{each}", name_fr=each, name_en=each, tab="Essai", scoped=each in scoped)
        for each in (*scoped, *plain)
    ]
    await provider.call("SaveProductRights", product_id=product.id, rights=rights, version=1)
    rows = await stage.rows(admin, "SELECT slug FROM organisations WHERE id = $1", admin.organisation_id)
    return World(stage, admin.organisation_id, rows[0]["slug"], product, word)


class Pep:
    """What a product asks with: its own access token."""

    def __init__(self, stage, client_id, **claims):
        self._stage = stage
        self.client_id = client_id
        transport = httpx.ASGITransport(stage.service.pages, raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://tenancy")
        self.token = self.token_of(**claims)

    def token_of(self, **claims):
        """An access token that the product got for itself; None takes a claim away."""
        standard = {"aud": self.client_id, "sub": self.client_id, "client_id": self.client_id, "scope": ""}
        wanted = {**standard, "sid": None, "auth_time": None, **claims}
        return self._stage.token_without(**wanted)

    async def post(self, path, body, **headers):
        told = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        told |= {name.replace("_", "-"): value for name, value in headers.items()}
        told = {name: value for name, value in told.items() if value is not None}
        content = json.dumps(body) if isinstance(body, (dict, list)) else body
        return await self.http.post(f"{ACCESS}/{path}", content=content, headers=told)

    async def ask(self, path, body):
        """The answer, which must be one."""
        answer = await self.post(path, body)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json"), answer.text
        return answer.json()

    async def decides(self, body):
        return (await self.ask("evaluation", body))["decision"]


async def refusal(answer):
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert (told["status"], bool(told["detail"])) == (answer.status_code, True)
    return answer.status_code, told["reason"]


def proof_of(key, token, *, path="evaluation", issuer="http://localhost:8600", **changes):
    """A DPoP proof (RFC 9449, 4.2) for a request of this stage."""
    ath = base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).decode().rstrip("=")
    claims = {"jti": uuid7().hex, "htm": "POST", "htu": f"{issuer}{ACCESS}/{path}", "iat": int(time.time()), "ath": ath}
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.as_dict(private=False)}
    registry = jws.JWSRegistry(algorithms=["ES256"], strict_check_header=False)
    return jws.serialize_compact(header, json.dumps(claims | changes), key, registry=registry)


def new_key():
    return ECKey.generate_key("P-256")
