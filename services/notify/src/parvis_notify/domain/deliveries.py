"""Whom a message goes to, how an attempt ends, and when it is tried again."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final
from uuid import UUID

from parvis_notify.domain.templates import plain

#: RFC 5321, section 4.5.3.1.3.
LONGEST_ADDRESS: Final = 254
#: The organisation of mails that belong to no firm (the password of a personal account). No token names it.
NOBODY: Final = UUID(int=0)


class State(StrEnum):
    """States of a message; the last three are final."""

    PENDING = "pending"
    SENT = "sent"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Result(StrEnum):
    """How an attempt to send ended."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    #: We do not know: the attempt was cut between the server's acceptance and our record of it.
    INTERRUPTED = "interrupted"


#: The history says this about a message that was sent again after an interrupted attempt.
MAYBE_SENT_TWICE: Final = "maybe_sent_twice"


def derived_id(event_id: UUID, recipient: str) -> UUID:
    """The id of the message that an event makes for a recipient: always the same one, a UUIDv7 of the event's time."""
    digest = hashlib.sha256(f"{event_id}:{recipient}".encode()).digest()
    value = event_id.int >> 80 << 80 | int.from_bytes(digest[:10])
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0b11 << 62) | 0b10 << 62)


def address_for(use: str, addresses: Mapping[str, str]) -> str:
    """The address of a contact's record for a use ("billing" …), the main one when it has none; may be empty."""
    return addresses.get(use) or addresses.get("main", "")


_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\\\"]+@[^\s@<>()\[\],;:\\\"]+")


def is_address(mail: str) -> bool:
    """Whether this can be a recipient. Loose on purpose: only the server that owns the domain knows."""
    return len(mail) <= LONGEST_ADDRESS and bool(_ADDRESS.fullmatch(mail)) and plain(mail) == mail


#: Seconds before the next attempt, by how many were made; after the last one (two days and a half) no more.
DELAYS: Final[Sequence[float]] = (2, 15, 60, 300, 900, 3600, 3 * 3600, 8 * 3600, 16 * 3600, 30 * 3600)


def delay_after(attempts: int) -> float | None:
    """Seconds until the next attempt once `attempts` ≥ 1 have failed for now; None: give the message up."""
    return DELAYS[attempts - 1] if attempts <= len(DELAYS) else None
