"""What happens at the start, every half minute and every hour rather than on a request."""

import asyncio
from datetime import timedelta

import structlog

from parvis_identity.service import erasures, factor_resets, idle, policies, second_factor
from parvis_identity.service import sessions as session_rules
from parvis_identity.service.clients import gateway_client
from parvis_identity.service.keys import KeyRing
from parvis_identity.service.organisations import Organisations
from parvis_identity.service.sealing import Seal
from parvis_identity.service.sso import vouching, warnings
from parvis_identity.settings import Settings
from parvis_identity.store import import_runs, openid, sweeping, trials
from parvis_kit.caller import Caller
from parvis_kit.errors import Kind, ServiceError
from parvis_kit.unit import Database, UnitOfWork
from parvis_records.retention import Retention, common
from parvis_watch import jobs

_EXPIRE_EVERY = 30.0  # s
_ASK_AGAIN = 0.2  # s
_DAILY = 24 * 3600.0  # s
_SELF = Caller("identity")

_log = structlog.get_logger(__name__)


async def prepare(database: Database, ring: KeyRing, settings: Settings) -> None:
    """Reads or makes the keys, and brings the gateway's client up to the settings. Waits while PostgreSQL is away:
    whoever starts a process that ended does so later and later.
    """
    said = False
    while True:
        try:
            return await _prepare(database, ring, settings)
        except ServiceError as error:
            if error.kind is not Kind.UNAVAILABLE:
                raise
            if not said:
                _log.warning("waits_for_postgresql", error=str(error))
            said = True
        await asyncio.sleep(_ASK_AGAIN)


async def _prepare(database: Database, ring: KeyRing, settings: Settings) -> None:
    async with database.begin(_SELF) as unit:
        await ring.load(unit)
        await policies.remember_floor(unit, settings.password_policy)
        await openid.save_client(unit, gateway_client(settings, unit.now))
    await second_factor.reseal(database, Seal(settings.key_encryption_keys.get_secret_value()))


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


def retention(database: Database, settings: Settings) -> Retention:
    """The job that deletes what is too old to matter."""
    terms = sweeping.swept(
        sessions=settings.kept_sessions_days,
        links=settings.kept_links_days,
        viewings=settings.kept_viewings_days,
        changes=settings.kept_changes_days,
        directory_log=settings.kept_directory_log_days,
    )

    async def clients(unit: UnitOfWork) -> None:
        await sweep_clients(unit, settings.registration_unused_days)

    return Retention(database, (*terms, *common(settings)), clients, import_runs.sweep, trials.sweep)


async def erase_for_ever(database: Database, organisations: Organisations) -> None:
    """Erases the accounts whose day has come."""
    while True:
        await erasures.settle(database, organisations)
        await jobs.rest("erase", _EXPIRE_EVERY)


async def look_for_idle(database: Database, organisations: Organisations, days: int) -> None:
    """Tells owners of accounts that nobody has used for so many days that these are to be erased. Once a day: it looks
    at every account.
    """
    while True:
        await idle.settle(database, organisations, timedelta(days=days))
        await jobs.rest("idle_accounts", _DAILY)


async def expire_for_ever(database: Database) -> None:
    """Ends sessions in time and says so: else products and pages would not hear of it. Those too that rest on the word
    of a provider out of service, or on one that said until when it counts. And does the resets of second factors whose
    waiting time is over, and tells of refused sign-ins what was not said at once.
    """
    while True:
        async with database.begin(_SELF) as unit:
            ended = await session_rules.expire(unit)
        async with database.begin(_SELF) as unit:
            reset = await factor_resets.settle(unit)
        withdrawn = await vouching.withdraw_due(database)
        over = await vouching.end_over(database)
        told = await warnings.tell_rest(database)
        await jobs.rest("expire", 0 if ended or reset or withdrawn or over or told else _EXPIRE_EVERY)
