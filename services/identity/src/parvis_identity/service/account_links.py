"""Linking a personal account and an account of a firm: the person proves both.

Afterwards signing in with the personal account reaches the firm too. Neither account rules the other: the firm may
reset or close its own, and sees nothing of the personal one.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from parvis_identity.domain.sessions import PASSWORD_ACR
from parvis_identity.models import Account, AccountKind, AccountLink, AccountState, SsoProvider
from parvis_identity.service import linking
from parvis_identity.service.organisations import Face, Organisations
from parvis_identity.service.provider import SignedIn
from parvis_identity.service.sign_in import Passwords, Refused
from parvis_identity.service.sso import vouching
from parvis_identity.service.visitor import Visitor
from parvis_identity.store import account_links as store
from parvis_identity.store import accounts as account_store
from parvis_identity.store import sessions as session_store
from parvis_identity.store import sso as sso_store
from parvis_kit.caller import Caller
from parvis_kit.errors import Kind, ServiceError, not_found
from parvis_kit.unit import Database

#: A sign-in younger than this proves one's own side.
FRESH = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Linked:
    """A link as its owner sees it: the other account, and the firm."""

    id: UUID
    other: Account
    firm: str
    slug: str


@dataclass(frozen=True, slots=True)
class DirectoryLink:
    """A firm's directory that opens somebody's own account at the firm."""

    id: UUID
    provider_id: UUID
    directory: str
    firm: str
    since: datetime
    #: Whom the directory means, by its own name of them, where it means this account by several; else empty.
    subject: str = ""

    @property
    def named(self) -> str:
        """The directory, told apart from a further link of it."""
        return f"{self.directory} ({self.subject})" if self.subject else self.directory


@dataclass(frozen=True, slots=True)
class NotLinked:
    """Why nothing was done: "linked", "linked_elsewhere", "one_per_firm", "not_personal"; or a proof that failed
    ("current", "other", "factor", with the wait).
    """

    reason: str
    wait: timedelta = timedelta(0)


class AccountLinks:
    """See the module."""

    def __init__(self, database: Database, passwords: Passwords, organisations: Organisations) -> None:
        self._database = database
        self._passwords = passwords
        self._organisations = organisations
        self._caller = Caller("identity")

    async def of(self, account: Account) -> list[Linked]:
        """What an account is linked to."""
        async with self._database.begin(self._caller) as unit:
            links = await store.of_account(unit, account.id)
            pairs = [await store.accounts(unit, link) for link in links]
        found = []
        for link, (personal, managed) in zip(links, pairs, strict=True):
            other = personal if managed.id == account.id else managed
            found.append(Linked(link.id, other, await self._firm(link.organisation_slug), link.organisation_slug))
        return found

    async def link(
        self, who: SignedIn, current: str, face: Face, other: tuple[str, str], visitor: Visitor, *, code: str = ""
    ) -> NotLinked | None:
        """Links the personal account that is signed in with the account of a firm whose identifier and password are
        `other`, and whose second factor is `code` if it has one. None when done. Raises LIMIT hashing_busy.
        """
        if who.account.kind != AccountKind.PERSONAL:
            return NotLinked("not_personal")
        if (refused := await self._proves(who, current)) is not None:
            return refused
        proven = await self._passwords.prove_other(*other, face.id, visitor)
        if isinstance(proven, Refused):
            return NotLinked("other", proven.wait)
        if proven.kind != AccountKind.MANAGED:  # somebody's mail address, which the firm's door takes too
            return NotLinked("other")
        if (without := await self._passwords.prove_other_factor(proven, code, visitor)) is not None:
            return NotLinked("factor", without.wait)
        return await self._begin(who, proven.id, face)

    async def unlink(self, who: SignedIn, link_id: str, current: str) -> NotLinked | None:
        """Ends a link of one's own, from either side. None when done. Raises NOT_FOUND."""
        found = next((each for each in await self.of(who.account) if str(each.id) == link_id), None)
        if found is None:
            raise not_found("link_not_found")
        if (refused := await self._proves(who, current)) is not None:
            return refused
        async with self._database.begin(self._caller) as unit:
            link = await unit.get(AccountLink, found.id)
            if link is None or not await linking.end(unit, link, found.firm):
                raise not_found("link_not_found")
        return None

    async def directories_of(self, account: Account) -> list[DirectoryLink]:
        """Which firms' directories an account is linked to: somebody's own; a firm's is the firm's to say."""
        async with self._database.begin(self._caller) as unit:
            rows = await sso_store.links_of(unit, account.id)
        several = {name for name, count in Counter(row["provider_id"] for row in rows).items() if count > 1}
        return [
            DirectoryLink(
                row["id"],
                row["provider_id"],
                row["name"],
                await self._firm(row["organisation_slug"]),
                row["created_at"],
                row["subject"] if row["provider_id"] in several else "",
            )
            for row in rows
        ]

    async def unlink_directory(self, who: SignedIn, link: DirectoryLink, current: str) -> NotLinked | None:
        """Ends a link of one's own account to a firm's directory, whose word ends in every session. None when done.
        Raises NOT_FOUND.
        """
        if (refused := await self._proves(who, current)) is not None:
            return refused
        async with self._database.begin(self._caller) as unit:
            provider = await unit.get(SsoProvider, link.provider_id)
            if provider is None or not await sso_store.forget(unit, link.id, who.account.id):
                raise not_found("link_not_found")
            linking.tell_directory(unit, who.account, link.directory, link.firm, ended=True)
            await unit.enter(provider.organisation_id)
            provided = str(provider.id)
            unit.record("sso.unlinked", target_kind="account", target_id=who.account.id, provider=provided)
            await vouching.forgotten(unit, provider, who.account.id)
        return None

    async def _proves(self, who: SignedIn, current: str) -> NotLinked | None:
        if is_fresh(who) and not current:
            return None
        proven = await self._passwords.prove(who, current, "account.link_refused")
        return NotLinked("current", proven.wait) if isinstance(proven, Refused) else None

    async def _begin(self, who: SignedIn, managed_id: UUID, face: Face) -> NotLinked | None:
        personal_id = who.account.id
        async with self._database.begin(self._caller) as unit:
            # In one order: two that link the same accounts at once would wait for each other.
            locked = {each: await account_store.lock(unit, each) for each in sorted((personal_id, managed_id))}
            personal, managed = locked[personal_id], locked[managed_id]
            if personal is None or managed is None or managed.organisation_id != face.id:
                return NotLinked("other")
            if personal.state != AccountState.ACTIVE or managed.state != AccountState.ACTIVE:
                return NotLinked("other")
            if not await session_store.is_open(unit, who.session.id, personal_id):  # ended since it was looked at
                return NotLinked("current")
            if (reason := _against(await store.of_account(unit, managed_id), personal_id)) is not None:
                return NotLinked(reason)
            link = AccountLink(
                personal_id=personal_id,
                managed_id=managed_id,
                organisation_id=face.id,
                organisation_slug=face.slug,
                linked_at=unit.now,
            )
            if not await store.insert_unless_there(unit, link):
                return NotLinked("one_per_firm")
            linking.began(unit, link, personal, managed, face.name)
            await linking.of_firm(unit, link, "account.linked")
        return None

    async def _firm(self, slug: str) -> str:
        """The name of a firm, as far as it can be known."""
        try:
            face = await self._organisations.face(slug)
        except ServiceError as error:
            if error.kind is not Kind.UNAVAILABLE:
                raise
            return slug
        return face.name if face else slug


def is_fresh(who: SignedIn) -> bool:
    """Whether a sign-in is young enough to prove one's own side."""
    return who.session.acr >= PASSWORD_ACR and datetime.now(UTC) - who.session.auth_time < FRESH


def _against(links: Sequence[AccountLink], personal_id: UUID) -> str | None:
    """What speaks against another link of a managed account."""
    if not links:
        return None
    return "linked" if links[0].personal_id == personal_id else "linked_elsewhere"
