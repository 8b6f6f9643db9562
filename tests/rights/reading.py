"""The rows of an organisation become facts again, by the plainest queries: what the rules say of what use cases wrote.

What was drawn keeps its number; what was made since gets one in the order in which things are first seen.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import asyncpg
from facts import Access, Contact, Delegation, Facts, Kind, Member, Product, ProductRight, Profile, number_of

_PROVIDER = 1
_MADE = 1000
_STAFF, _PORTAL = 1, 2


@dataclass(slots=True)
class Reader:
    """Reads one organisation with a superuser's connection."""

    connection: asyncpg.Connection
    organisation: UUID
    numbers: dict[Kind, dict[UUID, int]] = field(default_factory=lambda: defaultdict(dict))

    def number(self, kind: Kind, identifier: UUID) -> int:
        """The number of something that exists: the one that it was drawn with, or a new one."""
        drawn = identifier.int >> 96 == self.organisation.int >> 96
        new = number_of(identifier) if drawn else _MADE + len(self.numbers[kind])
        return self.numbers[kind].setdefault(identifier, new)

    def maybe(self, kind: Kind, identifier: UUID | None) -> int | None:
        """As `number`, None for none."""
        return None if identifier is None else self.number(kind, identifier)

    def identifier(self, kind: Kind, number: int) -> str:
        """The identifier that a number stands for."""
        return next(str(each) for each, given in self.numbers[kind].items() if given == number)

    async def read(self) -> Facts:
        """The facts as they are."""
        organisation = (await self._rows("organisations", "id"))[0]
        members = await self._rows("memberships")
        return Facts(
            provider=organisation["kind"] == _PROVIDER,
            profiles=await self._profiles(),
            members=await self._members([row for row in members if row["kind"] == _STAFF]),
            contacts=await self._contacts(),
            accesses=await self._accesses([row for row in members if row["kind"] == _PORTAL]),
            structures={
                self.number("structure", row["id"]): self.maybe("structure", row["parent_id"])
                for row in await self._rows("structures")
            },
            delegations=await self._delegations(),
            **await self._products(organisation["provider_id"]),
            assignments=frozenset(
                (self.number("product", row["product_id"]), self.number("member", row["membership_id"]))
                for row in await self._rows("assignments")
            ),
        )

    async def _rows(self, table: str, column: str = "organisation_id", of: UUID | None = None) -> list[asyncpg.Record]:
        query = f"SELECT * FROM {table} WHERE {column} = $1 ORDER BY 1, 2, 3"  # noqa: S608 - names of this module
        return list(await self.connection.fetch(query, of or self.organisation))

    async def _profiles(self) -> dict[int, Profile]:
        rights: dict[int, dict[str, int]] = defaultdict(dict)
        for row in await self._rows("profile_rights"):
            rights[self.number("profile", row["profile_id"])][row["code"]] = row["scope"]
        return {
            (number := self.number("profile", row["id"])): Profile(
                number, row["built_in"] == "administrator", row["inactive"], rights.get(number, {})
            )
            for row in await self._rows("profiles")
        }

    async def _members(self, rows: list[asyncpg.Record]) -> dict[int, Member]:
        personal: dict[int, dict[str, int]] = defaultdict(dict)
        for row in await self._rows("personal_rights"):
            personal[self.number("member", row["membership_id"])][row["code"]] = row["scope"]
        return {
            (number := self.number("member", row["id"])): Member(
                number,
                self.number("profile", row["profile_id"]),
                row["state"],
                self.maybe("member", row["manager_id"]),
                self.maybe("structure", row["structure_id"]),
                self.maybe("structure", row["tier_id"]),
                personal.get(number, {}),
            )
            for row in rows
        }

    async def _contacts(self) -> dict[int, Contact]:
        advisers: dict[int, dict[int, int]] = defaultdict(dict)
        for row in await self._rows("contact_advisers"):
            advisers[self.number("contact", row["contact_id"])][self.number("member", row["membership_id"])] = row[
                "role"
            ]
        return {
            (number := self.number("contact", row["id"])): Contact(
                number, row["kind"], row["sort_key"], advisers.get(number, {})
            )
            for row in await self._rows("contacts")
        }

    async def _accesses(self, rows: list[asyncpg.Record]) -> dict[int, Access]:
        reached: dict[int, set[int]] = defaultdict(set)
        for row in await self._rows("access_contacts"):
            reached[self.number("portal", row["membership_id"])].add(self.number("contact", row["contact_id"]))
        return {
            (number := self.number("portal", row["id"])): Access(number, row["state"], frozenset(reached[number]))
            for row in rows
        }

    async def _delegations(self) -> tuple[Delegation, ...]:
        return tuple(
            Delegation(
                self.number("delegation", row["id"]),
                self.number("member", row["from_id"]),
                self.number("member", row["to_id"]),
                tuple(row["codes"]),
                row["starts_at"],
                row["ends_at"],
                row["ended_at"],
            )
            for row in await self._rows("delegations")
        )

    async def _products(self, provider: UUID) -> dict[str, Any]:
        subscribed = {row["product_id"]: row["seats"] for row in await self._rows("subscriptions")}
        products = {
            (number := self.number("product", row["id"])): Product(
                number, row["id"] in subscribed, subscribed.get(row["id"])
            )
            for row in await self._rows("products", "provider_id", provider)
        }
        declared = tuple(
            ProductRight(
                row["code"],
                self.number("product", row["product_id"]),
                row["scoped"],
                tuple(row["requires"]),
                withdrawn=row["withdrawn_at"] is not None,
            )
            for row in await self._rows("product_rights", "provider_id", provider)
        )
        return {"products": products, "product_rights": declared}
