"""People with browsers of their own: each signs in with a password, opens a page now and then, uploads, closes an
invoice, signs out and comes back. Their number is fixed: whoever waits for an answer asks for nothing meanwhile.
"""

import asyncio
import random
import re
import secrets
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx
from failing import failure

from parvis_local.demo.portal import Form
from parvis_local.demo.story import PASSWORD

FIRM = "cabinet-orsel"
HERE = f"/o/{FIRM}"
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')
_ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_VERSION = re.compile(r'name="version" value="(\d+)"')
_INVOICE = re.compile(rf"/invoices/({_ID})")


#: What somebody does; "sign in" is to leave, and to come back.
ACTS = ("upload", "close", "sign in", "read")


@dataclass(slots=True)
class Tally:
    """What everybody did together: seconds of each request by kind, what went wrong, acts that were accepted."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    filed: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)

    def forget(self) -> None:
        """Times so far were those of warming up; what was accepted counts all the same."""
        self.seconds.clear()

    def of(self, *kinds: str) -> list[float]:
        """Seconds of all requests of these kinds."""
        return [each for kind in kinds for each in self.seconds.get(kind, [])]


@dataclass(frozen=True, slots=True)
class Habits:
    """How somebody uses the portal: seconds within which they come, and between two acts; how often each of ACTS."""

    arrival: float
    pause: float
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """What of the firm is looked at."""

    contact_id: str
    folder_id: str

    @property
    def pages(self) -> tuple[str, ...]:
        return (
            "/", "/contacts", f"/contacts/{self.contact_id}", f"/contacts/{self.contact_id}/folders/{self.folder_id}",
            "/documents", "/invoices", "/invoices?state=draft", "/notifications", "/account",
        )  # fmt: skip


class Visitor:
    """See the module."""

    def __init__(self, url: str, identifier: str, place: Place, tally: Tally, chance: random.Random) -> None:
        self._url, self._identifier, self._place, self.tally = url, identifier, place, tally
        self._chance = chance
        self._http = httpx.AsyncClient(timeout=60, trust_env=False, verify=False, follow_redirects=True)  # noqa: S501 - http
        self._csrf = ""

    async def stay(self, habits: Habits, until: float, first: str) -> None:
        """Comes some time, does `first` ("upload", "close", "sign in", "read"), and goes on until then (of
        `time.monotonic`).
        """
        await asyncio.sleep(self._chance.uniform(0, habits.arrival))
        try:
            await self.sign_in()
            await self._do(first)
            while time.monotonic() < until:
                await asyncio.sleep(self._chance.uniform(0.5, 1.5) * habits.pause)
                await self._do(self._chance.choices(ACTS, habits.weights)[0])
        except (httpx.HTTPError, LookupError) as error:
            self.tally.errors.append(f"{self._identifier}: {error!r}")
        finally:
            await self.leave()

    async def leave(self) -> None:
        """Closes the browser."""
        await self._http.aclose()

    async def _do(self, act: str) -> None:
        if act == "upload":
            await self.upload()
        elif act == "close":
            await self.close_an_invoice()
        elif act == "sign in":
            await self.sign_out()
            await self.sign_in()
        else:
            await self.get(f"{HERE}{self._chance.choice(self._place.pages)}")

    async def sign_in(self) -> None:
        """With the password, whose hash is made anew."""
        page = await self._send("sign-in", "GET", "/auth/start", params={"next": f"{HERE}/"})
        form = Form(page.text)
        typed = {"identifier": self._identifier} if "identifier" in form.fields else {}
        sent = form.fields | typed | dict.fromkeys(form.passwords, PASSWORD)
        page = await self._send("sign-in", "POST", str(page.url.join(form.action or "")), data=sent)
        if page.url.path != f"{HERE}/":
            raise LookupError(f"the sign-in ended at {page.url}")
        self._csrf = _CSRF.search(page.text)[1]
        self.tally.done["signed in"] += 1

    async def sign_out(self) -> None:
        await self._send("sign-out", "POST", "/auth/sign-out", data={"csrf": self._csrf})

    async def get(self, path: str) -> httpx.Response:
        """A page of the portal."""
        page = await self._send("page", "GET", path)
        self.tally.done["pages"] += 1
        return page

    async def upload(self) -> None:
        """A file straight to the store, as the page does it; waits until it is filed."""
        name, content = f"Charge {secrets.token_hex(6)}.pdf", PDF + b"%" + secrets.token_hex(8).encode()
        announced = {
            "name": name, "size": len(content), "type": "application/pdf",
            "contact_id": self._place.contact_id, "folder_template_id": self._place.folder_id,
        }  # fmt: skip
        plan = (await self._send("upload", "POST", f"{HERE}/uploads", json=announced)).json()
        for part in plan["parts"]:
            await self._send("store", "PUT", part["url"], content=content)
        state = await self._send("upload", "POST", f"{HERE}/uploads/{plan['upload_id']}/complete", json={})
        while state.json()["state"] == "checking":
            await asyncio.sleep(0.5)
            state = await self._send("upload", "GET", f"{HERE}/uploads/{plan['upload_id']}")
        if state.json()["state"] == "filed":
            self.tally.filed.add(state.json()["href"].rpartition("/")[2])
        else:
            self.tally.errors.append(f"{name}: {state.text}")
        self.tally.done["uploads"] += 1

    async def close_an_invoice(self) -> None:
        """Writes a draft, and closes it: it has its number."""
        await self.close(*await self.draft())

    async def draft(self) -> tuple[str, str]:
        """Writes one; its id and its version."""
        line = {"description": "Charge", "quantity": "1", "unit": "u", "unit_price": "10", "vat_rate": "20"}
        draft = {f"lines[1].{name}": value for name, value in line.items()} | {
            "act": "save", "version": "0", "contact_id": self._place.contact_id, "payment_days": "30",
            "supply_date": "2026-11-02", "csrf": self._csrf,
        }  # fmt: skip
        page = await self._send("form", "POST", f"{HERE}/invoices/new", data=draft)
        found = _INVOICE.search(page.url.path)
        if found is None:
            raise LookupError(f"no draft was made: {page.url}")
        version = _VERSION.search(page.text)
        if version is None:
            raise LookupError(f"the draft cannot be closed: {page.url}")
        return found[1], version[1]

    async def close(self, invoice_id: str, version: str) -> None:
        """Closes a draft: accepted when its page does not say why it was refused."""
        told = {"version": version, "csrf": self._csrf}
        answer = await self._send("form", "POST", f"{HERE}/invoices/{invoice_id}/close", data=told)
        self.tally.done["closed"] += 1
        if not failure(answer):
            self.tally.closed.add(invoice_id)

    async def _send(self, kind: str, method: str, path: str, **told: object) -> httpx.Response:
        """One request, with the redirects that follow it; its time counts, and so does what is no success."""
        address = path if "://" in path else f"{self._url}{path}"
        ours = address.startswith(self._url)
        headers = {"Origin": self._url, "X-CSRF": self._csrf} if method != "GET" and ours else {}
        began = time.perf_counter()
        answer = await self._http.request(method, address, headers=headers, **told)
        self.tally.seconds.setdefault(kind, []).append(time.perf_counter() - began)
        if why := failure(answer):
            self.tally.errors.append(f"{method} {path}: {why}")
            answer.raise_for_status()
        return answer
