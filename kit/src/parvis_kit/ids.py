"""Identifiers: UUIDv7 (RFC 9562, section 5.7), sortable by the time they were made."""

import secrets
import time
from uuid import UUID

from parvis_kit.errors import Violation, invalid


def uuid7() -> UUID:
    """A new UUIDv7: 48 bits of Unix time in milliseconds, 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    random = secrets.randbits(74)
    value = (milliseconds & (1 << 48) - 1) << 80
    value |= 0x7 << 76 | (random >> 62) << 64 | 0b10 << 62 | random & (1 << 62) - 1
    return UUID(int=value)


def parse(text: str, field: str = "id") -> UUID:
    """The UUID in a request field. Raises INVALID with a violation on the field."""
    try:
        return UUID(text)
    except ValueError:
        raise invalid("malformed_request", [Violation(field, "not_a_uuid")]) from None


def parse_optional(text: str, field: str = "id") -> UUID | None:
    """As `parse`; None for the empty string, which is what protobuf calls unset."""
    return parse(text, field) if text else None
