"""Every error as an answer: a page that says what happened to the reader's work and what they can do, or a
problem document.
"""

import json
from urllib.parse import quote, urlsplit

from starlette.responses import RedirectResponse, Response

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.caller import Acting, acting_as
from parvis_kit.errors import Kind, ServiceError
from parvis_ui.frame import Flash
from parvis_web.calls import if_allowed
from parvis_web.rights import right_label
from parvis_web.sentences import either, sentence, violation
from parvis_web.viewings import Viewing, purpose
from parvis_web.visit import OrganisationVisit, Visit, local_path, open_requests, proving_path, sign_in_path

STATUS = {
    Kind.INVALID: 422,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.PRECONDITION: 409,
    Kind.LIMIT: 429,
    Kind.UNAVAILABLE: 503,
    Kind.INTERNAL: 500,
}
#: Errors after which sending the same again may work.
_AGAIN = {Kind.UNAVAILABLE, Kind.UNAUTHENTICATED, Kind.INTERNAL}

#: Refusals after which the reader proves something more, and what the page calls them that keeps what they typed.
_STEPS = {"step_up_required": "prove", "door_closed": "door"}
#: Where a step in a second tab ends.
_RETURN = "/auth/return"

#: Ends of names of fields that a reader would not recognise.
_INVISIBLE = ("id", "version", "token", "locale", "act", "assigned")


async def answer(visit: Visit, error: ServiceError) -> Response:
    """The answer to a request that ended with an error."""
    viewing = visit.viewing if isinstance(visit, OrganisationVisit) else None
    if viewing is not None and isinstance(visit, OrganisationVisit) and not visit.route.api:
        if error.reason == "viewing_ended":
            return _viewing_over(visit, viewing)
        if error.reason == "viewing_read_only":
            return _read_only(visit, viewing)
    return await _answer(visit, error)


async def _answer(visit: Visit, error: ServiceError) -> Response:  # noqa: PLR0911 - one answer for each kind
    if visit.route.api:
        return _problem(visit, error)
    more = _asks_more(visit, error)
    if visit.request.method == "GET" and (more or error.kind is Kind.UNAUTHENTICATED):
        return _away(visit, _step(error, visit.asked_from) if more else _sign_in(visit))
    if visit.request.method == "POST" and (more or (error.kind in _AGAIN and visit.form.items())):
        return _kept(visit, error)
    _ = visit.words
    match error.kind:
        case Kind.NOT_FOUND if error.reason == "access_ended":
            return _ended(visit, error.params.get("organisation", ""))
        case Kind.NOT_FOUND if elsewhere := await _elsewhere(visit):
            return RedirectResponse(elsewhere, 303)
        case Kind.NOT_FOUND | Kind.INVALID if error.kind is Kind.NOT_FOUND or visit.request.method == "GET":
            # Who only looked typed nothing but the address: a part of it that cannot be read names no page.
            return visit.error(
                404,
                _("This page does not exist, or not for you"),
                _(
                    "The address may be mistyped, the thing may be gone, or it belongs to an organisation "
                    "that you are not part of."
                ),
                actions=_ways_out(visit),
            )
        case Kind.FORBIDDEN:
            return await _refused(visit, error)
        case Kind.UNAVAILABLE:
            return visit.error(
                503,
                _("Part of the portal is not answering"),
                _("Your data is safe and the rest works. Try again in a moment."),
                actions=((_("Try again"), visit.address), *_ways_out(visit)),
                reference=visit.reference,
            )
        case Kind.INTERNAL:
            return visit.error(
                500,
                _("Something went wrong on our side"),
                _("The page could not be made. What you saved before is safe."),
                actions=((_("Try again"), visit.address), *_ways_out(visit)),
                reference=visit.reference,
            )
        case _:
            text = " ".join(dict.fromkeys(violation(_, found) for found in error.violations)) or sentence(_, error)
            back = _back(visit)
            return visit.error(
                STATUS[error.kind], _("This could not be done"), text, actions=((_("Back"), back), *_ways_out(visit))
            )


async def _elsewhere(visit: Visit) -> str:
    """The page that says why there is nothing to see: a request that awaits an answer, or no organisation at all."""
    if not isinstance(visit, OrganisationVisit) or visit.session is None or visit.request.method != "GET":
        return ""
    if await _waits(visit):
        return f"/requests/{visit.request.path_params['slug']}"
    return "/organisations" if visit.session.organisations == () else ""


async def _waits(visit: OrganisationVisit) -> bool:
    """Whether this is the home of an organisation whose answer to a request the reader awaits."""
    slug = visit.request.path_params["slug"]
    if visit.frame_or_none is not None or visit.request.url.path != f"/o/{slug}/":
        return False
    try:
        token = await visit.portal.sessions.token(visit.session)
        with acting_as(Acting(token.value)):
            waiting = await open_requests(visit)
    except ServiceError:
        return False
    return any(each.organisation.slug == slug for each in waiting)


def _ways_out(visit: Visit) -> tuple[tuple[str, str], ...]:
    _ = visit.words
    if isinstance(visit, OrganisationVisit) and visit.frame_or_none is not None:
        return ((_("Home"), f"{visit.base}/"),)
    return ((_("My organisations"), "/organisations"),) if visit.session else ((_("Sign in"), "/auth/start"),)


def _back(visit: Visit) -> str:
    """The page that the form was on."""
    try:
        referer = urlsplit(visit.request.headers.get("referer", ""))
    except ValueError:  # "https://["
        return "/"
    if referer.path and visit.portal.settings.public_url.startswith(f"{referer.scheme}://{referer.netloc}"):
        return local_path(f"{referer.path}?{referer.query}" if referer.query else referer.path)
    return "/"


