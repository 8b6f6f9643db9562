"""A request as a page's handler sees it: who is reading, in which organisation, in which language, and how to answer.

    async def people(visit: OrganisationVisit) -> Response:
        frame, found = await visit.together(visit.clients.members.ListMembers(request))
        return visit.render("people/list.html", {"members": found.members})

`together` makes the page's one fan-out: the frame and everything else at once. Calls carry the reader's token by
themselves.
"""

import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar, overload
from urllib.parse import quote, urlencode, urlsplit

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.caller import Acting
from parvis_kit.errors import Kind, ServiceError, forbidden, not_found, precondition
from parvis_ui import frame as ui
from parvis_ui.forms import Errors
from parvis_ui.pages import Pages
from parvis_ui.translations import Words
from parvis_web import flash as flashes
from parvis_web import navigation
from parvis_web.access import PageRoute
from parvis_web.calls import at_once, or_down
from parvis_web.clients import Clients
from parvis_web.kept import Kept
from parvis_web.relying_party import RelyingParty
from parvis_web.rights import OF_PROVIDER
from parvis_web.sentences import form_errors
from parvis_web.sessions import Session, Sessions, Token
from parvis_web.settings import WebSettings
from parvis_web.shares import Shares
from parvis_web.viewings import Viewing

#: Seconds since the reader proved who they are, at most, for a page that asks for it: less than services allow, so that
#: there is time to fill in a form.
PROVEN_WITHIN = 600.0
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")


@dataclass(frozen=True, slots=True)
class Portal:
    """What every page is made with; one per process."""

    settings: WebSettings
    pages: Pages
    clients: Clients
    sessions: Sessions
    relying_party: RelyingParty
    kept: Kept
    shares: Shares = field(default_factory=Shares)

    def cookie(self, purpose: str) -> str:
        """The name of a cookie: bound to the installation, and to the host under TLS (RFC 6265bis, 4.1.3.2)."""
        return f"{'__Host-' if self.settings.secure else ''}{self.settings.instance}-{purpose}"

    def set_cookie(self, answer: Response, purpose: str, value: str, *, seconds: int | None = None) -> None:
        """Sets one of our cookies, for the browser's session unless `seconds` is given."""
        answer.set_cookie(
            self.cookie(purpose), value, max_age=seconds, path="/", httponly=True, samesite="lax",
            secure=self.settings.secure,
        )  # fmt: skip

    def drop_cookie(self, answer: Response, purpose: str) -> None:
        """Removes one of our cookies."""
        answer.delete_cookie(self.cookie(purpose), path="/", httponly=True, samesite="lax", secure=self.settings.secure)


class Form:
    """What was typed: text without spaces around it."""

    def __init__(self, sent: FormData | None = None) -> None:
        self._sent = sent or FormData()

    def __getitem__(self, name: str) -> str:
        value = self._sent.get(name, "")
        return value.strip() if isinstance(value, str) else ""

    def __contains__(self, name: str) -> bool:
        return name in self._sent

    def file(self, name: str) -> UploadFile | None:
        """A file that came with the form, where the route takes one."""
        found = self._sent.get(name)
        return found if isinstance(found, UploadFile) else None

    def all(self, name: str) -> list[str]:
        """Every value of a field that may come several times."""
        return [value.strip() for value in self._sent.getlist(name) if isinstance(value, str)]

    def items(self) -> list[tuple[str, str]]:
        """Names and values in their order, to be sent again."""
        return [(name, value) for name, value in self._sent.multi_items() if isinstance(value, str)]


