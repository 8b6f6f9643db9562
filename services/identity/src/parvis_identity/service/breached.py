"""Passwords that are known from data breaches, looked up in a mounted file.

The file is the public "Pwned Passwords" list, ordered by hash: a line `HASH:COUNT` each, HASH the SHA-1 of a password
in hexadecimal, in ascending order. Shorter lists of the same form do too: lines without a count, and lines whose hashes
are cut to as few as ten digits, to save room. It is tens of gigabytes long, so it is searched where it lies: about
thirty reads of one block, whatever its length.
"""

import asyncio
import hashlib
import os
from pathlib import Path

import structlog

from parvis_identity.domain.passwords import prepare

#: Digits of a hash in the file, at least: with fewer, passwords would be refused by chance.
FEWEST_DIGITS = 10
_DIGITS = 40
#: Longer lines are none of this list (bytes).
_LONGEST_LINE = 128
_HEXADECIMAL = frozenset(b"0123456789ABCDEF")

_log = structlog.get_logger(__name__)


class NoList(Exception):
    """The file is not what it should be; the message says how."""


class BreachedPasswords:
    """The list at `path`. Raises NoList when its first or last line is none of such a list."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            file = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise NoList(f"{path}: {error.strerror}. PARVIS_PASSWORD_BREACHED_LIST names it.") from error
        try:
            size = os.fstat(file).st_size
            ends = [_line(file, 0, size), _line(file, max(0, size - 2), size)]
        finally:
            os.close(file)
        first, last = ends
        if first is None or last is None or (size > _LONGEST_LINE and first >= last):
            raise NoList(
                f"{path} is no list of SHA-1 hashes in ascending order, a line each."
                " PARVIS_PASSWORD_BREACHED_LIST names it."
            )

    async def has(self, password: str) -> bool:
        """Whether a password is in the list. False, with an error in the log, when the list cannot be read any more:
        people must be able to set a password while a disk is away.
        """
        digest = hashlib.sha1(prepare(password), usedforsecurity=False).hexdigest().upper().encode()
        try:
            return await asyncio.to_thread(self._has, digest)
        except (OSError, NoList) as error:
            _log.error("breached_passwords_unreadable", path=str(self._path), error=str(error))
            return False

    def _has(self, digest: bytes) -> bool:
        file = os.open(self._path, os.O_RDONLY)
        try:
            low, high = 0, os.fstat(file).st_size
            size = high
            # The line looked for starts at `low` or later, and before `high`.
            while low < high:
                middle = (low + high) // 2
                start = _start_of(file, middle)
                found = _line(file, start, size)
                if found is None:
                    raise NoList(f"byte {start} begins no line of a list")
                wanted = digest[: len(found)]
                if found == wanted:
                    return True
                if found < wanted:
                    low = _end_of(file, middle, size)
                else:
                    high = start
            return False
        finally:
            os.close(file)


def _start_of(file: int, offset: int) -> int:
    """Where the line starts that the byte at `offset` belongs to."""
    before = max(0, offset - _LONGEST_LINE)
    block = os.pread(file, offset - before, before)
    newline = block.rfind(b"\n")
    return before + newline + 1


def _end_of(file: int, offset: int, size: int) -> int:
    """Where the line after that one starts."""
    newline = os.pread(file, _LONGEST_LINE, offset).find(b"\n")
    return size if newline < 0 else offset + newline + 1


def _line(file: int, offset: int, size: int) -> bytes | None:
    """The hash in the line that `offset` is in, in capitals; None when there is none."""
    if not size:
        return None
    start = _start_of(file, offset)
    hash_, _, _ = os.pread(file, _LONGEST_LINE, start).partition(b"\n")[0].rstrip(b"\r").partition(b":")
    hash_ = hash_.upper()
    return hash_ if FEWEST_DIGITS <= len(hash_) <= _DIGITS and _HEXADECIMAL.issuperset(hash_) else None
