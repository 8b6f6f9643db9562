"""A message for the next page, carried by the browser in a cookie that the session signed."""

import base64
import json

from parvis_ui.frame import Flash
from parvis_web.sessions import Session

#: Characters of the text that a cookie has room for.
_LONGEST = 1500


def pack(session: Session, flash: Flash) -> str:
    """A message as a cookie value, signed."""
    text = json.dumps([flash.kind, flash.text[:_LONGEST], flash.href, flash.link])
    packed = base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
    return f"{packed}.{session.sign(packed)}"


def unpack(session: Session, kept: str) -> Flash | None:
    """The message of a cookie value; None when this session did not sign it."""
    packed, _, signature = kept.partition(".")
    if signature != session.sign(packed):
        return None
    return Flash(*json.loads(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))))
