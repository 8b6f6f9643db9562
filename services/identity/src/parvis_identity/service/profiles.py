"""What a client is held to: its own policy, and all of FAPI 2.0 (security profile) where it is of that profile,
whatever the rest of its registration says.
"""

from parvis_identity.models import Client

FAPI2 = "fapi2"
#: What FAPI 2.0 signs with.
STRONG = ("ES256", "PS256", "EdDSA")


def is_public(client: Client) -> bool:
    """Whether it cannot prove who it is (RFC 6749, 2.1)."""
    return client.token_endpoint_auth_method == "none"  # noqa: S105 - the name of a method


def proves_itself_well(client: Client, method: str) -> bool:
    """Whether the way that it proved itself is strong enough (FAPI 2.0, 5.3.2.1: no secrets, no public clients)."""
    return client.profile != FAPI2 or method == "private_key_jwt"


def pushes(client: Client) -> bool:
    """Whether its authorization requests must be pushed (RFC 9126, 6; FAPI 2.0, 5.3.2.2)."""
    return client.require_pushed_authorization_requests or client.profile == FAPI2


def needs_challenge(client: Client) -> bool:
    """Whether PKCE is required (RFC 9700, 2.1.1; FAPI 2.0, 5.3.2.2)."""
    return client.pkce_required or is_public(client) or client.profile == FAPI2


def binds_tokens(client: Client) -> bool:
    """Whether it gets tokens bound to its key only (RFC 9449, 5.2; FAPI 2.0, 5.3.2.1)."""
    return client.dpop_bound_access_tokens or client.profile == FAPI2


def signed_with(client: Client, algorithm: str) -> str:
    """What a token for it is signed with, given what it registered (FAPI 2.0, 5.4)."""
    return "ES256" if client.profile == FAPI2 and algorithm not in STRONG else algorithm


def rotates(client: Client) -> bool:
    """Whether a refresh token is replaced with each use (FAPI 2.0, 5.3.2.1 forbids it: a lost answer would cost the
    person their session, and the token is bound to the client anyway).
    """
    return client.rotates_refresh_tokens and client.profile != FAPI2
