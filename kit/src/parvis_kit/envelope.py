"""What travels around an event: CloudEvents 1.0 attributes as NATS headers (binary mode), and the trace context.

The subject of an event is the full name of its protobuf message, `parvis.documents.v1.DocumentFiled`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from parvis_watch.refill import AGAIN

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from nats.aio.msg import Msg

MESSAGE_ID = "Nats-Msg-Id"


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who said what when. `delivered` counts from 1; `version` is 0 for act events; `headers` has the trace context."""

    id: UUID
    subject: str
    source: str
    time: datetime
    organisation_id: UUID | None
    version: int
    delivered: int
    headers: Mapping[str, str]


def subject_of(event: "Message | type[Message]") -> str:
    """The subject under which this event or event class travels."""
    return event.DESCRIPTOR.full_name


def headers(row: Mapping[str, Any], source: str) -> dict[str, str]:
    """The headers of an outbox row; its own (trace context) never override an attribute."""
    own = json.loads(row["headers"])
    attributes = {
        MESSAGE_ID: str(row["id"]) + own.get(AGAIN, ""),
        "content-type": "application/protobuf",
        "ce-specversion": "1.0",
        "ce-id": str(row["id"]),
        "ce-type": row["subject"],
        "ce-source": source,
        "ce-time": row["created_at"].astimezone(UTC).isoformat(),
        "ce-subject": str(row["aggregate_id"]),
        "ce-aggregateversion": str(row["version"]),
    }
    if row["organisation_id"] is not None:
        attributes["ce-organisation"] = str(row["organisation_id"])
    return {**own, **attributes}


def open_envelope(message: "Msg") -> Envelope:
    """Reads a delivered message's headers; KeyError or ValueError when it is no event of ours."""
    found = message.headers or {}
    organisation = found.get("ce-organisation")
    return Envelope(
        id=UUID(found["ce-id"]),
        subject=found["ce-type"],
        source=found["ce-source"],
        time=datetime.fromisoformat(found["ce-time"]),
        organisation_id=UUID(organisation) if organisation else None,
        version=int(found.get("ce-aggregateversion", "0")),
        delivered=message.metadata.num_delivered if message.reply else 1,
        headers=found,
    )
