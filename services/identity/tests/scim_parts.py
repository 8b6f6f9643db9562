"""A firm with a directory that speaks SCIM, for tests."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from identity_stage import Stage

from parvis.identity.v1 import events_pb2, identity_pb2
from parvis_identity.domain.scim.patching import PATCH
from parvis_identity.domain.scim.schemas import GROUP, USER
from parvis_identity.service.organisations import Face
from parvis_identity.service.scim.tokens import RIGHT, ScimTokens
from parvis_kit.ids import uuid7

BASE = "http://localhost:8600/scim/v2"


@dataclass
class Client:
    """A directory of a firm."""

    stage: Stage
    firm: Face
    token: str
    token_id: str

    async def ask(self, method: str, path: str, body: Any = None, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        content = None
        if body is not None:
            headers.setdefault("Content-Type", "application/scim+json")
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
        transport = httpx.ASGITransport(self.stage.app, client=("192.0.2.7", 4711))
        async with httpx.AsyncClient(transport=transport) as http:
            return await http.request(method, f"{BASE}{path}", content=content, headers=headers, **options)

    async def user(self, **said: Any) -> dict[str, Any]:
        """A user who is made."""
        name = said.pop("userName", f"user-{uuid7().hex[-10:]}")
        answer = await self.ask("POST", "/Users", {"schemas": [USER], "userName": name, **said})
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def group(self, name: str, *members: str, **said: Any) -> dict[str, Any]:
        """A group that is made."""
        body = {"schemas": [GROUP], "displayName": name, "members": [{"value": each} for each in members], **said}
        answer = await self.ask("POST", "/Groups", body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def patch(self, path: str, *operations: dict[str, Any], **options: Any) -> httpx.Response:
        return await self.ask("PATCH", path, {"schemas": [PATCH], "Operations": list(operations)}, **options)

    async def found(self, filter_: str, path: str = "/Users") -> list[str]:
        """What a filter finds, by name."""
        answer = await self.ask("GET", path, params={"filter": filter_})
        assert answer.status_code == 200, answer.text
        return [each.get("userName") or each["displayName"] for each in answer.json()["Resources"]]

    async def account(self, user_id: str) -> dict[str, Any]:
        """The account of a user."""
        query = "SELECT a.* FROM scim_users u JOIN accounts a ON a.id = u.account_id WHERE u.id = $1"
        async with self.stage.unit(self.firm.id) as unit:
            return dict((await unit.fetch(query, UUID(user_id)))[0])

    async def told(self) -> list[identity_pb2.DirectoryPerson]:
        """What tenancy hears, oldest first."""
        query = (
            "SELECT payload FROM outbox WHERE subject = 'parvis.identity.v1.DirectoryPersonChanged'"
            " AND organisation_id = $1 ORDER BY id"
        )
        async with self.stage.unit(self.firm.id) as unit:
            rows = await unit.fetch(query, self.firm.id)
        return [events_pb2.DirectoryPersonChanged.FromString(row["payload"]).person for row in rows]


async def directory(stage: Stage, slug: str = "") -> Client:
    """A firm with a token."""
    slug = slug or f"firm-{uuid7().hex[-10:]}"
    firm = stage.town.faces.get(slug) or stage.town.found(slug, "Cabinet")
    stage.town.rights.add(RIGHT)
    async with stage.unit(firm.id, account_id=uuid7()) as unit:
        made, secret = await ScimTokens(stage.town).create(unit, "Entra ID", 0)
    return Client(stage, firm, secret, str(made.id))
