"""A provider's word in a session: what it is worth, how it comes there, and how it is taken back."""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from parvis_identity.domain import sessions as rules
from parvis_identity.models import Account, Session, SessionProof, SsoAttempt, SsoProvider
from parvis_identity.service import logout, sessions
from parvis_identity.service.sealing import Seal
from parvis_identity.service.sessions import Begun
from parvis_identity.service.sso.upstream import Assertion
from parvis_identity.store import sso as store
from parvis_kit.caller import Caller
from parvis_kit.unit import Database, UnitOfWork

#: How far a provider's clock may be off.
SKEW = timedelta(minutes=2)
#: A sign-in at the provider that is not older proves who somebody is, as a password would.
RECENT = timedelta(minutes=10)
#: What is sealed while somebody's own second factor is asked.
_KEPT = "sso kept"
_SELF = Caller("identity")


def proof_of(
    unit: UnitOfWork, provider: SsoProvider, account: Account, assertion: Assertion, attempt: SsoAttempt
) -> rules.Proof:
    """What a provider's word is worth for the session itself: its own firm's accounts are its to vouch for. Whoever was
    asked nothing there signed in when they last were; a provider that does not say is believed to have asked.
    """
    at = assertion.auth_time
    if at is not None and (at > unit.now or at + SKEW >= attempt.created_at):
        at = unit.now  # its clock may be off: they were asked on this way
    if account.organisation_id != provider.organisation_id:
        return rules.Proof(rules.VOUCHED_ACR, (), strongest=False, at=at)
    recent = at is not None and at > unit.now - RECENT
    amr = assertion.amr if provider.accepts_amr else ()
    return rules.Proof(_acr(provider, assertion), tuple(amr), strongest=recent, at=at)


class Vouching:
    """See the module."""

    def __init__(self, seal: Seal) -> None:
        self.seal = seal

    def kept(self, provider: SsoProvider, assertion: Assertion) -> dict[str, str]:
        """What a session is to know of a provider's word, until there is one: sealed, as it holds a token."""
        said = {
            "provider": str(provider.id),
            "organisation": str(provider.organisation_id),
            "acr": _acr(provider, assertion),
            "amr": list(assertion.amr) if provider.accepts_amr else [],
            "name_id": assertion.name_id,
            "session_index": assertion.session_index,
            "hint": assertion.hint,
            "ends": assertion.session_ends.isoformat() if assertion.session_ends else "",
        }
        return {"sso": b64encode(self.seal.seal(json.dumps(said).encode(), _KEPT)).decode()}

    async def follow(self, unit: UnitOfWork, begun: Begun, kept: Mapping[str, str]) -> None:
        """A session begins that a provider's word led to (SecondFactors.followers)."""
        if sealed := kept.get("sso"):
            said = json.loads(self.seal.open(b64decode(sealed), _KEPT))
            await self._vouch(unit, begun.session.id, said)

    async def stands(self, unit: UnitOfWork, kept: Mapping[str, str]) -> bool:
        """Whether the provider whose word was kept is in use still, and its word counts (SecondFactors.standing)."""
        sealed = kept.get("sso")
        if not sealed:
            return True
        said = json.loads(self.seal.open(b64decode(sealed), _KEPT))
        ends = _ends(said)
        return (ends is None or unit.now < ends) and await store.is_live(unit, UUID(said["provider"]))

    def hint(self, session_id: UUID, sealed: bytes) -> str:
        """The ID token that a session was begun with; empty where there was none."""
        return self.seal.open(sealed, _hint_label(session_id)).decode() if sealed else ""

    async def _vouch(self, unit: UnitOfWork, session_id: UUID, said: Mapping[str, Any]) -> None:
        hint = str(said["hint"]).encode()
        proof = SessionProof(
            session_id=session_id,
            provider_id=UUID(said["provider"]),
            organisation_id=UUID(said["organisation"]),
            at=unit.now,
            ends_at=_ends(said),
            acr=said["acr"],
            amr=said["amr"],
            name_id=said["name_id"],
            session_index=said["session_index"],
            sealed_hint=self.seal.seal(hint, _hint_label(session_id)) if hint else b"",
        )
        await store.prove(unit, proof)
        unit.record("sso.vouched", target_kind="provider", target_id=proof.provider_id, session=str(session_id))


