"""Documents are set in processes of their own, so that neither time nor a crash of it is ours."""

import asyncio
import subprocess
import sys
from datetime import datetime
from typing import Final

#: Seconds that setting a document may take.
_LONGEST: Final = 60.0


class Typesetter:
    """Sets documents in processes of their own, `at_once` at most; the rest waits."""

    def __init__(self, at_once: int) -> None:
        self._room = asyncio.Semaphore(at_once)

    async def typeset(self, text: str, made_at: datetime) -> bytes:
        """The PDF of `layout.page`'s text. Raises RuntimeError with typst's words, or when it takes over a minute."""
        async with self._room:
            # In a thread: Python starts a program with vfork, the event loop would fork, and gRPC minds being forked.
            return await asyncio.to_thread(_typeset, text, made_at)


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
