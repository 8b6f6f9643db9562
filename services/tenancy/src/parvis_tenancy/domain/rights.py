"""Rights, profiles, and the ceiling: nobody grants what they do not hold.

A profile is a flat set of rights, each with a scope. The *Administrator* profile holds the whole catalogue, also
what later releases add to it: its rights are computed, not stored.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType
from uuid import UUID


class Scope(IntEnum):
    """How far a right reaches, in the order of reach, with the numbers of the contract and of the tables."""

    MINE = 1
    ALL = 2


@dataclass(frozen=True, slots=True)
class Right:
    """A right that exists. `scoped`: it can be limited to the contacts of which the member is an adviser."""

    code: str
    group: str
    scoped: bool = False
    provider_only: bool = False


CATALOGUE: tuple[Right, ...] = (
    Right("members.read", "people"),
    Right("members.invite", "people"),
    Right("members.manage", "people"),
    Right("members.view_as", "people"),
    Right("profiles.manage", "people"),
    Right("products.assign", "people"),
    Right("contacts.read", "clients", scoped=True),
    Right("contacts.edit", "clients", scoped=True),
    Right("accesses.manage", "clients", scoped=True),
    Right("accesses.view_as", "clients", scoped=True),
    Right("documents.read", "documents", scoped=True),
    Right("documents.file", "documents", scoped=True),
    Right("folders.configure", "documents"),
    Right("notifications.read", "documents"),
    Right("notifications.configure", "documents"),
    Right("invoices.read", "billing", scoped=True),
    Right("invoices.edit", "billing", scoped=True),
    Right("invoices.close", "billing", scoped=True),
    Right("organisation.manage", "organisation"),
    Right("organisations.manage", "organisation", provider_only=True),
    Right("products.manage", "organisation", provider_only=True),
)
RIGHTS: Mapping[str, Right] = MappingProxyType({right.code: right for right in CATALOGUE})

ADMINISTRATOR = "administrator"

Rights = Mapping[str, Scope]


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


def rights_of_organisation(*, provider: bool) -> tuple[Right, ...]:
    """The rights that exist in an organisation; those over customers and products are the provider's."""
    return tuple(right for right in CATALOGUE if provider or not right.provider_only)


def effective(built_in: str, stored: Iterable[tuple[str, int]], *, provider: bool) -> Rights:
    """The rights of a profile: the stored pairs (code, scope) that still exist; all for *Administrator*."""
    existing = {right.code for right in rights_of_organisation(provider=provider)}
    if built_in == ADMINISTRATOR:
        return dict.fromkeys(sorted(existing), Scope.ALL)
    return {code: Scope(scope) for code, scope in sorted(stored) if code in existing}


def above(wanted: Rights, held: Rights) -> tuple[str, ...]:
    """The codes of `wanted` above the ceiling `held`: rights that are not held, or held with a shorter reach."""
    return tuple(code for code, scope in wanted.items() if code not in held or held[code] < scope)


def above_when_saving(old: Rights, new: Rights, held: Rights) -> tuple[str, ...]:
    """The codes that a change of a profile touches although they lie above the ceiling of whoever changes it.

    Adding, widening, narrowing and removing all touch a right: nobody takes away either what they could not give.
    """
    touched = {
        code: max(old.get(code, Scope.MINE), new.get(code, Scope.MINE))
        for code in old.keys() | new.keys()
        if old.get(code) != new.get(code)
    }
    return tuple(sorted(above(touched, held)))


def above_when_moving(old: Rights, new: Rights, held: Rights) -> tuple[str, ...]:
    """The codes that forbid giving a member the rights `new` instead of `old`: nobody acts on who is above them."""
    return tuple(sorted({*above(old, held), *above(new, held)}))


@dataclass(frozen=True, slots=True)
class WrongRight:
    """A right that cannot stand in a profile: "unknown", "twice", "has_no_scope" or "scope_missing"."""

    code: str
    reason: str


def wrong_rights(wanted: Sequence[tuple[str, int]], *, provider: bool) -> tuple[WrongRight, ...]:
    """What is wrong with pairs (code, scope) that somebody typed, in their order."""
    existing = {right.code: right for right in rights_of_organisation(provider=provider)}
    seen: set[str] = set()
    found: list[WrongRight] = []
    for code, scope in wanted:
        if code not in existing:
            found.append(WrongRight(code, "unknown"))
        elif code in seen:
            found.append(WrongRight(code, "twice"))
        elif scope not in (Scope.MINE, Scope.ALL):
            found.append(WrongRight(code, "scope_missing"))
        elif scope == Scope.MINE and not existing[code].scoped:
            found.append(WrongRight(code, "has_no_scope"))
        seen.add(code)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class CompiledRight:
    """A right as services apply it: everything (`advisers` is None), or what carries one of the advisers."""

    code: str
    advisers: frozenset[UUID] | None


@dataclass(frozen=True, slots=True)
class Compiled:
    """What one membership may do.

    Staff hold rights and products; portal accesses hold contacts, each with its folder templates (none: all).
    """

    rights: tuple[CompiledRight, ...] = ()
    products: tuple[UUID, ...] = ()
    contacts: Mapping[UUID, tuple[UUID, ...]] = field(default_factory=dict)


def compile_staff(membership_id: UUID, rights: Rights, products: Sequence[UUID]) -> Compiled:
    """Scope *mine* resolves to the member themself: this is where wider scopes would name more advisers."""
    own = frozenset({membership_id})
    return Compiled(
        rights=tuple(CompiledRight(code, None if scope is Scope.ALL else own) for code, scope in rights.items()),
        products=tuple(products),
    )


def compile_portal(contacts: Mapping[UUID, Sequence[UUID]]) -> Compiled:
    """A portal access: no right of the catalogue, the contacts it acts for."""
    return Compiled(contacts={contact: tuple(folders) for contact, folders in contacts.items()})
