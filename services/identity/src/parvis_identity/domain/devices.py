"""Browsers in which an account has signed in before: their wrong tries are counted apart from everybody else's, so that
strangers who guess at a known address cannot keep its owner waiting.

Source: OWASP, "Slow Down Online Guessing Attacks with Device Cookies". A cookie of a browser holds a token for each
of the last few accounts that signed in there; only an account that is known already can say whether one is its own.
"""

import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

#: After this long without a sign-in, a browser is a stranger again.
LIFETIME = timedelta(days=365)
#: Accounts that one browser is known to at once (a shared computer, a client of several firms).
MOST = 5
_TOKEN = re.compile(r"(?P<expires>[0-9]{10})\.(?P<device>[A-Za-z0-9_-]{22})\.(?P<proof>[A-Za-z0-9_-]{43})")


def known(secret: bytes, kept: str, account_id: UUID, now: datetime) -> str:
    """The device that a browser's cookie proves to be for the account; empty when it proves none."""
    own = (found for found in _tokens(kept) if _is_of(secret, account_id, found))
    return next((found["device"] for found in own if int(found["expires"]) > now.timestamp()), "")


def remember(secret: bytes, kept: str, account_id: UUID, now: datetime) -> str:
    """The cookie of a browser in which the account has just signed in. A device that was known stays the same one."""
    device = known(secret, kept, account_id, now) or secrets.token_urlsafe(16)
    expires = str(int((now + LIFETIME).timestamp()))
    others = [found[0] for found in _tokens(kept) if not _is_of(secret, account_id, found)]
    return "~".join([f"{expires}.{device}.{_proof(secret, account_id, expires, device)}", *others[: MOST - 1]])


def _tokens(kept: str) -> Iterator[re.Match[str]]:
    return (found for token in kept.split("~", MOST)[:MOST] if (found := _TOKEN.fullmatch(token)) is not None)


def _is_of(secret: bytes, account_id: UUID, found: re.Match[str]) -> bool:
    return hmac.compare_digest(found["proof"], _proof(secret, account_id, found["expires"], found["device"]))


def _proof(secret: bytes, account_id: UUID, expires: str, device: str) -> str:
    digest = hmac.digest(secret, b".".join((account_id.bytes, expires.encode(), device.encode())), "sha256")
    return urlsafe_b64encode(digest).decode().rstrip("=")
