"""The revisions of rights that a session has led to, by organisation, in a cookie that it signed (docs/adr/0016).

Whichever process answers the browser next knows them, so whoever changed something sees it on every page at once. A
process also remembers them with the session: an answer that came late never takes the browser back.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parvis_web.sessions import Session

PURPOSE = "revisions"
#: Organisations that a cookie has room for: those that were changed last.
KEPT = 8


def pack(session: "Session", revisions: Mapping[str, int]) -> str:
    """Revisions as a cookie value."""
    packed = base64.urlsafe_b64encode(json.dumps(dict(revisions)).encode()).rstrip(b"=").decode()
    return f"{packed}.{session.sign(f'revisions:{packed}')}"


def unpack(session: "Session", kept: str) -> dict[str, int]:
    """The revisions of a cookie value; none when this session did not sign it."""
    packed, _, signature = kept.partition(".")
    if not packed or signature != session.sign(f"revisions:{packed}"):
        return {}
    try:
        found = json.loads(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
        return {str(organisation): int(revision) for organisation, revision in found.items()}
    except (binascii.Error, ValueError, TypeError, AttributeError):  # of another release
        return {}


def remember(session: "Session", heard: Mapping[str, int]) -> None:
    """Adds what the browser brought to what the session knows here."""
    for organisation, revision in heard.items():
        session.revisions[organisation] = max(revision, session.revisions.get(organisation, 0))
    while len(session.revisions) > KEPT:
        del session.revisions[next(iter(session.revisions))]
