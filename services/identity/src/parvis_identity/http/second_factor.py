"""The second factor: asked between a first one and a session (`/factor`), and again before what is sensitive
(`/step-up`); and signing in with a passkey alone (`/passkey/sign-in`).
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from parvis_identity.domain.addresses import continuation, returning
from parvis_identity.domain.factors import PENDING
from parvis_identity.http.browser import query_of, read_form
from parvis_identity.http.site import Site, see_other, to_sign_in, wait_text
from parvis_identity.models import FactorKind
from parvis_identity.service.provider import SignedIn
from parvis_identity.service.second_factor import Asked, FactorRefused, Given, How, Waiting, is_fresh
from parvis_identity.service.sign_in import Refused

_SLUG = re.compile(r"[a-z0-9-]{1,80}")
_NOTHING: Mapping[str, str] = MappingProxyType({})


def ask_factor(site: Site, asked: Asked, after: str, slug: str = "") -> Response:
    """Sends a browser that gave a first factor to the page that asks for the second. `after`: a continuation; `slug`:
    of the organisation whose home it is otherwise.
    """
    carried = {name: value for name, value in (("next", after), ("at", slug)) if value}
    response = see_other("/factor" + (f"?{urlencode(carried, quote_via=quote)}" if carried else ""))
    site.cookies.set(response, site.cookies.pending, asked.cookie, lifetime=PENDING)
    return response


def step_up(address: str) -> Response:
    """Sends somebody who is signed in to prove again who they are, and back."""
    return see_other(f"/step-up?{urlencode({'next': address}, quote_via=quote)}")


def _owes_own(who: SignedIn, address: str) -> bool:
    """Whether the account itself is to be proven first. At the door of the firm that vouched, a factor does."""
    return who.is_vouched and not address.startswith("/door/")


def own_proof(who: SignedIn, address: str) -> Response:
    """Sends somebody for whom a firm's provider alone vouched to prove the account itself, and back: no firm opens what
    a person has elsewhere.
    """
    after = continuation(address) or f"/step-up?{urlencode({'next': address}, quote_via=quote)}"
    asked = {"step": "password", "login_hint": who.account.identifier, "next": after}
    return see_other(f"/login?{urlencode(asked, quote_via=quote)}")


async def changing(site: Site, request: Request, address: str) -> SignedIn | Response:
    """Who may change how they sign in, on one of the pages for it: whoever is signed in, and has given their second
    factor a moment ago if they have one. Else where they do that first.
    """
    who = await site.signed_in(request)
    if who is None:
        return to_sign_in(address)
    if who.is_vouched:
        return own_proof(who, address)
    if is_fresh(who.session.proof_at, datetime.now(UTC)):
        return who
    return step_up(address) if (await site.second_factors.choices(who.account)).factors else who


def _from_the_start(after: str, slug: str) -> str:
    """The sign-in, for whoever begins it again."""
    page = f"/login/{slug}" if slug else "/login"
    return f"{page}?{urlencode({'next': after}, quote_via=quote)}" if after else page


class SecondFactorPages:
    """See the module."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Addresses of these pages."""
        guarded = self._site.guarded
        return [
            Route("/factor", guarded(self.show), methods=["GET"]),
            Route("/factor", guarded(self.give), methods=["POST"]),
            Route("/step-up", guarded(self.show_step_up), methods=["GET"]),
            Route("/step-up", guarded(self.step_up), methods=["POST"]),
            Route("/passkey/sign-in", guarded(self.sign_in), methods=["POST"]),
        ]

    # Between a first factor and a session

    async def show(self, request: Request) -> Response:
        """The form, for the browser that gave the first factor."""
        waiting = await self._site.second_factors.waiting(self._cookie(request))
        query = query_of(request)
        return self._over(request, query) if waiting is None else await self._ask(request, waiting, query)

    async def give(self, request: Request) -> Response:
        """Signs in, or asks again."""
        site = self._site
        form = await read_form(request)
        site.cookies.check_form(request, form, origin=site.origin)
        cookie = self._cookie(request)
        waiting = await site.second_factors.waiting(cookie)
        if waiting is None:
            return self._over(request, form)
        given = _given(form, site.cookies.form_token(request))
        if given is None:
            return await self._ask(request, waiting, form, self._nothing_typed(request, form))
        visitor = site.cookies.visitor(request)
        result = await site.second_factors.finish(cookie, given, visitor, trust=form.get("trust") == "1")
        if result is None:
            return self._over(request, form)
        if isinstance(result, FactorRefused):
            waiting = await site.second_factors.waiting(cookie) or waiting
            return await self._ask(request, waiting, form, self._refused(request, given.how, result))
        slug = _slug(form)
        response = see_other(continuation(form.get("next", "")) or (f"/o/{slug}" if slug else "/"))
        site.cookies.begin(response, result)
        site.cookies.drop(response, site.cookies.pending)
        return response

    async def _ask(
        self, request: Request, waiting: Waiting, carried: Mapping[str, str], errors: Mapping[str, str] = _NOTHING
    ) -> Response:
        after, slug = continuation(carried.get("next", "")), _slug(carried)
        context = {
            **self._choices(request, waiting, carried, errors),
            "action": "/factor",
            "hidden": {name: value for name, value in (("next", after), ("at", slug)) if value},
            "trusts": True,
            "again": False,
            "other": _from_the_start(after, slug),
        }
        asked = await self._site.asked(after)
        return self._site.page(
            request,
            "factor.html",
            context,
            face=await self._site.face_of(slug),
            status=422 if errors else 200,
            form_action=await self._site.form_targets(after, asked),
        )

    def _over(self, request: Request, carried: Mapping[str, str]) -> Response:
        """Nothing waits here any more."""
        after, slug = continuation(carried.get("next", "")), _slug(carried)
        return self._site.page(request, "factor_over.html", {"again": _from_the_start(after, slug)}, status=410)

    # Before something sensitive

    async def show_step_up(self, request: Request) -> Response:
        """Asks whoever is signed in to prove it again; who did a moment ago goes on."""
        query = query_of(request)
        after = returning(query.get("next", "")) or "/account"
        who = await self._site.signed_in(request)
        if who is None:
            return to_sign_in(after)
        if _owes_own(who, after):
            return own_proof(who, after)
        if query.get("again") != "1" and is_fresh(who.session.proof_at, datetime.now(UTC)):
            return see_other(after)
        return await self._ask_again(request, who, after, query)

    async def step_up(self, request: Request) -> Response:
        """Notes the proof and goes back, or asks again."""
        site = self._site
        form = await read_form(request)
        site.cookies.check_form(request, form, origin=site.origin)
        after = returning(form.get("next", "")) or "/account"
        who = await site.signed_in(request)
        if who is None:
            return to_sign_in(after)
        if _owes_own(who, after):
            return own_proof(who, after)
        errors = await self._prove(request, who, form)
        return await self._ask_again(request, who, after, form, errors) if errors else see_other(after)

    async def _prove(self, request: Request, who: SignedIn, form: Mapping[str, str]) -> Mapping[str, str]:
        """What is wrong with a proof; nothing when it is noted."""
        site, visitor = self._site, self._site.cookies.visitor(request)
        _ = site.pages.translator(request)
        if (await site.second_factors.choices(who.account)).factors:
            given = _given(form, site.cookies.form_token(request))
            if given is None:
                return self._nothing_typed(request, form)
            refused = await site.second_factors.prove(who, given, visitor)
            return {} if refused is None else self._refused(request, given.how, refused)
        if not form.get("password"):
            return {"password": _("Enter your password.")}
        result = await site.passwords.prove_again(who, form["password"])
        if not isinstance(result, Refused):
            return {}
        message = _("This is not your current password.")
        if wait := wait_text(_, result.wait.total_seconds()):
            message = f"{message} " + _("Wait %(time)s before you try again.", time=wait)
        return {"password": message}

    async def _ask_again(
        self,
        request: Request,
        who: SignedIn,
        after: str,
        carried: Mapping[str, str],
        errors: Mapping[str, str] = _NOTHING,
    ) -> Response:
        waiting = await self._site.second_factors.choices(who.account)
        if not waiting.factors and who.account.directory:
            # Whoever comes from a firm's directory proves it there.
            return see_other(f"/sso/step-up?{urlencode({'next': after}, quote_via=quote)}")
        context = {
            **self._choices(request, waiting, carried, errors),
            "action": "/step-up",
            "hidden": {"next": after},
            "trusts": False,
            "again": True,
            "other": "/account",
        }
        targets = await self._site.form_targets(after, await self._site.asked(after))
        return self._site.page(request, "factor.html", context, status=422 if errors else 200, form_action=targets)

    # A passkey alone

    async def sign_in(self, request: Request) -> Response:
        """Signs in with a passkey; the page that it was used on says why not."""
        site = self._site
        form = await read_form(request)
        site.cookies.check_form(request, form, origin=site.origin)
        slug, after = _slug(form), continuation(form.get("next", ""))
        face = await self._site.face_of(slug)
        browser = site.cookies.form_token(request)
        given = Given(How.PASSKEY, form.get("credential", ""), browser)
        result = await site.second_factors.sign_in(given, site.cookies.visitor(request), face.id if face else None)
        if isinstance(result, FactorRefused):
            context = {
                "refused": result.reason,
                "wait": wait_text(site.pages.translator(request), result.wait.total_seconds()),
                "again": (f"/login/{face.slug}" if face else "/login")
                + (f"?{urlencode({'next': after}, quote_via=quote)}" if after else ""),
            }
            return site.page(request, "passkey_refused.html", context, face=face, status=422)
        response = see_other(after or (f"/o/{face.slug}" if face else "/"))
        site.cookies.begin(response, result)
        return response

    # What both pages show

    def _choices(
        self, request: Request, waiting: Waiting, carried: Mapping[str, str], errors: Mapping[str, str]
    ) -> dict[str, object]:
        site, kinds = self._site, {each.kind for each in waiting.factors}
        wants_recovery = carried.get("with") == "recovery" or "recovery" in carried
        passkeys = [each for each in waiting.factors if each.kind == FactorKind.PASSKEY]
        recovering = wants_recovery and bool(waiting.factors)
        options = ""
        if passkeys and not recovering:
            options = site.second_factors.passkeys.to_confirm(
                waiting.account, passkeys, site.cookies.form_token(request), datetime.now(UTC)
            )
        return {
            "errors": errors,
            "account": waiting.account,
            "has_factor": bool(waiting.factors),
            "code": FactorKind.TOTP in kinds and not recovering,
            "options": options,
            "recovering": recovering,
            "codes_left": waiting.codes_left,
            "trust": carried.get("trust") == "1",
        }

    def _nothing_typed(self, request: Request, form: Mapping[str, str]) -> dict[str, str]:
        _ = self._site.pages.translator(request)
        if "recovery" in form:
            return {"recovery": _("Enter one of your recovery codes.")}
        return {"code": _("Enter the six digits that your application shows.")}

    def _refused(self, request: Request, how: How, refused: FactorRefused) -> dict[str, str]:
        _ = self._site.pages.translator(request)
        wrong = {
            How.CODE: _("This is not the code that your application shows now."),
            How.RECOVERY: _("This is none of your recovery codes, or it was used before."),
            How.PASSKEY: _("This passkey was not accepted."),
        }[how]
        message = {
            "used": _("This code was used already. Wait for the next one."),
            "soon": _("Too many tries."),
            "unknown": _("This passkey is not registered with your account."),
            "expired": _("This page was open for too long. Try again."),
        }.get(refused.reason, wrong)
        if wait := wait_text(_, refused.wait.total_seconds()):
            message = f"{message} " + _("Wait %(time)s before you try again.", time=wait)
        return {{How.CODE: "code", How.RECOVERY: "recovery", How.PASSKEY: ""}[how]: message}

    def _cookie(self, request: Request) -> str:
        return request.cookies.get(self._site.cookies.pending, "")


def _given(form: Mapping[str, str], browser: str) -> Given | None:
    """What a form gives; a passkey's answer counts before what was typed beside it."""
    for how, name in ((How.PASSKEY, "credential"), (How.CODE, "code"), (How.RECOVERY, "recovery")):
        if form.get(name, "").strip():
            return Given(how, form[name], browser)
    return None


def _slug(carried: Mapping[str, str]) -> str:
    slug = carried.get("at", "")
    return slug if _SLUG.fullmatch(slug) else ""
