"""Signing in with a password, proving it again, and changing one's own.

Hashing takes 40 ms and may wait for its turn, so it happens between two transactions: the first counts the try
and reads, the second decides on what is there then, and writes.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeVar
from uuid import UUID

from parvis_identity.domain import provisional
from parvis_identity.domain.devices import known
from parvis_identity.domain.foreign_hashes import kind_of
from parvis_identity.domain.identifiers import LONGEST_MAIL, identifier_key
from parvis_identity.domain.links import Purpose, browser_proof, token_of
from parvis_identity.domain.passwords import PasswordPolicy
from parvis_identity.domain.sessions import PASSWORD
from parvis_identity.domain.throttle import BY_IDENTIFIER, throttle_key, typed_key
from parvis_identity.models import Account, AccountState, Credential
from parvis_identity.service import policies, sessions
from parvis_identity.service.evenness import EvenRefusals
from parvis_identity.service.hashing import Hasher
from parvis_identity.service.keys import KeyRing
from parvis_identity.service.links import new_link
from parvis_identity.service.provider import SignedIn
from parvis_identity.service.refused_passwords import RefusedPasswords
from parvis_identity.service.second_factor import Asked, FactorRefused, SecondFactors, forget
from parvis_identity.service.sessions import Begun
from parvis_identity.service.tries import Place, Try, UnderWay
from parvis_identity.service.visitor import Visitor
from parvis_identity.store import accounts as store
from parvis_identity.store import factors as factor_store
from parvis_identity.store import sessions as session_store
from parvis_kit.caller import Caller
from parvis_kit.errors import ServiceError, unauthenticated
from parvis_kit.ids import uuid7
from parvis_kit.unit import Database, UnitOfWork


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
        second_factors: SecondFactors,
        *,
        refused: RefusedPasswords | None = None,
        even_seconds: float = 1.0,
    ) -> None:
        """`refused`: passwords that nobody may choose. `even_seconds`: see EvenRefusals."""
        self._database = database
        self._hasher = hasher
        self._refused = refused
        self._even = EvenRefusals(even_seconds)
        self._ring = ring
        self.policy = policy
        self._second_factors = second_factors
        self._caller = Caller("identity")
        self._under_way = UnderWay(database)

    async def sign_in(
        self, identifier: str, password: str, organisation_id: UUID | None, visitor: Visitor, *, slug: str = ""
    ) -> Begun | Asked | Refused | MustChoose | Expired:
        """Signs somebody in, or not. One hash is computed for each try that counts, whoever asked for whatever.

        Whoever must wait costs none, nor a row of ours when it is their address that must: else one machine could keep
        the hasher from everybody. Neither tells anything, since what was typed is counted, not what there is; but for a
        browser where the account has signed in before, which is counted by itself. Raises LIMIT hashing_busy.
        """

        async def let_in(
            unit: UnitOfWork, account: Account, held: Credential, password: str
        ) -> Begun | Asked | MustChoose | Expired:
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

    async def prove_other_factor(self, account: Account, typed: str, visitor: Visitor) -> FactorRefused | None:
        """See SecondFactors.prove_other."""
        return await self._second_factors.prove_other(account, typed, visitor)

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
        place: Place | None = Place(visitor, typed, organisation_id)
        async with self._database.begin(self._caller) as unit:
            await self._even.look(unit)
            found = await store.find(unit, typed, organisation_id) if visitor.device else None
            device = self._device(unit, found[0], visitor) if found else ""
            if found is not None and device:  # known there: whoever else comes from that place is no concern of theirs
                counted, place = _device_key(found[0], device), None
            elif place and (address_wait := await place.admit(unit)):
                return Refused(address_wait)
            found = found or await store.find(unit, typed, organisation_id)
            may, wait = await session_store.charge(unit, counted, BY_IDENTIFIER)
        if not may and wait < 2 * BY_IDENTIFIER.first:  # whoever waited for the row began before its writer did
            may, wait = await self._under_way.after_others(counted, wait)
        tried = Try(counted, place, found, may, wait)
        with self._under_way.looking(tried):
            return await self._judged(password, organisation_id, visitor, conclude, tried)

    async def _judged(
        self, password: str, organisation_id: UUID | None, visitor: Visitor, conclude: Conclude[Answer], tried: Try
    ) -> Answer | Refused:
        """What comes of a try that is counted: one hash, outside of any transaction, and what follows from it."""
        counted, place, found, may, wait = tried
        account, held = found if found is not None and may else (None, None)
        encoded = held.password_hash if held is not None and account is not None and _opens(account, held) else ""
        if held is not None and held.provisional:
            password = provisional.typed(password)
        right = may and await self._looked_at(encoded, password, counted, place)
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
                return Refused(max(wait, await place.failed(unit)) if place else wait, hashed=may)
            # In the order in which they were charged, or two sign-ins at once would wait for each other.
            if place:
                await place.succeeded(unit)
            await session_store.forgive(unit, counted)
            if renewed and await store.replace_password_hash(unit, account.id, encoded, renewed):
                unit.record("password.rehashed", target_kind="account", target_id=account.id, was=kind_of(encoded))
            return await conclude(unit, account, held, password)

    async def _looked_at(self, encoded: str, password: str, counted: bytes, place: Place | None) -> bool:
        """Whether the password is right. Raises LIMIT hashing_busy: then the try counts for nothing."""
        try:
            return await self._hasher.matches(encoded, password)
        except ServiceError:
            async with self._database.begin(self._caller) as unit:
                if place:
                    await place.take_back(unit)
                await session_store.forgive(unit, counted, only_this=True)
            raise

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

    async def begin(self, unit: UnitOfWork, account: Account, visitor: Visitor) -> Begun | Asked:
        """Signs in whoever has just proven that the account is theirs, or asks for their second factor."""
        return await self._second_factors.begin(unit, account, visitor)

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

    async def broken(self, password: str, account: Account, slug: str = "") -> tuple[str, ...]:
        """Codes of the rules that a new password of an account breaks (domain.passwords), and why it is refused all the
        same (service.refused_passwords). `slug`: of the organisation that invited.
        """
        broken = tuple((await self.policy_of(account)).broken(password, avoided(account)))
        if self._refused is None or not password or "too_long" in broken:
            return broken
        return (*broken, *await self._refused.reasons(password, account.organisation_id, slug))

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
                await forget(unit, account_id)
                await sessions.end(unit, account_id, but=who.session.id)
                unit.record("password.changed", target_kind="account", target_id=account_id, address=visitor.address)
        return None

    async def prove_again(self, who: SignedIn, password: str) -> Refused | None:
        """Somebody who is signed in gives their password again: None when their session is as fresh as that from now
        on. Raises UNAUTHENTICATED session_ended, LIMIT hashing_busy.
        """
        proven = await self.prove(who, password, "password.proof_refused")
        if isinstance(proven, Refused):
            return proven
        async with self._database.begin(self._caller, organisation_id=who.account.organisation_id) as unit:
            if await still_stands(unit, who, proven) and not await factor_store.has_any(unit, who.account.id):
                session = await session_store.lock_open(unit, who.session.id, who.account.id)
                if session is not None:
                    sessions.strengthen(unit, session, PASSWORD)
                    unit.record("sign_in.stepped_up", target_kind="account", target_id=who.account.id)
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
    """Whether a password counts: of an account in use; a provisional one also of who was not there yet. None opens an
    account of a firm's directory.
    """
    if account.directory:
        return False
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
