"""The door of an organisation (`/door/<organisation>`): asks whoever is signed in for the one step that is missing, and
leads on where they were going. What the next step is, is found anew each time somebody comes here.
"""

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from parvis_identity.domain.addresses import continuation
from parvis_identity.domain.door import Step
from parvis_identity.http.browser import query_of
from parvis_identity.http.second_factor import own_proof
from parvis_identity.http.site import Site, see_other
from parvis_identity.models import SsoMode
from parvis_identity.service import demands, sessions
from parvis_identity.service.organisations import Face
from parvis_identity.service.provider import SignedIn
from parvis_identity.store import sign_in_policies as store
from parvis_identity.store.sign_in_policies import Door
from parvis_kit.caller import Caller
from parvis_kit.errors import Kind, ServiceError, not_found
from parvis_kit.unit import UnitOfWork


@dataclass(frozen=True, slots=True)
class _AtTheDoor:
    """Somebody before a door: the step that is missing (None: it is open), the providers that they may sign in with,
    and whether they may come without one.
    """

    step: Step | None
    providers: tuple[Door, ...]
    exempt: bool


class DoorPages:
    """See the module."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Addresses of these pages."""
        return [Route("/door/{organisation:uuid}", self._site.guarded(self.show), methods=["GET"])]

    async def show(self, request: Request) -> Response:
        """To the missing step, or a choice where there are several ways; on where there is none."""
        site = self._site
        after = continuation(query_of(request).get("next", ""))
        face = await site.organisations.face_by_id(request.path_params["organisation"])
        if face is None:
            raise not_found("organisation_not_found")
        here = _with_next(f"/door/{face.id}", after)
        async with site.database.begin(Caller("identity")) as unit:
            who = await sessions.signed_in(unit, site.cookies.visitor(request).cookie)
            if who is None:
                return see_other(_with_next(f"/login/{face.slug}", here))
            found = await self._found(unit, who, face)
        on = after or f"/o/{face.slug}"
        if found.step is None:
            return see_other(on)
        if found.step is Step.OWN:
            return own_proof(who, here)
        starts = [
            {"name": each.name, "href": _with_next(f"/sso/{each.provider_id}/start", here)} for each in found.providers
        ]
        factor = _with_next("/step-up?again=1", here)
        if found.step is Step.ENROL:
            factor = _with_next(f"/factors/enrol?{urlencode({'organisation': face.slug})}", here)
        if found.step is not Step.SSO and not found.exempt:
            return see_other(factor)
        if found.step is Step.SSO and len(starts) == 1:
            return see_other(starts[0]["href"])
        context: dict[str, object] = {
            "firm": face,
            "starts": starts,
            "factor": factor if found.exempt else "",
            "enrols": found.step is Step.ENROL,
            "account": who.account,
        }
        return site.page(request, "door.html", context, face=face)

    async def _found(self, unit: UnitOfWork, who: SignedIn, face: Face) -> _AtTheDoor:
        try:
            step = await demands.step_at(unit, self._site.organisations, face, who)
        except ServiceError as error:
            if error.kind is not Kind.NOT_FOUND:
                raise
            step = None  # no member: the portal says so
        if step is None:
            return _AtTheDoor(None, (), exempt=False)
        policy = await store.load(unit, face.id)
        if policy is None or policy.sso != SsoMode.ENFORCED:
            return _AtTheDoor(step, (), exempt=False)
        proven = await store.has_proof(unit, face.id, who.session.id)
        exempt = not proven and who.account.id in policy.break_glass
        return _AtTheDoor(step, tuple(await store.doors(unit, face.id)), exempt=exempt)


def _with_next(page: str, after: str) -> str:
    if not after:
        return page
    return f"{page}{'&' if '?' in page else '?'}{urlencode({'next': after}, quote_via=quote)}"