class Visit:
    """A request of anyone."""

    def __init__(self, portal: Portal, request: Request, route: PageRoute, reference: str) -> None:
        self.portal = portal
        self.request = request
        self.route = route
        #: What a reader can quote and we can find in the logs: the trace.
        self.reference = reference
        self.form = Form()
        self.session: Session | None = None

    @property
    def clients(self) -> Clients:
        """The services."""
        return self.portal.clients

    @cached_property
    def words(self) -> Words:
        """Words in the reader's language: `_ = visit.words`."""
        return self.portal.pages.translator(self.request)

    @property
    def query(self) -> Mapping[str, str]:
        """Parameters of the address."""
        return self.request.query_params

    @property
    def address(self) -> str:
        """Path and query of this page."""
        url = self.request.url
        return f"{url.path}?{url.query}" if url.query else url.path

    @property
    def asked_from(self) -> str:
        """The same of the page that the browser shows, where only a part of it was asked for."""
        try:
            current = urlsplit(self.request.headers.get("hx-current-url", ""))
        except ValueError:  # "https://["
            return self.address
        if not current.path:
            return self.address
        return f"{current.path}?{current.query}" if current.query else current.path

    @property
    def csrf(self) -> str:
        """The value that forms carry."""
        return self.session.csrf if self.session else ""

    def missing(self, *names: str) -> Errors:
        """What was left empty among the fields named; a form is sent on when there is nothing."""
        return Errors({name: self.words("This is needed.") for name in names if not self.form[name]})

    def errors(self, error: ServiceError, *fields: str, **places: str) -> Errors:
        """What to show at a form that has these fields; raises the error again when it is not about what was typed."""
        if error.reason in {"step_up_required", "door_closed"} or (
            error.kind not in {Kind.INVALID, Kind.CONFLICT, Kind.PRECONDITION, Kind.LIMIT}
            and error.reason not in places
        ):
            raise error
        return form_errors(self.words, error, fields, **places)

    def redirect(self, path: str, flash: ui.Flash | str | None = None) -> Response:
        """Goes on to a page of this site (303), with a message that it will show."""
        answer: Response = RedirectResponse(path, 303)
        if flash is not None and self.session is not None:
            said = flash if isinstance(flash, ui.Flash) else ui.Flash("ok", flash)
            self.portal.set_cookie(answer, "flash", flashes.pack(self.session, said), seconds=60)
        return answer

    def bare(self, template: str, context: Mapping[str, object] | None = None, *, status: int = 200) -> HTMLResponse:
        """A page without the frame of an organisation, wherever it is."""
        return self._answer(template, context, status=status, blocks=())

    def render(
        self,
        template: str,
        context: Mapping[str, object] | None = None,
        *,
        status: int = 200,
        blocks: Sequence[str] = (),
    ) -> HTMLResponse:
        """The page. `blocks` are the blocks that htmx may ask for alone: the one whose name is the `HX-Target`."""
        return self._answer(template, context, status=status, blocks=blocks)

    def _answer(
        self,
        template: str,
        context: Mapping[str, object] | None,
        *,
        status: int,
        blocks: Sequence[str],
        frame: ui.Frame | None = None,
        zone: str = "Europe/Paris",
    ) -> HTMLResponse:
        target = self.request.headers.get("hx-target", "")
        kept = self.request.cookies.get(self.portal.cookie("flash"), "") if self.session else ""
        flash = flashes.unpack(self.session, kept) if kept and self.session else None
        answer = self.portal.pages.render(
            self.request,
            template,
            {"csrf": self.csrf, "errors": Errors(), **(context or {})},
            frame=frame,
            block=target if target in blocks else None,
            status=status,
            zone=zone,
            flash=(flash,) if flash else (),
        )
        if flash:
            self.portal.drop_cookie(answer, "flash")
        return answer

    def error(
        self, status: int, title: str, text: str, *, actions: Sequence[tuple[str, str]] = (), reference: str = ""
    ) -> HTMLResponse:
        """An error page."""
        return self.portal.pages.error(
            self.request, status, title, text, reference=reference, frame=self.frame_or_none, actions=actions
        )

    @property
    def frame_or_none(self) -> ui.Frame | None:
        """What stands around the page, where it is known."""
        return None


