"""Sessions: begun by a password, ended by the person, the clock or whoever owns the account; and the gateway's
tokens.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from parvis.identity.v1 import events_pb2
from parvis_identity.domain import sessions as rules
from parvis_identity.domain.door import Offer
from parvis_identity.domain.links import digest_of
from parvis_identity.domain.sessions import Proof
from parvis_identity.models import Account, AccountKind, AccountState, Session
from parvis_identity.service import door, linking, logout, taken_back
from parvis_identity.service.organisations import Organisations
from parvis_identity.service.provider import SignedIn
from parvis_identity.service.tokens import Tokens
from parvis_identity.service.viewings import Viewings, end_of_sessions
from parvis_identity.store import account_links as link_store
from parvis_identity.store import accounts as account_store
from parvis_identity.store import openid as openid_store
from parvis_identity.store import sessions as store
from parvis_identity.store import viewings as viewing_store
from parvis_kit.errors import not_found, unauthenticated
from parvis_kit.unit import UnitOfWork

#: Of a session that never saw the strongest proof that its account has.
NEVER = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Begun:
    """A session that a browser now holds: `cookie` is its secret, `device` what makes the browser known from now on."""

    session: Session
    account: Account
    cookie: str
    device: str = ""
    #: Where the person does not want to be asked for a factor for a while.
    trusted: str = ""


@dataclass(frozen=True, slots=True)
class OrganisationToken:
    """A token of the internal audience, and whom it speaks for."""

    token: str
    expires: int
    session_id: UUID
    account_id: UUID
    membership_id: UUID | None
    proven_at: datetime
    #: The organisation offers them a second factor.
    offer: Offer | None = None


async def signed_in(unit: UnitOfWork, cookie: str) -> SignedIn | None:
    """Who holds a session's cookie; None when the session is over."""
    if not cookie:
        return None
    found = await store.find_open(unit, digest_of(cookie))
    if found is None:
        return None
    await store.touch(unit, found[0])
    return SignedIn(*found)


async def begin(
    unit: UnitOfWork, account: Account, *, cookie: str, user_agent: str, proof: Proof = rules.PASSWORD
) -> Begun:
    """A session for somebody who has just proven who they are.

    In a browser where the same person is signed in, that session goes on with a new secret, never weaker than it was;
    anybody else's ends.
    """
    fresh = secrets.token_urlsafe(32)
    before = await signed_in(unit, cookie)
    if before is not None and before.account.id == account.id:
        session = before.session
        session.digest = digest_of(fresh)
        session.last_seen_at = unit.now
        strengthen(unit, session, proof)
    else:
        if before is not None:
            await end(unit, before.account.id, session_id=before.session.id)
        session = Session(
            digest=digest_of(fresh),
            account_id=account.id,
            started_at=unit.now,
            last_seen_at=unit.now,
            auth_time=proof.at or unit.now,
            acr=proof.acr,
            amr=list(proof.amr),
            proof_at=proof.at or unit.now if proof.strongest else NEVER,
            device=rules.device_of(user_agent),
        )
        await store.insert(unit, session)
    if await account_store.touch_sign_in(unit, account.id, unit.now):
        await taken_back.take_back(unit, account)
    return Begun(session, account, fresh)


def strengthen(unit: UnitOfWork, session: Session, proof: Proof) -> None:
    """Somebody who is signed in has proven again who they are: what they proved before in this session counts too. A
    firm's word makes no sign-in of their own younger.
    """
    if proof.acr >= rules.PASSWORD_ACR or session.acr < rules.PASSWORD_ACR:
        session.auth_time = max(session.auth_time, proof.at or unit.now)
    session.acr = max(session.acr, proof.acr)
    session.amr = rules.merged(session.amr, proof.amr)
    if proof.strongest:
        session.proof_at = max(session.proof_at, proof.at or unit.now)


async def end(
    unit: UnitOfWork,
    account_id: UUID,
    *,
    session_id: UUID | None = None,
    but: UUID | None = None,
    until: datetime | None = None,
) -> list[UUID]:
    """Ends one session of an account, or all (`but` one; those begun `until` then), and says so: to the services on the
    revocation stream, and to the clients that were told of it.
    """
    ended = await store.end(unit, account_id, session_id=session_id, but=but, until=until)
    for each in ended:
        unit.emit(events_pb2.SessionEnded(session_id=str(each), account_id=str(account_id)), aggregate_id=each)
        unit.record("session.ended", target_kind="account", target_id=account_id, session=str(each))
    await end_of_sessions(unit, ended)
    await logout.tell(unit, account_id, ended)
    return ended


async def expire(unit: UnitOfWork, *, most: int = 200) -> int:
    """Ends the sessions whose time is up and says so, as of any other end; how many they were."""
    over = await store.expire(unit, most=most)
    for session_id, account_id, idle in over:
        unit.emit(
            events_pb2.SessionEnded(session_id=str(session_id), account_id=str(account_id)), aggregate_id=session_id
        )
        why = "idle" if idle else "old"
        unit.record("session.expired", target_kind="account", target_id=account_id, session=str(session_id), why=why)
        await logout.tell(unit, account_id, [session_id])
    await end_of_sessions(unit, [session_id for session_id, _, _ in over])
    return len(over)


