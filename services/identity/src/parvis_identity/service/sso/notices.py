"""Those who set up how a firm signs in hear of each act that decides whom a directory means: whoever holds that right
could be anybody of the firm (ADR 0022), and the others are who would notice.
"""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from parvis.identity.v1 import events_pb2
from parvis_identity.models import Account, ProviderKind, SsoProvider
from parvis_identity.service.saml import signatures
from parvis_identity.service.sso.saml import certificates
from parvis_identity.store import openid as openid_store
from parvis_identity.store import saml as store
from parvis_kit.caller import Caller
from parvis_kit.unit import Database, UnitOfWork

#: How long before the last certificate of a provider ends they hear of it: days, the nearest first.
WARNED: Final = (7, 30)
_LOOK_EVERY: Final = 6 * 3600.0  # s
_SELF: Final = Caller("identity")


async def tell(unit: UnitOfWork, kind: str, about: UUID, provider: str, **values: str) -> None:
    """`provider`: its name, or that of a token. Whoever acts is named."""
    account = await unit.get(Account, unit.caller.account_id) if unit.caller.account_id else None
    said = {"provider": provider, "who": account.name if account else "", **values}
    unit.emit(events_pb2.NoticeForAdministrators(kind=kind, values=said), aggregate_id=about)


def trust_of(provider: SsoProvider) -> Mapping[str, Any]:
    """What trust in a provider rests on, by stable names; compared, never shown."""
    found = {
        "issuer": provider.issuer,
        "client_id": provider.client_id,
        "secret": provider.sealed_secret,
        "subject": provider.claim_names.get("subject", ""),
        "scim_match": provider.scim_match,
        "second_factor": provider.accepts_amr,
    }
    if provider.kind == ProviderKind.SAML:
        found["metadata"] = (provider.metadata_url, provider.metadata_certificate)
        found["certificates"] = frozenset(signatures.fingerprint(each) for each in certificates(provider))
    return found


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Names of what is another one now, with commas; empty for none."""
    return ",".join(name for name, value in after.items() if before.get(name) != value)


async def warn_for_ever(database: Database) -> None:
    """Looks at the certificates of providers in use, again and again."""
    while True:
        await warn_of_certificates(database)
        await asyncio.sleep(_LOOK_EVERY)


async def warn_of_certificates(database: Database) -> None:
    """Tells of each provider whose last certificate ends soon, once for each of WARNED."""
    async with database.begin(_SELF) as unit:
        ids = await store.live(unit)
    for provider_id in ids:
        async with database.begin(_SELF) as unit:
            provider = await unit.get(SsoProvider, provider_id)
        if provider is None:
            continue
        ends = await asyncio.to_thread(_last_end, provider)
        if ends is None:
            continue
        async with database.begin(_SELF, organisation_id=provider.organisation_id) as unit:
            left = ends - unit.now
            days = next((each for each in WARNED if left <= timedelta(days=each)), None)
            if days is None or left <= timedelta():
                continue
            which = f"{ends.isoformat()} {days}"
            if await openid_store.first_time(unit, "certificate ends", str(provider.id), which, ends):
                await tell(unit, "directory_certificate", provider.id, provider.name, until=ends.date().isoformat())
                told = {"until": ends.isoformat(), "days": str(days)}
                unit.record("provider.certificate_ends", target_kind="provider", target_id=provider.id, **told)


def _last_end(provider: SsoProvider) -> datetime | None:
    return max(map(signatures.expires, certificates(provider)), default=None)
