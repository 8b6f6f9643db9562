"""Somebody who signs out here signs out at the providers that vouched for them too, one after the other, where their
firm wants that; then the browser goes where it was going.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

from parvis_identity.domain.links import digest_of
from parvis_identity.models import SsoProvider
from parvis_identity.service.provider import SignedIn
from parvis_identity.service.sso import attempts
from parvis_identity.service.sso.attempts import Attempts, Purpose
from parvis_identity.service.sso.signing_in import SigningIn
from parvis_identity.store import sso as store
from parvis_kit.caller import Caller
from parvis_kit.unit import Database, UnitOfWork

_SELF = Caller("identity")
_NOWHERE = "/signed-out"


class SigningOut:
    """See the module."""

    def __init__(self, database: Database, sso: SigningIn, *, public_url: str) -> None:
        self._database = database
        self._sso = sso
        self._attempts = Attempts(sso.vouching.seal)
        self._public_url = public_url

    async def vouched(self, unit: UnitOfWork, who: SignedIn) -> Sequence[Mapping[str, str]]:
        """Providers that a sign-out goes on to, before the session ends: what they need to know."""
        found = await store.forwarding(unit, who.session.id)
        return [
            {
                "provider": str(each["provider_id"]),
                "name_id": each["name_id"],
                "session_index": each["session_index"],
                "hint": self._sso.vouching.hint(who.session.id, each["sealed_hint"]),
            }
            for each in found
        ]

    async def leave(self, vouched: Sequence[Mapping[str, str]], final: str) -> str:
        """Where the browser goes now: to the first of these providers that ends its session, or to `final`, which was
        looked at before.
        """
        for place, each in enumerate(vouched):
            async with self._database.begin(_SELF) as unit:
                provider = await unit.get(SsoProvider, UUID(each["provider"]))
            if provider is None:
                continue
            state = attempts.new_state()
            location = await self._sso.upstream(provider).logout(
                provider,
                name_id=each["name_id"],
                session_index=each["session_index"],
                hint=each["hint"],
                back=f"{self._public_url}/sso/{provider.id}/logout?state={state}",
            )
            if not location:
                continue
            async with self._database.begin(_SELF) as unit:
                await self._attempts.open_logout(unit, provider, state, vouched[place + 1 :], final)
            return location
        return final

    async def returned(self, state: str) -> str:
        """Where the browser goes that comes back from a provider; a page that says it is done when nobody knows why it
        came.
        """
        async with self._database.begin(_SELF) as unit:
            attempt = await store.attempt(unit, digest_of(state)) if state else None
            if attempt is None or attempt.purpose != Purpose.LOGOUT or attempt.used_at is not None:
                return _NOWHERE
            if attempt.expires_at <= unit.now:
                return _NOWHERE
            attempt.used_at = unit.now
            rest, final = self._attempts.rest(attempt), attempt.next
        return await self.leave(rest, final)
