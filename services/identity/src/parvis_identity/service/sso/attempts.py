"""Somebody on the way to a provider and back. What comes back is taken once, within ten minutes, at the address of the
provider that it was asked of, and in the browser that asked.
"""

import hashlib
import hmac
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from parvis_identity.domain.links import digest_of
from parvis_identity.models import SsoAttempt, SsoProvider
from parvis_identity.service.provider import SignedIn
from parvis_identity.service.sealing import Seal
from parvis_identity.service.sso.upstream import Assertion, Begin, Check, Refused
from parvis_identity.store import sso as store
from parvis_kit.unit import UnitOfWork

LIFETIME = timedelta(minutes=10)
#: Of an Assertion.
_MOMENTS = ("auth_time", "session_ends")


class Purpose(StrEnum):
    """What an attempt is for."""

    LOGIN = "login"
    TRIAL = "trial"
    STEP_UP = "step_up"
    #: Whoever came has to prove a personal account of theirs before it is linked.
    LINK = "link"
    #: Whoever signed out here is signed out there.
    LOGOUT = "logout"


def new_state() -> str:
    """What an attempt is found by when its answer comes."""
    return secrets.token_urlsafe(32)


def trial_id(state: str) -> str:
    """What a trial is called: nothing can be answered or finished with it."""
    return urlsafe_b64encode(digest_of(state)).decode().rstrip("=")


