"""What stands between a first factor and a session, and what proves again who somebody is.

Nobody who has given a first factor only has a session: their browser keeps the secret of a sign-in that waits (ten
minutes), and whatever opened it must still stand when the factor comes.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import structlog

from parvis.identity.v1 import events_pb2
from parvis_identity.domain import factors as rules
from parvis_identity.domain import recovery, totp
from parvis_identity.domain.challenges import Ceremony
from parvis_identity.domain.devices import known, remember
from parvis_identity.domain.links import digest_of
from parvis_identity.domain.sessions import PASSWORD, PASSWORD_ACR, TWO_FACTORS_ACR, Proof, device_of
from parvis_identity.domain.throttle import BY_ADDRESS, BY_IDENTIFIER, network_of, throttle_key
from parvis_identity.models import Account, AccountState, Credential, Factor, FactorKind, PendingSignIn, TrustedDevice
from parvis_identity.service import sessions
from parvis_identity.service.factor_mails import tell
from parvis_identity.service.keys import KeyRing
from parvis_identity.service.passkeys import PasskeyRefused, Passkeys, Read
from parvis_identity.service.provider import SignedIn
from parvis_identity.service.sealing import Seal
from parvis_identity.service.sessions import Begun
from parvis_identity.service.visitor import Visitor
from parvis_identity.store import accounts as account_store
from parvis_identity.store import factors as store
from parvis_identity.store import openid as openid_store
from parvis_identity.store import sessions as session_store
from parvis_identity.store import sso as sso_store
from parvis_kit.caller import Caller
from parvis_kit.unit import Database, UnitOfWork

#: Wrong factors in a row after which the person is told that somebody knows their password.
_SUSPICIOUS = 5
_log = structlog.get_logger(__name__)

#: What else happens when a sign-in that waited becomes a session, in its transaction: what was kept with it.
Follow = Callable[[UnitOfWork, Begun, Mapping[str, str]], Awaitable[None]]
#: Whether what a sign-in that waited rests on stands still: by what was kept with it.
Standing = Callable[[UnitOfWork, Mapping[str, str]], Awaitable[bool]]


class How(StrEnum):
    """What somebody gives as second factor."""

    CODE = "code"
    RECOVERY = "recovery"
    PASSKEY = "passkey"


@dataclass(frozen=True, slots=True)
class Given:
    """What was typed, or what the browser answered. `browser`: the secret of its forms, which challenges are bound
    to.
    """

    how: How
    value: str
    browser: str


@dataclass(frozen=True, slots=True)
class Asked:
    """The first factor was right, and a second one is wanted: `cookie` is what the browser keeps until then."""

    cookie: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Who has given a first factor, and what they can give as second."""

    account: Account
    factors: tuple[Factor, ...]
    codes_left: int


@dataclass(frozen=True, slots=True)
class FactorRefused:
    """Not the factor: "wrong", "used" (right, and given before), "soon" (nothing was looked at), "unknown" (no passkey
    of ours), "directory" (their firm's directory says who is in), "expired" (the page was open too long). `wait` is
    until the next try counts.
    """

    reason: str
    wait: timedelta = timedelta(0)


