"""People of the firm's directory become members, move, leave and return, as it says and the mapping gives.

The mapping gives nobody more than whoever saved it last could give at this moment. What it takes away is taken whatever
they hold now: they could, when they saved it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from asyncpg import Record
from sqlalchemy import select

from parvis.identity.v1 import identity_pb2
from parvis_kit.errors import ServiceError
from parvis_kit.ids import parse, uuid7
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain import ceiling, directory
from parvis_tenancy.domain import rights as rules
from parvis_tenancy.domain.catalogue import ADMINISTRATOR, Right, Rights
from parvis_tenancy.domain.directory import Act, Hand, Outcome, Place, Said, Standing
from parvis_tenancy.domain.facts import Facts, Profile
from parvis_tenancy.domain.records import LOCALES
from parvis_tenancy.domain.scopes import Scope
from parvis_tenancy.domain.states import OPEN_STATES, MembershipKind, MembershipState, RequestState
from parvis_tenancy.models import Membership
from parvis_tenancy.service import authority, differences, invitations, members, seats
from parvis_tenancy.service.fields import NAME, PERSON_NAME
from parvis_tenancy.store import delegations, personal, requests, rights
from parvis_tenancy.store import directory as store
from parvis_tenancy.store.directory import Known, Mapped

_ACT = "directory.settled"


@dataclass(frozen=True, slots=True)
class Settled:
    """How somebody of the directory stands."""

    outcome: Outcome
    reason: str = ""
    membership_id: UUID | None = None
    profile_name: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """What is to be done about one person. `renamed`: what the membership repeats of them is not what is said; `row`:
    their membership, of any kind, as it was.
    """

    known: Known
    standing: Standing | None
    given: Place
    act: Act
    outcome: Outcome
    reason: str = ""
    renamed: bool = False
    row: Record | None = None

    @property
    def changes(self) -> bool:
        """Whether a membership changes."""
        return self.renamed or self.act is not Act.NOTHING

    def kept(self, reason: str) -> "Step":
        """The step, not done: who has an access keeps it as it was."""
        return replace(self, act=Act.NOTHING, outcome=Outcome.NOT_GIVEN, reason=reason)


def said(person: identity_pb2.DirectoryPerson) -> tuple[UUID, Said, bool]:
    """A person of the directory as the contract says one: the account, what is said, and whether SCIM says it."""
    told = Said(
        version=person.version,
        user_name=_line(person.user_name),
        mail=_line(person.mail),
        given_name=_line(person.given_name, PERSON_NAME),
        family_name=_line(person.family_name, PERSON_NAME),
        locale=person.locale if person.locale in LOCALES else "",
        title=_line(person.title),
        groups=_lines(person.groups) if person.groups_said else None,
        claims={_line(name): _lines(each.values) for name, each in person.claims.items() if each.values},
        active=person.active,
        provider_id=person.provider_id,
    )
    scim = person.source == identity_pb2.DIRECTORY_SOURCE_SCIM
    return parse(person.account_id, "person.account_id"), told, scim


def _line(text: str, longest: int = NAME) -> str:
    """One line of what somebody else wrote, as far as it can be kept and shown."""
    return "".join(each if each.isprintable() else " " for each in text)[: 4 * longest].strip()[:longest]


def _lines(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, map(_line, texts))))


async def receive(unit: UnitOfWork, said: Sequence[tuple[UUID, Said, bool]]) -> list[Step]:
    """Keeps what sources (True: SCIM) said of people of the organisation of the transaction, and settles them."""
    return await settle(unit, await store.remember(unit, said))


async def settle(unit: UnitOfWork, account_ids: Collection[UUID]) -> list[Step]:
    """Brings memberships in line with what the directory says of these people. What is so already changes nothing."""
    mapped = await store.mapping(unit)
    steps = await planned(unit, mapped, account_ids)
    if any(step.changes for step in steps):
        await rights.hold_revision(unit)  # from here on nobody else changes what is looked at
        mapped = await store.mapping(unit)
        steps = await planned(unit, mapped, account_ids)
        steps = await _done(unit, await Giver.of(unit, mapped), steps)
    otherwise = [each for each in steps if (each.outcome, each.reason) != (each.known.outcome, each.known.reason)]
    await store.stand(unit, ((each.known.person.account_id, each.outcome, each.reason) for each in otherwise))
    for each in otherwise:
        if each.reason or each.outcome is Outcome.NO_PROFILE:
            details = {"outcome": each.outcome.name.lower(), "reason": each.reason}
            unit.record("directory.not_given", target_kind="account", target_id=each.known.person.account_id, **details)
    return steps


async def settled(unit: UnitOfWork, told: tuple[UUID, Said, bool]) -> Settled:
    """The same of one person, and how they stand."""
    (step,) = await receive(unit, [told])
    row = (await store.rows_of(unit, [told[0]])).get(told[0]) if step.changes else step.row
    if row is None or row["kind"] != MembershipKind.STAFF or row["state"] not in OPEN_STATES:
        return Settled(step.outcome, step.reason)
    return Settled(step.outcome, step.reason, row["id"], row["profile_name"])


async def planned(unit: UnitOfWork, mapped: Mapped, account_ids: Collection[UUID]) -> list[Step]:
    """What the mapping would have done, before anybody asks whether it may be given."""
    accounts = list(account_ids)
    rows = await store.rows_of(unit, accounts)
    found = []
    for known in await store.people(unit, accounts):
        row = rows.get(known.person.account_id)
        given = directory.place(mapped.rules, mapped.default_profile_id, known.person)
        if row is not None and row["kind"] != MembershipKind.STAFF:
            outcome = Outcome.NOT_GIVEN if known.person.active else Outcome.LEFT
            reason = "portal_access" if known.person.active else ""
            found.append(Step(known, None, given, Act.NOTHING, outcome, reason, row=row))
            continue
        standing = store.standing(row)
        act, outcome = directory.act(known.person, known.outcome, given, standing)
        step = Step(known, standing, given, act, outcome, row=row)
        if outcome is Outcome.OPEN and row is not None and row["directory"] == Hand.FOLLOWED:
            step = replace(step, renamed=any(row[name] != told for name, told in _names(known.person.latest).items()))
        found.append(step)
    return found


@dataclass
class Giver:
    """Whoever set up the mapping, by what they hold at this moment."""

    unit: UnitOfWork
    mapped: Mapped
    held: Rights
    existing: Mapping[str, Right]
    profiles: Mapping[UUID, tuple[Profile, bool]]
    _facts: Facts | None = None

    @classmethod
    async def of(cls, unit: UnitOfWork, mapped: Mapped) -> "Giver":
        """The owner of a mapping: what they hold as the tables say."""
        found = None
        if mapped.owner_id is not None and mapped.owner_open:
            found = await rights.holder(unit, mapped.owner_id)
        held = {} if found is None else found.rights
        return cls(unit, mapped, held, await rights.existing(unit), await store.profiles(unit))

    def above(self, profile_id: UUID | None) -> tuple[str, ...]:
        """The rights of a profile that they could not give."""
        if profile_id is None or profile_id not in self.profiles:
            return ()
        profile, _ = self.profiles[profile_id]
        return rules.above(rules.of_profile(profile.built_in, profile.rights, self.existing), self.held)

    async def refuses(self, step: Step) -> str:
        """Why a step gives somebody what is not given; empty: it may be done."""
        if step.act not in (Act.JOIN, Act.FOLLOW, Act.REOPEN):
            return ""
        standing, profile_id = step.standing, profile_after(step)
        moved = standing is None or standing.profile_id != profile_id
        if moved and self.profiles[profile_id][1]:
            return "profile_inactive"
        if step.act is Act.JOIN:
            return await self._refuses_new(step, profile_id)
        if self._everything or not await self._beyond(step, profile_id):
            return ""
        return self._refusal

    async def _refuses_new(self, step: Step, profile_id: UUID) -> str:
        """Whoever is new has no contacts and nobody below them: nobody gains more than the profile says."""
        if not self.mapped.owner_open or self.above(profile_id):
            return self._refusal
        tier = self.mapped.owner_tier
        if tier is not None and (step.given.structure_id or tier) not in await authority.parts(self.unit, tier):
            return self._refusal
        return ""

    async def _beyond(self, step: Step, profile_id: UUID) -> bool:
        """Whether the step gives anybody more than the owner could; what is lawful is taken as done from then on."""
        if step.standing is None:
            return True
        if self._facts is None:
            self._facts = await authority.everybody(self.unit)
        before = self._facts
        member = before.members.get(step.standing.id)
        if member is None:
            return True
        profile = self.profiles[profile_id][0] if profile_id in self.profiles else member.profile
        place = step.given.structure_id if _follows(step) and step.given.structure_id else member.structure
        moved = replace(member, active=True, profile=profile, structure=place)
        after = replace(before, members={**before.members, member.id: moved})
        if ceiling.beyond(before, after, self.mapped.owner_id, self.unit.now):
            return True
        self._facts = after
        return False

    @property
    def _everything(self) -> bool:
        whole = self.mapped.owner_tier is None
        return whole and all(self.held.get(code) is Scope.ALL for code in self.existing)

    @property
    def _refusal(self) -> str:
        return "above_ceiling" if self.mapped.owner_open else "owner_left"


def _follows(step: Step) -> bool:
    return step.standing is None or step.standing.hand is not Hand.HELD_HERE


def profile_after(step: Step) -> UUID:
    """The profile that somebody who is in has after the step: the mapping's, or their own where it is set here."""
    standing, given = step.standing, step.given.profile_id
    if standing is not None and (given is None or not _follows(step)):
        return standing.profile_id
    if given is None:
        raise ValueError("Nobody joins without a profile.")
    return given


