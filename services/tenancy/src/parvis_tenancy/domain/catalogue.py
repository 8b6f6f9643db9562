"""The rights that exist, on what each of them depends, and the profiles that every organisation starts with."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from parvis_tenancy.domain.scopes import Scope

Rights = Mapping[str, Scope]
#: What a right can be limited to: contacts, by a scope; members, by the tier of whoever holds it; nothing.
Limit = Literal["contact", "member", ""]


@dataclass(frozen=True, slots=True)
class Right:
    """A right that exists. `requires`: nobody holds it without those, over at least as much (requirement O18)."""

    code: str
    group: str
    limited_by: Limit = ""
    requires: tuple[str, ...] = ()
    provider_only: bool = False
    #: Whoever administers a part of the organisation only does not hold it: it concerns everybody.
    whole: bool = False

    @property
    def scoped(self) -> bool:
        """Whether it can be limited to some contacts."""
        return self.limited_by == "contact"

    @property
    def tiered(self) -> bool:
        """Whether it is held over the members of a part of the organisation only, by whoever administers that part."""
        return self.limited_by == "member"


CATALOGUE: tuple[Right, ...] = (
    Right("members.read", "people"),
    Right("members.invite", "people", "member", requires=("members.read",)),
    Right("members.manage", "people", "member", requires=("members.read",)),
    Right("members.view_as", "people", "member", requires=("members.read",)),
    Right("profiles.manage", "people", requires=("members.read",), whole=True),
    Right("products.assign", "people", "member", requires=("members.read",)),
    Right("contacts.read", "clients", "contact"),
    Right("contacts.edit", "clients", "contact", requires=("contacts.read",)),
    Right("accesses.manage", "clients", "contact", requires=("contacts.read",)),
    Right("accesses.view_as", "clients", "contact", requires=("contacts.read", "documents.read", "invoices.read")),
    Right("documents.read", "documents", "contact", requires=("contacts.read",)),
    Right("documents.file", "documents", "contact", requires=("documents.read",)),
    Right("folders.configure", "documents"),
    Right("notifications.read", "documents"),
    Right("notifications.configure", "documents", requires=("notifications.read",)),
    Right("invoices.read", "billing", "contact", requires=("contacts.read",)),
    Right("invoices.edit", "billing", "contact", requires=("invoices.read",)),
    Right("invoices.close", "billing", "contact", requires=("invoices.edit",)),
    Right("organisation.manage", "organisation", whole=True),
    Right("sign_in.manage", "organisation", whole=True),
    Right("audit.view", "organisation", whole=True),
    Right("organisations.manage", "organisation", provider_only=True, whole=True),
    Right("products.manage", "organisation", provider_only=True, whole=True),
)
RIGHTS: Mapping[str, Right] = MappingProxyType({right.code: right for right in CATALOGUE})

#: What a portal access may do with the contacts that it acts for. It holds nothing else.
PORTAL_RIGHTS = frozenset({"contacts.read", "documents.read", "documents.file", "invoices.read"})

#: What lets somebody change what others may do, or how all of them enter: given after a proof that is not old.
ADMINISTRATIVE = frozenset(right.code for right in CATALOGUE if right.whole) | {"members.manage"}

ADMINISTRATOR = "administrator"


def existing(*, provider: bool, declared: Iterable[Right] = ()) -> Mapping[str, Right]:
    """The rights that exist in an organisation, by code, in the order of the grid.

    Those over customers and products are the provider's; `declared` are those of the products that
    the organisation has.
    """
    own = (right for right in CATALOGUE if provider or not right.provider_only)
    return {right.code: right for right in (*own, *declared)}


@dataclass(frozen=True, slots=True)
class StarterProfile:
    """A profile that every organisation starts with. `name` is the French one; pages localise by the key."""

    key: str
    name: str
    rights: Rights


def _rights(everything: str = "", *, mine: str = "") -> Rights:
    pairs = [(code, Scope.ALL) for code in everything.split()] + [(code, Scope.MINE) for code in mine.split()]
    return MappingProxyType(dict(pairs))


STARTER_PROFILES: tuple[StarterProfile, ...] = (
    StarterProfile(ADMINISTRATOR, "Administrateur", _rights()),
    StarterProfile(
        "manager",
        "Manager",
        _rights(
            "members.read members.invite products.assign contacts.read contacts.edit accesses.manage "
            "documents.read documents.file folders.configure notifications.read notifications.configure "
            "invoices.read invoices.edit invoices.close"
        ),
    ),
    StarterProfile(
        "adviser",
        "Conseiller",
        _rights(
            "members.read notifications.read",
            mine="contacts.read contacts.edit accesses.manage documents.read documents.file "
            "invoices.read invoices.edit invoices.close",
        ),
    ),
    StarterProfile(
        "junior",
        "Conseiller junior",
        _rights("members.read", mine="contacts.read documents.read documents.file invoices.read"),
    ),
    StarterProfile(
        "back_office",
        "Back-office",
        _rights(
            "members.read contacts.read contacts.edit documents.read documents.file notifications.read "
            "invoices.read invoices.edit"
        ),
    ),
)
