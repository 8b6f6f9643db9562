"""Challenges that passkeys sign: made without storing anything, recognised when they come back. Whoever uses one notes
it as used.

A challenge is eight bytes of its end (Unix), sixteen of chance, and an HMAC over both, its purpose and the browser it
was made for.
"""

import hmac
import secrets
from datetime import datetime, timedelta
from enum import StrEnum

_TIME, _CHANCE, _PROOF = 8, 16, 32


class Ceremony(StrEnum):
    """What a challenge is for: one never does for the other."""

    REGISTER = "register"
    #: After a password, or to prove oneself again.
    CONFIRM = "confirm"
    #: Instead of everything else: the passkey says who it is.
    SIGN_IN = "sign_in"


#: A sign-in page may lie open for a while before somebody picks a passkey from the list that the browser offers there.
LIFETIMES = {
    Ceremony.REGISTER: timedelta(minutes=15),
    Ceremony.CONFIRM: timedelta(minutes=15),
    Ceremony.SIGN_IN: timedelta(hours=1),
}


def make(secret: bytes, ceremony: Ceremony, browser: str, now: datetime) -> bytes:
    """A challenge for one browser (`browser`: a secret of its cookies)."""
    end = int((now + LIFETIMES[ceremony]).timestamp())
    told = end.to_bytes(_TIME) + secrets.token_bytes(_CHANCE)
    return told + _proof(secret, ceremony, browser, told)


def end_of(secret: bytes, challenge: bytes, ceremony: Ceremony, browser: str, now: datetime) -> datetime | None:
    """Until when a challenge of ours counts; None when it is none, for somebody else or too old."""
    told, proof = challenge[: _TIME + _CHANCE], challenge[_TIME + _CHANCE :]
    if len(proof) != _PROOF or not hmac.compare_digest(proof, _proof(secret, ceremony, browser, told)):
        return None
    end = datetime.fromtimestamp(int.from_bytes(told[:_TIME]), now.tzinfo)
    return end if now < end else None


def _proof(secret: bytes, ceremony: Ceremony, browser: str, told: bytes) -> bytes:
    return hmac.digest(secret, b"\x00".join((b"passkey", ceremony.encode(), browser.encode(), told)), "sha256")