class AccountVisit(Visit):
    """A request of somebody who is signed in."""

    session: Session
    #: What calls made for the reader carry, once known.
    acting: Acting | None = None
    #: As whom calls are made, and when the reader last proved who they are, as far as the token says.
    token: Token | None = None

    def ask_proof(self) -> None:
        """Before a form is shown whose service asks for a proof. Raises PRECONDITION step_up_required: the reader is
        sent to prove who they are, and comes back to the page.
        """
        proven_at = self.token.proven_at if self.token else 0.0
        if self.request.method == "GET" and proven_at < time.time() - PROVEN_WITHIN:
            raise precondition("step_up_required")

    @property
    def others_href(self) -> str:
        """Where the reader proves their account and then finds all their organisations; empty where they see them."""
        return proving_path("/organisations") if self.session.partial else ""

    async def organisations(self, *, fresh: bool = False) -> tuple[tenancy_pb2.MyOrganisation, ...]:
        """The organisations of the reader, by name."""
        return await self.portal.sessions.organisations(self.session, fresh=fresh)


class OrganisationVisit(AccountVisit):
    """A request of a member, in the organisation of the address."""

    #: As whom the reader sees the organisation's portal, when that is somebody else.
    viewing: Viewing | None = None
    _organisation: tenancy_pb2.MyOrganisation | None = None
    _frame: tenancy_pb2.Frame | None = None

    @property
    def organisation(self) -> tenancy_pb2.MyOrganisation:
        """The organisation of the address; known before the handler runs."""
        if self._organisation is None:
            raise not_found()
        return self._organisation

    def enter(self, organisation: tenancy_pb2.MyOrganisation) -> None:
        """The reader belongs to the organisation."""
        self._organisation = organisation

    def ask_proof(self) -> None:
        """Nobody is asked while they see the pages as somebody else does: they change nothing."""
        if self.viewing is None:
            super().ask_proof()

    def view(self, viewing: Viewing) -> None:
        """The reader sees the organisation's pages as somebody else does, from here on."""
        self.viewing = viewing
        self._organisation = tenancy_pb2.MyOrganisation(face=self.organisation.face, kind=viewing.membership_kind)

    @property
    def _seen_as(self) -> str:
        """What frames are kept by: nobody's is ever shown to somebody else."""
        return self.viewing.id if self.viewing else self.organisation.face.id

    @property
    def base(self) -> str:
        """`/o/<slug>`: what every address of this organisation begins with."""
        return f"/o/{self.organisation.face.slug}"

    @property
    def is_portal(self) -> bool:
        """Whether the reader is here through a portal access."""
        return self.organisation.kind == tenancy_pb2.MEMBERSHIP_KIND_PORTAL

    @property
    def is_provider(self) -> bool:
        """Whether this is the organisation that runs the installation."""
        return self.organisation.face.kind == tenancy_pb2.ORGANISATION_KIND_PROVIDER

    @property
    def frame(self) -> tenancy_pb2.Frame:
        """The frame that came with this page, else the one before, else what is known without tenancy."""
        if self._frame is not None:
            return self._frame
        return self.session.frames.get(self._seen_as) or tenancy_pb2.Frame(
            organisation=self.organisation.face,
            membership=tenancy_pb2.Membership(kind=self.organisation.kind, profile_name=self.organisation.profile_name),
        )

    @cached_property
    def rights(self) -> frozenset[str]:
        """Codes of the rights that the reader holds, with any scope."""
        return frozenset(self.frame.rights)

    def may(self, right: str) -> bool:
        """Whether the reader holds a right, with any scope; for what the page offers, never for what it does."""
        return right in self.rights

    def keep_frame(self, frame: tenancy_pb2.Frame) -> None:
        """Takes the frame of an answer, and holds it against the page's rule. Raises NOT_FOUND, FORBIDDEN
        right_missing.
        """
        self._frame = frame
        self.session.frames[self._seen_as] = frame
        self.__dict__.pop("rights", None)
        rule = self.route.rule
        portal = frame.membership.kind == tenancy_pb2.MEMBERSHIP_KIND_PORTAL
        if (rule.who == "staff" and portal) or (rule.who == "portal" and not portal):
            raise not_found()
        if rule.right and not portal and rule.right not in frame.rights:
            if rule.right in OF_PROVIDER and not self.is_provider:
                raise not_found()
            raise forbidden("right_missing", right=rule.right)

    async def _load_frame(self) -> tenancy_pb2.Frame:
        frame = await or_down(self.clients.organisations.GetFrame(tenancy_pb2.GetFrameRequest()))
        if frame is None:
            return self.frame
        self.keep_frame(frame)
        return frame

    @overload
    async def together(self) -> tuple[tenancy_pb2.Frame]: ...
    @overload
    async def together(self, a: Awaitable[A], /) -> tuple[tenancy_pb2.Frame, A]: ...
    @overload
    async def together(self, a: Awaitable[A], b: Awaitable[B], /) -> tuple[tenancy_pb2.Frame, A, B]: ...
    @overload
    async def together(
        self, a: Awaitable[A], b: Awaitable[B], c: Awaitable[C], /
    ) -> tuple[tenancy_pb2.Frame, A, B, C]: ...
    @overload
    async def together(
        self, a: Awaitable[A], b: Awaitable[B], c: Awaitable[C], d: Awaitable[D], /
    ) -> tuple[tenancy_pb2.Frame, A, B, C, D]: ...
    async def together(self, *calls: Awaitable[Any]) -> tuple[Any, ...]:
        """The frame and the answers of the calls, all asked for at once (five at most). Raises the first error,
        frame first.
        """
        return await at_once(self._load_frame(), *calls)

    def render(
        self,
        template: str,
        context: Mapping[str, object] | None = None,
        *,
        status: int = 200,
        blocks: Sequence[str] = (),
    ) -> HTMLResponse:
        """The page in its frame. Templates also know `base`, `rights`, `portal` (whether the reader is a portal access)
        and `viewing` (as whom they see it).
        """
        around = {"base": self.base, "rights": self.rights, "portal": self.is_portal, "viewing": self.viewing}
        values = {**around, **(context or {})}
        frame = self.frame
        return self._answer(
            template, values, status=status, blocks=blocks, frame=navigation.frame_of(self, frame),
            zone=frame.time_zone or "Europe/Paris",
        )  # fmt: skip

    @property
    def frame_or_none(self) -> ui.Frame | None:
        return None if self._organisation is None else navigation.frame_of(self, self.frame)


async def open_requests(visit: Visit) -> list[tenancy_pb2.MyRequest]:
    """The reader's requests for an account that await an answer; none while tenancy is down."""
    found = await or_down(visit.clients.requests.ListMyRequests(tenancy_pb2.ListMyRequestsRequest()))
    return [each for each in found.requests if each.state == tenancy_pb2.REQUEST_STATE_OPEN] if found else []


def sign_in_path(address: str) -> str:
    """Where somebody who is not signed in is sent, to come back to `address`."""
    return f"/auth/start?next={quote(address, safe='')}"


def proving_path(address: str, organisation_id: str = "") -> str:
    """The page of identity where somebody who is signed in proves more, for the door of an organisation or for their
    account, to come back to `address` through the page that forgets the tokens of before.
    """
    page = f"/door/{organisation_id}" if organisation_id else "/step-up"
    back = f"/auth/proven?{urlencode({'next': address})}"
    return f"{page}?next={quote(back, safe='')}"


def local_path(address: str) -> str:
    """`address` when it is a path of this site, else the home page: nobody is sent elsewhere."""
    if not address.startswith("/") or address.startswith(("//", "/\\")) or any(ord(sign) < 0x20 for sign in address):  # noqa: PLR2004 - control characters
        return "/"
    return address
