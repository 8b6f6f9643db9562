"""Signing in and out: the portal as a relying party of identity."""

import hashlib
import re
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response

from parvis_kit.errors import Kind, ServiceError
from parvis_ui.languages import LANGUAGE_COOKIE, LANGUAGES
from parvis_web.access import ANYONE, Area
from parvis_web.relying_party import ATTEMPT
from parvis_web.visit import Visit, local_path

pages = Area("sign_in")

_ATTEMPT = "attempt-"
#: Tabs that may be at the sign-in page at once; who comes back to an older one begins again.
_TABS = 3
_CLEARED = {"Clear-Site-Data": '"cache"'}
_SLUG = re.compile(r"/o/([a-z0-9-]+)(?:/|$)")


@pages.get("/", ANYONE)
async def front(visit: Visit) -> Response:
    """The front door: to one's organisation, or to the sign-in page."""
    return RedirectResponse("/organisations" if visit.session else "/auth/start", 303)


@pages.get("/auth/start", ANYONE)
async def start(visit: Visit) -> Response:
    """Begins a sign-in. `next` is where the reader was going, `again` asks for the password whatever session
    identity has.
    """
    target = local_path(visit.query.get("next", "/organisations"))
    found = _SLUG.match(target)
    party = visit.portal.relying_party
    language = visit.request.cookies.get(LANGUAGE_COOKIE, "")
    address, attempt = party.begin(
        target,
        organisation=found[1] if found else "",
        language=language if language in LANGUAGES else "",
        prompt="login" if visit.query.get("again") else "",
    )
    answer: Response = RedirectResponse(address, 303)
    visit.portal.set_cookie(answer, _attempt_cookie(attempt.state), party.keep(attempt), seconds=ATTEMPT)
    _forget_older_attempts(visit, answer)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _forget_older_attempts(visit: Visit, answer: Response) -> None:
    """A cookie for each tab that was ever sent to the sign-in page would fill the header of every request."""
    portal = visit.portal
    prefix = portal.cookie(_ATTEMPT)
    attempts = [
        (attempt.expires_at if (attempt := portal.relying_party.recall(value)) else 0, place, name)
        for place, (name, value) in enumerate(visit.request.cookies.items())  # older ones come first (RFC 6265, 5.4)
        if name.startswith(prefix)
    ]
    for _, _, name in sorted(attempts, reverse=True)[_TABS - 1 :]:
        portal.drop_cookie(answer, name.removeprefix(portal.cookie("")))


@pages.get("/auth/callback", ANYONE)
async def callback(visit: Visit) -> Response:
    """Identity sends the reader back with a code (or an error)."""
    _ = visit.words
    state = visit.query.get("state", "")
    name = _attempt_cookie(state)
    attempt = visit.portal.relying_party.recall(visit.request.cookies.get(visit.portal.cookie(name), ""))
    if attempt is None or attempt.state != state:
        # Reloaded, or older than ten minutes: whoever is signed in goes on, whoever is not begins again.
        return RedirectResponse("/organisations" if visit.session else "/auth/start", 303)
    if "code" not in visit.query:
        return _not_signed_in(visit, attempt.next)
    try:
        proven = await visit.portal.relying_party.finish(attempt, visit.query["code"])
    except ServiceError as error:
        if error.kind is not Kind.INVALID:
            raise
        return _not_signed_in(visit, attempt.next)
    if visit.session is not None:
        await visit.portal.sessions.end(visit.session)
    cookie = await visit.portal.sessions.start(
        account_id=proven.account_id,
        session_id=proven.session_id,
        refresh_token=proven.refresh_token,
        id_token=proven.id_token,
    )
    answer: Response = RedirectResponse(attempt.next, 303)
    visit.portal.set_cookie(answer, "session", cookie)
    visit.portal.drop_cookie(answer, name)
    if proven.locale in LANGUAGES and LANGUAGE_COOKIE not in visit.request.cookies:
        answer.set_cookie(
            LANGUAGE_COOKIE, proven.locale, max_age=365 * 24 * 3600, samesite="lax", httponly=True,
            secure=visit.portal.settings.secure,
        )  # fmt: skip
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _not_signed_in(visit: Visit, target: str) -> Response:
    _ = visit.words
    return visit.error(
        400,
        _("You are not signed in"),
        _("The sign-in was given up or took too long. Nothing was changed."),
        actions=((_("Sign in"), f"/auth/start?{urlencode({'next': target})}"),),
        reference=visit.reference,
    )


@pages.get("/busy", ANYONE)
async def busy(visit: Visit) -> Response:
    """What Traefik shows in place of identity's pages to an address that asks too much at once."""
    _ = visit.words
    answer = visit.error(
        429,
        _("Too many requests at once from your network"),
        _("This request was not looked at and nothing was changed. Wait a few seconds, then try again."),
        actions=((_("Sign in"), "/auth/start"),),
    )
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Retry-After"] = "5"  # Traefik's own is lost with the answer that this replaces
    return answer


@pages.get("/auth/proven", ANYONE)
async def proven(visit: Visit) -> Response:
    """Identity sends the reader back once they have proven what was asked: tokens of before say less than is true."""
    if visit.session is not None:
        visit.session.tokens.clear()
        visit.session.organisations_at = float("-inf")
    answer = RedirectResponse(local_path(visit.query.get("next", "/organisations")), 303)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@pages.get("/auth/return", ANYONE)
async def come_back(visit: Visit) -> Response:
    """Where a sign-in in a second tab ends, or a further step: the form waits in the first."""
    _ = visit.words
    title = _("It is done") if visit.query.get("step") else _("You are signed in again")
    return visit.error(200, title, _("Close this tab, go back to the one with your form, and send it."))


@pages.post("/auth/sign-out", ANYONE)
async def sign_out(visit: Visit) -> Response:
    """Ends this session here, then everywhere: identity closes the products too."""
    if visit.session is None:
        return RedirectResponse("/", 303)
    await visit.portal.sessions.end(visit.session)
    answer: Response = RedirectResponse(visit.portal.relying_party.sign_out_address(visit.session.id_token), 303)
    visit.portal.drop_cookie(answer, "session")
    visit.portal.drop_cookie(answer, "flash")
    return answer


@pages.get("/auth/cleared", ANYONE)
async def cleared(visit: Visit) -> Response:
    """An invisible image of the page that says that one is signed out: it takes our pages out of the browser.

    Whoever sits at this computer next must not go back to them. They are not `no-store`: then the browser would forget
    what was typed in a form as soon as one leaves it. The answer to the sign-out itself would be too early: the page
    that it was asked on is put aside after it.
    """
    own = visit.request.headers.get("sec-fetch-site", "same-origin") == "same-origin"
    # `no-store`: else the next sign-out would find it in the cache.
    return Response(status_code=204, headers={"Cache-Control": "no-store"} | (_CLEARED if own else {}))


def _attempt_cookie(state: str) -> str:
    return f"{_ATTEMPT}{hashlib.sha256(state.encode()).hexdigest()[:12]}"
