"""`python -m parvis_identity import FILE`: accounts of another platform, from a file. See `service.imports`."""

import argparse
import contextlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO, TextIO

from parvis_identity.service.import_files import UnreadableFile, form_of, read
from parvis_identity.service.imports import Importer, Outcome
from parvis_identity.service.keys import KeyRing
from parvis_identity.service.organisations import Tenancy
from parvis_identity.service.sealing import Seal
from parvis_identity.settings import Settings
from parvis_kit.app import Command
from parvis_kit.caller import Caller
from parvis_kit.client import Peers
from parvis_kit.errors import Kind, ServiceError
from parvis_kit.unit import Database

#: Exit status: all lines made an account or found theirs; some were refused; nothing more could be read or written.
DONE, SOME_REFUSED, FAILED = 0, 1, 2
#: Refused lines that the summary names; the report has them all.
_NAMED = 50

#: What is told of a line, by reason.
SENTENCES = {
    "": "",
    "differs": "it came with an earlier import, and the file says something else now: {fields}. Nothing was changed.",
    "was_there": "there was such an account before any import.",
    "was_there_differs": "there was such an account before any import, with another {fields}. Nothing was changed.",
    "twice_in_file": "line {first} names the same account.",
    "line_too_long": "it is longer than {longest} bytes. A quote that is not closed?",
    "not_utf8": "byte {column} is not UTF-8. Save the file as UTF-8.",
    "quotes_wrong": "a quote is not closed, or something stands behind a closing one. A field has no line break.",
    "wrong_number_of_fields": "it has {found} fields, the first line {wanted}. A delimiter without quotes?",
    "not_json": "it is no JSON. Each line is one object.",
    "not_an_object": "it is no JSON object.",
    "field_unknown": "no account has a field {field!r}.",
    "field_twice": "it names a field twice.",
    "not_text": "{field} is no text.",
    "organisation_unknown": "no organisation has this short name (the one in its addresses).",
    "identifier_without_organisation": (
        "an identifier other than the mail address belongs to an organisation: name it in `organisation`, or leave the"
        " identifier out."
    ),
    "identifier_wrong": "an identifier has 1 to 100 characters and no space.",
    "mail_wrong": "this is no mail address.",
    "name_too_long": "{field} is longer than {longest} characters.",
    "name_control_characters": "{field} has characters that cannot be printed.",
    "name_link_in_name": "{field} reads as a link.",
    "locale_unknown": "the languages are fr and en.",
    "status_unknown": "a status is active or disabled.",
    "no_way_in": "it has neither a password nor a mail address: nobody could ever sign in.",
    "hash_unknown": "we know no such hash of a password. The README names those that we know.",
    "hash_malformed": "the hash of the password is damaged.",
    "hash_too_costly": "checking this password would take more time or memory than a sign-in may.",
    "hash_too_weak": "this hash of a password is no better than the password: let these people choose a new one.",
}


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", metavar="FILE", help="CSV with a header, or a JSON object on each line; - for standard input"
    )
    parser.add_argument("--format", choices=["csv", "json"], help="what the file is, where its name does not say")
    parser.add_argument("--dry-run", action="store_true", help="says what would happen and writes nothing")
    parser.add_argument("--mail", action="store_true", help="writes to each new account, with identifier and link")
    parser.add_argument("--report", type=Path, metavar="FILE", help="what became of each line, a JSON object each")


async def run(settings: Settings, arguments: argparse.Namespace) -> int:
    """Imports a file; the exit status."""
    database = Database(settings.database_url.get_secret_value(), service=settings.service, pool=1)
    peers = Peers(settings)
    try:
        ring = KeyRing(Seal(settings.key_encryption_keys.get_secret_value()))
        if not arguments.dry_run:
            async with database.begin(Caller(settings.service)) as unit:
                await ring.load(unit)
        importer = Importer(database, Tenancy(peers), ring.link_secret, mail=arguments.mail, dry_run=arguments.dry_run)
        return await import_file(importer, arguments)
    finally:
        await peers.close()
        await database.close()


async def import_file(importer: Importer, arguments: argparse.Namespace) -> int:
    """Imports the file of the command line, and tells how it went on standard output."""
    told = _Told(sys.stdout, dry_run=arguments.dry_run)
    try:
        with _opened(arguments.file) as file, _report(arguments.report) as report:
            form = arguments.format or form_of(arguments.file)
            async for outcome in importer.run(read(file, form)):
                told.add(outcome)
                if report is not None:
                    report.write(json.dumps(_reported(outcome), ensure_ascii=False) + "\n")
    except UnreadableFile as error:
        return told.stopped(str(error))
    except OSError as error:
        return told.stopped(f"{error.filename}: {error.strerror}")
    except ServiceError as error:
        if error.kind is not Kind.UNAVAILABLE:
            raise
        return told.stopped(
            f"{error.params.get('service', 'a service')} cannot be reached. What is told above is done; run the same"
            " command again for the rest."
        )
    return told.summary()


class _Told:
    """What is said on standard output."""

    def __init__(self, out: TextIO, *, dry_run: bool) -> None:
        self._out = out
        self._dry_run = dry_run
        self._counts: Counter[str] = Counter()
        self._named = 0

    def add(self, outcome: Outcome) -> None:
        """Counts a line, and names one that was refused."""
        self._counts[outcome.outcome] += 1
        worth_saying = outcome.outcome == "refused" or outcome.reason
        if worth_saying and self._named < _NAMED:
            self._named += 1
            said = " ".join(filter(None, (outcome.organisation, outcome.identifier)))
            self._say(f"line {outcome.line}{f' ({said})' if said else ''}: {outcome.outcome}: {sentence(outcome)}")
        elif worth_saying and self._named == _NAMED:
            self._named += 1
            self._say("… more lines like these are in the report (--report FILE).")

    def summary(self) -> int:
        """Says how many lines became what; the exit status."""
        counts = self._counts
        total = sum(counts.values())
        words = [f"{counts[each]:,} {each}" for each in ("created", "unchanged", "refused")]
        self._say(f"{total:,} lines: {', '.join(words)}.")
        if self._dry_run:
            self._say("This was a dry run: nothing was written.")
        return SOME_REFUSED if counts["refused"] else DONE

    def stopped(self, why: str) -> int:
        """Says why it does not go on; the exit status."""
        self.summary()
        self._say(f"Stopped: {why}")
        return FAILED

    def _say(self, text: str) -> None:
        # What a file says may hold anything; a terminal is shown only what can be printed.
        self._out.write("".join(c if c.isprintable() else "\ufffd" for c in text) + "\n")


def sentence(outcome: Outcome) -> str:
    """Why a line became what it did, in words."""
    return SENTENCES[outcome.reason].format(**outcome.params)


def _reported(outcome: Outcome) -> dict[str, object]:
    return {**asdict(outcome), "says": sentence(outcome)}


@contextlib.contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdin.buffer
        return
    with Path(name).open("rb") as file:
        yield file


@contextlib.contextmanager
def _report(path: Path | None) -> Iterator[TextIO | None]:
    if path is None:
        yield None
        return
    with path.open("w", encoding="utf-8") as file:
        yield file


IMPORT = Command("accounts of another platform, with the hashes of their passwords", run, _arguments)
