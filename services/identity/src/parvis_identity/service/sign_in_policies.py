"""What an organisation demands of its staff at its door: set by its administrators, held against each session that
enters (`door`). Whoever sets it up must be able to enter themself.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from parvis.identity.v1 import events_pb2
from parvis_identity.domain.door import Standing, Step
from parvis_identity.models import FactorMode, Session, SignInPolicy, SsoMode
from parvis_identity.service import door
from parvis_identity.service.organisations import Organisations, Staff, StaffAccount
from parvis_identity.store import sign_in_policies as store
from parvis_identity.store.sign_in_policies import Readiness
from parvis_kit.errors import Violation, conflict, forbidden, invalid, precondition, unauthenticated
from parvis_kit.unit import UnitOfWork

RIGHT = "sign_in.manage"
#: Names told of people who are not ready, and of those who may be break-glass accounts; break-glass accounts at most.
MOST_NAMES, MOST_CANDIDATES, MOST_BREAK_GLASS = 20, 100, 10
#: Colleagues whom no directory knows, as a page lists them.
MOST_UNKNOWN = 50
_NOTHING = Readiness(has_factor=False, known=False, stands_alone=False)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A policy as it is asked for; `version` is that of the one that was read, 0: none."""

    sso: SsoMode = SsoMode.OFF
    factors: FactorMode = FactorMode.OFF
    required_from: datetime | None = None
    required_profiles: tuple[UUID, ...] = ()
    break_glass: tuple[UUID, ...] = ()
    version: int = 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who may enter without the provider."""

    account_id: UUID
    name: str
    mail: str
    has_factor: bool
    staff: bool


@dataclass(frozen=True, slots=True)
class Told:
    """A policy, whom it concerns, and how many of them hold what it asks for."""

    policy: SignInPolicy
    staff: int
    affected: int
    without_sso: int
    live_providers: int
    #: Names of those without a factor of whom one is required, all of them.
    without_factor: Sequence[str]
    candidates: Sequence[Candidate]
    staff_by_profile: Counter[UUID] = field(default_factory=Counter)
    without_factor_by_profile: Counter[UUID] = field(default_factory=Counter)
    #: Whom no directory knows, where one decides who works here.
    unknown: Sequence[StaffAccount] = ()


class SignInPolicies:
    """See SignInPolicyService."""

    def __init__(self, organisations: Organisations) -> None:
        self._organisations = organisations

    async def get(self, unit: UnitOfWork) -> Told:
        """The policy of the caller's organisation. Raises FORBIDDEN right_missing."""
        await self._allowed()
        staff = await self._organisations.staff(unit.organisation_id)
        return await self._told(unit, staff)

    async def save(self, unit: UnitOfWork, wanted: Wanted) -> Told:
        """Sets it. Raises as SignInPolicyService.SaveSignInPolicy."""
        await self._allowed()
        staff = await self._organisations.staff(unit.organisation_id)
        await self._check(unit, wanted, staff)
        policy = await _locked(unit)
        if policy.version != wanted.version:
            raise conflict("stale_version", version=str(policy.version))
        required = wanted.factors is FactorMode.REQUIRED
        policy.sqlmodel_update(
            {
                "sso": wanted.sso,
                "factors": wanted.factors,
                "required_from": wanted.required_from if required else None,
                "required_profiles": list(wanted.required_profiles) if required else [],
                "break_glass": list(wanted.break_glass),
                "version": policy.version + 1,
                "changed_at": unit.now,
            }
        )
        await unit.flush()
        await self._enters_still(unit)
        _tell(unit, policy)
        return await self._told(unit, staff)

    async def _allowed(self) -> None:
        if not await self._organisations.allows(RIGHT):
            raise forbidden("right_missing", right=RIGHT)

    async def _check(self, unit: UnitOfWork, wanted: Wanted, staff: Staff) -> None:
        wrong = []
        if set(wanted.required_profiles) - staff.profiles:
            wrong.append(Violation("required_profiles", "unknown"))
        if len(wanted.break_glass) > MOST_BREAK_GLASS:
            wrong.append(Violation("break_glass", "too_many", {"limit": str(MOST_BREAK_GLASS)}))
        there = {each.account_id for each in staff.accounts}
        ready = await store.readiness(unit, unit.organisation_id, wanted.break_glass)
        if set(wanted.break_glass) - there:
            wrong.append(Violation("break_glass", "break_glass_not_staff"))
        elif not all(ready[each].stands_alone for each in wanted.break_glass if each in ready):
            wrong.append(Violation("break_glass", "break_glass_without_factor"))
        if wanted.sso is SsoMode.ENFORCED:
            if not await store.live_providers(unit, unit.organisation_id):
                wrong.append(Violation("sso", "no_live_provider"))
            if not wanted.break_glass:
                wrong.append(Violation("break_glass", "break_glass_missing"))
        if wrong:
            raise invalid("policy_invalid", wrong)

    async def _enters_still(self, unit: UnitOfWork) -> None:
        """Whoever saves stands at the new door themself. A factor that they have is asked for, and is no hindrance."""
        caller = unit.caller
        if caller.account_id is None or caller.session_id is None:
            raise unauthenticated()
        session = await unit.get(Session, caller.session_id)
        if session is None:
            raise unauthenticated("session_ended")
        membership = await self._organisations.membership(session.account_id, unit.organisation_id)
        standing = Standing(session.id, session.acr, session.proof_at)
        step = await door.step(unit, session.account_id, standing, unit.organisation_id, membership)
        if step in {Step.SSO, Step.ENROL}:
            raise precondition("would_lock_out", step=step.value)

    async def _told(self, unit: UnitOfWork, staff: Staff) -> Told:
        organisation_id = unit.organisation_id
        policy = await store.load(unit, organisation_id)
        if policy is None:  # what counts without one: providers in use are offered
            sso = SsoMode.OFFERED if await store.live_providers(unit, organisation_id) else SsoMode.OFF
            policy = SignInPolicy(organisation_id=organisation_id, sso=sso, version=0, changed_at=unit.now)
        profiles = set(policy.required_profiles)
        there = {each.account_id: each for each in staff.accounts}
        ready = await store.readiness(unit, organisation_id, {*there, *policy.break_glass})
        lacking = [each for each in staff.accounts if not ready.get(each.account_id, _NOTHING).has_factor]
        return Told(
            policy=policy,
            staff=len(staff.accounts),
            affected=sum(_concerns(profiles, each) for each in staff.accounts),
            without_sso=sum(not ready.get(each.account_id, _NOTHING).known for each in staff.accounts),
            live_providers=await store.live_providers(unit, organisation_id),
            without_factor=[each.name for each in lacking if _concerns(profiles, each)],
            candidates=_candidates(policy, staff, ready),
            staff_by_profile=Counter(each.profile_id for each in staff.accounts),
            without_factor_by_profile=Counter(each.profile_id for each in lacking),
            unknown=await _unknown(unit, policy, staff),
        )


