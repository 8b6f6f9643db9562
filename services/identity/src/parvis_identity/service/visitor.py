"""The browser that asks."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Visitor:
    """The browser that asks."""

    #: As the gateway's proxy saw it.
    address: str
    user_agent: str
    #: The secret of the session that it holds, empty when none.
    cookie: str
    #: What it keeps of accounts that signed in there before (domain.devices).
    device: str = ""
    #: That it was this one that gave a right password which must be replaced (domain.links.browser_proof).
    proof: str = ""
    #: What makes it one in which no second factor is asked for, of whoever trusts it.
    trusted: str = ""
