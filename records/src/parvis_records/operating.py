"""What the commands about erasures have in common, whether of a person or of an organisation."""

import argparse
import gzip
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from asyncpg import Record

_DIGEST: Final = re.compile(r"\b[0-9a-f]{64}\b")
_LONGEST: Final = 365
_GZIP: Final = b"\x1f\x8b"


def say(text: str, status: int) -> int:
    """A line for whoever typed the command; the exit status."""
    sys.stdout.write(f"{text}\n")
    return status


class UnreadError(ValueError):
    """A file says nothing that is asked of it; the message, for whoever named it, says why."""


def digests(file: str, said: str = "erased") -> set[str]:
    """The digests of a file ("-": on standard input; gzip is read too) in lines of nothing else, or of
    something that ends in this word: a log, or a list of erasures, names those too that were taken back.

    Raises UnreadError, also where it has none.
    """
    name = "standard input" if file == "-" else file
    try:
        found = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        text = (gzip.decompress(found) if found.startswith(_GZIP) else found).decode()
    except UnicodeDecodeError:
        raise UnreadError(f"{name} is no text: name the log itself, as it is or packed with gzip.") from None
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UnreadError(f"{name} cannot be read: {why}.") from error
    lines = [line for line in text.splitlines() if re.search(rf"{said}\b", line) or _DIGEST.fullmatch(line.strip())]
    if not (named := set(_DIGEST.findall("\n".join(lines)))):
        raise UnreadError(f"{name} has no line with a digest (64 characters) that says …{said}: is it the right log?")
    return named


def days(text: str) -> int:
    """The type of an argument: 0 to 365."""
    if not text.isdigit() or int(text) > _LONGEST:
        raise argparse.ArgumentTypeError(f"a number of days, 0 to {_LONGEST}")
    return int(text)


def tell(rows: Iterable["Record"], missing: Callable[[Any], Sequence[str]], waits: Callable[["Record"], str]) -> int:
    """A line for each erasure (`digest`, `asked_at`, `due_at`, `ended_as`, `answered`); 1 while a service has not
    answered. `waits` says what waits until `due_at`, `missing` which services are.
    """
    status = 0
    for row in rows:
        open_ = missing(row["answered"]) if row["ended_as"] == "erased" else []
        status = 1 if open_ else status
        state = row["ended_as"] or f"{waits(row)} until {row['due_at']:%Y-%m-%d}"
        not_yet = f"  not yet: {', '.join(open_)}" if open_ else ""
        say(f"{row['digest']}  {row['asked_at']:%Y-%m-%d}  {state}{not_yet}", 0)
    return status
