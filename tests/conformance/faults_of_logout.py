"""Faults in how people sign out, how clients register, and which keys are published."""

from typing import Any

import proofs
from seeding import SERVICE, Everywhere, Fault, answers, changed, claims, result, with_, without

_FAPI2 = "fapi2-security-profile/fapi2-security-profile-final-"
_LOGOUT = "rp-initiated-logout/oidcc-rp-initiated-logout"
_BACK = ("back-channel-logout/oidcc-backchannel-rp-initiated-logout",)
_METADATA = "parvis_identity.domain.client_metadata"


def _anywhere(client: Any) -> Any:
    if client is not None:
        client.__dict__["post_logout_redirect_uris"] = Everywhere(client.post_logout_redirect_uris)
    return client


def _presumed(original: Any) -> Any:
    """A hint is what it says, when it is signed by somebody at least."""

    def read(self: Any, token: str) -> Any:
        return original(self, token) or (proofs.claims_of(token) if token.rpartition(".")[2] else None)

    return read


OF_LOGOUT = [
    Fault("logout: a hint need not verify",
          changed(f"{SERVICE}.tokens:Tokens.read_hint", lambda _: lambda _self, token: proofs.claims_of(token)),
          (f"{_LOGOUT}-modified-id-token-hint", f"{_LOGOUT}-bad-id-token-hint")),
    Fault("logout: every address is good to go back to", result(f"{SERVICE}.clients:Clients.find", _anywhere),
          (f"{_LOGOUT}-bad-post-logout-redirect-uri", f"{_LOGOUT}-query-added-to-post-logout-redirect-uri")),
    Fault("logout: state is left out",
          changed("parvis_identity.http.sign_out:add_params_to_uri", lambda _: lambda to, _state: to), (_LOGOUT,)),
    Fault("logout: the session goes on", answers("parvis_identity.http.sign_out:sessions.end", None), (_LOGOUT,)),
    Fault("logout: a stranger's link signs people out", changed(f"{SERVICE}.tokens:Tokens.read_hint", _presumed),
          (f"{_LOGOUT}-bad-id-token-hint",)),
    Fault("logout: a nonce is in the logout token", claims("logout+jwt", with_(nonce="n")), _BACK),
    Fault("logout: the logout token has no events", claims("logout+jwt", without("events")), _BACK),
    Fault("logout: the logout token names another session", claims("logout+jwt", with_(sid="another")), _BACK),
    Fault("logout: the logout token is for another client", claims("logout+jwt", with_(aud="another")), _BACK),
    Fault("logout: the client is not told", answers(f"{SERVICE}.logout:tell", None), _BACK),
]  # fmt: skip

OF_REGISTRATION = [
    Fault("registration: every address is good to come back to", answers(f"{_METADATA}:is_redirect_uri", True),  # noqa: FBT003
          ("dynamic/oidcc-redirect-uri-regfrag",)),
    Fault("registration: it needs no token", answers(f"{SERVICE}.registration:Registration._is_initial", True),  # noqa: FBT003
          ("dynamic/oidcc-server",)),
    Fault("registration: the list of the sector is not looked at",
          answers(f"{SERVICE}.sectors:check", None),
          ("dynamic/oidcc-registration-sector-bad",)),
    Fault("registration: FAPI 2.0 may choose RS256",
          changed(f"{_METADATA}:STRONG", lambda strong: (*strong, "RS256")),
          (f"{_FAPI2}ensure-signed-client-assertion-with-RS256-fails",)),
    Fault("registration: unsigned ID tokens are promised",
          changed(f"{_METADATA}:ALGORITHMS", lambda known: (*known, "none")), ("basic/oidcc-idtoken-unsigned",)),
    Fault("keys: a private key is published",
          result(f"{SERVICE}.keys:KeyRing.jwks",
                 lambda found: {"keys": [{**each, "d": "private"} for each in found["keys"]]}),
          ("basic/oidcc-server",)),
    Fault("keys: two have the same name",
          result(f"{SERVICE}.keys:KeyRing.jwks",
                 lambda found: {"keys": [{**each, "kid": "same"} for each in found["keys"]]}),
          ("basic/oidcc-server",)),
]  # fmt: skip

FAULTS = [*OF_LOGOUT, *OF_REGISTRATION]
