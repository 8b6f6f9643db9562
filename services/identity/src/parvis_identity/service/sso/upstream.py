"""What the pages need of a firm's provider, whichever protocol it speaks (`oidc`, `saml`)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from parvis_identity.models import SsoProvider


@dataclass(frozen=True, slots=True)
class Begin:
    """Where the browser goes, and what finishing needs to know again (nonce, verifier, id of the request)."""

    location: str
    kept: Mapping[str, str]


class Result(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_REACHED = "not_reached"


@dataclass(frozen=True, slots=True)
class Check:
    """One check of an answer, by its stable name. `detail`: for the administrator's report, in English."""

    name: str
    result: Result
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a provider said of somebody, every check passed. Missing claims are empty."""

    subject: str
    mail: str = ""
    user_name: str = ""
    given_name: str = ""
    family_name: str = ""
    groups: tuple[str, ...] = ()
    #: Everything that was said, for the report and for mappings.
    claims: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    amr: tuple[str, ...] = ()
    #: Whether it says that more than one factor was given.
    multi_factor: bool = False
    auth_time: datetime | None = None
    #: From when on its word counts no more; None: it does not say.
    session_ends: datetime | None = None
    #: For single logout: `sub` and `sid`, NameID and SessionIndex.
    name_id: str = ""
    session_index: str = ""
    #: OIDC: the ID token.
    hint: str = ""


class Refused(Exception):
    """An answer that is not taken, or a provider that cannot be asked. `check` is the stable name of what failed;
    `checks` are all, in their order.
    """

    def __init__(self, check: str, detail: str = "", checks: Sequence[Check] = ()) -> None:
        super().__init__(f"{check}: {detail}" if detail else check)
        self.check = check
        self.detail = detail
        self.checks = tuple(checks)


class Upstream(Protocol):
    """One protocol."""

    async def begin(self, provider: SsoProvider, state: str, *, force: bool, hint: str) -> Begin:
        """An authentication request. `state` comes back as `state` or `RelayState`; `force`: whoever is signed in there
        proves it again; `hint`: an address that was typed. Raises Refused.
        """
        ...

    async def finish(
        self, provider: SsoProvider, kept: Mapping[str, str], answer: Mapping[str, str]
    ) -> tuple[Assertion, Sequence[Check]]:
        """What the provider answered, checked. `answer`: the parameters that the browser brought. Raises Refused."""
        ...

    async def logout(self, provider: SsoProvider, *, name_id: str, session_index: str, hint: str, back: str) -> str:
        """Where the browser goes so that the provider ends its session too, and comes back to `back` (with its own
        `state`); empty: the provider offers none.
        """
        ...