async def taken_back(unit: UnitOfWork, provider: SsoProvider, session_id: UUID, account_id: UUID) -> None:
    """Somebody signed out at the provider. Their session ends where it is the firm's own account, or rests on firms'
    words alone; else it goes on without this word: nobody is thrown out of what they have elsewhere.
    """
    unit.record("sso.signed_out_there", target_kind="account", target_id=account_id, provider=str(provider.id))
    await _take_back(unit, provider, session_id, account_id)


async def forgotten(unit: UnitOfWork, provider: SsoProvider, account_id: UUID) -> None:
    """Somebody's own account is linked to the provider no more: its word in their sessions ends."""
    for session_id in await store.sessions_vouched(unit, provider.id, account_id):
        await _take_back(unit, provider, session_id, account_id)


async def withdraw(unit: UnitOfWork, provider: SsoProvider, *, most: int = 100) -> int:
    """A provider is in service no more: its word is taken back from sessions, at most so many at a time; of how many it
    was. Whoever takes it out of service goes on in their own one, without it. The unit is in the provider's firm.
    """
    found = await store.resting_on(unit, provider.id, most)
    ended = 0
    for session_id, account_id in found:
        if session_id == unit.caller.session_id:
            await store.unprove(unit, session_id, provider.id)
        else:
            ended += await _take_back(unit, provider, session_id, account_id)
    if found:
        told = {"ended": str(ended), "kept": str(len(found) - ended)}
        unit.record("provider.word_withdrawn", target_kind="provider", target_id=provider.id, **told)
    return len(found)


async def withdraw_due(database: Database) -> int:
    """The same of a provider out of service whose word stands somewhere still: of sign-ins that were under way, of more
    sessions than one request ends.
    """
    async with database.begin(_SELF) as unit:
        provider = await store.off_but_vouching(unit)
    if provider is None:
        return 0
    async with database.begin(_SELF, organisation_id=provider.organisation_id) as unit:
        return await withdraw(unit, provider)


async def end_over(database: Database) -> int:
    """Takes back the word of a provider that said until when it counts (SAML: SessionNotOnOrAfter), as soon as that is
    over: as if somebody had signed out there. Of how many sessions it was.
    """
    async with database.begin(_SELF) as unit:
        provider = await store.vouched_until_now(unit)
    if provider is None:
        return 0
    async with database.begin(_SELF, organisation_id=provider.organisation_id) as unit:
        over = await store.take_over(unit, provider.id)
        for session_id, account_id in over:
            told = {"provider": str(provider.id), "session": str(session_id)}
            unit.record("sso.word_over", target_kind="account", target_id=account_id, **told)
            await _take_back(unit, provider, session_id, account_id)
    return len(over)


async def _take_back(unit: UnitOfWork, provider: SsoProvider, session_id: UUID, account_id: UUID) -> bool:
    """Whether the session ended."""
    account, session = await unit.get(Account, account_id), await unit.get(Session, session_id)
    own = account is not None and account.organisation_id == provider.organisation_id
    if own or session is None or session.acr < rules.PASSWORD_ACR:
        await sessions.end(unit, account_id, session_id=session_id)
        return True
    await store.unprove(unit, session_id, provider.id)
    await logout.cut(unit, account_id, provider.organisation_id, unit.now)
    return False


def _hint_label(session_id: UUID) -> str:
    return f"sso hint {session_id}"


def _ends(said: Mapping[str, Any]) -> datetime | None:
    return datetime.fromisoformat(said["ends"]) if said.get("ends") else None


def _acr(provider: SsoProvider, assertion: Assertion) -> str:
    """How sure a provider says it is, as far as its firm takes its word."""
    strong = provider.accepts_amr and assertion.multi_factor
    return rules.TWO_FACTORS_ACR if strong else rules.PASSWORD_ACR
