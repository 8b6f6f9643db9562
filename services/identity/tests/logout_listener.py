"""A relying party that is told of ends by back channel, and what tells it."""

import asyncio
from contextlib import asynccontextmanager
from urllib.parse import parse_qs

from identity_stage import Flow

from parvis_identity.service.logout import LogoutNotices


class Listener:
    """A relying party's back channel on this machine."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.heads: list[bytes] = []
        self.status = 200
        self.pause = 0.0
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        fields = parse_qs((await reader.readexactly(length)).decode())
        self.heads.append(head)
        self.tokens += fields["logout_token"]
        await asyncio.sleep(self.pause)
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % self.status)
        writer.close()


@asynccontextmanager
async def listening():
    listener = Listener()
    server = await asyncio.start_server(listener.serve, "127.0.0.1", 0)
    async with server:
        listener.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/logout"
        yield listener


async def opened(stage, browser, listener, **changes) -> tuple[Flow, dict]:
    """A product that somebody has opened, and its tokens."""
    extra = changes.pop("extra", {})
    flow = Flow(*await stage.relying_party(backchannel_logout_uri=listener.url, **changes), extra=extra)
    return flow, (await flow.exchange(browser, await flow.code(browser))).json()


async def deliver(sender: LogoutNotices) -> int:
    """Sends what is due."""
    count = await sender.begin()
    await sender.settled()
    return count
