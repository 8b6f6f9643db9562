"""Asking an organisation for an account (requirement D3).

What is typed on the public page proves nothing and looks up nobody: everybody gets the same answer and a mail goes to
the address. Whoever opens its link owns the address. Tenancy hears of the request once its owner has an account that
can sign in: at once for who has one, with the first password for who has none.
"""

import hashlib
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from parvis.identity.v1 import events_pb2
from parvis_identity.domain.identifiers import is_mail, mail_key
from parvis_identity.domain.links import LIFETIMES, LinkState, Purpose, digest_of, state_of, token_of
from parvis_identity.domain.throttle import RESETS, RESETS_BY_ADDRESS, network_of
from parvis_identity.models import AccessRequest, Account, AccountState
from parvis_identity.service import accounts, proven
from parvis_identity.service.links import new_link
from parvis_identity.service.organisations import Face
from parvis_identity.service.provider import SignedIn
from parvis_identity.store import accounts as account_store
from parvis_identity.store import requests as store
from parvis_identity.store import sessions as session_store
from parvis_kit.caller import Caller
from parvis_kit.errors import Violation, invalid, not_found, precondition
from parvis_kit.ids import uuid7
from parvis_kit.unit import Database, UnitOfWork

LONGEST_MESSAGE = 1000
#: Signs of category C that people write: ends of lines, tabs, joiners of scripts and of emoji.
_WRITTEN = "\n\t\u200c\u200d"


