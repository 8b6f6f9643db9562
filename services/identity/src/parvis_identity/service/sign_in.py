"""Signing in with a password, proving it again, and changing one's own.

Hashing takes 40 ms and may wait for its turn, so it happens between two transactions: the first counts the try
and reads, the second decides on what is there then, and writes.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal, TypeVar
from uuid import UUID

from parvis_identity.domain import provisional
from parvis_identity.domain.devices import known, remember
from parvis_identity.domain.foreign_hashes import kind_of
from parvis_identity.domain.identifiers import LONGEST_MAIL, identifier_key
from parvis_identity.domain.links import (
    Purpose,
    browser_proof,
    token_of,
)
from parvis_identity.domain.passwords import PasswordPolicy
from parvis_identity.domain.throttle import BY_ADDRESS, BY_IDENTIFIER, network_of, throttle_key, typed_key
from parvis_identity.models import Account, AccountState, Credential
from parvis_identity.service import policies, sessions
from parvis_identity.service.breached import BreachedPasswords
from parvis_identity.service.evenness import EvenRefusals
from parvis_identity.service.hashing import Hasher
from parvis_identity.service.keys import KeyRing
from parvis_identity.service.links import new_link
from parvis_identity.service.provider import SignedIn
from parvis_identity.service.sessions import Begun
from parvis_identity.store import accounts as store
from parvis_identity.store import sessions as session_store
from parvis_kit.caller import Caller
from parvis_kit.errors import unauthenticated
from parvis_kit.ids import uuid7
from parvis_kit.unit import Database, UnitOfWork


@dataclass(frozen=True, slots=True)
class Visitor:
    """The browser that asks."""

    #: As the gateway's proxy saw it.
    address: str
    user_agent: str
    #: The secret of the session that it holds, empty when none.
    cookie: str
    #: What it keeps of accounts that signed in there before (domain.devices).
    device: str = ""
    #: That it was this one that gave a right password which must be replaced (domain.links.browser_proof).
    proof: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """Wrong, unknown, closed or too soon: never said which. `wait` is until the next try counts; the same for
    names that do not exist.
    """

    wait: timedelta
    #: Whether a password was looked at, rather than nothing at all for whoever must wait.
    hashed: bool = False


@dataclass(frozen=True, slots=True)
class MustChoose:
    """The password was right, and lets its owner choose another one, no more: `token` is of the link that does, and
    `proof` what the browser must show with it.
    """

    token: str
    proof: str


@dataclass(frozen=True, slots=True)
class Expired:
    """The password was right, provisional, and too old."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The new password breaks these rules (domain.passwords), or `current_wrong`."""

    rules: tuple[str, ...]


Answer = TypeVar("Answer")
#: What follows a right password, in the transaction that has locked its account: the account, what it holds, and what
#: was typed.
Conclude = Callable[[UnitOfWork, Account, Credential, str], Awaitable[Answer]]


