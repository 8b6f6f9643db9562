"""Those who set up how a firm signs in hear of refusals that smell of an attack: once an hour, for strangers can make
it smell as they like. What comes within that hour is counted, and said in the next mail, at the hour's end at the
latest: the first of many hides none of the others.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from uuid import UUID

from parvis.identity.v1 import events_pb2
from parvis_identity.models import SsoProvider, SsoWarning
from parvis_identity.store import sso_warnings as store
from parvis_kit.caller import Caller
from parvis_kit.unit import Database, UnitOfWork

EVERY: Final = timedelta(hours=1)
_SELF: Final = Caller("identity")


async def warn(unit: UnitOfWork, provider: SsoProvider, check: str) -> None:
    """Something was refused that smells. The unit is in the provider's firm."""
    row = await store.first(unit, provider, check)
    if row is None:  # nobody heard of anything within the hour
        await _tell(unit, provider.name, check, {}, about=provider.id)
        return
    row.provider_id, row.provider, row.last_check = provider.id, provider.name, check
    if row.told_at + EVERY <= unit.now:
        await _tell(unit, provider.name, check, row.since, about=provider.id)
        row.told_at, row.since = unit.now, {}
    else:
        row.since = {**row.since, check: row.since.get(check, 0) + 1}


async def tell_rest(database: Database) -> bool:
    """What came within the hour after a mail that nothing followed; whether there was any, of one firm."""
    async with database.begin(_SELF) as unit:
        firm = await store.waiting(unit, unit.now - EVERY)
    if firm is None:
        return False
    async with database.begin(_SELF, organisation_id=firm) as unit:
        row = await unit.get(SsoWarning, firm, lock=True)
        if row is not None and row.since and row.told_at + EVERY <= unit.now:
            others = {**row.since, row.last_check: row.since.get(row.last_check, 1) - 1}
            await _tell(unit, row.provider, row.last_check, others, about=row.provider_id)
            row.told_at, row.since = unit.now, {}
    return True


async def _tell(unit: UnitOfWork, provider: str, check: str, since: Mapping[str, int], *, about: UUID) -> None:
    """`since`: how often each check refused after the mail before."""
    counted = sorted(((n, name) for name, n in since.items() if n), reverse=True)
    values = {"provider": provider, "check": check, "since": ",".join(f"{name} {n}" for n, name in counted)}
    notice = events_pb2.NoticeForAdministrators(kind="sign_in_suspicious", values=values)
    unit.emit(notice, aggregate_id=about)
