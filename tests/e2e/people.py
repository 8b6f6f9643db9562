"""People in front of the portal, each with a browser of their own. They find things by what can be read on them."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Request, Response, expect

from parvis_local.demo.story import PASSWORD

#: Milliseconds after which something that should be there is not.
PATIENCE = 20_000
expect.set_options(timeout=PATIENCE)  # its own is 5 s
#: No complaints: a refused or missing page is told to the console by the browser itself, and tests say which answer
#: they expect; a sum that htmx was asking for when its page was left, or when a newer one was asked for, is given up.
_EXPECTED = ("Failed to load resource", "htmx:sendAbort", "htmx:afterRequest")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is at sign-in: a mail address at the portal's door, or a firm's identifier at the firm's."""

    name: str
    identifier: str
    slug: str = ""
    password: str = PASSWORD


CLAIRE = Identity("Claire Orsel", "claire.orsel@orsel.example")
LUCIE = Identity("Lucie Tanguy", "lucie.tanguy@orsel.example")
KARIM = Identity("Karim Benhaddou", "karim.benhaddou@conseil.example")
SOPHIE = Identity("Sophie Valmer", "sophie.valmer@valmer.example")
HELENE = Identity("Hélène Mercadier", "helene.mercadier@cadrane.example")
STRANGER = Identity("Inconnu", "personne@exemple.example")
ANNE = Identity("Anne Le Goff", "C0001", "cabinet-orsel")


@dataclass(frozen=True, slots=True)
class Door:
    """The words of the portal's sign-in page."""

    address: str
    go_on: str
    password: str
    sign_in: str


FRENCH_DOOR = Door("Adresse mail", "Continuer", "Mot de passe", "Se connecter")
ENGLISH_DOOR = Door("Mail address", "Continue", "Password", "Sign in")


@dataclass(frozen=True, slots=True)
class Seat:
    """What somebody sits in front of."""

    width: int = 1280
    height: int = 900
    touch: bool = False
    dark: bool = False
    script: bool = True
    locale: str = "fr-FR"

    def options(self) -> dict[str, Any]:
        """For `Browser.new_context`."""
        return {
            "viewport": {"width": self.width, "height": self.height},
            "has_touch": self.touch,
            "is_mobile": self.touch,
            "device_scale_factor": 1,
            "color_scheme": "dark" if self.dark else "light",
            "java_script_enabled": self.script,
            "locale": self.locale,
            "timezone_id": "Europe/Paris",
            "reduced_motion": "reduce",
        }


DESK = Seat()
PHONE = Seat(390, 844, touch=True)


