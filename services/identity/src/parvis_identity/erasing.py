"""`erase-account`, `erasures`, `erase-again`, `keep-again`: an operator has accounts erased, and sees what is open."""

import argparse
from collections.abc import Collection
from datetime import timedelta

from asyncpg import Record

from parvis_identity.service import erasures
from parvis_identity.service.last_administrator import alone_in, named
from parvis_identity.service.organisations import Organisations, Tenancy
from parvis_identity.service.taken_back import take_back
from parvis_identity.settings import Settings
from parvis_identity.store import accounts as account_store
from parvis_identity.store import erasures as store
from parvis_kit.app import Command
from parvis_kit.caller import Caller
from parvis_kit.client import Peers
from parvis_kit.unit import Database
from parvis_records.operating import UnreadError, days, digests, say, tell

_SELF = Caller("identity")


async def erase_account(settings: Settings, arguments: argparse.Namespace) -> int:
    """Has an account erased; the exit status."""
    database, peers = _database(settings), Peers(settings)
    try:
        return await act(database, Tenancy(peers), arguments)
    finally:
        await peers.close()
        await database.close()


async def act(database: Database, organisations: Organisations, arguments: argparse.Namespace) -> int:
    """Does what the command line says, and tells how it went: 0 when the account is going to be erased."""
    identifier, slug = arguments.identifier, arguments.organisation
    if arguments.confirm != identifier:
        return say(f"nothing was changed: repeat {identifier!r} after --confirm. An erasure cannot be undone.", 2)
    face = await organisations.face(slug) if slug else None
    if slug and face is None:
        return say(f"no organisation has the short name {slug!r}. Nothing was changed.", 2)
    organisation_id = face.id if face else None
    async with database.begin(_SELF) as unit:
        found = await account_store.find(unit, identifier, organisation_id)
    if found is None or found[0].organisation_id != organisation_id:
        return say(f"{identifier!r}: there is no such account. Nothing was changed.", 2)
    account_id = found[0].id
    administered = await organisations.administrations(account_id)
    async with database.begin(_SELF) as unit:
        await store.hold(unit)
        alone = await alone_in(unit, administered)
        if alone and not arguments.force:
            return say(
                f"{identifier!r} is the last administrator of {named(alone)}: nobody could manage it any more. Have"
                " another administrator named or the organisation closed first, or say --force. Nothing was changed.",
                2,
            )
        within = timedelta(days=arguments.days)
        by = erasures.FORCED if arguments.force else "operator"
        asked = await erasures.ask(unit, account_id, by=by, within=within, door=slug)
    return say(f"{identifier!r}: erased on {asked.due_at:%Y-%m-%d %H:%M} UTC, unless its owner signs in before.", 0)


async def list_erasures(settings: Settings, _: argparse.Namespace) -> int:
    """Lists erasures, and which services have not answered; 1 while one is missing."""
    database = _database(settings)
    try:
        async with database.begin(_SELF) as unit:
            rows = await store.listed(unit)
    finally:
        await database.close()
    return tell(rows, erasures.missing, _waits)


async def erase_again(settings: Settings, arguments: argparse.Namespace) -> int:
    """Erases the accounts that a restore brought back, of digests in a file or on standard input; the exit status."""
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
    """Has the accounts with these digests erased now. Accounts that are not there are erased already."""
    async with database.begin(_SELF) as unit:
        found = await store.accounts_of(unit, wanted)
        for account_id in found:
            await erasures.ask(unit, account_id, by=erasures.RESTORE, within=timedelta(0))
    return say(f"{len(wanted)} erasures read; {len(found)} accounts were there and are erased within a minute.", 0)


async def keep_again(settings: Settings, arguments: argparse.Namespace) -> int:
    """Keeps the accounts that their owners had kept before a restore, of digests in a file; the exit status."""
    try:
        found = digests(arguments.file, "account_kept")
    except UnreadError as error:
        return say(f"{error} Nothing was changed.", 1)
    database = _database(settings)
    try:
        return await kept(database, found)
    finally:
        await database.close()


async def kept(database: Database, wanted: Collection[str]) -> int:
    """Takes back the erasures that wait for the accounts with these digests, but for those of `erase-again`."""
    done = 0
    async with database.begin(_SELF) as unit:
        for account_id in await store.accounts_of(unit, wanted):
            account = await account_store.lock(unit, account_id)
            found = await store.waiting(unit, account_id)
            if account is not None and found is not None and found.asked_by != erasures.RESTORE:
                await take_back(unit, account)
                done += 1
    return say(f"{len(wanted)} accounts read; {done} were to be erased and are kept.", 0)


def _waits(row: Record) -> str:
    return "waits as the last administrator of an organisation, due" if row["held_at"] else "waits"


def _database(settings: Settings) -> Database:
    return Database(settings.database_url.get_secret_value(), service=settings.service, pool=1)


def _of_account(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("identifier", help="the mail address, or with --organisation the identifier at the firm")
    parser.add_argument("--organisation", default="", metavar="NAME", help="short name of the firm whose account it is")
    parser.add_argument(
        "--days", type=days, default=erasures.DAYS, help=f"until then signing in takes it back ({erasures.DAYS})"
    )
    parser.add_argument("--force", action="store_true", help="the last administrator of an organisation too")
    parser.add_argument("--confirm", default="", metavar="IDENTIFIER", help="the identifier again: it cannot be undone")


def _of_log(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="logs with account_kept, or lines of digests (-: stdin)")


def _of_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="lines with digests: logs with account_erased, or what `erasures` said (-: stdin)")


ERASE = Command("erases an account and what all services have of its person", erase_account, _of_account)
ERASURES = Command("lists erasures, and the services that have not answered yet", list_erasures)
KEEP = Command("after a restore: keeps again the accounts that their owners had kept", keep_again, _of_log)
AGAIN = Command("after a restore: erases again the accounts that had been erased", erase_again, _of_file)
