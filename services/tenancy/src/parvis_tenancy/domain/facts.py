"""What decisions rest on: the facts of one organisation, or as many of them as a question needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from uuid import UUID

from parvis_tenancy.domain.catalogue import ADMINISTRATOR, Right, Rights
from parvis_tenancy.domain.rights import of_profile, with_difference
from parvis_tenancy.domain.scopes import Hierarchy


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile and the pairs (code, scope) that are stored for it."""

    id: UUID
    name: str
    built_in: str
    rights: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Member:
    """A member as the rules see one."""

    id: UUID
    active: bool
    profile: Profile
    superior: UUID | None = None
    structure: UUID | None = None
    #: The structure to which their administration of people is limited; None: the organisation.
    tier: UUID | None = None
    #: Where their rights differ from the profile's: code → scope, or 0 for none.
    personal: Mapping[str, int] = field(default_factory=dict)
    products: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Portal:
    """A portal access: the contacts that it acts for."""

    id: UUID
    active: bool
    contacts: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Delegation:
    """`deputy` stands in for `delegator` with some rights, from `starts_at` on and before `ends_at`."""

    id: UUID
    delegator: UUID
    deputy: UUID
    codes: frozenset[str]
    starts_at: datetime
    ends_at: datetime

    def holds(self, at: datetime) -> bool:
        """Whether it counts at a moment."""
        return self.starts_at <= at < self.ends_at


@dataclass(frozen=True)
class Facts:
    """The facts of one organisation; a part of them where nothing that is left out could change the answer."""

    #: The rights that exist, by code (catalogue.existing).
    catalogue: Mapping[str, Right]
    members: Mapping[UUID, Member] = field(default_factory=dict)
    portals: Mapping[UUID, Portal] = field(default_factory=dict)
    #: Those that nobody ended.
    delegations: Sequence[Delegation] = ()
    #: Contact → its advisers.
    advisers: Mapping[UUID, frozenset[UUID]] = field(default_factory=dict)
    #: Structure → the one that it is a part of.
    structures: Mapping[UUID, UUID | None] = field(default_factory=dict)
    #: Products that the organisation has.
    subscribed: frozenset[UUID] = frozenset()
    #: Superiors of those who are not among `members`: whoever stands between an adviser and the top.
    superiors: Mapping[UUID, UUID | None] = field(default_factory=dict)

    @cached_property
    def hierarchy(self) -> Hierarchy:
        """Who is attached to whom."""
        return Hierarchy({**self.superiors, **{member.id: member.superior for member in self.members.values()}})

    @cached_property
    def lent(self) -> Mapping[UUID, Sequence[Delegation]]:
        """Deputy → what was delegated to them, whenever it counts."""
        found: dict[UUID, list[Delegation]] = {}
        for delegation in self.delegations:
            found.setdefault(delegation.deputy, []).append(delegation)
        return found

    def of_profile(self, profile: Profile) -> Rights:
        """What a profile grants."""
        return of_profile(profile.built_in, profile.rights, self.catalogue)

    def own_rights(self, member: Member) -> Rights:
        """What a member holds through their profile and their personal difference: the ceiling of what they can grant,
        and what they can delegate. Nobody's difference takes anything from *Administrator*.
        """
        known = self._own.get(member.id)
        if known is None or known[0] is not member:
            known = self._own[member.id] = (member, self._rights_of(member))
        return known[1]

    @cached_property
    def _own(self) -> dict[UUID, tuple[Member, Rights]]:
        """What was found out about members, once for all their rights."""
        return {}

    def _rights_of(self, member: Member) -> Rights:
        held = self.of_profile(member.profile)
        if member.personal and member.profile.built_in != ADMINISTRATOR:
            held = with_difference(held, member.personal, self.catalogue)
        if member.tier is None:
            return held
        return {code: scope for code, scope in held.items() if not self.catalogue[code].whole}

    def is_within(self, structure: UUID | None, tier: UUID) -> bool:
        """Whether a structure is, or is a part of, another."""
        while structure is not None and structure != tier:
            structure = self.structures.get(structure)
        return structure == tier

    def structures_within(self, tier: UUID) -> frozenset[UUID]:
        """A structure with all its parts."""
        return frozenset((tier, *(each for each in self.structures if self.is_within(each, tier))))