async def cut(unit: UnitOfWork, account_id: UUID, organisation_id: UUID, until: datetime) -> None:
    """Ends what an account had of an organisation, as far as it began before a moment: an access was cut then.

    A managed account of that organisation is of use nowhere else: its sessions end. A personal one keeps them, and
    loses what was granted for the organisation.
    """
    account = await unit.get(Account, account_id)
    if account is not None and account.organisation_id == organisation_id:
        await end(unit, account_id, until=until)
    await logout.cut(unit, account_id, organisation_id, until)
    for link in await link_store.of_account(unit, account_id):
        if link.managed_id == account_id:  # whoever reached the organisation through it
            await logout.cut(unit, link.personal_id, organisation_id, until)


async def end_by_id(unit: UnitOfWork, session_id: UUID) -> None:
    """Ends a session, whoever's it is; nothing when there is none any more."""
    session = await unit.get(Session, session_id)
    if session is not None:
        await end(unit, session.account_id, session_id=session_id)


async def end_mine(unit: UnitOfWork, session_id: UUID) -> None:
    """Ends one of the caller's own sessions. Raises NOT_FOUND for anybody else's, PRECONDITION door_closed."""
    door.require_own(unit.caller)
    if unit.caller.account_id is None or not await end(unit, unit.caller.account_id, session_id=session_id):
        raise not_found("session_not_found")


async def end_others(unit: UnitOfWork) -> int:
    """Ends all of the caller's sessions but the one of the request; how many they were. Raises PRECONDITION
    door_closed.
    """
    door.require_own(unit.caller)
    if unit.caller.account_id is None or unit.caller.session_id is None:
        raise unauthenticated()
    return len(await end(unit, unit.caller.account_id, but=unit.caller.session_id))


async def list_mine(unit: UnitOfWork) -> Sequence[Session]:
    """The caller's open sessions, newest first. Raises PRECONDITION door_closed."""
    door.require_own(unit.caller)
    if unit.caller.account_id is None:
        raise unauthenticated()
    return await store.list_open(unit, unit.caller.account_id)


async def is_open(unit: UnitOfWork, session_id: UUID, account_id: UUID) -> bool:
    """Whether a session of an account still counts, or a viewing of it."""
    return await store.is_open(unit, session_id, account_id) or await viewing_store.is_open(
        unit, session_id, account_id
    )


async def disable_account(unit: UnitOfWork, account_id: UUID, *, by_directory: bool = False) -> None:
    """Closes an account: nobody signs in with it, every session of it is over. Raises NOT_FOUND."""
    account = await account_store.lock(unit, account_id)
    if account is None:
        raise not_found("account_not_found")
    account.state, account.closed_by_directory = AccountState.DISABLED, by_directory
    await account_store.revoke_links(unit, account_id)
    await end(unit, account_id)
    unit.emit(events_pb2.AccountDisabled(account_id=str(account_id)), aggregate_id=account_id)
    unit.record("account.disabled", target_kind="account", target_id=account_id)
    await linking.end_all(unit, account_id)


class OrganisationTokens:
    """Exchanges the gateway's refresh token for a token of one organisation: the busiest call of the service."""

    def __init__(
        self, tokens: Tokens, organisations: Organisations, viewings: Viewings, *, gateway_client: str
    ) -> None:
        self._tokens = tokens
        self._organisations = organisations
        self._viewings = viewings
        self._client_id = gateway_client

    async def issue(
        self, unit: UnitOfWork, refresh_token: str, organisation_id: UUID | None, viewing_id: UUID | None = None
    ) -> OrganisationToken:
        """See SessionService.GetOrganisationToken."""
        presented = await openid_store.presented_refresh_token(unit, digest_of(refresh_token))
        if (
            presented is None
            or presented.granted.grant.client_id != self._client_id
            or presented.token.expires_at <= unit.now
            or presented.token.replaced_at is not None
            or not presented.granted.alive
        ):
            raise unauthenticated("session_ended")
        granted = presented.granted
        account, grant = granted.account, granted.grant
        if viewing_id is not None:
            viewing = await self._viewings.going_on(unit, viewing_id, grant.session_id, organisation_id)
            within = viewing.organisation_id
            await door.require_viewer(unit, self._organisations, account.id, granted.standing, within)
            token, expires = self._tokens.viewing(viewing, grant, granted.standing.proof_at)
            return OrganisationToken(
                token,
                expires,
                viewing.id,
                viewing.subject_account_id,
                viewing.membership_id,
                granted.standing.proof_at,
            )
        membership = offer = None
        if organisation_id is not None:
            if account.kind == AccountKind.MANAGED and account.organisation_id != organisation_id:
                raise not_found("membership_not_found")
            membership = await self._organisations.membership(account.id, organisation_id)
            reached = membership.account_id or account.id
            # Tenancy hears of links a moment later: what counts is what stands here now.
            if reached != account.id and not await link_store.reaches(unit, account.id, reached):
                raise not_found("membership_not_found")
            offer = await door.enter(unit, account.id, granted.standing, organisation_id, membership)
        if unit.now - granted.last_seen_at >= rules.SEEN_EVERY:
            await openid_store.touch_session(unit, grant.session_id)
        token, expires = self._tokens.internal(
            account,
            grant,
            organisation=str(organisation_id or ""),
            membership=membership,
            standing=granted.standing,
            vouched=await door.vouching(unit, granted.standing),
        )
        membership_id = membership.id if membership else None
        proven_at = granted.standing.proof_at
        return OrganisationToken(token, expires, grant.session_id, account.id, membership_id, proven_at, offer)
