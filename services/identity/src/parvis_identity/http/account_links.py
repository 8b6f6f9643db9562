"""Linking one's own account with accounts of firms (`/links`): both are proven, and either side ends it."""

from collections.abc import Mapping
from types import MappingProxyType

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from parvis_identity.domain.addresses import slug_of
from parvis_identity.http.browser import query_of, read_form
from parvis_identity.http.second_factor import changing
from parvis_identity.http.site import Site, see_other, wait_text
from parvis_identity.models import AccountKind
from parvis_identity.service.account_links import DirectoryLink, NotLinked, is_fresh
from parvis_identity.service.organisations import Face
from parvis_identity.service.provider import SignedIn
from parvis_kit.errors import Kind, ServiceError

_SIGN_IN = "/login?next=%2Flinks"
_TYPED = ("firm", "identifier")
_NOTHING: Mapping[str, str] = MappingProxyType({})


class AccountLinkPages:
    """See the module."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Addresses of these pages."""
        guarded = self._site.guarded
        return [
            Route("/links", guarded(self.show), methods=["GET"]),
            Route("/links", guarded(self.link), methods=["POST"]),
            Route("/links/{id}/unlink", guarded(self.show_unlink), methods=["GET"]),
            Route("/links/{id}/unlink", guarded(self.unlink), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """What is linked, and the form that links more."""
        who = await changing(self._site, request, "/links")
        if isinstance(who, Response):
            return who
        done = query_of(request).get("done", "")
        return await self._page(request, who, done=done if done in {"linked", "unlinked", "directory"} else "")

    async def link(self, request: Request) -> Response:
        """Links an account of a firm, once both sides are proven."""
        site = self._site
        form = await read_form(request)
        site.cookies.check_form(request, form, origin=site.origin)
        who = await changing(self._site, request, "/links")
        if isinstance(who, Response):
            return who
        _ = site.pages.translator(request)
        errors = {
            name: said
            for name, said in (
                ("firm", _("Enter the address of the firm's sign-in page.")),
                ("identifier", _("Enter the client code that the firm gave you.")),
                ("password", _("Enter the password of that account.")),
                ("current", _("Enter your password.")),
            )
            if not form.get(name, "").strip() and (name != "current" or not is_fresh(who))
        }
        face = await self._firm(form.get("firm", ""))
        if face is None:
            errors.setdefault(
                "firm", _("No firm has this sign-in address. Copy it from the mail that the firm sent you.")
            )
        if errors or face is None:
            return await self._page(request, who, form, errors)
        other = form.get("identifier", ""), form.get("password", "")
        visitor = site.cookies.visitor(request)
        refused = await site.account_links.link(
            who, form.get("current", ""), face, other, visitor, code=form.get("code", "")
        )
        if refused is not None:
            return await self._page(request, who, form, self._refusal(request, refused))
        return see_other("/links?done=linked")

    async def show_unlink(self, request: Request) -> Response:
        """The question whether a link is to end."""
        who = await changing(self._site, request, "/links")
        if isinstance(who, Response):
            return who
        return await self._question(request, who)

    async def unlink(self, request: Request) -> Response:
        """Ends a link, from either side."""
        site = self._site
        form = await read_form(request)
        site.cookies.check_form(request, form, origin=site.origin)
        who = await changing(self._site, request, "/links")
        if isinstance(who, Response):
            return who
        current, directory = form.get("current", ""), await self._directory(request, who)
        try:
            if directory is not None:
                refused = await site.account_links.unlink_directory(who, directory, current)
            else:
                refused = await site.account_links.unlink(who, request.path_params["id"], current)
        except ServiceError as error:
            if error.kind is not Kind.NOT_FOUND:
                raise
            return see_other("/links")  # pressed twice, or ended from the other side
        if refused is not None:
            return await self._question(request, who, self._refusal(request, refused))
        return see_other("/links?done=directory" if directory is not None else "/links?done=unlinked")

    async def _directory(self, request: Request, who: SignedIn) -> DirectoryLink | None:
        """The directory whose link the address names."""
        found = await self._site.account_links.directories_of(who.account)
        return next((each for each in found if str(each.id) == request.path_params["id"]), None)

    async def _page(
        self,
        request: Request,
        who: SignedIn,
        typed: Mapping[str, str] = _NOTHING,
        errors: Mapping[str, str] = _NOTHING,
        *,
        done: str = "",
    ) -> Response:
        context: dict[str, object] = {
            "links": await self._site.account_links.of(who.account),
            "directories": await self._site.account_links.directories_of(who.account),
            "personal": who.account.kind == AccountKind.PERSONAL,
            "account": who.account,
            "fresh": is_fresh(who),
            "values": {name: typed.get(name, "")[:254] for name in _TYPED},
            "errors": errors,
            "done": done,
        }
        return self._site.page(request, "links.html", context, status=422 if errors else 200)

    async def _question(self, request: Request, who: SignedIn, errors: Mapping[str, str] = _NOTHING) -> Response:
        links = await self._site.account_links.of(who.account)
        found = next((each for each in links if str(each.id) == request.path_params["id"]), None)
        directory = await self._directory(request, who)
        if found is None and directory is None:  # ended since: the list says what is left
            return see_other("/links")
        context: dict[str, object] = {
            "linked": found,
            "directory": directory,
            "personal": who.account.kind == AccountKind.PERSONAL,
            "account": who.account,
            "fresh": is_fresh(who),
            "action": request.url.path,
            "errors": errors,
        }
        return self._site.page(request, "unlink.html", context, status=422 if errors else 200)

    async def _firm(self, typed: str) -> Face | None:
        """The firm whose sign-in address was typed, or the last part of it."""
        slug = slug_of(typed)
        return await self._site.organisations.face(slug.lower()) if slug.isascii() and slug else None

    def _refusal(self, request: Request, refused: NotLinked) -> dict[str, str]:
        _ = self._site.pages.translator(request)
        field, said = {
            "current": ("current", _("This is not your current password.")),
            "factor": ("code", _("That account has a second factor: enter its code, or one of its recovery codes.")),
            "other": ("password", _("Wrong client code or password.")),
            "linked": ("identifier", _("This account is linked to yours already.")),
            "linked_elsewhere": (
                "identifier",
                _("This account is linked to another personal account. End that link first, from there or from here."),
            ),
            "one_per_firm": (
                "identifier",
                _("An account of this firm is linked to yours already: one of each firm. End that link first."),
            ),
            "not_personal": ("identifier", _("Sign in with your personal account to link another one.")),
        }[refused.reason]
        if wait := wait_text(_, refused.wait.total_seconds()):
            said = f"{said} " + _("Wait %(time)s before you try again.", time=wait)
        return {field: said}
