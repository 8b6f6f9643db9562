"""The provider under test, as its operator describes it: where it is, who may register, who signs in."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx


@dataclass(frozen=True)
class Person:
    """Somebody with an account."""

    identifier: str
    password: str


@dataclass
class Provider:
    """See the module. `rotate_keys` is what its operator does to make new signing keys."""

    issuer: str
    initial_access_token: str
    person: Person
    #: Somebody else.
    other: Person
    rotate_keys: Callable[[], None]

    @cached_property
    def http(self) -> httpx.Client:
        """A client without cookies that follows no redirects: the back channel."""
        return httpx.Client(trust_env=False, timeout=30, limits=httpx.Limits(max_keepalive_connections=0))

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """What discovery says (OpenID Connect Discovery 1.0, section 4)."""
        return dict(self.http.get(f"{self.issuer}/.well-known/openid-configuration").raise_for_status().json())

    def keys(self) -> dict[str, Any]:
        """The published key set, now."""
        return dict(self.http.get(self.metadata["jwks_uri"]).raise_for_status().json())