async def _done(unit: UnitOfWork, giver: Giver, steps: Sequence[Step]) -> list[Step]:
    """The steps as they were done: some are refused."""
    revision, changed, found = 0, list[Membership](), list[Step]()
    loaded = await _memberships(unit, steps)
    for step in steps:
        if step.act is not Act.NOTHING and (reason := await giver.refuses(step)):
            step = step.kept(reason)  # noqa: PLW2901 - what was planned is not done
        if step.act not in (Act.NOTHING, Act.KNOW) and not revision:
            revision = await rights.next_revision(unit, _ACT)
        membership = loaded.get(step.known.person.account_id)
        try:
            membership = await _do(unit, giver, step, membership)
        except ServiceError as error:
            if error.reason != "last_administrator":
                raise
            step, membership = step.kept(error.reason), None  # noqa: PLW2901 - idem
        if membership is not None and step.act not in (Act.NOTHING, Act.KNOW):
            changed.append(membership)
        found.append(step)
    await unit.flush()
    for account_id in await store.asking(unit, [each.account_id for each in changed]):
        await requests.settle(unit, account_id, RequestState.ACCEPTED)
    if changed:
        ids = [each.id for each in changed]
        authority.grants_changed(unit, revision, *ids, *await delegations.deputies(unit, *ids))
    return found


