"""Routes and who may see each: a page without a rule cannot be written.

    pages = Area("people", entry="settings")

    @pages.get("/o/{slug}/settings/people", staff("members.read"))
    async def people(visit: OrganisationVisit) -> Response: …

The rule is what the page is made for. The services decide all the same on every call: a rule that is too wide
shows a refusal, never somebody's data. A test reads `Area.routes` and calls each as everybody.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from starlette.responses import Response

from parvis_web.sentences import SENTENCES

Who = Literal["anyone", "account", "member", "staff", "portal"]
Handler = TypeVar("Handler", bound=Callable[[Any], Awaitable[Response]])


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may see a page.

    `anyone`: also who is not signed in. `account`: who is signed in, no organisation is involved. `member`,
    `staff`, `portal`: who belongs to the organisation in the address, as anything, as staff or through a portal
    access. `right`: the right that staff need.
    """

    who: Who
    right: str = ""

    @property
    def inside(self) -> bool:
        """Whether the page is of one organisation."""
        return self.who in {"member", "staff", "portal"}


ANYONE = Rule("anyone")
ACCOUNT = Rule("account")
MEMBER = Rule("member")
STAFF = Rule("staff")
PORTAL = Rule("portal")


def staff(right: str) -> Rule:
    """Staff who hold the right, with any scope."""
    return Rule("staff", right)


def member(right: str) -> Rule:
    """Portal accesses, and staff who hold the right, with any scope."""
    return Rule("member", right)


@dataclass(frozen=True, slots=True)
class PageRoute:
    """A route with its rule. `api` answers errors in JSON; `entry` is the navigation's entry that is current."""

    methods: tuple[str, ...]
    path: str
    rule: Rule
    handler: Callable[[Any], Awaitable[Response]]
    area: str
    entry: str
    api: bool = False
    #: It is the reader's own page even while they see the organisation's as somebody else does.
    leaves_viewing: bool = False
    #: Bytes of the one file that its form may carry; 0: none.
    largest_file: int = 0
    #: Whether the reader must have proven who they are a moment ago before the page is shown: it leads to what its
    #: service refuses otherwise (`visit.ask_proof()` where that depends on the page).
    fresh: bool = False
    #: Its answer is a file that is made while it is sent, and asks for all that there is (`shares`).
    file: bool = False


class Area:
    """The pages about one thing. `entry` names the entry of the navigation they belong to, `sentences` what its
    errors say.
    """

    def __init__(self, name: str, *, entry: str = "", sentences: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.entry = entry or name
        self.routes: list[PageRoute] = []
        SENTENCES.update(sentences or {})

    def get(
        self, path: str, rule: Rule, *, entry: str = "", fresh: bool = False, file: bool = False
    ) -> Callable[[Handler], Handler]:
        """A page; `fresh`: of somebody who has just proven who they are; `file`: of all that there is (`PageRoute`)."""
        return self.route(("GET",), path, rule, entry=entry, fresh=fresh, file=file)

    def post(
        self, path: str, rule: Rule, *, entry: str = "", leaves_viewing: bool = False, largest_file: int = 0
    ) -> Callable[[Handler], Handler]:
        """What a form does; it answers with a redirect, or with the form and what was typed."""
        return self.route(("POST",), path, rule, entry=entry, leaves_viewing=leaves_viewing, largest_file=largest_file)

    def route(
        self,
        methods: Sequence[str],
        path: str,
        rule: Rule,
        *,
        api: bool = False,
        entry: str = "",
        leaves_viewing: bool = False,
        largest_file: int = 0,
        fresh: bool = False,
        file: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Any other route; `api=True` for addresses that scripts call with JSON."""
        if rule.inside != path.startswith("/o/{slug}"):
            raise ValueError(f"{path}: the organisation of a page is in its address, and only there")

        def add(handler: Handler) -> Handler:
            route = PageRoute(
                tuple(methods), path, rule, handler, self.name, entry or self.entry, api, leaves_viewing,
                largest_file, fresh, file,
            )  # fmt: skip
            self.routes.append(route)
            return handler

        return add
