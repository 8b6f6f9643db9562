"""The end of one's own account: what goes, what stays and why, asked for with a fresh proof, and what happens then."""

from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.responses import Response

from parvis.identity.v1 import identity_pb2
from parvis_kit.errors import ServiceError
from parvis_ui.frame import Flash
from parvis_web import kept
from parvis_web.access import ACCOUNT, ANYONE, Area
from parvis_web.calls import at_once
from parvis_web.sentences import N_, sentence
from parvis_web.visit import AccountVisit, Visit

PAGE = "/account/data/erase"
#: A day that the address says beyond this is not believed.
_AHEAD = timedelta(days=366)
_ZONE = ZoneInfo("Europe/Paris")
pages = Area(
    "erasure",
    entry="settings.records",
    sentences={
        "sole_administrator": N_(
            "You are the last administrator of %(organisations)s. Make somebody else an administrator there, or close"
            " it; then your account can be erased."
        ),
        "account_of_firm": N_(
            "This account belongs to %(organisation)s, which opened it for you: ask there to have it erased."
        ),
        "viewing_goes_on": N_(
            "You are looking at the portal as somebody else. Stop looking first: it is your own account that would be"
            " erased."
        ),
    },
)


@pages.get(PAGE, ACCOUNT, fresh=True)
async def before(visit: AccountVisit) -> Response:
    """What would go, what would stay and why, and what speaks against it."""
    outlook, (holdings, whole) = await at_once(
        visit.clients.accounts.GetMyErasure(identity_pb2.GetMyErasureRequest()), visit.portal.kept.holdings()
    )
    context = {
        "outlook": outlook,
        "day": datetime.now(UTC) + timedelta(days=outlook.days),
        "goes": kept.goes(visit.words, holdings),
        "stays": kept.stays(visit.words, holdings),
        "whole": whole,
        "page": PAGE,
    }
    return visit.bare("erasure/before.html", context)


@pages.post(PAGE, ACCOUNT)
async def erase(visit: AccountVisit) -> Response:
    """Has the account erased, and leaves."""
    if not visit.form["understood"]:
        return visit.redirect(PAGE, Flash("warn", visit.words("Tick the box first: nothing was done.")))
    try:
        asked = await visit.clients.accounts.EraseMyAccount(identity_pb2.EraseMyAccountRequest())
    except ServiceError as error:
        if error.reason not in {"sole_administrator", "account_of_firm", "viewing_goes_on", "too_many_mails"}:
            raise
        return visit.redirect(PAGE, Flash("warn", sentence(visit.words, error)))
    await visit.portal.sessions.end(visit.session)
    day = asked.due_at.ToDatetime(UTC).astimezone(_ZONE).date().isoformat()
    answer = visit.redirect(f"/account/erased?{urlencode({'day': day})}")
    for purpose in ("session", "flash"):
        visit.portal.drop_cookie(answer, purpose)
    return answer


@pages.get("/account/erased", ANYONE)
async def after(visit: Visit) -> Response:
    """What happens to an account whose erasure was just asked for. Nobody is signed in any more."""
    return visit.bare("erasure/after.html", {"day": _day(visit.query.get("day", ""))})


def _day(text: str) -> date | None:
    """The day in the address, as far as it can be one."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if abs(found - datetime.now(UTC).date()) <= _AHEAD else None