async def _memberships(unit: UnitOfWork, steps: Sequence[Step]) -> dict[UUID, Membership]:
    wanted = [step.known.person.account_id for step in steps if step.changes and step.standing is not None]
    if not wanted:
        return {}
    statement = select(Membership).where(
        Membership.organisation_id == unit.organisation_id,  # type: ignore[arg-type] # a column
        Membership.account_id.in_(wanted),  # type: ignore[attr-defined] # idem
    )
    found = await unit.scalars(statement.order_by(Membership.id).with_for_update())  # type: ignore[arg-type] # idem
    return {each.account_id: each for each in found}


async def _do(unit: UnitOfWork, giver: Giver, step: Step, membership: Membership | None) -> Membership | None:
    """Does one step; returns the membership when it changed. Raises PRECONDITION last_administrator."""
    if not step.changes:
        return None
    if step.act is Act.JOIN or membership is None:
        return await _join(unit, giver, step, membership)
    if step.act is Act.KNOW:
        membership.directory = int(Hand.HELD_HERE)
        unit.record("directory.known", target_kind="membership", target_id=membership.id)
        return membership
    if step.act is Act.CUT:
        await _cut(unit, membership)
    elif step.act in (Act.FOLLOW, Act.REOPEN):
        await _follow(unit, giver, step, membership)
    if step.outcome is Outcome.OPEN and membership.directory == Hand.FOLLOWED:
        _repeat(membership, step.known.person.latest)
    membership.version += 1
    authority.membership_changed(unit, membership)
    return membership


