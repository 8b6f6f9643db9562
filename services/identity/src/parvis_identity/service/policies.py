"""Which policy a password is held against: the provider's for personal accounts, the firm's for its managed ones, never
weaker than the installation's floor.

A policy that begins to refuse more asks at the next sign-in for a new password, once the old one has proven right: what
was chosen before is known only then. Whoever signs in is not locked out, and nothing is told to anybody else.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from parvis_identity.domain.passwords import PasswordPolicy
from parvis_identity.models import Account, FirmPasswordPolicy
from parvis_identity.store import policies as store
from parvis_kit.errors import Violation, invalid
from parvis_kit.unit import UnitOfWork

_FIELDS = ("minimum", "digit", "capital", "small", "special_characters")


@dataclass(frozen=True, slots=True)
class Demanded:
    """What is demanded, since when more than before (None: never less), and whether the firm said so itself."""

    policy: PasswordPolicy
    tightened_at: datetime | None = None
    own: bool = False


async def of_account(unit: UnitOfWork, account: Account, floor: PasswordPolicy) -> Demanded:
    """What an account's password must be."""
    return await of_organisation(unit, account.organisation_id, floor)


async def of_organisation(unit: UnitOfWork, organisation_id: UUID | None, floor: PasswordPolicy) -> Demanded:
    """What the passwords of a firm's accounts must be; without one, those of personal accounts."""
    rows = await store.found(unit, organisation_id)
    own = next((each for each in rows if each.organisation_id == organisation_id), None)
    tightened = max((each.tightened_at for each in rows if each.tightened_at is not None), default=None)
    return Demanded(floor if own is None else _policy(own).with_floor(floor), tightened, own is not None)


async def save(unit: UnitOfWork, wanted: PasswordPolicy, floor: PasswordPolicy) -> Demanded:
    """The organisation at hand demands this from now on. Raises INVALID policy_invalid."""
    violations = [
        Violation(field, reason, {"minimum": str(floor.minimum), "signs": " ".join(floor.special_characters)})
        for field, reason in wanted.wrong(floor)
    ]
    if violations:
        raise invalid("policy_invalid", violations)
    organisation_id = unit.organisation_id
    await _put(unit, organisation_id, wanted, floor)
    details = {name: str(getattr(wanted, name)) for name in _FIELDS}
    unit.record("password_policy.saved", target_kind="organisation", target_id=organisation_id, **details)
    return await of_organisation(unit, organisation_id, floor)


async def remember_floor(unit: UnitOfWork, floor: PasswordPolicy) -> None:
    """Notes the floor of the settings, and when it began to refuse more; at every start."""
    rows = await store.found(unit, None)
    if not rows or _policy(rows[0]) != floor:
        await _put(unit, store.NOBODY, floor)


async def _put(
    unit: UnitOfWork, organisation_id: UUID, wanted: PasswordPolicy, floor: PasswordPolicy | None = None
) -> None:
    """Of several at once, the first adds the row and the others change it: replicas start together. `floor`: what a
    firm's own policy was never below.
    """
    values = {name: getattr(wanted, name) for name in _FIELDS}
    fresh = FirmPasswordPolicy(organisation_id=organisation_id, changed_at=unit.now, **values)
    added = await store.insert_unless_there(unit, fresh)
    row = await store.lock(unit, organisation_id)
    if row is None:
        return
    before = floor if added else _policy(row)
    if before is not None and wanted.refuses_more_than(before if floor is None else before.with_floor(floor)):
        row.tightened_at = unit.now
    row.sqlmodel_update({**values, "changed_at": unit.now})
    await unit.flush()


def _policy(row: FirmPasswordPolicy | store.PolicyRow) -> PasswordPolicy:
    return PasswordPolicy(**{name: getattr(row, name) for name in _FIELDS})
