"""What an operator asks of identity on the command line: `python -m parvis_identity <command>`."""

import argparse
from collections.abc import Mapping
from datetime import timedelta

import structlog

from parvis_identity.closing import CLOSE, REOPEN
from parvis_identity.erasing import AGAIN, ERASE, ERASURES, KEEP
from parvis_identity.importing import IMPORT
from parvis_identity.service import rotation
from parvis_identity.service.keys import KeyRing
from parvis_identity.service.sealing import Seal
from parvis_identity.settings import Settings
from parvis_kit.app import Command
from parvis_kit.caller import Caller
from parvis_kit.unit import Database

_log = structlog.get_logger(__name__)


async def rotate_keys(settings: Settings, arguments: argparse.Namespace) -> int:
    """New keys for tokens; see `service.rotation`. Running processes know within a minute."""
    ring = KeyRing(Seal(settings.key_encryption_keys.get_secret_value()))
    database = Database(settings.database_url.get_secret_value(), service=settings.service, pool=1)
    try:
        async with database.begin(Caller(settings.service)) as unit:
            await ring.load(unit)
            if arguments.distrust:
                made = await rotation.distrust(unit, ring)
            else:
                ahead = rotation.SOONEST if arguments.soon else rotation.AHEAD
                made = await rotation.rotate(unit, ring, ahead=ahead)
    finally:
        await database.close()
    for key in made:
        when = key.signs_from.isoformat(timespec="seconds")
        _log.info("key_made", kid=key.id, purpose=key.purpose, algorithm=key.algorithm, signs_from=when)
    if not made:
        _log.info("keys_unchanged", why="New keys are published already and wait for their time.")
    return 0


def _how_to_rotate(parser: argparse.ArgumentParser) -> None:
    day, soon = _words(rotation.AHEAD), _words(rotation.SOONEST)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--soon", action="store_true", help=f"the new keys sign in {soon} rather than in {day}")
    how.add_argument(
        "--distrust",
        action="store_true",
        help="for keys that leaked: the new ones sign at once, and nothing counts that the old ones signed",
    )


def _words(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours:.0f} hours" if hours >= 1 else f"{span.total_seconds() / 60:.0f} minutes"


COMMANDS: Mapping[str, Command[Settings]] = {
    "close-account": CLOSE,
    "erase-account": ERASE,
    "erase-again": AGAIN,
    "erasures": ERASURES,
    "keep-again": KEEP,
    "import": IMPORT,
    "reopen-account": REOPEN,
    "rotate-keys": Command(
        "publishes new keys for tokens, which replace the old ones later", rotate_keys, _how_to_rotate
    ),
}
