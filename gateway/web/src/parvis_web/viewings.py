"""That somebody sees an organisation's pages as somebody else does: a cookie for each organisation, signed by the
session.

The cookie says what pages show (who is viewed, by whom, until when); whether it still counts is identity's, which gives
no token otherwise. Whoever drops the cookie is on their own pages again, in every process alike.
"""

import base64
import binascii
import json
import math
import time
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

from parvis.tenancy.v1 import tenancy_pb2

if TYPE_CHECKING:
    from parvis.identity.v1 import identity_pb2
    from parvis_web.sessions import Session


@dataclass(frozen=True, slots=True)
class Viewing:
    """A viewing that a browser holds. `expires_at` in Unix time; `back`: the page that it was begun on."""

    id: str
    organisation_id: str
    portal: bool
    name: str
    viewer_name: str
    expires_at: int
    back: str

    @property
    def membership_kind(self) -> "tenancy_pb2.MembershipKind.ValueType":
        """As what the viewed person belongs to the organisation."""
        return tenancy_pb2.MEMBERSHIP_KIND_PORTAL if self.portal else tenancy_pb2.MEMBERSHIP_KIND_STAFF

    @property
    def over(self) -> bool:
        """Whether its time is up."""
        return self.expires_at <= time.time()

    def minutes_left(self) -> int:
        """Minutes, begun ones counted."""
        return max(1, math.ceil((self.expires_at - time.time()) / 60))


def purpose(slug: str) -> str:
    """The purpose in the cookie's name: one for each organisation."""
    return f"viewing-{slug}"


def begun(answer: "identity_pb2.Viewing", back: str) -> Viewing:
    """What identity began."""
    return Viewing(
        answer.id,
        answer.organisation_id,
        answer.portal,
        answer.name,
        answer.viewer_name,
        answer.expires_at.seconds,
        back,
    )


def pack(session: "Session", viewing: Viewing) -> str:
    """A viewing as a cookie value."""
    packed = base64.urlsafe_b64encode(json.dumps(astuple(viewing)).encode()).rstrip(b"=").decode()
    return f"{packed}.{session.sign(f'viewing:{packed}')}"


def unpack(session: "Session", kept: str) -> Viewing | None:
    """The viewing of a cookie value; None when this session did not sign it."""
    packed, _, signature = kept.partition(".")
    if not packed or signature != session.sign(f"viewing:{packed}"):
        return None
    try:
        return Viewing(*json.loads(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))))
    except (binascii.Error, ValueError, TypeError):  # of an earlier release
        return None
