"""Documents are set in processes of their own, so that neither time nor a crash of it is ours."""

import asyncio
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
        """The PDF of `page`'s text. Raises RuntimeError with typst's words, TimeoutError after a minute."""
        async with self._room:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "parvis_billing.typesetting", made_at.isoformat(),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            try:
                async with asyncio.timeout(_LONGEST):
                    pdf, complaint = await process.communicate(text.encode())
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
        if process.returncode != 0:
            raise RuntimeError(f"The document could not be set: {complaint.decode(errors='replace')[-2000:]}")
        return pdf