def _sign_in(visit: Visit) -> str:
    """To the sign-in page and back; anew when the session's own token was refused, so that nobody goes round in
    circles.
    """
    return sign_in_path(visit.asked_from) + ("&again=1" if visit.session is not None else "")


def _asks_more(visit: Visit, error: ServiceError) -> bool:
    """Whether a further step is asked for. What tokens say is older than it, whichever replica leads through it."""
    more = error.reason in _STEPS
    if more and visit.session is not None:
        visit.session.tokens.clear()
    return more


def _step(error: ServiceError, address: str) -> str:
    """The page of identity that asks the step that is missing, and leads back to `address`."""
    # A door of no organisation is the account's own: a firm's provider alone says who the reader is.
    return proving_path(address, error.params.get("organisation", "") if error.reason == "door_closed" else "")


def _away(visit: Visit, target: str) -> Response:
    """To another page, the whole browser also where only a part of a page was asked for."""
    if visit.request.headers.get("hx-request"):
        return Response(status_code=401, headers={"HX-Redirect": target})
    return RedirectResponse(target, 303)


def _kept(visit: Visit, error: ServiceError) -> Response:
    """Nothing that was typed is lost: the form's values stand in this page, to be sent again."""
    fields = [(name, value) for name, value in visit.form.items() if name != "csrf"]
    why = "signed_out" if visit.session is None else "confirm" if error.kind is Kind.UNAUTHENTICATED else "down"
    context = {
        "why": _STEPS.get(error.reason, why) if error.params.get("step") != "own" else "prove",
        "action": visit.address,
        "fields": fields,
        "shown": [(name, value) for name, value in fields if value and not name.endswith(_INVISIBLE)],
        "elsewhere": _step(error, f"{_RETURN}?step=1") if error.reason in _STEPS else sign_in_path(_RETURN),
        "organisation": error.params.get("name", ""),
        "reference": visit.reference if why == "down" and error.reason not in _STEPS else "",
    }
    return visit.bare("frame/kept.html", context, status=STATUS[error.kind])


def _viewing_over(visit: OrganisationVisit, viewing: Viewing) -> Response:
    """Back to one's own page, which says why."""
    said = visit.words("You no longer see the portal as %(name)s: the time is up, or the view was ended.")
    answer = visit.redirect(viewing.back, Flash("warn", said % {"name": viewing.name}))
    visit.portal.drop_cookie(answer, purpose(visit.organisation.face.slug))
    return answer


def _ended(visit: Visit, organisation: str) -> Response:
    _ = visit.words
    return visit.error(
        403,
        _("Your access to %(organisation)s has ended", organisation=organisation),
        _(
            "The organisation closed it. Your account is untouched, and so are your other organisations. If "
            "this is a mistake, ask an"
            " administrator of %(organisation)s to open it again.",
            organisation=organisation,
        ),
        actions=((_("My organisations"), "/organisations"),),
    )


async def _refused(visit: Visit, error: ServiceError) -> Response:
    """What right is missing, who gives it, and the words to ask for it."""
    _ = visit.words
    if error.reason != "right_missing" or not isinstance(visit, OrganisationVisit):
        text = (
            _(
                "The request did not come from a page of this portal, so nothing was done. Open the page "
                "again and repeat what you did."
            )
            if error.reason == "foreign_origin"
            else sentence(_, error)
        )
        return visit.error(403, _("You may not do this"), text, actions=((_("Back"), _back(visit)), *_ways_out(visit)))
    code = error.params.get("right", "")
    helpers = [name for name in error.params.get("helpers", "").split(", ") if name]
    if not helpers and visit.acting is not None:
        with acting_as(visit.acting):
            decision = await if_allowed(visit.clients.rights.Check(tenancy_pb2.CheckRequest(right=code)))
        helpers = list(decision.granters) if decision else []
    label = right_label(_, code)
    subject = _("Right needed: %(right)s", right=label)
    body = _(
        "Hello,\n\nI need the right “%(right)s” at %(organisation)s, for this page:\n%(address)s\n\nThank you.",
        right=label,
        organisation=visit.organisation.face.name,
        address=visit.portal.settings.public_url.rstrip("/") + visit.address,
    )
    context = {
        "right": label,
        "granters": either(_, helpers),
        "mailto": f"mailto:?subject={quote(subject)}&body={quote(body)}",
        "message": body,
    }
    return visit.render("frame/refused.html", context, status=403)


def _read_only(visit: OrganisationVisit, viewing: Viewing) -> Response:
    _ = visit.words
    return visit.error(
        403,
        _("Not while you see the portal as %(name)s", name=viewing.name),
        _(
            "Nothing was changed. You see what they see, and can change nothing; what is theirs alone (account, "
            "password, devices) and the documents themselves are not opened. Leave this view to act as yourself."
        ),
        actions=((_("Back"), _back(visit)), *_ways_out(visit)),
    )


def _problem(visit: Visit, error: ServiceError) -> Response:
    """An error for a script (RFC 9457), in the reader's language."""
    _ = visit.words
    detail = " ".join(dict.fromkeys(violation(_, found) for found in error.violations)) or sentence(_, error)
    body = {
        "type": "about:blank",
        "status": STATUS[error.kind],
        "code": error.reason,
        "detail": detail,
        "reference": visit.reference,
    }
    return Response(
        json.dumps(body, ensure_ascii=False),
        STATUS[error.kind],
        media_type="application/problem+json",
        headers={"Cache-Control": "no-store"},
    )
