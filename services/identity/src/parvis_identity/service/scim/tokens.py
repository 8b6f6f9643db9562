"""Tokens of a firm's directory, as its administrators make them: shown once, two at most at a time so that one can take
over from the other.
"""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from parvis_identity.domain.links import digest_of
from parvis_identity.models import ScimToken
from parvis_identity.service.organisations import Organisations
from parvis_identity.service.sso import notices
from parvis_identity.store import scim as store
from parvis_kit.errors import Violation, forbidden, invalid, not_found, precondition
from parvis_kit.unit import UnitOfWork

RIGHT = "sign_in.manage"
MOST = 2
LONGEST_DAYS = 730
_LONGEST_NAME = 60
#: What it begins with: people and scanners of leaked secrets know it by that.
PREFIX = "parvis-scim-"


class ScimTokens:
    """See the module. Every call raises FORBIDDEN right_missing."""

    def __init__(self, organisations: Organisations) -> None:
        self._organisations = organisations

    async def all(self, unit: UnitOfWork) -> Sequence[ScimToken]:
        """Those that were not revoked, newest first; expired ones among them."""
        await self.allowed()
        return await store.tokens(unit)

    async def create(self, unit: UnitOfWork, name: str, days: int) -> tuple[ScimToken, str]:
        """A new one, and its secret, which is not kept. `days` until it expires; 0: never. Raises INVALID
        scim_token_invalid, PRECONDITION too_many_tokens.
        """
        await self.allowed()
        name = " ".join(name.split())
        wrong = []
        if not name or len(name) > _LONGEST_NAME or not name.isprintable():
            wrong.append(Violation("name", "required" if not name else "too_long", {"longest": str(_LONGEST_NAME)}))
        if not 0 <= days <= LONGEST_DAYS:
            wrong.append(Violation("days", "days_not_offered", {"most": str(LONGEST_DAYS)}))
        if wrong:
            raise invalid("scim_token_invalid", wrong)
        await store.one_at_a_time(unit, "scim tokens")
        there = await store.tokens(unit, lock=True)
        if sum(each.expires_at is None or each.expires_at > unit.now for each in there) >= MOST:
            raise precondition("too_many_tokens", most=str(MOST))
        secret = PREFIX + secrets.token_urlsafe(32)
        made = ScimToken(
            organisation_id=unit.organisation_id,
            digest=digest_of(secret),
            name=name,
            ending=secret[-4:],
            created_by=unit.caller.account_id or UUID(int=0),
            created_at=unit.now,
            expires_at=unit.now + timedelta(days=days) if days else None,
        )
        unit.add(made)
        await unit.flush()
        unit.record("scim.token_created", target_kind="scim_token", target_id=made.id, name=name, ending=made.ending)
        await notices.tell(unit, "directory_token", made.id, name)
        return made, secret

    async def revoke(self, unit: UnitOfWork, token_id: UUID) -> None:
        """It lets nobody in any more. Idempotent. Raises NOT_FOUND scim_token_not_found."""
        await self.allowed()
        found = await unit.get(ScimToken, token_id, lock=True)
        if found is None or found.organisation_id != unit.organisation_id:
            raise not_found("scim_token_not_found")
        if found.revoked_at is not None:
            return
        found.revoked_at = unit.now
        unit.record(
            "scim.token_revoked", target_kind="scim_token", target_id=found.id, name=found.name, ending=found.ending
        )

    async def allowed(self) -> None:
        """Whoever sets up sign-in. Raises FORBIDDEN right_missing."""
        if not await self._organisations.allows(RIGHT):
            raise forbidden("right_missing", right=RIGHT)