async def offer(unit: UnitOfWork) -> None:
    """A provider of the organisation went live: who had switched its providers off sees its button."""
    policy = await store.load(unit, unit.organisation_id, lock=True)
    if policy is not None and policy.sso == SsoMode.OFF:
        policy.sso, policy.version, policy.changed_at = SsoMode.OFFERED, policy.version + 1, unit.now
        _tell(unit, policy)


async def _unknown(unit: UnitOfWork, policy: SignInPolicy, staff: Staff) -> list[StaffAccount]:
    """The staff whom nothing cuts when they leave the directory, though one decides who works here."""
    if policy.sso != SsoMode.ENFORCED and not await store.synchronises(unit, unit.organisation_id):
        return []
    known = await store.of_directory(unit, unit.organisation_id, [each.account_id for each in staff.accounts])
    return [each for each in staff.accounts if each.account_id not in {*known, *policy.break_glass}]


async def _locked(unit: UnitOfWork) -> SignInPolicy:
    """The policy to be changed; of several who save the first one at once, one adds it and the others wait."""
    none = SignInPolicy(organisation_id=unit.organisation_id, version=0, changed_at=unit.now)
    await store.insert_unless_there(unit, none)
    return await store.load(unit, unit.organisation_id, lock=True) or none


def _tell(unit: UnitOfWork, policy: SignInPolicy) -> None:
    """A policy is another one from now on."""
    unit.emit(
        events_pb2.SignInPolicyChanged(organisation_id=str(unit.organisation_id)), aggregate_id=unit.organisation_id
    )
    unit.record(
        "sign_in_policy.saved",
        target_kind="organisation",
        target_id=unit.organisation_id,
        sso=policy.sso,
        factors=policy.factors,
        required_from=policy.required_from.isoformat() if policy.required_from else "",
        required_profiles=" ".join(map(str, policy.required_profiles)),
        break_glass=" ".join(map(str, policy.break_glass)),
    )


def _concerns(profiles: set[UUID], account: StaffAccount) -> bool:
    return not profiles or account.profile_id in profiles


def _candidates(policy: SignInPolicy, staff: Staff, ready: dict[UUID, Readiness]) -> list[Candidate]:
    """Those of the policy first that are no candidates any more: they must be seen to be taken off."""
    there = {each.account_id: each for each in staff.accounts}
    found = [
        Candidate(each, "", "", ready.get(each, _NOTHING).stands_alone, staff=False)
        for each in policy.break_glass
        if each not in there
    ]
    for each in staff.accounts:
        held = ready.get(each.account_id, _NOTHING)
        if held.stands_alone or each.account_id in policy.break_glass:
            found.append(Candidate(each.account_id, each.name, each.mail, held.stands_alone, staff=True))
    return found[:MOST_CANDIDATES]
