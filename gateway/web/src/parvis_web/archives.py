"""Zip files that are written while a browser receives them: nothing lies on a disk, and no more than a piece in memory.

Members are stored as they are (their sizes follow them: APPNOTE 4.3.9), with ZIP64 throughout; the list at the end of
the file is what a reader opens, so a download that was cut off opens nowhere.
"""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, cast
from zipfile import ZIP_STORED, ZipFile, ZipInfo

#: Characters that some system does not allow in a name (Windows: Naming Files), and those that steer terminals.
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]')
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)")
#: Bytes of a name, so that a folder before it and a number behind it fit (255 of most file systems).
_LONGEST = 180


@dataclass(slots=True)
class Member:
    """A file of the archive, as its manifest tells of it."""

    name: str
    size: int = 0
    sha256: str = ""


class _Pieces:
    """What was written since it was last taken. It cannot be gone back in, so `zipfile` never tries."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self._written.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Nothing waits anywhere else."""

    def take(self) -> bytes:
        taken = b"".join(self._written)
        self._written.clear()
        return taken


class Archive:
    """A zip file under way: `begin`, `write` as often as needed, `end`; `take` gives what is ready to be sent."""

    def __init__(self) -> None:
        self._pieces = _Pieces()
        self._zip = ZipFile(cast("IO[bytes]", self._pieces), "w", ZIP_STORED)
        self._names: set[str] = set()
        self._open: IO[bytes] | None = None
        self._digest = hashlib.sha256()
        self.members: list[Member] = []

    def begin(self, *path: str) -> Member:
        """A new file: folders and name, made safe, and unlike those that are there."""
        name = self._free("/".join(map(safe, path)))
        described = ZipInfo(name, datetime.now(UTC).timetuple()[:6])
        described.external_attr = 0o600 << 16
        self._open = self._zip.open(described, "w", force_zip64=True)
        self._digest = hashlib.sha256()
        self.members.append(Member(name))
        return self.members[-1]

    def write(self, piece: bytes) -> None:
        """More of the file at hand."""
        if self._open is None:
            raise ValueError("No file has begun.")
        self._open.write(piece)
        self._digest.update(piece)
        self.members[-1].size += len(piece)

    def end(self) -> None:
        """The file at hand is whole."""
        if self._open is not None:
            self._open.close()
            self._open = None
            self.members[-1].sha256 = self._digest.hexdigest()

    def add(self, content: bytes, *path: str) -> None:
        """A whole file."""
        self.begin(*path)
        self.write(content)
        self.end()

    def close(self) -> None:
        """The list of all files."""
        self.end()
        self._zip.close()

    def take(self) -> bytes:
        """What was written since."""
        return self._pieces.take()

    def _free(self, name: str) -> str:
        found, number = name, 1
        while found.casefold() in self._names:
            number += 1
            start, dot, ending = name.rpartition(".")
            found = f"{start} ({number}).{ending}" if dot and "/" not in ending else f"{name} ({number})"
        self._names.add(found.casefold())
        return found


def safe(name: str) -> str:
    """A name that every system takes, and that leads nowhere else: "../a" is "_a"."""
    clean = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", name)).strip().strip(".").strip()
    if _RESERVED.match(clean):
        clean = f"_{clean}"
    start, dot, ending = clean.rpartition(".")
    room = _LONGEST - (len(ending.encode()) + 1 if dot and len(ending) <= 10 else 0)  # noqa: PLR2004 - an ending is short
    if dot and len(ending) <= 10:  # noqa: PLR2004 - idem
        clean = f"{_cut(start, room)}.{ending}"
    return _cut(clean, _LONGEST) or "_"


def _cut(text: str, most: int) -> str:
    return text.encode("utf-8", "ignore")[:most].decode("utf-8", "ignore").rstrip(" .")
