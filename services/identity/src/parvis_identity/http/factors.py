"""One's own second factors (`/factors`)."""

import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from urllib.parse import quote, urlencode
from uuid import UUID

import segno
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from parvis_identity.domain.addresses import returning
from parvis_identity.domain.factors import LONGEST_NAME
from parvis_identity.http.browser import query_of, read_form
from parvis_identity.http.second_factor import own_proof, step_up
from parvis_identity.http.site import Site, see_other, to_sign_in
from parvis_identity.models import Account, Factor, FactorReset
from parvis_identity.service import demands
from parvis_identity.service.demands import Demanding
from parvis_identity.service.factors import Added, NotAdded, Offered
from parvis_identity.service.provider import SignedIn
from parvis_identity.service.second_factor import is_fresh
from parvis_kit.caller import Caller
from parvis_kit.errors import Kind, ServiceError, not_found

_NOTHING: Mapping[str, str] = MappingProxyType({})
_DONE = frozenset({"added", "removed", "renamed", "trust", "always", "demand"})


class FactorPages:
    """See the module."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Addresses of these pages."""
        guarded = self._site.guarded
        found = [Route("/factors", guarded(self.show), methods=["GET"])]
        for path, show, act in (
            ("/factors/enrol", self.show_choice, None),
            ("/factors/application", self.show_application, self.add_application),
            ("/factors/passkey", self.show_passkey, self.add_passkey),
            ("/factors/codes", self.show_codes, self.renew_codes),
            ("/factors/trust", None, self.end_trust),
            ("/factors/always", None, self.set_always),
            ("/factors/stop/{token}", self.show_stop, self.stop),
            ("/factors/{id}", self.show_one, self.change_one),
        ):
            if show is not None:
                found.append(Route(path, guarded(show), methods=["GET"]))
            if act is not None:
                found.append(Route(path, guarded(act), methods=["POST"]))
        return found

    async def show(self, request: Request) -> Response:
        """What there is, and what can be added."""
        who = await self._site.signed_in(request)
        if who is None:
            return to_sign_in("/factors")
        if who.is_vouched:
            return own_proof(who, "/factors")
        done = query_of(request).get("done", "")
        overview = await self._site.factors.overview(who.account)
        context = {"overview": overview, "account": who.account, "done": done if done in _DONE else ""}
        return self._site.page(request, "factors.html", context)

    # Adding

    async def show_choice(self, request: Request) -> Response:
        """Asks which kind, at the door of a firm that demands one."""
        who = await self._site.signed_in(request)
        query = query_of(request)
        if who is None:
            return to_sign_in(_carried("/factors/enrol", query))
        face = await self._site.face_of(query.get("organisation", ""))
        context = {
            "firm": face,
            "account": who.account,
            "untold": face is None and who.account.directory,
            "application": _carried("/factors/application", query),
            "passkey": _carried("/factors/passkey", query),
        }
        return self._site.page(request, "factor_enrol.html", context, face=face)

    async def show_application(self, request: Request) -> Response:
        """A new seed, as a picture and as text."""
        who = await self._proven(request, adds=True)
        if isinstance(who, Response):
            return who
        return await self._application(request, who, self._site.factors.offer(who), query_of(request))

    async def add_application(self, request: Request) -> Response:
        """The first code proves that the application holds the seed."""
        form = await self._form(request)
        who = await self._proven(request, form, adds=True)
        if isinstance(who, Response):
            return who
        _ = self._site.pages.translator(request)
        offered = self._site.factors.offered(who, form.get("seed", ""))
        if offered is None:
            errors = {"code": _("This page was open for too long. Scan the picture again.")}
            return await self._application(request, who, self._site.factors.offer(who), form, errors)
        added = await self._site.factors.add_application(
            who, offered, form.get("code", ""), form.get("name", ""), at_door=bool(form.get("organisation"))
        )
        if isinstance(added, NotAdded):
            wrong = _("This is not the code that the application shows now. Check the clock of your phone.")
            errors = {"": self._too_many(request)} if added.reason == "too_many" else {"code": wrong}
            return await self._application(request, who, offered, form, errors)
        return await self._added(request, added, form)

    async def _application(
        self,
        request: Request,
        who: SignedIn,
        offered: Offered,
        carried: Mapping[str, str],
        errors: Mapping[str, str] = _NOTHING,
    ) -> Response:
        context = {
            "errors": errors,
            "offered": offered,
            "picture": _picture(offered.address),
            "account": who.account,
            "name": carried.get("name", "")[:LONGEST_NAME],
            "hidden": _kept(carried),
            "back": _back(carried),
        }
        face = await self._site.face_of(carried.get("organisation", ""))
        targets = await self._targets(carried)
        status = 422 if errors else 200
        return self._site.page(
            request, "factor_application.html", context, face=face, status=status, form_action=targets
        )

    async def show_passkey(self, request: Request) -> Response:
        """The page on which a passkey is made."""
        who = await self._proven(request, adds=True)
        return who if isinstance(who, Response) else await self._passkey(request, who, query_of(request))

    async def add_passkey(self, request: Request) -> Response:
        """Keeps what the authenticator has made."""
        form = await self._form(request)
        who = await self._proven(request, form, adds=True)
        if isinstance(who, Response):
            return who
        browser = self._site.cookies.form_token(request)
        added = await self._site.factors.add_passkey(
            who, form.get("credential", ""), browser, form.get("name", ""), at_door=bool(form.get("organisation"))
        )
        if isinstance(added, NotAdded):
            _ = self._site.pages.translator(request)
            said = {
                "expired": _("This page was open for too long. Try again."),
                "known": _("This passkey is registered already."),
                "too_many": self._too_many(request),
            }.get(added.reason, _("The passkey was not accepted. Nothing was kept: try again."))
            return await self._passkey(request, who, form, {"": said})
        return await self._added(request, added, form)

    async def _passkey(
        self, request: Request, who: SignedIn, carried: Mapping[str, str], errors: Mapping[str, str] = _NOTHING
    ) -> Response:
        site = self._site
        there = (await site.factors.overview(who.account)).factors
        options = site.second_factors.passkeys.to_register(
            who.account, there, site.cookies.form_token(request), datetime.now(UTC)
        )
        context = {
            "errors": errors,
            "options": options,
            "name": carried.get("name", "")[:LONGEST_NAME],
            "hidden": _kept(carried),
            "back": _back(carried),
        }
        face = await site.face_of(carried.get("organisation", ""))
        targets = await self._targets(carried)
        return site.page(
            request, "factor_passkey.html", context, face=face, status=422 if errors else 200, form_action=targets
        )

    async def _targets(self, carried: Mapping[str, str]) -> Sequence[str]:
        """Where a form may end that adds a factor at a door: at the product that was being opened."""
        after = returning(carried.get("next", ""))
        return await self._site.form_targets(after, await self._site.asked(after))

    async def _added(self, request: Request, added: Added, carried: Mapping[str, str]) -> Response:
        after = returning(carried.get("next", ""))
        if not added.codes:
            return see_other(after or "/factors?done=added")
        face = await self._site.face_of(carried.get("organisation", ""))
        context = {"codes": added.codes, "after": after or "/factors?done=added", "first": True}
        return self._site.page(request, "factor_codes.html", context, face=face)

    def _too_many(self, request: Request) -> str:
        _ = self._site.pages.translator(request)
        return str(_("You have ten second factors already. Remove one that you do not use any more."))

    # Changing

    async def show_one(self, request: Request) -> Response:
        """Its name, and the way to remove it."""
        who = await self._proven(request)
        if isinstance(who, Response):
            return who
        factors = (await self._site.factors.overview(who.account)).factors
        factor = next((each for each in factors if str(each.id) == request.path_params["id"]), None)
        if factor is None:
            return see_other("/factors")
        if len(factors) > 1:
            return self._one(request, who, factor, last=False)
        return self._one(request, who, factor, last=True, demanding=await self._demanding(who))

    async def change_one(self, request: Request) -> Response:
        """Renames or removes it."""
        form = await self._form(request)
        who = await self._proven(request, form)
        if isinstance(who, Response):
            return who
        removes = form.get("act") == "remove"
        try:
            factor_id = UUID(request.path_params["id"])
        except ValueError as error:
            raise not_found() from error
        try:
            if removes:
                await self._site.factors.remove(who, factor_id)
            else:
                await self._site.factors.rename(who, factor_id, form.get("name", ""))
        except ServiceError as error:
            if error.kind is not Kind.NOT_FOUND:
                raise
            return see_other("/factors")  # pressed twice, or removed from another device
        return see_other("/factors?done=removed" if removes else "/factors?done=renamed")

    async def _demanding(self, who: SignedIn) -> Sequence[Demanding] | None:
        """Which organisations ask for what is about to be removed; None while tenancy cannot say where they work."""
        try:
            employments = await self._site.organisations.employments(who.account.id)
        except ServiceError:
            return None
        async with self._site.database.begin(Caller("identity")) as unit:
            return await demands.demanding(unit, who.account.id, employments)

    def _one(
        self,
        request: Request,
        who: SignedIn,
        factor: Factor,
        *,
        last: bool,
        demanding: Sequence[Demanding] | None = None,
    ) -> Response:
        context = {"factor": factor, "last": last, "account": who.account, "demanding": demanding}
        return self._site.page(request, "factor_one.html", context)

    async def show_codes(self, request: Request) -> Response:
        """The question whether new codes are to replace the old."""
        who = await self._proven(request)
        if isinstance(who, Response):
            return who
        overview = await self._site.factors.overview(who.account)
        if not overview.factors:
            return see_other("/factors")
        return self._site.page(request, "factor_codes_ask.html", {"overview": overview})

    async def renew_codes(self, request: Request) -> Response:
        """Ten new codes, shown this once."""
        form = await self._form(request)
        who = await self._proven(request, form)
        if isinstance(who, Response):
            return who
        codes = await self._site.factors.renew_codes(who)
        return self._site.page(request, "factor_codes.html", {"codes": codes, "after": "/factors", "first": False})

    async def end_trust(self, request: Request) -> Response:
        """A browser is trusted no more, or none is. Asks for no proof: it only makes things stricter."""
        form = await self._form(request)
        who = await self._site.signed_in(request)
        if who is None:
            return to_sign_in("/factors")
        if who.is_vouched:
            return own_proof(who, "/factors")
        try:
            device_id = UUID(form["id"]) if form.get("id") else None
        except ValueError as error:
            raise not_found() from error
        await self._site.factors.end_trust(who, device_id)
        return see_other("/factors?done=trust")

    async def set_always(self, request: Request) -> Response:
        """Whether the factor is asked at every sign-in."""
        form = await self._form(request)
        who = await self._proven(request, form)
        if isinstance(who, Response):
            return who
        always = form.get("always") == "1"
        await self._site.factors.set_always(who, always=always)
        return see_other("/factors?done=always" if always else "/factors?done=demand")

    # A reset that somebody else asked for

    async def show_stop(self, request: Request) -> Response:
        """What the link of the mail is about."""
        async with self._site.database.begin(Caller("identity")) as unit:
            return self._stop_page(request, await self._site.factor_resets.look(unit, request.path_params["token"]))

    async def stop(self, request: Request) -> Response:
        """The person says no. Whoever reads their mail may: it only keeps things as they are."""
        await self._form(request)
        async with self._site.database.begin(Caller("identity")) as unit:
            return self._stop_page(request, await self._site.factor_resets.decline(unit, request.path_params["token"]))

    def _stop_page(self, request: Request, found: tuple[FactorReset, Account] | None) -> Response:
        if found is None:
            raise not_found()
        reset, account = found
        context = {"reset": reset, "account": account, "action": request.url.path}
        return self._site.page(request, "factor_stop.html", context, language=account.locale)

    # What they share

    async def _form(self, request: Request) -> dict[str, str]:
        form = await read_form(request)
        self._site.cookies.check_form(request, form, origin=self._site.origin)
        return form

    async def _proven(
        self, request: Request, form: Mapping[str, str] | None = None, *, adds: bool = False
    ) -> SignedIn | Response:
        """Who is signed in and has proven it a moment ago; or where they do that first. `adds`: see Factors.may_add."""
        who = await self._site.signed_in(request)
        query = query_of(request) if form is None else form
        address = _carried("/factors" if request.url.path == "/factors/always" else request.url.path, query)
        if who is None:
            return to_sign_in(address)
        if who.is_vouched:
            return own_proof(who, address)
        proven = is_fresh(who.session.proof_at, datetime.now(UTC)) or (adds and await self._site.factors.may_add(who))
        return who if proven else step_up(address)


def _kept(carried: Mapping[str, str]) -> dict[str, str]:
    """What a door asked for, carried through the steps: whose it is, and where it leads back to."""
    kept = {"organisation": carried.get("organisation", "")[:80], "next": returning(carried.get("next", ""))}
    return {name: value for name, value in kept.items() if value}


def _carried(path: str, carried: Mapping[str, str]) -> str:
    kept = _kept(carried)
    return path + (f"?{urlencode(kept, quote_via=quote)}" if kept else "")


def _back(carried: Mapping[str, str]) -> str:
    return _carried("/factors/enrol", carried) if _kept(carried) else "/factors"


def _picture(address: str) -> Markup:
    """The address as a picture that phones read (ISO/IEC 18004), drawn in the page: no request, no file."""
    drawn = io.BytesIO()
    segno.make(address, error="m").save(
        drawn, kind="svg", xmldecl=False, svgns=False, scale=5, border=4, dark="#000", light="#fff", omitsize=True
    )
    return Markup(drawn.getvalue().decode())  # noqa: S704 - drawn here, of squares
