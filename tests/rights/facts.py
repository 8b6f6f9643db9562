"""The facts of one organisation that rights rest on, as plain values, and the questions that are asked of them.

Nothing here is shared with the product: the catalogue is written down a second time, so that a right which loses its
scope, its limit or what it requires there is noticed. Identifiers are small numbers, which a failing case shows better
than UUIDs; `uuid_of` gives the UUID that stands for one in a database.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Literal
from uuid import UUID

MINE, ALL, ATTACHED, GROUP = 1, 2, 3, 4
#: From the shortest reach to the longest.
SCOPES = (MINE, ATTACHED, GROUP, ALL)
WITHDRAWN = 0

INVITED, ACTIVE, CUT, TAKEN_BACK = 1, 2, 3, 4

Limit = Literal["contact", "member", ""]
MembershipKind = Literal["member", "portal"]
Kind = Literal["member", "portal", "profile", "structure", "contact", "product", "delegation", "person"]
KINDS: tuple[Kind, ...] = ("member", "portal", "profile", "structure", "contact", "product", "delegation", "person")


@dataclass(frozen=True, slots=True)
class Right:
    """A right that can exist: what its reach is limited by, what it requires, and whose it is."""

    code: str
    limited_by: Limit
    requires: tuple[str, ...] = ()
    provider_only: bool = False


CATALOGUE = (
    Right("members.read", ""),
    Right("members.invite", "member", ("members.read",)),
    Right("members.manage", "member", ("members.read",)),
    Right("members.view_as", "member", ("members.read",)),
    Right("profiles.manage", "", ("members.read",)),
    Right("products.assign", "member", ("members.read",)),
    Right("contacts.read", "contact"),
    Right("contacts.edit", "contact", ("contacts.read",)),
    Right("accesses.manage", "contact", ("contacts.read",)),
    Right("accesses.view_as", "contact", ("contacts.read", "documents.read", "invoices.read")),
    Right("documents.read", "contact", ("contacts.read",)),
    Right("documents.file", "contact", ("documents.read",)),
    Right("folders.configure", ""),
    Right("notifications.read", ""),
    Right("notifications.configure", "", ("notifications.read",)),
    Right("invoices.read", "contact", ("contacts.read",)),
    Right("invoices.edit", "contact", ("invoices.read",)),
    Right("invoices.close", "contact", ("invoices.edit",)),
    Right("organisation.manage", ""),
    Right("sign_in.manage", ""),
    Right("audit.view", ""),
    Right("organisations.manage", "", provider_only=True),
    Right("products.manage", "", provider_only=True),
)
#: What a portal access holds, over exactly the contacts that it acts for.
PORTAL_RIGHTS = frozenset({"contacts.read", "documents.read", "documents.file", "invoices.read"})
#: What concerns everybody, and is not held within a tier.
OF_EVERYBODY = frozenset(
    {
        "profiles.manage",
        "organisation.manage",
        "sign_in.manage",
        "audit.view",
        "organisations.manage",
        "products.manage",
    }
)


@dataclass(frozen=True, slots=True)
class ProductRight:
    """A right that a product declares."""

    code: str
    product: int
    scoped: bool
    requires: tuple[str, ...] = ()
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Product:
    """A product of the provider. `seats` (None: unlimited) is of the subscription."""

    id: int
    subscribed: bool
    seats: int | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """A named set of rights: code → scope."""

    id: int
    administrator: bool = False
    inactive: bool = False
    rights: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Member:
    """A membership of the staff. `superior` is its place in the hierarchy, `personal` its difference from the profile
    (code → scope, 0 for a right that is withdrawn).
    """

    id: int
    profile: int
    state: int = ACTIVE
    superior: int | None = None
    structure: int | None = None
    tier: int | None = None
    personal: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delegation:
    """What a member lends another for a time: rights over contacts, from `starts` until just before `ends`."""

    id: int
    giver: int
    taker: int
    codes: tuple[str, ...]
    starts: datetime
    ends: datetime
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact with its advisers: member → role (1 main, 2 further, 3 assistant)."""

    id: int
    kind: int
    key: str
    advisers: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Access:
    """A portal membership, and the contacts that it acts for."""

    id: int
    state: int
    contacts: frozenset[int]


@dataclass(frozen=True, slots=True)
class Facts:
    """All of one organisation. `structures` maps each to its parent; `assignments` are (product, member)."""

    provider: bool
    profiles: Mapping[int, Profile]
    members: Mapping[int, Member]
    contacts: Mapping[int, Contact]
    accesses: Mapping[int, Access]
    structures: Mapping[int, int | None]
    delegations: tuple[Delegation, ...]
    products: Mapping[int, Product]
    product_rights: tuple[ProductRight, ...]
    assignments: frozenset[tuple[int, int]]

    def moments(self) -> Iterator[datetime]:
        """When something begins or ends by itself."""
        for each in self.delegations:
            yield each.starts
            yield each.ends


@dataclass(frozen=True, slots=True)
class Question:
    """May this membership (`member` or `portal`) do this, at this moment, to this resource?

    `target` is "contact", "member" or "product" with the number of one, or "" for the right as such.
    """

    kind: MembershipKind
    who: int
    right: str
    target: Literal["contact", "member", "product", ""]
    what: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """Yes, or no with the reason."""

    allowed: bool
    reason: str = ""


YES = Answer(allowed=True)
RIGHTS: Mapping[str, Right] = MappingProxyType({right.code: right for right in CATALOGUE})


def uuid_of(organisation: int, kind: Kind, number: int) -> UUID:
    """The UUID of something in the organisation with this number; readable as three hexadecimal numbers."""
    return UUID(f"{organisation:08x}-0000-7000-8{KINDS.index(kind):03x}-{number:012x}")


def number_of(identifier: UUID | str) -> int:
    """The number that a UUID of `uuid_of` stands for."""
    return UUID(str(identifier)).int & (1 << 48) - 1


def kind_of(identifier: UUID | str) -> Kind:
    """The kind of what a UUID of `uuid_of` stands for."""
    return KINDS[UUID(str(identifier)).int >> 48 & 0xFFF]


def organisation_uuid(organisation: int) -> UUID:
    """The UUID of an organisation."""
    return UUID(f"{organisation:08x}-0000-7000-8fff-000000000000")


def provider_uuid(organisation: int) -> UUID:
    """The UUID of the provider that serves an organisation, where that is not one itself."""
    return UUID(f"{organisation:08x}-0000-7000-8ffe-000000000000")
