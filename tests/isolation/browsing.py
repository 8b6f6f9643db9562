"""Requests as a browser makes them: forms read from pages, and what of a page's answer counts."""

from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from typing import Any

import httpx

SKIPPED = {"submit", "button", "file", "image", "reset"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to a page. `values` is a form, `body` JSON; neither for what is only read."""

    method: str
    path: str
    values: dict[str, Any] = field(default_factory=dict)
    body: dict[str, Any] | None = None
    #: Name of a field → file name and content.
    files: dict[str, tuple[str, bytes]] | None = None

    @property
    def reads(self) -> bool:
        return self.method == "GET"

    def at(self, mine: str, theirs: str) -> "Asked":
        """The same in another organisation: the identifiers stay."""
        return replace(self, path=self.path.replace(f"/o/{mine}/", f"/o/{theirs}/", 1))

    async def send(self, http: httpx.AsyncClient, origin: str, csrf: str, *, sender: str = "") -> httpx.Response:
        """`csrf` is the token that the form carries, `sender` the origin that the browser names."""
        headers = {} if self.reads or sender == "unnamed" else {"Origin": sender or origin}
        told: dict[str, Any] = {}
        if self.body is not None or self.method == "DELETE":
            headers |= {"X-CSRF": csrf} if csrf else {}
            told = {"json": self.body} if self.body is not None else {}
        elif not self.reads:
            told = {"data": self.values | ({"csrf": csrf} if csrf else {}), "files": self.files}
        return await http.request(self.method, f"{origin}{self.path}", headers=headers, follow_redirects=False, **told)


def succeeded(answer: httpx.Response) -> bool:
    """Whether the reader got what they asked for: a page, a result, or the way to it."""
    return answer.is_success or (answer.is_redirect and not is_way_in(answer))


def is_way_in(answer: httpx.Response) -> bool:
    """Whether the answer sends the reader to sign in."""
    location = answer.headers.get("location", "")
    return answer.status_code == httpx.codes.SEE_OTHER and location.startswith(("/auth/start", "/login"))


def is_way_out(answer: httpx.Response) -> bool:
    """Whether the answer sends the reader, who belongs nowhere, to the page that says so, or to their request."""
    out = answer.headers.get("location", "").startswith(("/organisations", "/requests/"))
    return answer.status_code == httpx.codes.SEE_OTHER and out


def look_as_oneself(http: httpx.AsyncClient) -> None:
    """Forgets that the browser sees the portal as somebody else: all that followed would only be seen."""
    for cookie in [each for each in http.cookies.jar if "viewing-" in each.name]:
        http.cookies.jar.clear(cookie.domain, cookie.path, cookie.name)


class _Forms(HTMLParser):
    """All forms of a page: action → fields as a browser would send them untouched."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: dict[str, dict[str, Any]] = {}
        self._fields: dict[str, Any] | None = None
        self._select = self._area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._fields = self.forms.setdefault(told.get("action", ""), {})
        if self._fields is None:
            return
        name = told.get("name", "")
        if tag == "input" and name and told.get("type", "text") not in SKIPPED:
            self._input(name, told)
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and ("selected" in told or self._select not in self._fields):
            self._fields[self._select] = told.get("value", "")
        elif tag == "textarea" and name:
            self._area = name
            self._fields[name] = ""

    def handle_data(self, data: str) -> None:
        if self._area and self._fields is not None:
            self._fields[self._area] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._fields = None
        if tag == "select":
            self._select = ""
        if tag == "textarea":
            self._area = ""

    def _input(self, name: str, told: dict[str, str]) -> None:
        if self._fields is None:
            return
        if told.get("type") in {"checkbox", "radio"}:
            if "checked" in told:
                several = told.get("type") == "checkbox"
                before = self._fields.get(name, [])
                self._fields[name] = [*before, told.get("value", "on")] if several else told.get("value", "on")
            return
        self._fields[name] = told.get("value", "")


def form_of(page: str, action: str) -> dict[str, Any]:
    """What the form of a page sends to `action`, without its CSRF token. KeyError when there is no such form."""
    reader = _Forms()
    reader.feed(page)
    return {name: value for name, value in reader.forms[action].items() if name != "csrf"}


def csrf_of(page: str) -> str:
    """The token that the forms of a page carry; KeyError when it has none."""
    reader = _Forms()
    reader.feed(page)
    return next(fields["csrf"] for fields in reader.forms.values() if fields.get("csrf"))