class SecondFactors:
    """See the module."""

    def __init__(self, database: Database, ring: KeyRing, seal: Seal, passkeys: Passkeys) -> None:
        self._database = database
        self._ring = ring
        self._seal = seal
        self.passkeys = passkeys
        self.followers: list[Follow] = []
        self.standing: list[Standing] = []
        self._caller = Caller("identity")

    async def begin(
        self,
        unit: UnitOfWork,
        account: Account,
        visitor: Visitor,
        proof: Proof = PASSWORD,
        kept: Mapping[str, str] | None = None,
    ) -> Begun | Asked:
        """Signs in whoever has just given a first factor; or asks for a second one, where the person wants that and the
        browser is none that they trust. `kept` comes back to the `followers` once there is a session.
        """
        if proof.acr < TWO_FACTORS_ACR and await store.has_any(unit, account.id):
            if visitor.trusted and await store.is_trusted(unit, account.id, _trust_digest(visitor.trusted, account.id)):
                proof = rules.trusted_browser(proof)
            elif account.factor_always:
                return await self._ask(unit, account, proof, dict(kept or {}))
            else:
                proof = replace(proof, strongest=False)
        return await self._begin(unit, account, visitor, proof, kept or {})

    async def _ask(self, unit: UnitOfWork, account: Account, proof: Proof, kept: dict[str, str]) -> Asked:
        fresh = secrets.token_urlsafe(32)
        unit.add(
            PendingSignIn(
                digest=digest_of(fresh),
                account_id=account.id,
                amr=list(proof.amr),
                kept={"followed": kept, "opened_by": await _opened_by(unit, account.id), "acr": proof.acr},
                created_at=unit.now,
                expires_at=unit.now + rules.PENDING,
            )
        )
        unit.record("sign_in.factor_asked", target_kind="account", target_id=account.id)
        return Asked(fresh)

    async def _begin(
        self, unit: UnitOfWork, account: Account, visitor: Visitor, proof: Proof, kept: Mapping[str, str]
    ) -> Begun:
        begun = await sessions.begin(unit, account, cookie=visitor.cookie, user_agent=visitor.user_agent, proof=proof)
        unit.record(
            "sign_in.done",
            target_kind="account",
            target_id=account.id,
            session=str(begun.session.id),
            device=begun.session.device,
            address=visitor.address,
            amr=" ".join(proof.amr),
        )
        for follow in self.followers:
            await follow(unit, begun, kept)
        return replace(begun, device=remember(self._ring.device_secret, visitor.device, account.id, unit.now))

    async def waiting(self, cookie: str) -> Waiting | None:
        """Whose sign-in waits in this browser; None when none does (any more)."""
        if not cookie:
            return None
        async with self._database.begin(self._caller) as unit:
            found = await store.find_pending(unit, digest_of(cookie))
            return None if found is None else await self._choices(unit, found[1])

    async def choices(self, account: Account) -> Waiting:
        """What an account can prove itself with."""
        async with self._database.begin(self._caller) as unit:
            return await self._choices(unit, account)

    async def _choices(self, unit: UnitOfWork, account: Account) -> Waiting:
        left, _ = await store.codes_left(unit, account.id)
        return Waiting(account, tuple(await store.of_account(unit, account.id)), left)

    async def finish(
        self, cookie: str, given: Given, visitor: Visitor, *, trust: bool = False
    ) -> Begun | FactorRefused | None:
        """The second factor of a sign-in that waits. None when it does not any more: it took too long, or what opened
        it was changed meanwhile.
        """
        if not cookie:
            return None
        async with self._database.begin(self._caller) as unit:
            found = await store.find_pending(unit, digest_of(cookie))
            if found is None:
                return None
            # The account first, as whoever changes its password does: two at once would wait for each other.
            await account_store.lock(unit, found[1].id)
            found = await store.find_pending(unit, digest_of(cookie), lock=True)
            if found is None:
                return None
            pending, account = found
            if account.organisation_id is not None:  # the audit of what happens to a firm's account is the firm's
                await unit.enter(account.organisation_id)
            first, followed = tuple(pending.amr), dict(pending.kept["followed"])
            opened = pending.kept["opened_by"] == await _opened_by(unit, account.id)
            stands = opened and all([await each(unit, followed) for each in self.standing])
            if account.state != AccountState.ACTIVE or not stands:
                await store.drop_pending(unit, digest=pending.digest)
                unit.record("sign_in.outdated", target_kind="account", target_id=account.id)
                return None
            checked = await self._check(unit, account, given, visitor)
            if isinstance(checked, FactorRefused):
                return checked
            await store.drop_pending(unit, digest=pending.digest)
            proof = rules.with_factor(pending.kept["acr"], first, checked)
            begun = await self._begin(unit, account, visitor, proof, followed)
            if proof.acr < PASSWORD_ACR:
                await store.count_at_doors(unit, begun.session.id)
            # Who came in with a code has their authenticator no more: nothing is trusted on that.
            trusted = await self._trust(unit, account, visitor) if trust and given.how is not How.RECOVERY else ""
            return replace(begun, trusted=trusted)

    async def prove(self, who: SignedIn, given: Given, visitor: Visitor) -> FactorRefused | None:
        """Somebody who is signed in gives their factor again; None when done. Their session is as strong as that from
        now on.
        """
        account = who.account
        async with self._database.begin(self._caller, organisation_id=account.organisation_id) as unit:
            await account_store.lock(unit, account.id)
            session = await session_store.lock_open(unit, who.session.id, account.id)
            if session is None:
                return FactorRefused("expired")
            checked = await self._check(unit, account, given, visitor)
            if isinstance(checked, FactorRefused):
                return checked
            sessions.strengthen(unit, session, rules.with_factor(session.acr, tuple(session.amr), checked))
            if session.acr < PASSWORD_ACR:
                await store.count_at_doors(unit, session.id)
            unit.record("sign_in.stepped_up", target_kind="account", target_id=account.id, session=str(session.id))
            return None

    async def prove_other(self, account: Account, typed: str, visitor: Visitor) -> FactorRefused | None:
        """Somebody gives the factor of an account that they are not signed in with, beside its password: a code of its
        application, or a recovery code. None when it is right, or the account has none.
        """
        async with self._database.begin(self._caller, organisation_id=account.organisation_id) as unit:
            await account_store.lock(unit, account.id)
            if not await store.has_any(unit, account.id):
                return None
            if not typed.strip():
                return FactorRefused("wrong")
            how = How.RECOVERY if recovery.is_one(typed) else How.CODE
            checked = await self._check(unit, account, Given(how, typed, ""), visitor)
            return checked if isinstance(checked, FactorRefused) else None

    async def sign_in(self, given: Given, visitor: Visitor, organisation_id: UUID | None) -> Begun | FactorRefused:
        """Signs in with a passkey alone, which says by itself whose it is and whose authenticator knew its owner.
        `organisation_id`: of the firm whose door it is.
        """
        async with self._database.begin(self._caller) as unit:
            by_address = throttle_key("address", network_of(visitor.address))
            may, wait = await session_store.charge(unit, by_address, BY_ADDRESS)
        if not may:
            return FactorRefused("soon", wait)
        async with self._database.begin(self._caller) as unit:
            try:
                read = await answered(self.passkeys, unit, given.value, Ceremony.SIGN_IN, given.browser)
                factor, account = await _owner(unit, read, organisation_id)
                if account.organisation_id is not None:
                    await unit.enter(account.organisation_id)
                shown = self.passkeys.shown(read, factor, verified=True)
                firm = account.organisation_id
                if account.directory and firm and not await sso_store.may_break_glass(unit, firm, account.id):
                    raise PasskeyRefused("directory")  # noqa: TRY301 - as the others
            except PasskeyRefused as refused:
                unit.record("passkey.refused", target_kind="passkey", target_id="", why=refused.reason)
                _log.info("passkey_refused", why=str(refused))
                told = {"challenge": "expired", "directory": "directory"}
                return FactorRefused(told.get(refused.reason, "unknown"))
            factor.sign_count, factor.last_used_at = shown.sign_count, unit.now
            factor.discoverable = True  # it has just said whose it is
            await session_store.forgive(unit, by_address, only_this=True)
            return await self._begin(unit, account, visitor, rules.passkey_alone(shown.amr), {})

    # One factor

    async def _check(
        self, unit: UnitOfWork, account: Account, given: Given, visitor: Visitor
    ) -> tuple[str, ...] | FactorRefused:
        """What was given, counted before it is looked at: methods of RFC 8176 when it is right. The account is
        locked.
        """
        device = known(self._ring.device_secret, visitor.device, account.id, unit.now)
        key = throttle_key("factor", str(account.id), device)
        may, wait = await session_store.charge(unit, key, BY_IDENTIFIER)
        if not may:
            unit.record("factor.throttled", target_kind="account", target_id=account.id, address=visitor.address)
            return FactorRefused("soon", wait)
        match given.how:
            case How.CODE:
                checked = await self._check_code(unit, account, given.value)
            case How.RECOVERY:
                checked = await self._check_recovery(unit, account, given.value, visitor)
            case How.PASSKEY:
                checked = await self._check_passkey(unit, account, given)
        if isinstance(checked, str):
            unit.record(
                "factor.refused", target_kind="account", target_id=account.id, how=given.how, why=checked,
                address=visitor.address,
            )  # fmt: skip
            if await session_store.failures(unit, key) == _SUSPICIOUS:
                tell(unit, account, events_pb2.FACTORS_CHANGE_REFUSED, device=device_of(visitor.user_agent))
            return FactorRefused(checked, wait)
        await session_store.forgive(unit, key)
        return checked

    async def _check_code(self, unit: UnitOfWork, account: Account, typed: str) -> tuple[str, ...] | str:
        used_before = False
        for factor in await store.of_account(unit, account.id, lock=True):
            if factor.kind != FactorKind.TOTP:
                continue
            seed = self.open_seed(factor)
            step = totp.accepted_step(seed, typed, unit.now, used=factor.last_step)
            if step is not None:
                factor.last_step, factor.last_used_at = step, unit.now
                return ("otp",)
            used_before |= totp.accepted_step(seed, typed, unit.now, used=None) is not None
        return "used" if used_before else "wrong"

    async def _check_recovery(
        self, unit: UnitOfWork, account: Account, typed: str, visitor: Visitor
    ) -> tuple[str, ...] | str:
        digest = recovery.digest_of(self._ring.link_secret, account.id, typed)
        if not recovery.is_one(typed) or not await store.use_code(unit, account.id, digest):
            return "wrong"
        left, _ = await store.codes_left(unit, account.id)
        unit.record("recovery_code.used", target_kind="account", target_id=account.id, left=str(left))
        tell(unit, account, events_pb2.FACTORS_CHANGE_CODE_USED, codes_left=left, device=device_of(visitor.user_agent))
        return ("otp",)

    async def _check_passkey(self, unit: UnitOfWork, account: Account, given: Given) -> tuple[str, ...] | str:
        try:
            read = await answered(self.passkeys, unit, given.value, Ceremony.CONFIRM, given.browser, account)
            factor = _among(await store.of_account(unit, account.id, lock=True), read)
            shown = self.passkeys.shown(read, factor, verified=False)
        except PasskeyRefused as refused:
            _log.info("passkey_refused", why=str(refused))
            return {"challenge": "expired", "unknown": "unknown"}.get(refused.reason, "wrong")
        factor.sign_count, factor.last_used_at = shown.sign_count, unit.now
        return shown.amr

    def open_seed(self, factor: Factor) -> bytes:
        """The seed that an application shares with us."""
        return self._seal.open(factor.sealed, seed_label(factor.account_id))

    # Trusted browsers

    async def _trust(self, unit: UnitOfWork, account: Account, visitor: Visitor) -> str:
        """The secret of a browser in which no factor is asked for a while: the one it has, or a new one."""
        secret = visitor.trusted if _is_secret(visitor.trusted) else secrets.token_urlsafe(32)
        digest = _trust_digest(secret, account.id)
        if not await store.is_trusted(unit, account.id, digest):
            secret = secrets.token_urlsafe(32) if await store.was_trusted(unit, digest) else secret
            unit.add(
                TrustedDevice(
                    account_id=account.id,
                    digest=_trust_digest(secret, account.id),
                    device=device_of(visitor.user_agent),
                    created_at=unit.now,
                    expires_at=unit.now + rules.TRUST,
                )
            )
            unit.record("browser.trusted", target_kind="account", target_id=account.id, address=visitor.address)
        return secret


