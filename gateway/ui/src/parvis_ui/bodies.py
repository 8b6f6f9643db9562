"""Bodies of requests, up to a size.

Whoever still sends does not hear an answer: proxies and browsers tell them that the connection broke. So what is too
large is read on and dropped, up to a bound, before it is refused.
"""

from contextlib import suppress

from starlette.requests import ClientDisconnect, Request

#: Bytes that are read and dropped at most.
DROPPED = 32 * 1024 * 1024


async def read(request: Request, largest: int) -> bytes | None:
    """What a request carries; None when that is larger, and the rest of it was dropped."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > largest:
            await drop(request)
            return None
    return bytes(body)


async def drop(request: Request) -> None:
    """Reads what a request still carries, and keeps nothing of it."""
    dropped = 0
    with suppress(ClientDisconnect, RuntimeError):  # nobody waits for the answer; it was read already
        async for chunk in request.stream():
            dropped += len(chunk)
            if dropped > DROPPED:
                return
