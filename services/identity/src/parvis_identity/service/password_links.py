"""Links that set a password: asked for, opened, used. Whoever uses one is signed in.

The password is hashed between two transactions, as at the sign-in page (`service.sign_in`); the second one locks the
link and looks again.
"""

import hmac
from collections.abc import Collection
from dataclasses import dataclass, replace
from uuid import UUID

from parvis_identity.domain import provisional
from parvis_identity.domain.identifiers import LONGEST_MAIL, identifier_key
from parvis_identity.domain.links import OF_ONE_BROWSER, LinkState, Purpose, browser_proof, digest_of, state_of
from parvis_identity.domain.throttle import RESETS, RESETS_BY_ADDRESS, network_of, throttle_key, typed_key
from parvis_identity.models import Account, AccountState, Credential, Link
from parvis_identity.service import accounts, proven, sessions
from parvis_identity.service.hashing import Hasher
from parvis_identity.service.keys import KeyRing
from parvis_identity.service.links import send_reset
from parvis_identity.service.second_factor import Asked, forget
from parvis_identity.service.sessions import Begun
from parvis_identity.service.sign_in import Broken, Passwords
from parvis_identity.service.visitor import Visitor
from parvis_identity.store import accounts as store
from parvis_identity.store import sessions as session_store
from parvis_kit.caller import Caller
from parvis_kit.unit import Database, UnitOfWork


@dataclass(frozen=True, slots=True)
class Opened:
    """A link, its state, and the account it is for (None: unknown link)."""

    state: LinkState
    link: Link | None = None
    account: Account | None = None

    @property
    def slug(self) -> str:
        """Of the organisation that the link was sent for; empty: of none."""
        return self.link.organisation_slug if self.link else ""


class PasswordLinks:
    """See the module."""

    def __init__(self, database: Database, hasher: Hasher, ring: KeyRing, passwords: Passwords) -> None:
        self._database = database
        self._hasher = hasher
        self._ring = ring
        self._passwords = passwords
        self._caller = Caller("identity")

    async def request_reset(
        self, identifier: str, organisation_id: UUID | None, organisation_slug: str, visitor: Visitor
    ) -> None:
        """Sends a reset link, when there is such an account and it was not asked too often. Says nothing either way."""
        typed = identifier_key(identifier)[:LONGEST_MAIL]
        async with self._database.begin(self._caller, organisation_id=organisation_id) as unit:
            may, _ = await session_store.charge(unit, typed_key("reset", typed, organisation_id), RESETS)
            by_address = throttle_key("reset from", network_of(visitor.address))
            address_may, _ = await session_store.charge(unit, by_address, RESETS_BY_ADDRESS)
            found = await store.find(unit, typed, organisation_id)
            if may and address_may and found is not None:
                await send_reset(unit, self._ring.link_secret, found[0], organisation_id, organisation_slug)

    async def send_again(self, token: str) -> LinkState:
        """Sends a fresh link to whom an expired one was for; the state of the old one."""
        async with self._database.begin(self._caller) as unit:
            opened = await self._open(unit, token)
        link, account = opened.link, opened.account
        if opened.state is LinkState.EXPIRED and link is not None and account is not None:
            async with self._database.begin(self._caller, organisation_id=link.organisation_id) as unit:
                may, _ = await session_store.charge(unit, throttle_key("again", str(account.id)), RESETS)
                if may:
                    await send_reset(
                        unit, self._ring.link_secret, account, link.organisation_id, link.organisation_slug
                    )
        return opened.state

    async def open_link(self, token: str, visitor: Visitor, *purposes: Purpose) -> Opened:
        """What can be said about a link before it is used."""
        async with self._database.begin(self._caller) as unit:
            opened = await self._open(unit, token)
        link = opened.link
        if link is None:
            return opened
        if link.purpose not in purposes:
            return Opened(LinkState.UNKNOWN)
        if link.purpose in OF_ONE_BROWSER and opened.state is LinkState.OPEN:
            wanted = browser_proof(self._ring.link_secret, link.id)
            if not hmac.compare_digest(wanted.encode(), visitor.proof.encode("utf-8", "surrogateescape")):
                return Opened(LinkState.UNKNOWN)
        return opened

    async def _open(self, unit: UnitOfWork, token: str, *, lock: bool = False) -> Opened:
        found = await store.find_link(unit, digest_of(token), lock_it=lock)
        if found is None:
            return Opened(LinkState.UNKNOWN)
        link, account = found
        state = state_of(unit.now, expires_at=link.expires_at, used_at=link.used_at, revoked_at=link.revoked_at)
        if state is LinkState.OPEN and (account.state == AccountState.DISABLED or account.directory):
            state = LinkState.REVOKED
        if state is LinkState.OPEN and link.purpose == Purpose.ACTIVATION and account.state != AccountState.PENDING:
            # Activated through another invitation meanwhile: this link must not set a second password.
            state = LinkState.USED
        return Opened(state, link, account)

    async def set_through_link(
        self, token: str, purposes: Collection[Purpose], password: str, visitor: Visitor
    ) -> Begun | Asked | Broken | Opened:
        """Sets a password through a link and signs in; of two tabs that do so at once, one does. Raises LIMIT
        hashing_busy.
        """
        opened = await self.open_link(token, visitor, *purposes)
        if opened.state is not LinkState.OPEN or opened.account is None:
            return opened
        broken = await self._passwords.broken(password, opened.account, opened.slug)
        if broken:
            return Broken(broken)
        if opened.link is not None and opened.link.purpose == Purpose.FIRST:
            async with self._database.begin(self._caller) as unit:
                handed_over = await store.password_hash(unit, opened.account.id)
            if await self._hasher.matches(handed_over, provisional.typed(password)):
                return Broken(("provisional",))
        encoded = await self._hasher.hash(password)
        async with self._database.begin(self._caller) as unit:
            opened = await self._open(unit, token, lock=True)
            link, account = opened.link, opened.account
            if opened.state is not LinkState.OPEN or link is None or account is None:
                return opened
            if link.purpose == Purpose.FIRST:
                held = await unit.get(Credential, account.id)
                if held is None or not held.provisional:
                    return replace(opened, state=LinkState.USED)  # chosen meanwhile: this one is no first any more
            link.used_at = unit.now
            await store.set_password_hash(unit, account.id, encoded)
            await store.revoke_links(unit, account.id, but=link.id)
            await forget(unit, account.id)
            await self._passwords.forgive(unit, account, visitor)
            if account.state == AccountState.PENDING:
                accounts.activate(unit, account)
            else:
                await sessions.end(unit, account.id)
                unit.record("password.reset", target_kind="account", target_id=account.id)
            begun = await self._passwords.begin(unit, account, visitor)
            await proven.send_all(unit, account)
            return begun