class Passwords:
    """See the module."""

    def __init__(
        self,
        database: Database,
        hasher: Hasher,
        ring: KeyRing,
        policy: PasswordPolicy,
        *,
        breached: BreachedPasswords | None = None,
        even_seconds: float = 1.0,
    ) -> None:
        """`breached`: passwords that nobody may choose. `even_seconds`: see EvenRefusals."""
        self._database = database
        self._hasher = hasher
        self._breached = breached
        self._even = EvenRefusals(even_seconds)
        self._ring = ring
        self.policy = policy
        self._caller = Caller("identity")

    async def sign_in(
        self, identifier: str, password: str, organisation_id: UUID | None, visitor: Visitor, *, slug: str = ""
    ) -> Begun | Refused | MustChoose | Expired:
        """Signs somebody in, or not. One hash is computed for each try that counts, whoever asked for whatever.

        Whoever must wait costs none, nor a row of ours when it is their address that must: else one machine could keep
        the hasher from everybody. Neither tells anything, since what was typed is counted, not what there is; but for a
        browser where the account has signed in before, which is counted by itself. Raises LIMIT hashing_busy.
        """

        async def let_in(
            unit: UnitOfWork, account: Account, held: Credential, password: str
        ) -> Begun | MustChoose | Expired:
            if held.provisional and (held.expires_at is None or held.expires_at <= unit.now):
                unit.record("sign_in.provisional_expired", target_kind="account", target_id=account.id)
                return Expired()
            if why := await self._must_choose(unit, account, held, password):
                return await self._choosing(unit, account, why, slug)
            return await self.begin(unit, account, visitor)

        return await self._evenly(identifier, password, organisation_id, visitor, let_in)

    async def prove_other(
        self, identifier: str, password: str, organisation_id: UUID | None, visitor: Visitor
    ) -> Account | Refused:
        """The account that somebody knows the password of, beside the one that they are signed in with: counted,
        hashed and refused as at the sign-in page, but nobody is signed in. A password that was handed over proves
        nothing. Raises LIMIT hashing_busy.
        """

        async def proves(_unit: UnitOfWork, account: Account, held: Credential, _password: str) -> Account | Refused:
            return Refused(timedelta(0), hashed=True) if held.provisional else account

        return await self._evenly(identifier, password, organisation_id, visitor, proves)

    async def _evenly(
        self, identifier: str, password: str, organisation_id: UUID | None, visitor: Visitor, conclude: Conclude[Answer]
    ) -> Answer | Refused:
        started = time.monotonic()
        answer = await self._check(identifier, password, organisation_id, visitor, conclude)
        if isinstance(answer, Refused) and answer.hashed:
            await self._even.wait(started)
        return answer

    async def _check(
        self, identifier: str, password: str, organisation_id: UUID | None, visitor: Visitor, conclude: Conclude[Answer]
    ) -> Answer | Refused:
        typed = identifier_key(identifier)[:LONGEST_MAIL]
        counted = typed_key("identifier", typed, organisation_id)
        by_address = throttle_key("address", network_of(visitor.address))
        async with self._database.begin(self._caller) as unit:
            await self._even.look(unit)
            address_free, address_wait = await session_store.charge(unit, by_address, BY_ADDRESS)
            if not address_free:
                return Refused(address_wait)
            found = await store.find(unit, typed, organisation_id)
            if found is not None and (device := self._device(unit, found[0], visitor)):
                counted = _device_key(found[0], device)
            may, wait = await session_store.charge(unit, counted, BY_IDENTIFIER)
        account, held = found if found is not None and may else (None, None)
        encoded = held.password_hash if held is not None and account is not None and _opens(account, held) else ""
        if held is not None and held.provisional:
            password = provisional.typed(password)
        right = may and await self._hasher.matches(encoded, password)
        outdated = right and held is not None and not held.provisional and self._hasher.is_outdated(encoded)
        renewed = await self._hasher.hash(password) if outdated else ""
        # What happens to a managed account, or at a firm's own door, is in that firm's audit trail.
        async with self._database.begin(
            self._caller, organisation_id=account.organisation_id if account else organisation_id
        ) as unit:
            if account is not None and right:
                account, held = await _now(unit, account, held)
            if account is None or held is None or not right or not _opens(account, held):
                unit.record(
                    "sign_in.failed" if may else "sign_in.throttled",
                    target_kind="account" if found else "identifier",
                    target_id=found[0].id if found else counted.hex()[:16],
                    address=visitor.address,
                )
                return Refused(max(wait, address_wait), hashed=may)
            # In the order in which they were charged, or two sign-ins at once would wait for each other.
            await session_store.forgive(unit, by_address, only_this=True)
            await session_store.forgive(unit, counted)
            if renewed and await store.replace_password_hash(unit, account.id, encoded, renewed):
                unit.record("password.rehashed", target_kind="account", target_id=account.id, was=kind_of(encoded))
            return await conclude(unit, account, held, password)

    async def _must_choose(
        self, unit: UnitOfWork, account: Account, held: Credential, password: str
    ) -> Literal[Purpose.FIRST, Purpose.RENEWAL] | None:
        """Why a right password must be replaced: it was handed over, or is older than what refuses it now."""
        if held.provisional:
            return Purpose.FIRST
        demanded = await policies.of_account(unit, account, self.policy)
        if demanded.tightened_at is None or held.changed_at >= demanded.tightened_at:
            return None
        return Purpose.RENEWAL if any(demanded.policy.broken(password, avoided(account))) else None

    async def _choosing(self, unit: UnitOfWork, account: Account, why: Purpose, slug: str) -> MustChoose:
        link = new_link(
            unit, self._ring.link_secret, uuid7(), why, account.id, organisation_id=account.organisation_id,
            organisation_slug=slug,
        )  # fmt: skip
        await store.insert_link(unit, link)
        unit.record("sign_in.must_choose", target_kind="account", target_id=account.id, why=why)
        secret = self._ring.link_secret
        return MustChoose(token_of(secret, link.id, why), browser_proof(secret, link.id))

    async def begin(self, unit: UnitOfWork, account: Account, visitor: Visitor) -> Begun:
        """Signs in whoever has just proven that the account is theirs."""
        begun = await sessions.begin(unit, account, cookie=visitor.cookie, user_agent=visitor.user_agent)
        unit.record(
            "sign_in.done",
            target_kind="account",
            target_id=account.id,
            session=str(begun.session.id),
            device=begun.session.device,
            address=visitor.address,
        )
        return replace(begun, device=remember(self._ring.device_secret, visitor.device, account.id, unit.now))

    async def forgive(self, unit: UnitOfWork, account: Account, visitor: Visitor) -> None:
        """Nobody waits any more for tries at a password that was replaced."""
        await session_store.forgive(unit, _account_key(account))
        await session_store.forgive(unit, _device_key(account, self._device(unit, account, visitor)))

    def _device(self, unit: UnitOfWork, account: Account, visitor: Visitor) -> str:
        return known(self._ring.device_secret, visitor.device, account.id, unit.now)

    async def policy_of(self, account: Account) -> PasswordPolicy:
        """What the account's password must be."""
        async with self._database.begin(self._caller) as unit:
            return (await policies.of_account(unit, account, self.policy)).policy

    async def broken(self, password: str, account: Account) -> tuple[str, ...]:
        """Codes of the rules that a new password of an account breaks (domain.passwords), and `breached`."""
        broken = tuple((await self.policy_of(account)).broken(password, avoided(account)))
        if self._breached is None or "too_long" in broken or not await self._breached.has(password):
            return broken
        return (*broken, "breached")

    async def change(self, who: SignedIn, current: str, new: str, visitor: Visitor) -> Broken | Refused | None:
        """Changes one's own password; other devices are signed out. None when done. Raises UNAUTHENTICATED
        session_ended, LIMIT hashing_busy.
        """
        broken = await self.broken(new, who.account)
        if broken:
            return Broken(broken)
        proven = await self.prove(who, current, "password.change_failed")
        if isinstance(proven, Refused):
            return proven
        encoded, account_id = await self._hasher.hash(new), who.account.id
        async with self._database.begin(self._caller) as unit:
            if await still_stands(unit, who, proven):
                await store.set_password_hash(unit, account_id, encoded)
                await store.revoke_links(unit, account_id)
                await sessions.end(unit, account_id, but=who.session.id)
                unit.record("password.changed", target_kind="account", target_id=account_id, address=visitor.address)
        return None

    async def prove(self, who: SignedIn, password: str, failure: str) -> Refused | Credential:
        """Whether somebody who is signed in knows their password: what it was held against when they do, for
        `still_stands`. `failure`: the act that is recorded when not. Raises LIMIT hashing_busy.
        """
        key = throttle_key("change", str(who.account.id))
        async with self._database.begin(self._caller) as unit:
            may, wait = await session_store.charge(unit, key, BY_IDENTIFIER)
            held = await unit.get(Credential, who.account.id)
        right = may and await self._hasher.matches("" if held is None else held.password_hash, password)
        async with self._database.begin(self._caller) as unit:
            if right and held is not None:
                await session_store.forgive(unit, key)
                return held
            unit.record(failure, target_kind="account", target_id=who.account.id)
            return Refused(wait)


