"""One-time links: what each is for, how long it lives, and how its secret is made."""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID


class Purpose(StrEnum):
    """What a link does when it is opened."""

    ACTIVATION = "activation"
    RESET = "reset"
    #: After a right password that must be replaced before anything else: the firm demands more now, or it was a
    #: provisional one. Never in a mail.
    RENEWAL = "renewal"
    FIRST = "first"
    #: Of a change of address, not in the table of links: see domain.address_changes.
    ADDRESS_NEW = "address_new"
    ADDRESS_OLD = "address_old"
    #: Stops a reset of second factors, not in the table of links either: see domain.factor_resets.
    FACTOR_RESET = "factor_reset"
    #: Proves the address of somebody who asks an organisation for an account.
    REQUEST = "request"
    #: Of the proof of a mail domain: see domain.domains.
    DOMAIN = "domain"


class LinkState(StrEnum):
    """What can be said about a link; each has a page that says what to do next."""

    OPEN = "open"
    USED = "used"
    EXPIRED = "expired"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


LIFETIMES = {
    Purpose.ACTIVATION: timedelta(days=7),
    Purpose.RESET: timedelta(hours=1),
    Purpose.RENEWAL: timedelta(minutes=10),
    Purpose.FIRST: timedelta(minutes=10),
    Purpose.REQUEST: timedelta(days=1),
}


def state_of(
    now: datetime, *, expires_at: datetime, used_at: datetime | None, revoked_at: datetime | None
) -> LinkState:
    """The state of a link. Used comes first: who opens it a second time is told that it has worked."""
    if used_at is not None:
        return LinkState.USED
    if revoked_at is not None:
        return LinkState.REVOKED
    return LinkState.EXPIRED if expires_at <= now else LinkState.OPEN


def token_of(secret: bytes, link_id: UUID, purpose: Purpose) -> str:
    """The secret part of a link's address: the same for the same link, so that a mail that is tried again
    carries the same one.
    """
    digest = hmac.digest(secret, link_id.bytes + purpose.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def browser_proof(secret: bytes, link_id: UUID) -> str:
    """What the browser keeps that gave the right password, beside the address of a RENEWAL or FIRST link: an address
    that is seen, sent or kept somewhere opens nothing elsewhere.
    """
    digest = hmac.digest(secret, link_id.bytes + b"browser", "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


#: Links that only the browser opens which was given them.
OF_ONE_BROWSER = frozenset({Purpose.RENEWAL, Purpose.FIRST})


def digest_of(token: str) -> bytes:
    """What is stored of an opaque secret of 256 random bits (link, code, refresh token, session): its SHA-256."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