@dataclass
class Person:
    """Somebody with a browser. `page` is the tab in front."""

    who: Identity
    portal: str
    context: BrowserContext
    page: Page
    #: What the browser complained about: scripts that failed, policies that were broken.
    complaints: list[str] = field(default_factory=list, repr=False)
    requests: list[Request] = field(default_factory=list, repr=False)

    @classmethod
    def at(cls, browser: Browser, portal: str, who: Identity, seat: Seat = DESK) -> "Person":
        """Somebody who has not opened anything yet."""
        context = browser.new_context(**seat.options())
        context.set_default_timeout(PATIENCE)
        person = cls(who, portal, context, context.new_page())
        context.on("console", person._listen)
        context.on("weberror", lambda error: person.complaints.append(str(error.error)))
        context.on("request", lambda request: person.requests.append(request))  # noqa: PLW0108 - Playwright marks functions
        return person

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(_EXPECTED):
            self.complaints.append(f"{message.text} ({message.location.get('url', '')})")

    def leave(self) -> None:
        """Closes the browser; what it complained about is an error of ours."""
        self.context.close()
        assert not self.complaints, self.complaints

    # Going somewhere

    def open(self, address: str) -> Response:
        """Types an address of the portal, or a whole one (a link from a mail)."""
        answer = self.page.goto(address if "://" in address else self.portal + address)
        assert answer is not None
        return answer

    def tab(self) -> "Person":
        """The same person in a further tab of the same browser."""
        return Person(self.who, self.portal, self.context, self.context.new_page(), self.complaints, self.requests)

    def follow(self, name: str, *, exact: bool = False, within: Locator | None = None) -> None:
        """Clicks a link and waits for the page that it leads to."""
        (within or self.page).get_by_role("link", name=name, exact=exact).first.click()
        self.page.wait_for_load_state()

    def press(self, name: str, *, within: Locator | None = None, exact: bool = False) -> None:
        """Clicks a button."""
        (within or self.page).get_by_role("button", name=name, exact=exact).first.click()
        self.page.wait_for_load_state()

    def go_to(self, entry: str) -> None:
        """Goes through the main navigation."""
        self.main_navigation.get_by_role("link", name=entry).click()
        self.page.wait_for_load_state()

    @property
    def main_navigation(self) -> Locator:
        return self.page.get_by_role("navigation", name="Navigation principale", exact=True)

    # Writing

    def write(self, fields: dict[str, str], within: Locator | None = None) -> None:
        """Fills fields by their labels."""
        for label, value in fields.items():
            field_of(within or self.page, label).fill(value)

    def choose(self, label: str, option: str) -> None:
        """Chooses in a list by what is read in it."""
        self.page.get_by_label(label).select_option(label=option)

    # Reading

    def sees(self, text: str | re.Pattern[str], *, within: Locator | None = None) -> None:
        """The text is there to be read."""
        expect(
            (within or self.page.locator("body")).get_by_text(loose(text)).filter(visible=True).first
        ).to_be_visible()

    def does_not_see(self, text: str | re.Pattern[str], *, within: Locator | None = None) -> None:
        expect((within or self.page.locator("body")).get_by_text(loose(text)).filter(visible=True)).to_have_count(0)

    def reads_title(self, title: str | re.Pattern[str]) -> None:
        """The page's heading."""
        expect(self.page.get_by_role("heading", level=1, name=loose(title)).first).to_be_visible()

    def is_told(self, text: str | re.Pattern[str]) -> None:
        """A message of the portal: what was done."""
        expect(self.page.get_by_role("status").filter(has_text=loose(text)).first).to_be_visible()

    def section(self, name: str) -> Locator:
        """A part of the page by its heading."""
        return self.page.get_by_role("region", name=name, exact=True)

    def row(self, name: str) -> Locator:
        """A row of a table, or of a list, by what stands in it."""
        rows = self.page.get_by_role("row").filter(has_text=name)
        return rows.first if rows.count() else self.page.get_by_role("listitem").filter(has_text=name).first

    # Signing in

    def sign_in(self) -> None:
        """Through the door that is theirs, to their home."""
        self.open(f"/login/{self.who.slug}" if self.who.slug else "/")
        self.give_password()

    def give_password(self) -> None:
        """Fills the sign-in page and waits until the portal is there."""
        self.answer_sign_in(self.who.password)
        self.page.wait_for_url(re.compile(r"/o/|/organisations"))

    def answer_sign_in(self, password: str, door: Door = FRENCH_DOOR) -> None:
        """Fills the sign-in page, the portal's or a firm's, and sends it: in two steps where it asks for the address
        alone first.
        """
        self.page.get_by_label(door.address).first.fill(self.who.identifier)  # "Client code or mail address" too
        if self.page.get_by_role("button", name=door.go_on, exact=True).count():
            self.press(door.go_on, exact=True)
            expect(self.page.get_by_role("button", name=door.sign_in, exact=True)).to_be_visible()
        field_of(self.page, door.password).fill(password)
        self.press(door.sign_in, exact=True)

    def sign_out(self) -> None:
        """Through their own menu."""
        self.open_menu()
        self.press("Se déconnecter")
        self.reads_title("Vous êtes déconnecté")

    def open_menu(self) -> None:
        """Their own menu, at the top right."""
        self.page.get_by_label("Mon menu").click()

    @contextmanager
    def watching(self) -> Iterator[list[Request]]:
        """The requests that the browser made inside the block."""
        before = len(self.requests)
        seen: list[Request] = []
        yield seen
        seen.extend(self.requests[before:])


def loose(text: str | re.Pattern[str]) -> str | re.Pattern[str]:
    """A space of a pattern stands for any space: French has narrow ones. Playwright does so for plain texts."""
    return text if isinstance(text, str) else re.compile(text.pattern.replace(" ", r"\s+"), text.flags)


def field_of(place: Page | Locator, label: str) -> Locator:
    """A field by its label, whether or not the label goes on with “(facultatif)”; never a button beside it."""
    pattern = re.compile(rf"^\s*{re.escape(label)}\s*(\(facultatif\)|\(optional\))?\s*$")
    return place.get_by_label(pattern).first


def until(look: Callable[[], bool], what: str, patience: float = 30.0) -> None:
    """Looks again and again, for what a page shows only when it is opened anew."""
    give_up = time.monotonic() + patience
    while not look():
        assert time.monotonic() < give_up, f"{what} did not happen within {patience:g} s"
        time.sleep(0.2)
