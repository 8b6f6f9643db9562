"""Second factors, recovery codes, trusted browsers, and sign-ins that wait for a factor."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlmodel import col

from parvis_identity.domain.sessions import TWO_FACTORS_ACR
from parvis_identity.models import Account, AccountState, Factor, FactorKind, PendingSignIn, RecoveryCode, TrustedDevice
from parvis_kit.unit import UnitOfWork


async def of_account(unit: UnitOfWork, account_id: UUID, *, lock: bool = False) -> Sequence[Factor]:
    """The factors of an account that count, oldest first; locked when one is about to be used."""
    query = select(Factor).where(col(Factor.account_id) == account_id, col(Factor.confirmed_at).is_not(None))
    query = query.order_by(col(Factor.created_at), col(Factor.id))
    return await unit.scalars(query.with_for_update() if lock else query)


async def has_any(unit: UnitOfWork, account_id: UUID) -> bool:
    """Whether an account has a factor that counts."""
    return bool(await unit.fetch(_HAS_ANY, account_id))


_HAS_ANY = "SELECT 1 FROM factors WHERE account_id = $1 AND confirmed_at IS NOT NULL LIMIT 1"


async def may_begin(unit: UnitOfWork, account_id: UUID, session_id: UUID, since: datetime) -> bool:
    """Whether an account of a firm's directory may have its first factor: its firm's provider vouched for it in this
    session not before `since`, and said of no sign-in that it was. Some never say when somebody signed in: such a word
    is all that there is of them.
    """
    return bool(await unit.fetch(_MAY_BEGIN, account_id, session_id, since))


_MAY_BEGIN = """
SELECT 1 FROM accounts a
  JOIN sessions e ON e.id = $2 AND e.account_id = a.id AND e.auth_time > $3
  JOIN session_proofs s ON s.session_id = e.id AND s.organisation_id = a.organisation_id AND s.at > $3
  JOIN sso_providers p ON p.id = s.provider_id AND p.state = 'live'
 WHERE a.id = $1 AND a.directory
   AND NOT EXISTS (SELECT 1 FROM factors f WHERE f.account_id = a.id AND f.confirmed_at IS NOT NULL)
"""


async def find_passkey(unit: UnitOfWork, credential_id: bytes) -> tuple[Factor, Account] | None:
    """The passkey with an id, and the account in use that it is of."""
    query = (
        select(Factor, Account)
        .join(Account, col(Account.id) == col(Factor.account_id))
        .where(
            col(Factor.credential_id) == credential_id,
            col(Factor.kind) == FactorKind.PASSKEY,
            col(Factor.confirmed_at).is_not(None),
            col(Account.state) == AccountState.ACTIVE,
        )
    )
    found = (await unit.session.execute(query.with_for_update())).first()
    return None if found is None else (found[0], found[1])


async def is_known(unit: UnitOfWork, credential_id: bytes) -> bool:
    """Whether a passkey with this id is registered, whoever's it is."""
    return bool(await unit.fetch("SELECT 1 FROM factors WHERE credential_id = $1", credential_id))


async def sealed_otherwise(unit: UnitOfWork, mark: bytes, *, most: int) -> Sequence[Factor]:
    """Factors whose seed is sealed under another key than the one with this mark, locked; at most so many."""
    query = select(Factor).where(
        col(Factor.kind) == FactorKind.TOTP, func.substr(col(Factor.sealed), 2, len(mark)) != mark
    )
    return await unit.scalars(query.order_by(col(Factor.id)).limit(most).with_for_update())


async def remove(unit: UnitOfWork, account_id: UUID, factor_id: UUID | None = None) -> int:
    """Removes one factor of an account, or all of them; how many there were."""
    statement = delete(Factor).where(col(Factor.account_id) == account_id)
    if factor_id is not None:
        statement = statement.where(col(Factor.id) == factor_id)
    removed = await unit.execute(statement.returning(col(Factor.id)).execution_options(synchronize_session=False))
    return len(removed.all())


# Recovery codes


async def put_codes(unit: UnitOfWork, account_id: UUID, digests: Iterable[bytes]) -> None:
    """New codes in place of what was there."""
    await drop_codes(unit, account_id)
    for digest in digests:
        unit.add(RecoveryCode(account_id=account_id, digest=digest, created_at=unit.now))
    await unit.flush()


