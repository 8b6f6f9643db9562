"""What the provider offers, exactly (OpenID Connect Discovery 1.0, 3; RFC 8414, 2): each list is made of what the code
goes by.
"""

from typing import Any

from parvis_identity.domain import claims, client_metadata
from parvis_identity.domain.asked_strength import LEVELS
from parvis_identity.service import dpop
from parvis_identity.service.authorization import RESPONSE_MODES
from parvis_identity.service.protocol import METHODS, SCOPES
from parvis_identity.service.signatures import ALGORITHMS
from parvis_identity.service.token_exchange import EXCHANGE


def document(issuer: str, *, registration: bool) -> dict[str, Any]:
    """The metadata. `registration`: whether clients may register themselves."""
    of_protocol = ("iss", "aud", "exp", "iat", "nonce", "at_hash")
    known = {name for names in claims.BY_SCOPE.values() for name in names}
    told: dict[str, Any] = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth2/authorize",
        "token_endpoint": f"{issuer}/oauth2/token",
        "userinfo_endpoint": f"{issuer}/oauth2/userinfo",
        "jwks_uri": f"{issuer}/oauth2/jwks",
        "pushed_authorization_request_endpoint": f"{issuer}/oauth2/par",
        "device_authorization_endpoint": f"{issuer}/oauth2/device_authorization",
        "introspection_endpoint": f"{issuer}/oauth2/introspect",
        "revocation_endpoint": f"{issuer}/oauth2/revoke",
        "end_session_endpoint": f"{issuer}/oauth2/logout",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": list(RESPONSE_MODES),
        "grant_types_supported": [*client_metadata.GRANT_TYPES, EXCHANGE],
        "subject_types_supported": ["public", "pairwise"],
        "id_token_signing_alg_values_supported": list(ALGORITHMS),
        "userinfo_signing_alg_values_supported": list(ALGORITHMS),
        "request_object_signing_alg_values_supported": [*ALGORITHMS, "none"],
        "token_endpoint_auth_methods_supported": METHODS,
        "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "revocation_endpoint_auth_methods_supported": METHODS,
        "revocation_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "introspection_endpoint_auth_methods_supported": [method for method in METHODS if method != "none"],
        "introspection_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
        "dpop_signing_alg_values_supported": list(dpop.ALGORITHMS),
        "code_challenge_methods_supported": ["S256"],
        "claim_types_supported": ["normal"],
        "claims_supported": sorted({*of_protocol, *claims.OF_SIGN_IN, *known, *claims.OF_ORGANISATION}),
        "acr_values_supported": list(LEVELS),
        "display_values_supported": ["page", "popup"],
        "ui_locales_supported": ["fr", "en"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "authorization_response_iss_parameter_supported": True,
        "claims_parameter_supported": True,
        "request_parameter_supported": True,
        "request_uri_parameter_supported": True,
        "require_request_uri_registration": True,
        "require_pushed_authorization_requests": False,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
    }
    if registration:
        told["registration_endpoint"] = f"{issuer}/oauth2/register"
    return told