def is_fresh(session_proof_at: datetime, now: datetime) -> bool:
    """Whether a proof is young enough for what changes how somebody signs in."""
    return now - session_proof_at < rules.FRESH


async def forget(unit: UnitOfWork, account_id: UUID) -> None:
    """A password or a factor changed: no browser is trusted any more, and what waits for a factor begins again."""
    await store.end_trust(unit, account_id)
    await store.drop_pending(unit, account_id=account_id)


def seed_label(account_id: UUID) -> str:
    """What the seed of an application is sealed for."""
    return f"totp {account_id}"


async def reseal(database: Database, seal: Seal, *, batch: int = 500) -> None:
    """Seals again what an older encryption key sealed: at the start, as the keys themselves."""
    found = batch
    while found == batch:
        async with database.begin(Caller("identity")) as unit:
            outdated = await store.sealed_otherwise(unit, seal.mark, most=batch)
            for each in outdated:
                label = seed_label(each.account_id)
                each.sealed = seal.seal(seal.open(each.sealed, label), label)
            found = len(outdated)


async def _opened_by(unit: UnitOfWork, account_id: UUID) -> str:
    """What a first factor was held against: another one since, and it opened nothing."""
    held = await unit.get(Credential, account_id)
    return "" if held is None else held.changed_at.isoformat()


