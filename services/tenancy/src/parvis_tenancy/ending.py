"""`close-organisation`, `organisations-closing` and `erase-again`: an operator closes organisations, and sees what is
still open.
"""

import argparse
from collections.abc import Collection
from datetime import timedelta
from typing import Final

from parvis_kit.app import Command
from parvis_kit.caller import Caller
from parvis_kit.unit import Database
from parvis_records.operating import UnreadError, days, digests, say, tell
from parvis_tenancy.domain.states import OrganisationKind
from parvis_tenancy.service import closings
from parvis_tenancy.settings import Settings
from parvis_tenancy.store import closings as store
from parvis_tenancy.store import organisations

_SELF: Final = Caller("tenancy")


async def close_organisation(settings: Settings, arguments: argparse.Namespace) -> int:
    """Has an organisation closed; the exit status."""
    database = _database(settings)
    try:
        return await act(database, arguments.name, confirm=arguments.confirm, days=arguments.days)
    finally:
        await database.close()


async def act(database: Database, slug: str, *, confirm: str, days: int) -> int:
    """Does what the command line says, and tells how it went: 0 when the organisation is going to be erased."""
    if confirm != slug:
        return say(f"nothing was changed: repeat {slug!r} after --confirm. An erasure cannot be undone.", 2)
    async with database.begin(_SELF) as unit:
        entry = await organisations.entry_by_slug(unit, slug)
        if entry is None:
            return say(f"no organisation has the short name {slug!r}. Nothing was changed.", 2)
        if entry.kind == OrganisationKind.PROVIDER:
            return say(f"{slug!r} runs this installation: it is not closed. Nothing was changed.", 2)
        await unit.enter(entry.organisation_id)
        asked = await closings.ask(unit, by=None, within=timedelta(days=days))
    return say(f"{slug!r}: erased on {asked.due_at:%Y-%m-%d %H:%M} UTC, unless an administrator reopens it.", 0)


async def list_closings(settings: Settings, _: argparse.Namespace) -> int:
    """Lists closings, and which services have not answered; 1 while one is missing."""
    database = _database(settings)
    try:
        return await listed(database)
    finally:
        await database.close()


async def listed(database: Database) -> int:
    """See `list_closings`."""
    async with database.begin(_SELF) as unit:
        rows = await store.listed(unit)
    return tell(rows, closings.missing, lambda row: f"{row['slug']} waits")


async def erase_again(settings: Settings, arguments: argparse.Namespace) -> int:
    """Erases the organisations that a restore brought back, of digests in a file or on standard input."""
    try:
        found = digests(arguments.file)
    except UnreadError as error:
        return say(f"{error} Nothing was changed.", 1)
    database = _database(settings)
    try:
        return await again(database, found)
    finally:
        await database.close()


async def again(database: Database, wanted: Collection[str]) -> int:
    """Has the organisations with these digests erased now, whichever service a restore brought them back in."""
    async with database.begin(_SELF) as unit:
        found = await store.organisations_of(unit, wanted)
    for organisation_id in found:
        async with database.begin(_SELF) as unit:
            await closings.again(unit, organisation_id)
    return say(f"{len(wanted)} closings read; {len(found)} organisations are erased again within a minute.", 0)


def _database(settings: Settings) -> Database:
    return Database(settings.database_url.get_secret_value(), service=settings.service, pool=1)


def _of_organisation(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="the short name of the organisation, as in the addresses of its pages")
    parser.add_argument(
        "--days", type=days, default=closings.DAYS, help=f"until then it is read only and reopens ({closings.DAYS})"
    )
    parser.add_argument("--confirm", default="", metavar="NAME", help="the short name again: it cannot be undone")


def _of_file(parser: argparse.ArgumentParser) -> None:
    said = "lines with digests: logs with organisation_erased, or what `organisations-closing` said (-: stdin)"
    parser.add_argument("file", help=said)


CLOSE = Command(
    "closes an organisation: read only for 30 days, then erased everywhere", close_organisation, _of_organisation
)
CLOSINGS = Command("lists closings, and the services that have not answered yet", list_closings)
AGAIN = Command("after a restore: erases again the organisations that had been erased", erase_again, _of_file)
