"""Complete sign-ins with a password, as browsers and a relying party make them (authorization, form, code, tokens,
userinfo), straight to identity over plain HTTP. Each is of a browser that was never there before, at an address of its
own.
"""

import asyncio
import hashlib
import html
import ipaddress
import json
import re
import secrets
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpcore
from population import PASSWORD, REDIRECT_URI, SCOPE, Population

from parvis_identity.models import Account

_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')
_FORM = re.compile(r"<form.*?</form>", re.DOTALL)
_ACTION = re.compile(r'action="([^"]*)"')
_FORM_TYPE = (b"Content-Type", b"application/x-www-form-urlencoded")


@dataclass(slots=True)
class Browser:
    """One browser: its address and its cookies."""

    pool: httpcore.AsyncConnectionPool
    base: str
    #: Of the page that forms are sent from.
    origin: str
    cookies: dict[str, str] = field(default_factory=dict)
    address: str = field(default_factory=lambda: str(ipaddress.IPv4Address(0x0A000000 + secrets.randbelow(1 << 24))))

    async def ask(self, path: str, form: dict[str, str] | None = None, **headers: str) -> httpcore.Response:
        """GET, or POST of a form. Raises RuntimeError for an answer from 400 on."""
        told = [(b"Host", b"localhost"), (b"X-Forwarded-For", self.address.encode())]
        told += [(name.encode(), value.encode()) for name, value in headers.items()]
        if self.cookies:
            told.append((b"Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()).encode()))
        content = None
        if form is not None:
            told += [_FORM_TYPE, (b"Origin", self.origin.encode())]
            content = urlencode(form).encode()
        url = urljoin(self.base, path)
        answer = await self.pool.request("POST" if form is not None else "GET", url, headers=told, content=content)
        if answer.status >= 400:
            raise RuntimeError(f"{url} answered {answer.status}: {answer.content[:300]!r}")
        for name, value in answer.headers:
            if name.lower() == b"set-cookie":
                kept, _, _ = value.decode().partition(";")
                self.cookies.update([kept.split("=", 1)])
        return answer


@dataclass(slots=True)
class People:
    """Everybody who signs in, in turns."""

    population: Population
    pool: httpcore.AsyncConnectionPool
    base: str
    origin: str
    _next: Iterator[Account] = field(init=False)

    def __post_init__(self) -> None:
        self._next = cycle(self.population.accounts)

    async def sign_in(self) -> float:
        """One complete sign-in; the seconds that it took."""
        started = time.perf_counter()
        client, account = self.population.client, next(self._next)
        browser = Browser(self.pool, self.base, self.origin)
        verifier = secrets.token_urlsafe(48)
        challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        asked = {
            "response_type": "code", "client_id": client.client_id, "redirect_uri": REDIRECT_URI, "scope": SCOPE,
            "state": secrets.token_urlsafe(16), "nonce": secrets.token_urlsafe(16), "code_challenge": challenge,
            "code_challenge_method": "S256",
        }  # fmt: skip
        page = await browser.ask(location_of(await browser.ask(f"/oauth2/authorize?{urlencode(asked)}")))
        form = next(each for each in _FORM.findall(page.content.decode()) if 'type="password"' in each)
        fields = {name: html.unescape(value) for name, value in _HIDDEN.findall(form)}
        filled = {**fields, "identifier": account.identifier, "password": PASSWORD}
        back = await browser.ask(html.unescape(_ACTION.search(form)[1]), filled)
        answer = parse_qs(urlsplit(location_of(await browser.ask(location_of(back)))).query)
        basic = b64encode(f"{client.client_id}:{self.population.secret}".encode()).decode()
        exchange = {
            "grant_type": "authorization_code", "code": answer["code"][0], "redirect_uri": REDIRECT_URI,
            "code_verifier": verifier,
        }  # fmt: skip
        party = Browser(self.pool, self.base, self.origin)
        tokens = _json(await party.ask("/oauth2/token", exchange, Authorization=f"Basic {basic}"))
        told = _json(await party.ask("/oauth2/userinfo", Authorization=f"Bearer {tokens['access_token']}"))
        if told["email"] != account.mail or "id_token" not in tokens:
            raise RuntimeError(f"{account.mail} signed in, and {told} came.")
        return time.perf_counter() - started

    async def at_once(self, browsers: int, seconds: float) -> list[float]:
        """`browsers` that sign in again as soon as they have; how long each time took."""
        until, took = time.perf_counter() + seconds, []

        async def again_and_again() -> None:
            while time.perf_counter() < until:
                took.append(await self.sign_in())

        await asyncio.gather(*(again_and_again() for _ in range(browsers)))
        return took

    async def at_pace(self, rate: float, seconds: float) -> list[float]:
        """`rate` people begin each second, whether others are done or not; how long each took."""
        running = []
        started = time.perf_counter()
        while (begun := len(running) / rate) < seconds:
            await asyncio.sleep(max(0.0, started + begun - time.perf_counter()))
            running.append(asyncio.create_task(self.sign_in()))
        return list(await asyncio.gather(*running))


def location_of(answer: httpcore.Response) -> str:
    """Where an answer leads."""
    return next(value.decode() for name, value in answer.headers if name.lower() == b"location")


def _json(answer: httpcore.Response) -> dict[str, Any]:
    return dict(json.loads(answer.content))