def _opens(account: Account, held: Credential) -> bool:
    """Whether a password counts: of an account in use; a provisional one also of who was not there yet."""
    return account.state == AccountState.ACTIVE or (account.state == AccountState.PENDING and held.provisional)


async def _now(unit: UnitOfWork, account: Account, held: Credential | None) -> tuple[Account | None, Credential | None]:
    """An account and its password as they are now, once what was typed has proven right: nothing when it was held
    against another password than the one that stands, so that what was ended meanwhile stays ended.
    """
    now = await store.lock_opening(unit, account.id)
    if now is None or held is None or not _same(now[1], held):
        return None, None
    return account.sqlmodel_update({"state": now[0]}), now[1]


async def still_stands(unit: UnitOfWork, who: SignedIn, proven: Credential) -> bool:
    """Locks an account whose owner has just proven their password, and looks again: the session and that password may
    have ended meanwhile. If they have, the transaction ends with UNAUTHENTICATED session_ended.
    """
    now = await store.lock_opening(unit, who.account.id)
    open_still = await session_store.is_open(unit, who.session.id, who.account.id)
    if now is not None and _same(now[1], proven) and open_still:
        return True
    unit.record("password.proof_outdated", target_kind="account", target_id=who.account.id)
    unit.outcome(unauthenticated("session_ended"))
    return False


def _same(now: Credential, then: Credential) -> bool:
    """Whether it is the same password still. One that was hashed anew by another sign-in is: `changed_at` tells."""
    return now.changed_at == then.changed_at and now.provisional == then.provisional


def avoided(account: Account) -> Sequence[str]:
    """What must not be inside the account's password."""
    return account.identifier, account.mail


def _account_key(account: Account) -> bytes:
    return typed_key("identifier", account.identifier_key, account.organisation_id)


def _device_key(account: Account, device: str) -> bytes:
    return throttle_key("device", str(account.id), device)
