"""What happens at the start, every half minute and every hour rather than on a request."""

import asyncio
from datetime import timedelta

from parvis_identity.service import policies
from parvis_identity.service import sessions as session_rules
from parvis_identity.service.clients import gateway_client
from parvis_identity.service.keys import KeyRing
from parvis_identity.settings import Settings
from parvis_identity.store import import_runs, openid, sweeping, trials
from parvis_kit.caller import Caller
from parvis_kit.unit import Database, UnitOfWork

_SWEEP_EVERY, _EXPIRE_EVERY = 3600.0, 30.0  # s
_SELF = Caller("identity")


async def prepare(database: Database, ring: KeyRing, settings: Settings) -> None:
    """Reads or makes the keys, and brings the gateway's client up to the settings."""
    async with database.begin(_SELF) as unit:
        await ring.load(unit)
        await policies.remember_floor(unit, settings.password_policy)
        await openid.save_client(unit, gateway_client(settings, unit.now))


async def session_is_open(database: Database, caller: Caller) -> bool:
    """Whether the caller's session still counts; asked while the revocation stream is silent."""
    if caller.session_id is None or caller.account_id is None:
        return False
    async with database.begin(_SELF) as unit:
        return await session_rules.is_open(unit, caller.session_id, caller.account_id)


async def sweep_clients(unit: UnitOfWork, days: int) -> None:
    """Deletes clients that registered themselves so many days ago and never got a token; 0: none."""
    if not days:
        return
    for client_id in await openid.sweep_unused_clients(unit, unit.now - timedelta(days=days)):
        unit.record("client.swept", target_kind="client", target_id=client_id, unused_days=str(days))


async def sweep_for_ever(database: Database, *, unused_days: int = 0) -> None:
    """Deletes what is too old to matter, every hour, a batch at a time. `unused_days`: see `sweep_clients`."""
    while True:
        for swept in sweeping.SWEPT:
            deleted = sweeping.BATCH
            while deleted == sweeping.BATCH:
                async with database.begin(_SELF) as unit:
                    deleted = await sweeping.sweep(unit, swept)
        async with database.begin(_SELF) as unit:
            await sweep_clients(unit, unused_days)
            await import_runs.sweep(unit)
            await trials.sweep(unit)
        await asyncio.sleep(_SWEEP_EVERY)


async def expire_for_ever(database: Database) -> None:
    """Ends sessions in time and says so: else products and pages would not hear of it."""
    while True:
        async with database.begin(_SELF) as unit:
            ended = await session_rules.expire(unit)
        await asyncio.sleep(0 if ended else _EXPIRE_EVERY)
