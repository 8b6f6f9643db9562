"""What an operator asks of one service: the trail of any organisation, and acts outside all (sign-ins, keys)."""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from parvis_kit import audit
from parvis_kit.app import Command
from parvis_kit.caller import Caller
from parvis_kit.settings import ServiceSettings
from parvis_kit.unit import Database
from parvis_trail import entries

if TYPE_CHECKING:
    import asyncpg

_PAGE = 200
_MOST = 1_000_000


async def show(settings: ServiceSettings, options: argparse.Namespace) -> int:
    """Prints acts as JSON, a line each, newest first. That somebody looked is an act itself."""
    database = Database(settings.database_url.get_secret_value(), service=settings.service)
    wanted = entries.Filter(options.since, options.until, options.account, tuple(options.act or ()))
    left: int = options.limit
    after: entries.Place | None = entries.NEWEST
    try:
        async with database.begin(Caller(settings.service), organisation_id=options.organisation) as unit:
            while left > 0 and after is not None:
                found, after = await entries.listed(unit, wanted, min(left, _PAGE), after)
                left -= len(found)
                _print(found)
            organisation = str(options.organisation or audit.NOBODY)
            unit.record("trail.read", target_kind="organisation", target_id=organisation, by="operator")
    finally:
        await database.close()
    return 0


def _print(rows: "Iterable[asyncpg.Record]") -> None:
    for row in rows:
        told = audit.content(row) | {"seq": row["seq"]}
        sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--organisation", type=_organisation, help="its identifier; none: acts outside organisations")
    parser.add_argument("--since", type=_moment, help="ISO 8601, such as 2026-11-01 (UTC unless it says otherwise)")
    parser.add_argument("--until", type=_moment, help="idem; acts of that moment are no longer shown")
    parser.add_argument("--account", type=_identifier, help="acts of this account")
    parser.add_argument("--act", action="append", help="a kind of act, such as sign_in.failed; may come again")
    parser.add_argument("--limit", type=_count, default=200, help="the newest ones (default: 200)")


def _organisation(text: str) -> UUID | None:
    return None if text in {"", "none"} else _identifier(text)


def _identifier(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no identifier (a UUID)") from None


def _count(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) <= _MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to {_MOST}")
    return int(text)


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # before the year 1, or after 9999
        raise argparse.ArgumentTypeError(f"{text!r} is no moment such as 2026-11-01 or 2026-11-01T08:00Z") from None


#: For `parvis_kit.app.run`.
COMMANDS: Final[Mapping[str, Command[Any]]] = {
    "trail": Command("prints the audit trail of an organisation, or of acts outside all", show, _arguments)
}
