"""Sessions of the pages: an opaque cookie, a row, and in memory what the cookie's owner needs on every page.

The row is found by the SHA-256 of the cookie, and the tokens of the sign-in are encrypted with a key that only
the cookie yields: neither the database nor a backup of it opens a session. Tokens for organisations live in
memory only; a process that has none asks identity for one, without a new sign-in.

A session that ends anywhere (sign-out, another device, account closed) is on the revocation stream: its row goes
and memory forgets it. While the stream is silent, memory is not trusted and the row is read on every request.
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from parvis.identity.v1 import identity_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.caller import Acting, Caller, acting, acting_as, acting_for
from parvis_kit.errors import Kind, ServiceError, not_found, precondition, unauthenticated
from parvis_kit.postgres import first_id_at
from parvis_kit.unit import Database
from parvis_web.clients import Clients

#: Seconds that a session found in the database is trusted in memory while the revocation stream is heard.
LEASE = 30.0
#: Seconds that the list of a person's organisations is kept.
ORGANISATIONS_LEASE = 60.0
#: Organisations that the switch offers without a search, and those that a session remembers having entered.
OFFERED, ENTERED = 8, 50
#: Seconds before its end at which a token is replaced.
TOKEN_MARGIN = 30.0
#: Sessions kept in memory, at most.
REMEMBERED = 10_000
#: An event's time is its transaction's beginning: a session of this much later may still have begun before it.
_MARGIN = timedelta(seconds=1)
_NONCE = 12
_COOKIE_BYTES = 32


@dataclass(frozen=True, slots=True)
class Token:
    """A token of the internal audience, until `expires_at` (Unix time in seconds)."""

    value: str
    expires_at: float
    membership_id: str
    #: When the person last proved who they are (Unix time in seconds).
    proven_at: float = 0.0
    #: Whether the organisation offers them a second factor, and from when on it demands one.
    offers_factor: bool = False
    factor_required_from: datetime | None = None


@dataclass(slots=True)
class Session:
    """A person who is signed in, on one browser."""

    cookie_sha256: bytes
    key: bytes
    account_id: UUID
    session_id: UUID
    refresh_token: str
    id_token: str
    expires_at: datetime
    #: Value that every form carries; it dies with the session.
    csrf: str
    checked_at: float = 0.0
    tokens: dict[str, Token] = field(default_factory=dict)
    #: The first of the person's organisations by name, and how many there are.
    organisations: tuple[tenancy_pb2.MyOrganisation, ...] = ()
    organisations_total: int = 0
    #: Whether there may be others, for whoever proves their account: a firm's provider alone has vouched so far.
    partial: bool = False
    organisations_at: float = float("-inf")
    #: Slug → an organisation that was entered, and when that was last confirmed; the one used longest ago first.
    entered: dict[str, tuple[float, tenancy_pb2.MyOrganisation]] = field(default_factory=dict)
    #: Slug and name of those that closed the access during this session: every tab is told so, not only the first.
    ended: dict[str, str] = field(default_factory=dict)
    #: The frame of each organisation (or viewing) as it last came, shown when tenancy is down.
    frames: dict[str, tenancy_pb2.Frame] = field(default_factory=dict)

    #: Organisation → the revision of its rights that this session led to; see `revisions`. Calls raise it.
    revisions: dict[str, int] = field(default_factory=dict)

    def sign(self, text: str) -> str:
        """A signature that only this session can make, for what the browser keeps (flash messages)."""
        return _mac(self.key, f"signed:{text}")

    def offer(self, found: tenancy_pb2.ListMyOrganisationsResponse) -> None:
        """What the switch offers from now on: the first organisations by name, and how many there are."""
        self.organisations, self.organisations_total = tuple(found.organisations[:OFFERED]), found.total
        self.partial = found.partial
        self.organisations_at = time.monotonic()

    def enter(self, mine: tenancy_pb2.MyOrganisation) -> None:
        """Remembers an organisation that was just confirmed, and few besides: somebody may have thousands."""
        self.ended.pop(mine.face.slug, None)
        self.entered.pop(mine.face.slug, None)
        self.entered[mine.face.slug] = (time.monotonic(), mine)
        if len(self.entered) > ENTERED:
            del self.entered[next(iter(self.entered))]

    def ask_again(self) -> None:
        """What is remembered of organisations counts no more, but for saying that they closed the access."""
        self.organisations_at = float("-inf")
        self.entered = {slug: (float("-inf"), mine) for slug, (_, mine) in self.entered.items()}


class Sessions:
    """All sessions of this process's readers. `stale` says whether revocations may be missing."""

    def __init__(
        self, database: Database, clients: Clients, *, hours: int, stale: Callable[[], bool] = lambda: True
    ) -> None:
        self._database = database
        self._clients = clients
        self._hours = timedelta(hours=hours)
        self._stale = stale
        self._known: OrderedDict[bytes, Session] = OrderedDict()
        self._caller = Caller("web")

    async def start(self, *, account_id: UUID, session_id: UUID, refresh_token: str, id_token: str) -> str:
        """Keeps a sign-in; returns the cookie. Sessions that are over are swept on the way."""
        cookie = secrets.token_urlsafe(_COOKIE_BYTES)
        digest, key = _digest(cookie), _key(cookie)
        sealed = _seal(key, {"refresh_token": refresh_token, "id_token": id_token})
        expires = datetime.now(UTC) + self._hours
        async with self._database.begin(self._caller) as unit:
            await unit.fetch("DELETE FROM web_sessions WHERE expires_at < now()")
            await unit.fetch(
                "INSERT INTO web_sessions (cookie_sha256, account_id, session_id, sealed, expires_at)"
                " VALUES ($1, $2, $3, $4, $5)",
                digest, account_id, session_id, sealed, expires,
            )  # fmt: skip
        return cookie

    async def find(self, cookie: str) -> Session | None:
        """The session of a cookie; None when there is none or it is over. One SQL statement, or none while it
        is in memory.
        """
        if not cookie:
            return None
        digest = _digest(cookie)
        known = self._known.get(digest)
        if known is not None and known.checked_at > time.monotonic() - LEASE and not self._stale():
            return known if known.expires_at > datetime.now(UTC) else None
        async with self._database.begin(self._caller) as unit:
            # The expiry moves at most once an hour, so that reading a page writes nothing.
            rows = await unit.fetch(
                "SELECT account_id, session_id, sealed, expires_at FROM web_sessions"
                " WHERE cookie_sha256 = $1 AND expires_at > now()",
                digest,
            )
            if rows and rows[0]["expires_at"] < datetime.now(UTC) + self._hours - timedelta(hours=1):
                await unit.fetch(
                    "UPDATE web_sessions SET expires_at = $2 WHERE cookie_sha256 = $1",
                    digest, datetime.now(UTC) + self._hours,
                )  # fmt: skip
        if not rows:
            self._known.pop(digest, None)
            return None
        if known is None:
            known = _open(cookie, digest, dict(rows[0]))
            if known is None:
                return None
            self._known[digest] = known
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        known.expires_at = rows[0]["expires_at"]
        known.checked_at = time.monotonic()
        return known

    async def end(self, session: Session) -> None:
        """Forgets a session here and in the database."""
        self._known.pop(session.cookie_sha256, None)
        async with self._database.begin(self._caller) as unit:
            await unit.fetch("DELETE FROM web_sessions WHERE cookie_sha256 = $1", session.cookie_sha256)

    async def session_ended(self, session_id: UUID) -> None:
        """Identity ended a session."""
        self._forget(lambda session: session.session_id == session_id)
        async with self._database.begin(self._caller) as unit:
            await unit.fetch("DELETE FROM web_sessions WHERE session_id = $1", session_id)

    async def account_disabled(self, account_id: UUID, at: datetime) -> None:
        """Identity closed an account `at` a moment, which may be heard again long after: it may have been opened since.
        The sessions that began until then end: their ids say when, and are the order in which identity made them.
        """
        later = first_id_at(at + _MARGIN)
        self._forget(lambda session: session.account_id == account_id and session.session_id < later)
        async with self._database.begin(self._caller) as unit:
            await unit.fetch("DELETE FROM web_sessions WHERE account_id = $1 AND session_id < $2", account_id, later)

    def membership_changed(self, account_id: UUID) -> None:
        """An access of the account was cut or opened: tokens and the list of organisations are asked for anew."""
        for session in self._known.values():
            if session.account_id == account_id:
                session.tokens.clear()
                session.ask_again()

    def demands_changed(self, organisation_id: str) -> None:
        """An organisation demands something else at its door: tokens for it are asked for anew."""
        for session in self._known.values():
            session.tokens.pop(organisation_id, None)

    def _forget(self, over: Callable[[Session], bool]) -> None:
        for digest in [digest for digest, session in self._known.items() if over(session)]:
            del self._known[digest]

    async def token(
        self, session: Session, organisation_id: str = "", viewing_id: str = "", *, proven_since: float = 0.0
    ) -> Token:
        """A token for an organisation, for a viewing there, or for the account alone. One that was got before the
        person proved who they are again is replaced where they must have done so since a moment.

        Raises UNAUTHENTICATED when the session has ended, NOT_FOUND when the account has no open membership there,
        PRECONDITION viewing_ended, door_closed when the organisation demands more than the session holds,
        step_up_required when the person has not proven who they are since then.
        """
        held = session.tokens.get(viewing_id or organisation_id)
        if held is not None and held.expires_at > time.time() + TOKEN_MARGIN and held.proven_at >= proven_since:
            return held
        request = identity_pb2.GetOrganisationTokenRequest(
            refresh_token=session.refresh_token, organisation_id=organisation_id, viewing_id=viewing_id
        )
        session.tokens.pop(viewing_id or organisation_id, None)
        try:
            with acting_for(None):
                made = await self._clients.sessions.GetOrganisationToken(request)
        except ServiceError as error:
            if error.kind is Kind.UNAUTHENTICATED:
                await self.end(session)
            raise
        proven_at = made.proven_at.ToDatetime(UTC).timestamp()
        held = Token(
            made.token,
            made.expires_at.ToDatetime(UTC).timestamp(),
            made.membership_id,
            proven_at,
            made.offers_factor,
            made.factor_required_from.ToDatetime(UTC) if made.HasField("factor_required_from") else None,
        )
        session.tokens[viewing_id or organisation_id] = held
        if held.proven_at < proven_since:
            raise precondition("step_up_required")
        return held

    async def organisations(self, session: Session, *, fresh: bool = False) -> tuple[tenancy_pb2.MyOrganisation, ...]:
        """The first of the person's organisations by name, at most a minute old."""
        if fresh or session.organisations_at < time.monotonic() - ORGANISATIONS_LEASE:
            await self._ask(session, "")
        return session.organisations

    async def _ask(self, session: Session, slug: str) -> tenancy_pb2.MyOrganisation | None:
        """One call for the switch and for the organisation of a slug: the same for two organisations and for 2,000."""
        token = await self.token(session)
        request = tenancy_pb2.ListMyOrganisationsRequest(page_size=OFFERED, slug=slug)
        with acting_as(Acting(token=token.value, deadline=acting().deadline)):
            answer = await self._clients.organisations.ListMyOrganisations(request)
        session.offer(answer)
        if not answer.HasField("named"):
            return None
        session.enter(answer.named)
        return answer.named

    async def organisation(self, session: Session, slug: str) -> tenancy_pb2.MyOrganisation:
        """The organisation of that slug. Raises NOT_FOUND not_found, or access_ended when the person was in it
        during this session.
        """
        confirmed_at, known = session.entered.get(slug, (float("-inf"), None))
        if known is not None and confirmed_at > time.monotonic() - ORGANISATIONS_LEASE:
            return known
        try:
            found = await self._ask(session, slug)
        except ServiceError as error:
            # Tenancy is down: who belonged to it a minute ago still does; what they may do is asked of each
            # service anyway.
            if error.kind is not Kind.UNAVAILABLE or known is None:
                raise
            return known
        if found is not None:
            return found
        if known is not None:
            session.entered.pop(slug, None)  # requests at once all learn of the end
            session.ended[slug] = known.face.name
        if slug in session.ended:
            raise not_found("access_ended", organisation=session.ended[slug])
        raise not_found()


