"""Second factors as a person holds them: an application, a device with passkeys, a sheet of codes."""

import base64
import html
import json
import re
from datetime import UTC, datetime
from struct import pack
from unittest import mock

import httpx
import soft_webauthn
from identity_stage import PASSWORD, PUBLIC_URL, Browser, Stage

from parvis_identity.domain import totp

_UV = 0x04


class Device(soft_webauthn.SoftWebauthnDevice):
    """An authenticator that knows its owner, unless it is told not to."""

    verifies = True

    def answer(self, options: str, *, origin: str = PUBLIC_URL, **changes: object) -> str:
        """What the browser's script sends for what it was asked."""
        asked = json.loads(options)
        asked["challenge"] = _bytes(asked["challenge"])
        creates = "user" in asked
        if creates:
            asked["user"]["id"] = _bytes(asked["user"]["id"])
            asked["pubKeyCredParams"] = [
                {"alg": each["alg"], "type": each["type"]} for each in asked["pubKeyCredParams"]
            ]
        with mock.patch.object(soft_webauthn, "pack", pack), _flags(self.verifies):
            made = (self.create if creates else self.get)({"publicKey": asked}, origin)
        response = {name: _text(value) for name, value in made["response"].items() if value is not None}
        told = {"id": _text(made["rawId"]), "rawId": _text(made["rawId"]), "type": "public-key", "response": response}
        return json.dumps({**told, "clientExtensionResults": {"credProps": {"rk": True}}, **changes})


class _flags:  # noqa: N801 - a context
    """The flags of the authenticator's data: user verified, where it does that."""

    def __init__(self, verifies: bool) -> None:  # noqa: FBT001 - one switch
        self._verifies = verifies

    def __enter__(self) -> None:
        self._before = soft_webauthn.sha256
        if self._verifies:
            soft_webauthn.sha256 = self._hashed

    def __exit__(self, *_: object) -> None:
        soft_webauthn.sha256 = self._before

    def _hashed(self, data: bytes) -> bytes:
        # The flags stand behind the hash of the site's name.
        hashed = self._before(data)
        return _Hash(hashed) if data == b"localhost" else hashed


class _Hash(bytes):
    __slots__ = ()

    def __add__(self, flags: bytes) -> bytes:
        return bytes(self) + bytes([flags[0] | _UV]) + flags[1:]


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def options_of(page: httpx.Response) -> str:
    """What a page asks the browser's authenticators."""
    return html.unescape(re.search(r"<parvis-passkey[^>]* options='([^']+)'", page.text)[1])


def codes_of(page: httpx.Response) -> list[str]:
    """The recovery codes that a page shows."""
    shown = re.search(r"<pre.*?</pre>", page.text, re.DOTALL)
    return re.findall(r"[2-9a-z]{4}-[2-9a-z]{4}-[2-9a-z]{4}", shown[0]) if shown else []


class Application:
    """An application that shows codes; `ahead`: how many steps it goes on with each, since each counts once."""

    def __init__(self, shown: str) -> None:
        self.seed = totp.read_seed(shown)
        self.last = 0

    def code(self) -> str:
        self.last = max(totp.step_of(datetime.now(UTC)) - 1, self.last + 1)
        return totp.code_at(self.seed, self.last)


async def add_application(
    browser: Browser, address: str = "/factors/application"
) -> tuple[Application, httpx.Response]:
    """Adds an application through the page, signed in a moment ago."""
    page = await browser.get(address)
    application = Application(re.search(r'class="copy-text">([A-Z2-7 ]+)<', page.text)[1])
    form = await browser.form(address)
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
    answer = await browser.send((form[0], {**form[1], "seed": html.unescape(hidden["seed"])}), code=application.code())
    return application, answer


async def add_passkey(browser: Browser, device: Device, address: str = "/factors/passkey") -> httpx.Response:
    """Adds a passkey through the page."""
    page = await browser.get(address)
    return await browser.send(await browser.form(address), credential=device.answer(options_of(page)))


async def with_application(stage: Stage, **person: object) -> tuple[object, Application, list[str]]:
    """Somebody who is asked for a code at every sign-in, and their recovery codes."""
    owner, browser = await stage.person(**person), stage.browser()
    await browser.sign_in(owner.mail)
    application, answer = await add_application(browser)
    return owner, application, codes_of(answer)


async def given_password(stage: Stage, owner: object, browser: Browser | None = None) -> Browser:
    """A browser whose sign-in waits for the factor."""
    browser = browser or stage.browser()
    answer = await browser.sign_in(owner.mail, PASSWORD)
    assert answer.headers["location"].startswith("/factor"), answer.headers["location"]
    return browser


async def is_signed_in(browser: Browser) -> bool:
    """Whether a browser has a session."""
    return (await browser.get("/factors")).status_code == 200