async def answered(
    passkeys: Passkeys, unit: UnitOfWork, typed: str, ceremony: Ceremony, browser: str, account: Account | None = None
) -> Read:
    """What a browser answered to a challenge of ours, which is used up by it. Raises PasskeyRefused."""
    read = passkeys.read(typed)
    until = passkeys.until(read, ceremony, browser, unit.now, account)
    if not await openid_store.first_time(unit, "passkey", "", read.challenge.hex(), until):
        raise PasskeyRefused("challenge", "used before")
    return read


async def _owner(unit: UnitOfWork, read: Read, organisation_id: UUID | None) -> tuple[Factor, Account]:
    """Whose passkey it is, as it says itself. At a firm's door nobody else's accounts sign in than its own and personal
    ones. Raises PasskeyRefused unknown.
    """
    found = await store.find_passkey(unit, read.credential_id)
    if found is None or read.user_handle != found[1].id.bytes:
        raise PasskeyRefused("unknown")
    if organisation_id is not None and found[1].organisation_id not in {None, organisation_id}:
        raise PasskeyRefused("unknown", "at the door of another firm")
    return found


def _among(factors: Sequence[Factor], read: Read) -> Factor:
    for each in factors:
        if each.credential_id == read.credential_id:
            return each
    raise PasskeyRefused("unknown")


def _trust_digest(secret: str, account_id: UUID) -> bytes:
    return digest_of(f"{secret}.{account_id}")


def _is_secret(kept: str) -> bool:
    return len(kept) == 43 and kept.isascii() and kept.replace("-", "").replace("_", "").isalnum()  # noqa: PLR2004
