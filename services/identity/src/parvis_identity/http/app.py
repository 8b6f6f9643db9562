"""The HTTP application of identity."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from parvis_identity.http.account_links import AccountLinkPages
from parvis_identity.http.account_step import AccountStepPages
from parvis_identity.http.address_change import AddressPages
from parvis_identity.http.authorization import AuthorizationPages
from parvis_identity.http.devices import DevicePages
from parvis_identity.http.door import DoorPages
from parvis_identity.http.factors import FactorPages
from parvis_identity.http.finding import FindingPages
from parvis_identity.http.join import JoinPages
from parvis_identity.http.openid import OpenIdPages
from parvis_identity.http.passwords import PasswordPages
from parvis_identity.http.pushed import PushedPages
from parvis_identity.http.registration import RegistrationPages
from parvis_identity.http.saml import SamlPages
from parvis_identity.http.scim import ScimPages
from parvis_identity.http.second_factor import SecondFactorPages
from parvis_identity.http.sign_in import SignInPages
from parvis_identity.http.sign_out import SignOutPages
from parvis_identity.http.site import Site
from parvis_identity.http.sso import SsoPages
from parvis_identity.http.token_state import TokenStatePages
from parvis_kit.errors import not_found


def make_app(site: Site) -> Starlette:
    """Every page and endpoint."""

    async def no_such_page(request: Request, error: Exception) -> Response:
        response = site.failure(request, not_found())
        if isinstance(error, HTTPException):
            response.status_code = error.status_code
            response.headers.update(error.headers or {})
        return response

    sso = SsoPages(site)
    # The busiest first: they are looked through in this order.
    parts = (
        *(OpenIdPages(site), TokenStatePages(site), AuthorizationPages(site), SignInPages(site), PushedPages(site)),
        *(PasswordPages(site), AccountStepPages(site), SignOutPages(site), RegistrationPages(site), DevicePages(site)),
        *(AddressPages(site), JoinPages(site), AccountLinkPages(site), DoorPages(site)),
        *(sso, SamlPages(site, sso)),
        *(SecondFactorPages(site), FactorPages(site), FindingPages(site), ScimPages(site)),
    )
    routes = [route for part in parts for route in part.routes()]
    return Starlette(routes=routes, exception_handlers={404: no_such_page, 405: no_such_page})
