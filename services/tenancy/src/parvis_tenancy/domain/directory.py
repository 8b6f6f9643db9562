"""What a firm's directory says of its people, and which profile and structure that gives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum, auto
from typing import Any, Self
from uuid import UUID

from parvis_tenancy.domain.states import OPEN_STATES, MembershipState

Claims = Mapping[str, tuple[str, ...]]


class Hand(IntEnum):
    """Whether the directory decides over a membership, with the numbers of the contract and of the tables."""

    NONE = 0
    FOLLOWED = 1
    HELD_HERE = 2


class Outcome(IntEnum):
    """How somebody of the directory stands."""

    OPEN = 1
    NO_PROFILE = 2
    NOT_GIVEN = 3
    CUT = 4
    LEFT = 5


@dataclass(frozen=True, slots=True)
class Said:
    """What one source says of a person. `groups` is None where it does not say any."""

    version: int
    user_name: str = ""
    mail: str = ""
    given_name: str = ""
    family_name: str = ""
    locale: str = ""
    title: str = ""
    groups: tuple[str, ...] | None = None
    claims: Claims = field(default_factory=dict)
    active: bool = True
    provider_id: str = ""

    def kept(self) -> dict[str, Any]:
        """As the table keeps it."""
        named = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in named.items() if value is not None and value not in ("", {})}

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> Self:
        """What `kept` made."""
        groups = kept.get("groups")
        claims = {name: tuple(values) for name, values in kept.get("claims", {}).items()}
        return cls(**{**kept, "groups": None if groups is None else tuple(groups), "claims": claims})


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom the directory knows, through a sign-in, through SCIM or both."""

    account_id: UUID
    sign_in: Said | None = None
    scim: Said | None = None

    @property
    def latest(self) -> Said:
        """The newest of what is said: names, mail and language are taken from there."""
        said = [each for each in (self.sign_in, self.scim) if each is not None]
        return max(said, key=lambda each: each.version)

    @property
    def active(self) -> bool:
        """Whether they are there: SCIM has the last word, where it knows them."""
        believed = self.scim or self.sign_in
        return believed is not None and believed.active

    @property
    def groups(self) -> frozenset[str]:
        """SCIM's where it says any, else those of the last sign-in."""
        for each in (self.scim, self.sign_in):
            if each is not None and each.groups is not None:
                return frozenset(each.groups)
        return frozenset()

    @property
    def claims(self) -> Claims:
        """What both say; where both do, SCIM's counts."""
        found: dict[str, tuple[str, ...]] = {}
        for each in (self.sign_in, self.scim):
            found.update(each.claims if each is not None else {})
        return found

    def with_said(self, said: Said, *, by_scim: bool) -> Self:
        """The person after a source said something; what is not newer than what it said before changes nothing."""
        before = self.scim if by_scim else self.sign_in
        if before is not None and before.version >= said.version:
            return self
        sign_in, scim = (self.sign_in, said) if by_scim else (said, self.scim)
        return type(self)(self.account_id, sign_in, scim)


@dataclass(frozen=True, slots=True)
class Rule:
    """Who is in a group (`claim` empty), or has a value of a claim, gets a profile, a structure, or both."""

    claim: str
    value: str
    profile_id: UUID | None = None
    structure_id: UUID | None = None

    def fits(self, groups: frozenset[str], claims: Claims) -> bool:
        """Whether it is about somebody with these groups and claims."""
        return self.value in (claims.get(self.claim, ()) if self.claim else groups)


@dataclass(frozen=True, slots=True)
class Place:
    """What the mapping gives somebody. No profile: no access. No structure: none is said."""

    profile_id: UUID | None
    structure_id: UUID | None


def place(rules: Sequence[Rule], default_profile: UUID | None, person: Person) -> Place:
    """What rules give a person: the first that fits and names a profile gives it, the first that fits and names a
    structure gives that; who is given no profile by any gets the default.
    """
    groups, claims = person.groups, person.claims
    fitting = [rule for rule in rules if rule.fits(groups, claims)]
    profile = next((rule.profile_id for rule in fitting if rule.profile_id is not None), default_profile)
    return Place(profile, next((rule.structure_id for rule in fitting if rule.structure_id is not None), None))


class Act(Enum):
    """What becomes of a membership by what the directory says."""

    NOTHING = auto()
    #: A member who was invited is known to the directory from now on.
    KNOW = auto()
    JOIN = auto()
    #: Another profile, or another structure.
    FOLLOW = auto()
    CUT = auto()
    REOPEN = auto()


@dataclass(frozen=True, slots=True)
class Standing:
    """A membership of staff, as far as the directory is concerned."""

    id: UUID
    state: MembershipState
    hand: Hand
    cut_by_directory: bool
    profile_id: UUID
    structure_id: UUID | None


def act(person: Person, before: Outcome, given: Place, standing: Standing | None) -> tuple[Act, Outcome]:
    """What is to be done about a person, and how they stand then. `before`: how they stood last time.

    Whoever is out of the directory's hand and was opened again here after they had left is not cut a second time.
    """
    if standing is None or standing.state is MembershipState.WITHDRAWN:
        if not person.active:
            return Act.NOTHING, Outcome.LEFT
        return (Act.JOIN, Outcome.OPEN) if given.profile_id is not None else (Act.NOTHING, Outcome.NO_PROFILE)
    is_open = standing.state in OPEN_STATES
    if not person.active:
        again = before is Outcome.LEFT and standing.hand is Hand.HELD_HERE
        return (Act.CUT if is_open and not again else Act.NOTHING), Outcome.LEFT
    if not is_open and not standing.cut_by_directory:
        return Act.NOTHING, Outcome.CUT
    return _present(given, standing, is_open=is_open)


def _present(given: Place, standing: Standing, *, is_open: bool) -> tuple[Act, Outcome]:
    """The same of somebody who is in the directory, with a membership that nobody cut here."""
    if standing.hand is Hand.FOLLOWED and given.profile_id is None:
        return (Act.CUT if is_open else Act.NOTHING), Outcome.NO_PROFILE
    if not is_open:
        return Act.REOPEN, Outcome.OPEN
    if standing.hand is Hand.NONE:
        return Act.KNOW, Outcome.OPEN
    there = standing.profile_id == given.profile_id and given.structure_id in (None, standing.structure_id)
    return (Act.NOTHING if there or standing.hand is Hand.HELD_HERE else Act.FOLLOW), Outcome.OPEN
