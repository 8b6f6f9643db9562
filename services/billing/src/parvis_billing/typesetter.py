"""Documents are set in processes of their own, so that neither time nor a crash of it is ours."""

import asyncio
import json
import subprocess
import sys
from datetime import datetime
from typing import Final

from parvis_kit.errors import unavailable

#: Seconds that setting a document may take.
_LONGEST: Final = 60.0
#: Seconds that somebody who waits for an answer is made to wait for the fonts.
_PATIENCE: Final = 8.0
#: What French, English and their neighbours are written with: the fonts have it all (a test asks them).
COMMON: Final = frozenset(
    sign
    for start, end in ((0x21, 0x7F), (0xA1, 0xAD), (0xAE, 0x180), (0x2010, 0x2028), (0x2030, 0x203B), (0x20AC, 0x20AD))
    for sign in map(chr, range(start, end))
)
#: Signs that are remembered, of any text; a text has a handful that is not common.
_MOST_KNOWN: Final = 20_000


class Typesetter:
    """Sets documents in processes of their own, `at_once` at most; the rest waits."""

    def __init__(self, at_once: int) -> None:
        self._room = asyncio.Semaphore(at_once)
        self._asking = asyncio.Semaphore(at_once)
        self._known: dict[str, bool] = {}

    async def typeset(self, text: str, made_at: datetime) -> bytes:
        """The PDF of `layout.page`'s text. Raises RuntimeError with typst's words, or when it takes over a minute."""
        async with self._room:
            # In a thread: Python starts a program with vfork, the event loop would fork, and gRPC minds being forked.
            return await asyncio.to_thread(_typeset, text, made_at)

    async def unprintable(self, text: str) -> frozenset[str]:
        """The signs of a text that no font has. Common ones cost nothing, others a process once.

        Raises UNAVAILABLE typesetter_unavailable.
        """
        signs = {sign for sign in text if sign not in COMMON and not sign.isspace()}
        found = {sign for sign in signs if self._known.get(sign) is False}
        unknown = signs - self._known.keys()
        if unknown:
            async with self._asking:
                lacking = await asyncio.to_thread(_unprintable, "".join(sorted(unknown)))
            if len(self._known) > _MOST_KNOWN:
                self._known.clear()
            self._known |= {sign: sign not in lacking for sign in unknown}
            found |= lacking
        return frozenset(found)


def _unprintable(text: str) -> frozenset[str]:
    command = [sys.executable, "-m", "parvis_billing.typesetting", "signs"]
    try:
        done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=_PATIENCE, check=True)  # noqa: S603 - our own module
    except subprocess.SubprocessError as error:
        raise unavailable("typesetter_unavailable", error=repr(error)) from error
    return frozenset(json.loads(done.stdout))


def _typeset(text: str, made_at: datetime) -> bytes:
    command = [sys.executable, "-m", "parvis_billing.typesetting", made_at.isoformat()]
    try:
        done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=_LONGEST, check=False)  # noqa: S603 - our own module
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"The document was not set within {_LONGEST:.0f} s.") from error
    if done.returncode != 0:
        complaint = done.stderr.decode(errors="replace")[-2000:]
        raise RuntimeError(f"The document could not be set: {complaint}")
    return done.stdout
