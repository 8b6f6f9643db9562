"""People and products at work while services are replaced: 50 requests a second through the gateway, all counted."""

import asyncio
import itertools
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
from failing import failure

RATE = 50
#: Requests that wait at once, at most: beyond, the machine is slower than the rate, and the rate falls.
AT_ONCE = 40


@dataclass
class Traffic:
    """What was asked and what came back. Every request must be answered with what it is answered in quiet times."""

    url: str
    cookies: str
    slug: str = "cabinet-orsel"
    transport: Callable[[httpx.Limits], httpx.AsyncBaseTransport] | None = None  # where names need one
    answered: Counter = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rate(self):
        return self.answered.total() / self.seconds

    async def run(self, over):
        """Asks until `over` is set."""
        limits = httpx.Limits(max_connections=AT_ONCE)
        through = self.transport(limits) if self.transport else None
        async with httpx.AsyncClient(
            base_url=self.url, timeout=30, trust_env=False, limits=limits, transport=through
        ) as http:
            places, working = asyncio.Semaphore(AT_ONCE), set()
            pages = await self._pages(http)
            began = asyncio.get_running_loop().time()
            for number, (method, path, signed_in, form) in enumerate(itertools.cycle(pages)):
                if over.is_set():
                    break
                await places.acquire()
                task = asyncio.create_task(self._ask(http, method, path, signed_in=signed_in, form=form))
                working.add(task)
                task.add_done_callback(lambda task: (working.discard(task), places.release()))
                late = began + (number + 1) / RATE - asyncio.get_running_loop().time()
                await asyncio.sleep(max(late, 0))
            await asyncio.gather(*working)
            self.seconds = asyncio.get_running_loop().time() - began

    async def _pages(self, http):
        """Pages of every service and addresses of those that products call; every tenth is a form that is sent."""
        inside = {"Cookie": self.cookies}
        listed = await http.get(f"/o/{self.slug}/contacts", headers=inside)
        contact = re.search(rf"/o/{self.slug}/contacts/([0-9a-f-]{{36}})", listed.text)[0]
        csrf = re.search(r'name="csrf" value="([^"]+)"', listed.text)[1]
        cheap = ["/.well-known/openid-configuration", "/oauth2/jwks", "/.well-known/authzen-configuration", "/login"]
        pages = [f"/o/{self.slug}/", contact, f"/o/{self.slug}/documents", f"/o/{self.slug}/invoices",
                 f"/o/{self.slug}/notifications"]  # fmt: skip
        asked = []
        for place in range(20):
            if place % 10 == 9:
                asked.append(("POST", f"/o/{self.slug}/factor-later", True, {"csrf": csrf}))
            elif place % 4 == 0:
                asked.append(("GET", pages[(place // 4) % len(pages)], True, None))
            else:
                asked.append(("GET", cheap[place % len(cheap)], False, None))
        for method, path, signed_in, form in {each[1]: each for each in asked}.values():
            answer = await self._send(http, method, path, signed_in=signed_in, form=form)
            assert not failure(answer), (path, failure(answer))
        return asked

    async def _send(self, http, method, path, *, signed_in, form):
        headers = {"Cookie": self.cookies} if signed_in else {}
        return await http.request(method, path, headers={**headers, "Origin": self.url}, data=form)

    async def _ask(self, http, method, path, *, signed_in, form):
        try:
            answer = await self._send(http, method, path, signed_in=signed_in, form=form)
        except httpx.HTTPError as error:
            self.failed.append(f"{method} {path}: {error!r}")
            return
        self.answered[answer.status_code] += 1
        if why := failure(answer):
            self.failed.append(f"{method} {path}: {why}")