@dataclass(frozen=True, slots=True)
class Wish:
    """What was typed on the page."""

    given_name: str
    family_name: str
    mail: str
    message: str
    locale: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A link of a request: its state, and the account that its address has by now."""

    state: LinkState
    request: AccessRequest | None = None
    account: Account | None = None

    @property
    def has_password(self) -> bool:
        """Whether somebody signs in with the address already."""
        return self.account is not None and self.account.state != AccountState.PENDING


class Requests:
    """See the module. `secret` is that of links."""

    def __init__(self, database: Database, secret: bytes, *, public_url: str) -> None:
        self._database = database
        self._secret = secret
        self._public_url = public_url
        self._caller = Caller("identity")

    async def ask(self, face: Face, wish: Wish, address: str) -> None:
        """Sends the mail that proves an address, unless that was asked too often, and says nothing either way.

        Raises INVALID request_invalid with what cannot be accepted, PRECONDITION requests_closed.
        """
        violations = _violations(wish)
        if violations:
            raise invalid("request_invalid", violations)
        if not face.accepts_requests:
            raise precondition("requests_closed")
        async with self._database.begin(self._caller, organisation_id=face.id) as unit:
            by_mail = _key("request", str(face.id), mail_key(wish.mail))
            may, _ = await session_store.charge(unit, by_mail, RESETS)
            by_address = _key("request from", network_of(address))
            address_may, _ = await session_store.charge(unit, by_address, RESETS_BY_ADDRESS)
            if not (may and address_may):
                unit.record("request.throttled", target_kind="request", target_id=by_mail.hex()[:16], address=address)
                return
            request_id = uuid7()
            request = AccessRequest(
                id=request_id,
                digest=digest_of(token_of(self._secret, request_id, Purpose.REQUEST)),
                organisation_id=face.id,
                organisation_slug=face.slug,
                mail=wish.mail.strip(),
                given_name=wish.given_name.strip(),
                family_name=wish.family_name.strip(),
                message=_message(wish),
                locale=wish.locale,
                created_at=unit.now,
                expires_at=unit.now + LIFETIMES[Purpose.REQUEST],
            )
            unit.add(request)
            event = events_pb2.AccessRequestOpened(
                request_id=str(request_id),
                mail=request.mail,
                given_name=request.given_name,
                family_name=request.family_name,
                locale=request.locale,
                organisation_name=face.name,
                organisation_slug=face.slug,
            )
            unit.emit(event, aggregate_id=request_id)
            unit.record("request.opened", target_kind="request", target_id=request_id, address=address)

    async def mint(self, unit: UnitOfWork, request_id: UUID) -> tuple[str, datetime]:
        """The address for the mail, and when it expires. Raises NOT_FOUND, PRECONDITION link_withdrawn."""
        request = await unit.get(AccessRequest, request_id)
        if request is None or request.organisation_id != unit.organisation_or_none:
            raise not_found("request_not_found")
        if _state(unit, request) is not LinkState.OPEN:
            raise precondition("link_withdrawn")
        token = token_of(self._secret, request_id, Purpose.REQUEST)
        return f"{self._public_url}/join/{request.organisation_slug}/{token}", request.expires_at

    async def open(self, token: str, slug: str) -> Opened:
        """What can be said about a link before it is used."""
        async with self._database.begin(self._caller) as unit:
            return await self._open(unit, token, slug)

    async def _open(self, unit: UnitOfWork, token: str, slug: str, *, lock: bool = False) -> Opened:
        if lock:
            # The account first, as whoever sets its password does (service.password_links).
            await store.lock_account(unit, digest_of(token))
        request = await store.find(unit, digest_of(token), lock=lock)
        if request is None or request.organisation_slug != slug:
            return Opened(LinkState.UNKNOWN)
        account = await store.account_of(unit, request.mail)
        return Opened(_state(unit, request), request, account)

    async def send(self, token: str, slug: str, who: SignedIn) -> Opened:
        """Sends the request in the name of whoever is signed in, when the address is theirs; of two tabs, once."""
        async with self._database.begin(self._caller) as unit:
            opened = await self._open(unit, token, slug, lock=True)
            request, account = opened.request, opened.account
            if opened.state is LinkState.OPEN and request and account and account.id == who.account.id:
                await unit.enter(request.organisation_id)
                proven.send(unit, request, account)
            return opened

    async def begin_account(self, token: str, slug: str) -> str | None:
        """Opens an account for a proven address that has none with a password yet: the path where its first password
        is chosen, which sends the request. None when there is nothing to open.
        """
        async with self._database.begin(self._caller) as unit:
            opened = await self._open(unit, token, slug, lock=True)
            request = opened.request
            if opened.state is not LinkState.OPEN or request is None or opened.has_password:
                return None
            await unit.enter(request.organisation_id)
            account = opened.account or await accounts.ensure_personal(
                unit,
                mail=request.mail,
                given_name=request.given_name,
                family_name=request.family_name,
                locale=request.locale,
            )
            request.account_id = account.id
            link_id = uuid7()
            # Of no organisation: nobody invites, so nobody's withdrawal takes it back.
            purpose = Purpose.ACTIVATION
            link = new_link(
                unit, self._secret, link_id, purpose, account.id, organisation_id=None, organisation_slug=slug
            )
            await account_store.insert_link(unit, link)
            unit.record("request.proven", target_kind="request", target_id=request.id, account=str(account.id))
            return f"/activate/{token_of(self._secret, link_id, purpose)}"


def _state(unit: UnitOfWork, request: AccessRequest) -> LinkState:
    return state_of(unit.now, expires_at=request.expires_at, used_at=request.sent_at, revoked_at=None)


def _violations(wish: Wish) -> list[Violation]:
    found = []
    for field in ("given_name", "family_name"):
        name = getattr(wish, field).strip()
        wrong = accounts.wrong_name(field, name) if name else Violation(field, "required")
        found += [wrong] if wrong else []
    if not wish.mail.strip():
        found.append(Violation("mail", "required"))
    elif not is_mail(wish.mail):
        found.append(Violation("mail", "not_a_mail_address"))
    message = _message(wish)
    if len(message) > LONGEST_MESSAGE:
        found.append(Violation("message", "too_long", {"longest": str(LONGEST_MESSAGE)}))
    if any(unicodedata.category(sign)[0] == "C" and sign not in _WRITTEN for sign in message):
        found.append(Violation("message", "control_characters"))
    return found


def _message(wish: Wish) -> str:
    """What was written, with the line ends of a text: a form sends two signs for each."""
    return wish.message.replace("\r\n", "\n").strip()


def _key(*parts: str) -> bytes:
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogateescape")).digest()