async def _join(unit: UnitOfWork, giver: Giver, step: Step, membership: Membership | None) -> Membership:
    """Somebody is a member from now on. They are asked for nothing: they have signed in, or will."""
    person, mapped = step.known.person, giver.mapped
    profile, _ = giver.profiles[profile_after(step)]
    if membership is None:
        membership = Membership(
            organisation_id=unit.organisation_id,
            id=uuid7(),
            account_id=person.account_id,
            kind=int(MembershipKind.STAFF),
            state=int(MembershipState.ACTIVE),
            given_name="",
            family_name="",
            mail="",
            invited_at=unit.now,
            version=0,
            created_at=unit.now,
        )
        unit.add(membership)
    else:
        await personal.replace(unit, membership.id, {})
    membership.state = int(MembershipState.ACTIVE)
    membership.directory, membership.cut_by_directory = int(Hand.FOLLOWED), False
    membership.function = ""
    membership.structure_id = step.given.structure_id or mapped.owner_tier
    membership.tier_id, membership.access_quota = mapped.owner_tier, mapped.owner_quota
    membership.manager_id = None
    _give(membership, profile)
    _repeat(membership, person.latest)
    membership.activated_at = unit.now
    membership.version += 1
    authority.membership_changed(unit, membership)
    unit.record("directory.joined", target_kind="membership", target_id=membership.id, profile=profile.name)
    return membership


async def _cut(unit: UnitOfWork, membership: Membership) -> None:
    await authority.keep_an_administrator(unit, membership)
    if membership.state == MembershipState.INVITED:
        membership.state = int(MembershipState.WITHDRAWN)
        await seats.give_up(unit, membership)
    else:
        members.end_access(unit, membership)
        membership.state = int(MembershipState.CUT)
        membership.cut_by_directory = True
    membership.directory = membership.directory or int(Hand.HELD_HERE)
    unit.record("directory.cut", target_kind="membership", target_id=membership.id)


async def _follow(unit: UnitOfWork, giver: Giver, step: Step, membership: Membership) -> None:
    """Another profile or structure, for somebody who is there or comes back."""
    profile_id = profile_after(step)
    if profile_id != membership.profile_id:
        profile, _ = giver.profiles[profile_id]
        if profile.built_in != ADMINISTRATOR:
            await authority.keep_an_administrator(unit, membership)
        _give(membership, profile)
        await differences.follow(unit, membership)
    if _follows(step) and step.given.structure_id is not None:
        membership.structure_id = step.given.structure_id
    if step.act is Act.REOPEN:
        await seats.take_again(unit, membership)
        membership.state, membership.cut_by_directory = int(MembershipState.ACTIVE), False
        unit.record(
            "directory.reopened", target_kind="membership", target_id=membership.id, profile=membership.profile_name
        )
    else:
        unit.record(
            "directory.followed", target_kind="membership", target_id=membership.id, profile=membership.profile_name
        )


def _give(membership: Membership, profile: Profile) -> None:
    membership.profile_id, membership.profile_name = profile.id, profile.name
    membership.profile_built_in = profile.built_in


def _names(said: Said) -> dict[str, str]:
    """What a membership repeats of what is said; what is not said stays."""
    told = {
        "given_name": said.given_name,
        "family_name": said.family_name,
        "mail": said.mail,
        "locale": said.locale,
        "function": said.title,
    }
    return {name: value for name, value in told.items() if value}


def _repeat(membership: Membership, said: Said) -> None:
    for name, value in _names(said).items():
        setattr(membership, name, value)
    if not (membership.given_name or membership.family_name):
        membership.family_name = said.user_name
    invitations.refresh_keys(membership)