async def drop_codes(unit: UnitOfWork, account_id: UUID) -> None:
    """No code opens the account any more."""
    await unit.execute(delete(RecoveryCode).where(col(RecoveryCode.account_id) == account_id))


async def use_code(unit: UnitOfWork, account_id: UUID, digest: bytes) -> bool:
    """Uses a code up; of several at once, one does. False when there is none, or it was used."""
    return bool(await unit.fetch(_USE_CODE, account_id, digest, unit.now))


_USE_CODE = """
UPDATE recovery_codes SET used_at = $3 WHERE account_id = $1 AND digest = $2 AND used_at IS NULL RETURNING 1
"""


async def codes_left(unit: UnitOfWork, account_id: UUID) -> tuple[int, datetime | None]:
    """How many codes are left, and when they were made (None: none ever)."""
    rows = await unit.fetch(_CODES_LEFT, account_id)
    return rows[0]["open"], rows[0]["made"]


_CODES_LEFT = """
SELECT count(*) FILTER (WHERE used_at IS NULL) AS open, max(created_at) AS made
  FROM recovery_codes WHERE account_id = $1
"""


# Trusted browsers


async def is_trusted(unit: UnitOfWork, account_id: UUID, digest: bytes) -> bool:
    """Whether no factor is asked of an account in the browser that holds a secret."""
    return bool(await unit.fetch(_IS_TRUSTED, account_id, digest, unit.now))


_IS_TRUSTED = """
SELECT 1 FROM trusted_devices WHERE digest = $2 AND account_id = $1 AND ended_at IS NULL AND expires_at > $3
"""


async def was_trusted(unit: UnitOfWork, digest: bytes) -> bool:
    """Whether there is a row of this secret, over or not."""
    return bool(await unit.fetch("SELECT 1 FROM trusted_devices WHERE digest = $1", digest))


async def trusted(unit: UnitOfWork, account_id: UUID) -> Sequence[TrustedDevice]:
    """Browsers that an account trusts, newest first."""
    query = select(TrustedDevice).where(
        col(TrustedDevice.account_id) == account_id,
        col(TrustedDevice.ended_at).is_(None),
        col(TrustedDevice.expires_at) > unit.now,
    )
    return await unit.scalars(query.order_by(col(TrustedDevice.created_at).desc()).limit(100))


async def end_trust(unit: UnitOfWork, account_id: UUID, device_id: UUID | None = None) -> int:
    """Ends the trust in one browser of an account, or in all; how many they were."""
    statement = update(TrustedDevice).where(
        col(TrustedDevice.account_id) == account_id, col(TrustedDevice.ended_at).is_(None)
    )
    if device_id is not None:
        statement = statement.where(col(TrustedDevice.id) == device_id)
    ended = await unit.execute(
        statement.values(ended_at=unit.now)
        .returning(col(TrustedDevice.id))
        .execution_options(synchronize_session=False)
    )
    return len(ended.all())


# Sign-ins that wait for a factor


async def find_pending(unit: UnitOfWork, digest: bytes, *, lock: bool = False) -> tuple[PendingSignIn, Account] | None:
    """A sign-in that waits for its factor, and the account in use."""
    query = (
        select(PendingSignIn, Account)
        .join(Account, col(Account.id) == col(PendingSignIn.account_id))
        .where(
            col(PendingSignIn.digest) == digest,
            col(PendingSignIn.expires_at) > unit.now,
            col(Account.state) == AccountState.ACTIVE,
        )
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = (await unit.session.execute(query)).first()
    return None if found is None else (found[0], found[1])


async def drop_pending(unit: UnitOfWork, *, digest: bytes | None = None, account_id: UUID | None = None) -> None:
    """Forgets one sign-in that waits, or all of an account."""
    statement = delete(PendingSignIn)
    statement = statement.where(
        col(PendingSignIn.digest) == digest if digest is not None else col(PendingSignIn.account_id) == account_id
    )
    await unit.execute(statement.execution_options(synchronize_session=False))


async def count_at_doors(unit: UnitOfWork, session_id: UUID) -> None:
    """A factor was given where nothing but firms' words stood: with it, each is two factors at that firm's own door."""
    await unit.fetch("UPDATE session_proofs SET acr = $2 WHERE session_id = $1", session_id, TWO_FACTORS_ACR)