class Attempts:
    """See the module."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal

    async def open(
        self,
        unit: UnitOfWork,
        provider: SsoProvider,
        state: str,
        purpose: Purpose,
        *,
        begun: Begin | None = None,
        browser: str = "",
        after: str = "",
        who: SignedIn | None = None,
        account_id: UUID | None = None,
    ) -> SsoAttempt:
        """An attempt that goes on in a browser; of a trial nobody knows in which one yet (`bind`)."""
        attempt = SsoAttempt(
            digest=digest_of(state),
            provider_id=provider.id,
            purpose=purpose,
            browser=_browser(browser) if browser else b"",
            sealed=b"",
            next=after,
            account_id=who.account.id if who else account_id,
            session_id=who.session.id if who else None,
            created_at=unit.now,
            expires_at=unit.now + LIFETIME,
        )
        self._write(attempt, {"kept": dict(begun.kept)} if begun else {})
        await store.insert_attempt(unit, attempt)
        return attempt

    async def open_logout(
        self, unit: UnitOfWork, provider: SsoProvider, state: str, rest: Sequence[Mapping[str, str]], after: str
    ) -> None:
        """A browser goes to sign out at a provider, and then at the `rest`."""
        attempt = SsoAttempt(
            digest=digest_of(state),
            provider_id=provider.id,
            purpose=Purpose.LOGOUT,
            browser=b"",
            sealed=b"",
            next=after,
            created_at=unit.now,
            expires_at=unit.now + LIFETIME,
        )
        self._write(attempt, {"rest": [dict(each) for each in rest]})
        await store.insert_attempt(unit, attempt)

    def rest(self, attempt: SsoAttempt) -> Sequence[Mapping[str, str]]:
        """Where a browser that signs out goes after this."""
        found: Sequence[Mapping[str, str]] = self._read(attempt)["rest"]
        return found

    async def bind(self, unit: UnitOfWork, state: str, begun: Begin, browser: str, who: SignedIn) -> None:
        """The browser of whoever began a trial goes to the provider."""
        attempt = await self._found(unit, state)
        if attempt.purpose != Purpose.TRIAL or attempt.account_id != who.account.id or attempt.browser:
            raise Refused("attempt_used", "The test went on elsewhere already.")
        attempt.browser, attempt.session_id = _browser(browser), who.session.id
        self._write(attempt, {"kept": dict(begun.kept)})

    async def answered(
        self, unit: UnitOfWork, provider_id: UUID, state: str, browser: str | None
    ) -> tuple[SsoAttempt, SsoProvider, Mapping[str, str]] | None:
        """The attempt that an answer is for, which no other answer is from now on, and what was kept for it; None:
        `refusal` says why. `browser`: None where it does not show (a form that another site sent), else nothing
        besides follows from the attempt.
        """
        taken = await store.answer(unit, digest_of(state), provider_id, None if browser is None else _browser(browser))
        return (*taken, self._read(taken[0])["kept"]) if taken else None

    async def refusal(self, unit: UnitOfWork, provider_id: UUID, state: str, browser: str | None) -> Refused:
        """Why an answer is not taken. Raises Refused too."""
        attempt = await self._found(unit, state)
        if attempt.provider_id != provider_id:
            return Refused("provider_differs", "The answer came to the address of another provider.")
        if browser is not None:
            _same(attempt, browser)
        return Refused("attempt_used", "There was an answer already.")

    def keep(self, attempt: SsoAttempt, assertion: Assertion) -> None:
        """What the provider said, until the browser comes for it."""
        told = asdict(assertion)
        moments = {name: told[name].isoformat() for name in _MOMENTS if told[name]}
        self._write(attempt, {"assertion": told | moments})

    async def taken(self, unit: UnitOfWork, state: str, browser: str) -> tuple[SsoAttempt, Assertion | None]:
        """What the provider said, for the browser that asked; nothing where it was refused, as a trial may be. Raises
        Refused.
        """
        attempt = await self._found(unit, state)
        _same(attempt, browser)
        if attempt.used_at is not None or attempt.answered_at is None:
            raise Refused("attempt_used", "This sign-in is over already.")
        return attempt, self._said(attempt)

    async def finished(
        self, unit: UnitOfWork, state: str, browser: str
    ) -> tuple[SsoAttempt, SsoProvider, Assertion | None] | None:
        """The same of a sign-in, which is used by it, and the provider; None where `taken` has to say what it is."""
        used = await store.finish(unit, digest_of(state), _browser(browser))
        return (*used, self._said(used[0])) if used else None

    def _said(self, attempt: SsoAttempt) -> Assertion | None:
        said = self._read(attempt).get("assertion")
        if said is None:
            return None
        moments = {name: datetime.fromisoformat(said[name]) for name in _MOMENTS if said.get(name)}
        lists = {name: tuple(said[name]) for name in ("groups", "amr")}
        claims = {name: tuple(values) for name, values in said["claims"].items()}
        return Assertion(**(said | lists | moments | {"claims": claims}))

    async def _found(self, unit: UnitOfWork, state: str) -> SsoAttempt:
        attempt = await store.attempt(unit, digest_of(state)) if state else None
        if attempt is None:
            raise Refused("attempt_unknown", "Nobody asked for this answer.")
        if attempt.expires_at <= unit.now:
            raise Refused("attempt_expired", "The sign-in took more than ten minutes.")
        return attempt

    def _write(self, attempt: SsoAttempt, said: Mapping[str, Any]) -> None:
        attempt.sealed = self._seal.seal(json.dumps(said).encode(), _label(attempt))

    def _read(self, attempt: SsoAttempt) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._seal.open(attempt.sealed, _label(attempt)))
        return found


def report(checks: tuple[Check, ...], assertion: Assertion | None, refused: Refused | None) -> dict[str, Any]:
    """What became of a trial, for its page."""
    failed = refused.check if refused else ""
    return {
        "passed": refused is None,
        "check": failed,
        "detail": refused.detail if refused else "",
        "checks": [{"name": each.name, "result": each.result.value, "detail": each.detail} for each in checks],
        "claims": {name: list(values) for name, values in assertion.claims.items()} if assertion else {},
        "subject": assertion.subject if assertion else "",
    }


def is_of(attempt: SsoAttempt, browser: str) -> bool:
    """Whether it was begun in a browser."""
    return hmac.compare_digest(attempt.browser, _browser(browser))


def _same(attempt: SsoAttempt, browser: str) -> None:
    if not is_of(attempt, browser):
        raise Refused("browser_differs", "The sign-in was begun in another browser.")


def _browser(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def _label(attempt: SsoAttempt) -> str:
    return f"sso attempt {attempt.digest.hex()}"
