"""One's own second factors: adding, naming and removing them, the recovery codes, the browsers that are trusted.

Everything here asks for a proof that is not old (`second_factor.is_fresh`): the page sends to /step-up first. What
changes a factor ends the trust in every browser, and tells the person.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from parvis.identity.v1 import events_pb2
from parvis_identity.domain import factors as rules
from parvis_identity.domain import recovery, totp
from parvis_identity.domain.challenges import Ceremony
from parvis_identity.models import Account, Factor, FactorKind, Session, TrustedDevice
from parvis_identity.service import sessions
from parvis_identity.service.factor_mails import tell
from parvis_identity.service.keys import KeyRing
from parvis_identity.service.passkeys import PasskeyRefused, Passkeys
from parvis_identity.service.provider import SignedIn
from parvis_identity.service.sealing import Seal, SealBrokenError
from parvis_identity.service.second_factor import answered, forget, is_fresh, seed_label
from parvis_identity.store import accounts as account_store
from parvis_identity.store import factors as store
from parvis_identity.store import sessions as session_store
from parvis_kit.caller import Caller
from parvis_kit.errors import not_found, precondition, unauthenticated
from parvis_kit.ids import uuid7
from parvis_kit.unit import Database, UnitOfWork


@dataclass(frozen=True, slots=True)
class Overview:
    """What an account signs in with beside its password."""

    factors: tuple[Factor, ...]
    codes_left: int
    codes_made_at: datetime | None
    trusted: tuple[TrustedDevice, ...]
    always: bool


@dataclass(frozen=True, slots=True)
class Offered:
    """A seed that somebody may put in their application: `sealed` comes back with the first code."""

    sealed: str
    shown: str
    address: str


@dataclass(frozen=True, slots=True)
class Added:
    """A factor counts from now on. `codes`: the recovery codes that came with the first one, shown this once."""

    factor: Factor
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotAdded:
    """Why not: "wrong" (code), "expired" (begin again), "refused" (the passkey does not verify), "known" (registered
    already), "too_many".
    """

    reason: str


class Factors:
    """See the module."""

    def __init__(self, database: Database, ring: KeyRing, seal: Seal, passkeys: Passkeys) -> None:
        self._database = database
        self._ring = ring
        self._seal = seal
        self._passkeys = passkeys
        self._caller = Caller("identity")

    async def overview(self, account: Account) -> Overview:
        """What there is."""
        async with self._database.begin(self._caller) as unit:
            factors = tuple(await store.of_account(unit, account.id))
            left, made_at = await store.codes_left(unit, account.id)
            trusted = tuple(await store.trusted(unit, account.id))
        return Overview(factors, left, made_at, trusted, account.factor_always)

    def offer(self, who: SignedIn) -> Offered:
        """A new seed. Nothing is stored before its first code has come."""
        seed = totp.new_seed()
        sealed = urlsafe_b64encode(self._seal.seal(seed, _offer_label(who))).decode()
        return self._offered(sealed, seed, who.account)

    def offered(self, who: SignedIn, sealed: str) -> Offered | None:
        """The same seed again, after a wrong code; None when it is none of this session's."""
        try:
            seed = self._seal.open(urlsafe_b64decode(sealed), _offer_label(who))
        except (ValueError, SealBrokenError):
            return None
        return self._offered(sealed, seed, who.account)

    def _offered(self, sealed: str, seed: bytes, account: Account) -> Offered:
        address = totp.address_of(seed, issuer=self._passkeys.name, account=account.identifier)
        return Offered(sealed, totp.shown_seed(seed), address)

    async def may_add(self, who: SignedIn) -> bool:
        """Whether somebody may add a factor: who has proven a moment ago who they are, or comes from their firm's
        directory a moment ago and has none yet, so that who demands one locks nobody out.
        """
        async with self._database.begin(self._caller) as unit:
            return is_fresh(who.session.proof_at, unit.now) or await _may_begin(unit, who)

    async def add_application(
        self, who: SignedIn, offered: Offered, code: str, name: str, *, at_door: bool
    ) -> Added | NotAdded:
        """An application counts once it has shown a right code. `at_door`: a firm asked for it, and the person is asked
        there only.
        """
        seed = totp.read_seed(offered.shown) or b""
        async with self._changing(who, adds=True) as (unit, account, session):
            step = totp.accepted_step(seed, code, unit.now, used=None)
            if step is None:
                return NotAdded("wrong")
            factor = Factor(
                id=uuid7(),
                account_id=account.id,
                kind=FactorKind.TOTP,
                name=rules.clean_name(name, ""),
                sealed=self._seal.seal(seed, seed_label(account.id)),
                last_step=step,
                created_at=unit.now,
                confirmed_at=unit.now,
            )
            return await self._add(unit, account, session, factor, ("otp",), at_door=at_door)

    async def add_passkey(
        self, who: SignedIn, answer: str, browser: str, name: str, *, at_door: bool
    ) -> Added | NotAdded:
        """A passkey counts once it is verified. `browser`: the secret of its forms."""
        try:
            async with self._changing(who, adds=True) as (unit, account, session):
                try:
                    read = await answered(self._passkeys, unit, answer, Ceremony.REGISTER, browser, account)
                    made = self._passkeys.registered(read)
                except PasskeyRefused as refused:
                    unit.record("factor.add_refused", target_kind="account", target_id=account.id, why=refused.reason)
                    return NotAdded("expired" if refused.reason == "challenge" else "refused")
                if await store.is_known(unit, made.credential_id):
                    return NotAdded("known")
                factor = Factor(
                    id=uuid7(),
                    account_id=account.id,
                    kind=FactorKind.PASSKEY,
                    name=rules.clean_name(name, ""),
                    credential_id=made.credential_id,
                    public_key=made.public_key,
                    sign_count=made.sign_count,
                    transports=list(made.transports),
                    aaguid=made.aaguid,
                    discoverable=made.discoverable,
                    backed_up=made.backed_up,
                    created_at=unit.now,
                    confirmed_at=unit.now,
                )
                amr = ("swk" if made.backed_up else "hwk", *(("user",) if made.verified else ()))
                return await self._add(unit, account, session, factor, amr, at_door=at_door)
        except IntegrityError:  # the same one at the same moment
            return NotAdded("known")

    async def _add(
        self,
        unit: UnitOfWork,
        account: Account,
        session: Session,
        factor: Factor,
        amr: tuple[str, ...],
        *,
        at_door: bool,
    ) -> Added | NotAdded:
        there = await store.of_account(unit, account.id)
        if len(there) >= rules.MOST:
            return NotAdded("too_many")
        unit.add(factor)
        await unit.flush()
        await forget(unit, account.id)
        if not there:
            account.factor_always = not at_door
        sessions.strengthen(unit, session, rules.with_factor(session.acr, tuple(session.amr), amr))
        await session_store.outdate_proofs(unit, account.id, but=session.id)  # they gave less than there is now
        left, _ = await store.codes_left(unit, account.id)
        codes = () if left else await self._new_codes(unit, account)
        unit.record(
            "factor.added", target_kind="account", target_id=account.id, kind=factor.kind, factor=str(factor.id)
        )
        tell(unit, account, events_pb2.FACTORS_CHANGE_ADDED, factor=factor.name or factor.kind, device=session.device)
        return Added(factor, codes)

    async def rename(self, who: SignedIn, factor_id: UUID, name: str) -> None:
        """Another name for a factor. Raises NOT_FOUND."""
        async with self._changing(who) as (unit, account, _):
            factor = await _mine(unit, account, factor_id)
            factor.name = rules.clean_name(name, "")
            unit.record("factor.renamed", target_kind="account", target_id=account.id, factor=str(factor_id))

    async def remove(self, who: SignedIn, factor_id: UUID) -> None:
        """A factor counts no more; with the last one the recovery codes go too. Raises NOT_FOUND."""
        async with self._changing(who) as (unit, account, session):
            factor = await _mine(unit, account, factor_id)
            name = factor.name or factor.kind
            await store.remove(unit, account.id, factor_id)
            await forget(unit, account.id)
            if not await store.has_any(unit, account.id):
                await store.drop_codes(unit, account.id)
                account.factor_always = False
            unit.record(
                "factor.removed", target_kind="account", target_id=account.id, kind=factor.kind, factor=str(factor_id)
            )
            tell(unit, account, events_pb2.FACTORS_CHANGE_REMOVED, factor=name, device=session.device)

    async def renew_codes(self, who: SignedIn) -> tuple[str, ...]:
        """Ten new recovery codes in place of what was there. Raises PRECONDITION no_factor."""
        async with self._changing(who) as (unit, account, session):
            if not await store.has_any(unit, account.id):
                raise precondition("no_factor")
            codes = await self._new_codes(unit, account)
            await forget(unit, account.id)
            unit.record("recovery_codes.renewed", target_kind="account", target_id=account.id)
            tell(unit, account, events_pb2.FACTORS_CHANGE_CODES_RENEWED, device=session.device)
            return codes

    async def _new_codes(self, unit: UnitOfWork, account: Account) -> tuple[str, ...]:
        codes = recovery.new_codes()
        secret = self._ring.link_secret
        await store.put_codes(unit, account.id, [recovery.digest_of(secret, account.id, each) for each in codes])
        return codes

    async def end_trust(self, who: SignedIn, device_id: UUID | None = None) -> int:
        """The factor is asked again in one browser, or in all; how many they were."""
        async with self._database.begin(self._caller, organisation_id=who.account.organisation_id) as unit:
            ended = await store.end_trust(unit, who.account.id, device_id)
            if ended:
                unit.record("browser.trust_ended", target_kind="account", target_id=who.account.id, browsers=str(ended))
            return ended

    async def set_always(self, who: SignedIn, *, always: bool) -> None:
        """Whether the person is asked at every sign-in, or only where a firm demands it."""
        async with self._changing(who) as (unit, account, _):
            account.factor_always = always and await store.has_any(unit, account.id)
            unit.record("factor.always_set", target_kind="account", target_id=account.id, always=str(always))

    @asynccontextmanager
    async def _changing(
        self, who: SignedIn, *, adds: bool = False
    ) -> AsyncIterator[tuple[UnitOfWork, Account, Session]]:
        """The account and the session, locked and looked at again. `adds`: a first factor may do with less (`may_add`).
        Raises UNAUTHENTICATED session_ended, PRECONDITION step_up_required.
        """
        async with self._database.begin(self._caller, organisation_id=who.account.organisation_id) as unit:
            account = await account_store.lock(unit, who.account.id)
            session = await session_store.lock_open(unit, who.session.id, who.account.id)
            if account is None or session is None:
                raise unauthenticated("session_ended")
            if not is_fresh(session.proof_at, unit.now) and not (adds and await _may_begin(unit, who)):
                raise precondition("step_up_required")
            yield unit, account, session


async def _may_begin(unit: UnitOfWork, who: SignedIn) -> bool:
    return await store.may_begin(unit, who.account.id, who.session.id, unit.now - rules.FRESH)


async def _mine(unit: UnitOfWork, account: Account, factor_id: UUID) -> Factor:
    found = next((each for each in await store.of_account(unit, account.id) if each.id == factor_id), None)
    if found is None:
        raise not_found("factor_not_found")
    return found


def _offer_label(who: SignedIn) -> str:
    return f"totp offered {who.account.id} {who.session.id}"