def require(session: Session | None) -> Session:
    """The session. Raises UNAUTHENTICATED when there is none."""
    if session is None:
        raise unauthenticated("signed_out")
    return session


def _digest(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode()).digest()


def _key(cookie: str) -> bytes:
    # The cookie is 256 random bits: one keyed hash makes an independent key of it (NIST SP 800-108, counter mode).
    return hmac.digest(cookie.encode(), b"parvis-web session key\x01", "sha256")


def _mac(key: bytes, text: str) -> str:
    return base64.urlsafe_b64encode(hmac.digest(key, text.encode(), "sha256")).rstrip(b"=").decode()


def _seal(key: bytes, values: dict[str, str]) -> bytes:
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, json.dumps(values).encode(), None)


def _open(cookie: str, digest: bytes, row: dict[str, object]) -> Session | None:
    key, sealed = _key(cookie), row["sealed"]
    account_id, session_id, expires_at = row["account_id"], row["session_id"], row["expires_at"]
    if not (
        isinstance(sealed, bytes)
        and isinstance(account_id, UUID)
        and isinstance(session_id, UUID)
        and isinstance(expires_at, datetime)
    ):
        return None
    try:
        values = json.loads(AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], None))
    except (InvalidTag, ValueError):
        return None
    return Session(
        cookie_sha256=digest,
        key=key,
        account_id=account_id,
        session_id=session_id,
        refresh_token=values["refresh_token"],
        id_token=values["id_token"],
        expires_at=expires_at,
        csrf=_mac(key, "csrf"),
    )
