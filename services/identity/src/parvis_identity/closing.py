"""`python -m parvis_identity close-account` and `reopen-account`. See `service.closing`."""

import argparse
import sys

from parvis_identity.service import closing
from parvis_identity.service.closing import Done
from parvis_identity.service.keys import KeyRing
from parvis_identity.service.organisations import Organisations, Tenancy
from parvis_identity.service.sealing import Seal
from parvis_identity.settings import Settings
from parvis_kit.app import Command
from parvis_kit.caller import Caller
from parvis_kit.client import Peers
from parvis_kit.errors import Kind, ServiceError
from parvis_kit.unit import Database

SENTENCES = {
    Done.UNKNOWN: "there is no such account{where}. Personal accounts are named by their mail address, a firm's own by"
    " their identifier and --organisation. Nothing was changed.",
    Done.CLOSED: "is closed. It is signed out everywhere, and nothing that was granted to it counts any more.",
    Done.UNCHANGED: "was {state} already.",
    Done.MAILED: "is open again. A mail with a link to a new password is on its way; the old password is worthless.",
    Done.NO_MAIL: "is open again and has no mail address: its firm gives it a provisional password, in the client's"
    " record.",
    Done.TO_INVITE: "is open again and was never in use: whoever invited it sends another invitation.",
}


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("identifier", metavar="IDENTIFIER", help="mail address, or the identifier at a firm")
    parser.add_argument("--organisation", metavar="SLUG", default="", help="the firm whose account it is")


async def close_account(settings: Settings, arguments: argparse.Namespace) -> int:
    """Closes an account; the exit status."""
    return await _act(settings, arguments, opens=False)


async def reopen_account(settings: Settings, arguments: argparse.Namespace) -> int:
    """Opens a closed account again; the exit status."""
    return await _act(settings, arguments, opens=True)


async def _act(settings: Settings, arguments: argparse.Namespace, *, opens: bool) -> int:
    database = Database(settings.database_url.get_secret_value(), service=settings.service, pool=1)
    peers = Peers(settings)
    try:
        ring = KeyRing(Seal(settings.key_encryption_keys.get_secret_value()))
        if opens:
            async with database.begin(Caller(settings.service)) as unit:
                await ring.load(unit)
        return await act(database, Tenancy(peers), ring, arguments, opens=opens)
    finally:
        await peers.close()
        await database.close()


async def act(
    database: Database, organisations: Organisations, ring: KeyRing, arguments: argparse.Namespace, *, opens: bool
) -> int:
    """Does what the command line says, and tells how it went on standard output: 0 when the account is as wanted."""
    slug, identifier = arguments.organisation, arguments.identifier
    organisation_id = None
    if slug:
        try:
            face = await organisations.face(slug)
        except ServiceError as error:
            if error.kind is not Kind.UNAVAILABLE:
                raise
            return _say("tenancy cannot be reached, which knows the organisation. Nothing was changed.", 2)
        if face is None:
            return _say(f"no organisation has the short name {slug!r}. Nothing was changed.", 2)
        organisation_id = face.id
    within = organisation_id if opens else None
    async with database.begin(Caller("identity"), organisation_id=within) as unit:
        if opens:
            done = await closing.reopen(unit, identifier, organisation_id, slug=slug, link_secret=ring.link_secret)
        else:
            done = await closing.close(unit, identifier, organisation_id)
    where, state = f" at {slug!r}" if slug else "", "open" if opens else "closed"
    return _say(f"{identifier!r}: {SENTENCES[done].format(where=where, state=state)}", 2 if done is Done.UNKNOWN else 0)


def _say(text: str, status: int) -> int:
    sys.stdout.write(f"{text}\n")
    return status


CLOSE = Command("closes an account: signed out everywhere, and nobody signs in with it", close_account, _arguments)
REOPEN = Command("opens a closed account again; its owner chooses a new password", reopen_account, _arguments)
