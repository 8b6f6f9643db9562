"""A person's browser, without script: cookies, redirects followed by hand, forms filled in by what they show."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
from under_test import Person

_MOST_STEPS = 12
#: What a person presses who does not want to go on.
_REFUSALS = {"cancel", "annuler", "refuse", "refuser", "deny", "decline", "not now"}
_HIDDEN = {"hidden", "submit", "button", "image", "reset"}


@dataclass
class Field:
    """An input of a form."""

    name: str
    kind: str
    value: str


@dataclass
class Button:
    """What is pressed to send a form."""

    text: str = ""
    name: str = ""
    value: str = ""
    action: str = ""


@dataclass
class Form:
    """A form of a page."""

    action: str
    method: str
    fields: list[Field] = field(default_factory=list)
    buttons: list[Button] = field(default_factory=list)

    @property
    def password(self) -> Field | None:
        """The field of the password."""
        return next((each for each in self.fields if each.kind == "password"), None)

    @property
    def identifier(self) -> Field | None:
        """The field of who signs in: the first one that shows beside the password."""
        return next((each for each in self.fields if each.kind not in {*_HIDDEN, "password", "checkbox"}), None)


class Page(HTMLParser):
    """What a page has that a person sees and presses."""

    def __init__(self, text: str, policy: str = "") -> None:
        super().__init__()
        #: The content security policy that came with it.
        self.policy = policy
        self.language = ""
        self.forms: list[Form] = []
        self.links: list[tuple[str, str]] = []
        self.images: list[dict[str, str]] = []
        self.text = text
        self._words: list[str] = []
        self._catching: Button | list[str] | None = None
        self._inside: Form | None = None
        self.feed(text)

    @property
    def words(self) -> str:
        """The text of the page."""
        return re.sub(r"\s+", " ", " ".join(self._words))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.language = given.get("lang", "")
        elif tag == "img":
            self.images.append(given)
        elif tag == "form":
            self._inside = Form(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._inside)
        elif tag == "input" and self._inside is not None:
            kind = given.get("type", "text")
            if kind == "submit":
                self._inside.buttons.append(
                    Button(given.get("value", ""), given.get("name", ""), given.get("value", ""))
                )
            elif kind not in {"checkbox", "radio"} or "checked" in given:
                self._inside.fields.append(Field(given.get("name", ""), kind, given.get("value", "")))
        elif tag == "button" and given.get("type", "submit") == "submit" and self._inside is not None:
            button = Button("", given.get("name", ""), given.get("value", ""), given.get("formaction", ""))
            self._inside.buttons.append(button)
            self._catching = button
        elif tag == "a" and "href" in given:
            self._catching = [given["href"], ""]

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = None
        if tag == "button":
            self._catching = None
        elif tag == "a" and isinstance(self._catching, list):
            self.links.append((self._catching[0], self._catching[1].strip()))
            self._catching = None

    def handle_data(self, data: str) -> None:
        self._words.append(data)
        if isinstance(self._catching, Button):
            self._catching.text += data
        elif isinstance(self._catching, list):
            self._catching[1] += data

    @property
    def sign_in(self) -> Form | None:
        """The form that asks for a password."""
        return next((each for each in self.forms if each.password is not None), None)


@dataclass
class Landing:
    """Where the browser came to rest: at the relying party, or on a page of the provider."""

    url: str
    response: httpx.Response
    at_relying_party: bool
    #: Pages of the provider on the way, this one included.
    pages: list[Page] = field(default_factory=list)

    @property
    def page(self) -> Page:
        """The page that shows."""
        return _page(self.response)

    @property
    def answer(self) -> dict[str, list[str]]:
        """Parameters that came back in the query."""
        return parse_qs(urlsplit(self.url).query, keep_blank_values=True)

    def value(self, name: str) -> str:
        """The one value of a parameter that came back; empty when there is none."""
        return (self.answer.get(name) or [""])[0]

    @property
    def asked_to_sign_in(self) -> bool:
        """Whether the page that shows asks for a password."""
        return not self.at_relying_party and self.page.sign_in is not None

    def __str__(self) -> str:
        shown = "" if self.at_relying_party else f" «{self.page.words.strip()[:160]}»"
        return f"{self.response.status_code} {self.url[:300]}{shown}"


class UserAgent:
    """See the module; one browser with nothing in it."""

    def __init__(self, relying_party: str) -> None:
        self._relying_party = relying_party
        self._http = httpx.Client(trust_env=False, timeout=30, limits=httpx.Limits(max_keepalive_connections=0))

    def copy(self) -> "UserAgent":
        """Another browser that knows what this one knows now: a thief's, or one that forgets to forget."""
        other = UserAgent(self._relying_party)
        other._http.cookies.update(self._http.cookies)
        return other

    def open(self, url: str) -> Landing:
        """Follows an address until a page shows or the relying party is reached."""
        return self._follow("GET", url)

    def post(self, url: str, form: dict[str, str]) -> Landing:
        """Sends a form of the relying party's own page."""
        return self._follow("POST", url, data=form, headers={"Origin": self._relying_party})

    def go_on(self, landing: Landing, person: Person) -> Landing:
        """Does what the pages ask until the relying party is reached or a page asks for nothing."""
        pages = list(landing.pages)
        for _ in range(_MOST_STEPS):
            form = None if landing.at_relying_party else landing.page.sign_in or self._agreement(landing.page)
            if form is None:
                break
            values: dict[str, str] = {}
            if form.password is not None:
                values[form.password.name] = person.password
                if form.identifier is not None:
                    values[form.identifier.name] = person.identifier
            landing = self.submit(landing, form, values)
            pages += landing.pages
        landing.pages = pages
        return landing

    def sign_in(self, url: str, person: Person) -> Landing:
        """Opens an address and does what the pages ask."""
        return self.go_on(self.open(url), person)

    def refuse(self, landing: Landing) -> Landing | None:
        """Presses what says that the person does not want to; None when the page offers no such thing."""
        page = landing.page
        for form in page.forms:
            for button in form.buttons:
                if button.text.strip().lower() in _REFUSALS:
                    return self.submit(landing, form, {}, button)
        for target, text in page.links:
            if text.lower() in _REFUSALS:
                return self._follow("GET", urljoin(landing.url, target))
        return None

    def submit(self, landing: Landing, form: Form, values: dict[str, str], button: Button | None = None) -> Landing:
        """Sends a form of a page."""
        filled = {each.name: each.value for each in form.fields if each.name} | values
        button = button or next(iter(form.buttons), None)
        if button is not None and button.name:
            filled[button.name] = button.value
        target = urljoin(landing.url, (button.action if button else "") or form.action)
        if form.method == "get":
            return self._follow("GET", target, params=filled)
        parts = urlsplit(landing.url)
        return self._follow("POST", target, data=filled, headers={"Origin": f"{parts.scheme}://{parts.netloc}"})

    @staticmethod
    def _agreement(page: Page) -> Form | None:
        """The form of a page that asks whether to go on (consent): its first button is the one to press."""
        return next((form for form in page.forms if form.method == "post" and form.buttons and _asks(form)), None)

    def _follow(self, method: str, url: str, **sent: Any) -> Landing:
        response = self._http.request(method, url, **sent)
        for _ in range(_MOST_STEPS):
            if response.status_code not in {301, 302, 303, 307, 308} or "location" not in response.headers:
                break
            target = urljoin(str(response.url), response.headers["location"])
            if target.startswith(self._relying_party):
                return Landing(target, self._http.get(target), at_relying_party=True)
            response = self._http.get(target)
        return Landing(str(response.url), response, at_relying_party=False, pages=[_page(response)])


def _page(response: httpx.Response) -> Page:
    return Page(response.text, response.headers.get("content-security-policy", ""))


def _asks(form: Form) -> bool:
    """Whether a form asks for an agreement to an authorization: nothing to fill in, and not a sign-out."""
    shown = [each for each in form.fields if each.kind not in _HIDDEN]
    return not shown and "logout" not in form.action and any("consent" in each for each in _names(form))


def _names(form: Form) -> list[str]:
    return [form.action, *(each.name for each in form.fields), *(each.name for each in form.buttons)]
