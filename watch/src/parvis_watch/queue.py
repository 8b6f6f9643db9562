"""How long the oldest event has waited that a consumer has not been given. Only NATS knows: it is asked in its own
words, by a consumer that lives for one message, which a service may make where it may not read the stream itself.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import uuid4

_LIFE = 5_000_000_000  # ns
_PATIENCE = 1.0  # s


class Answer(Protocol):
    """A message of NATS."""

    data: bytes
    headers: Any

    @property
    def metadata(self) -> Any: ...


class Asks(Protocol):
    """A connection to NATS."""

    async def request(self, subject: str, payload: bytes, timeout: float, *, old_style: bool = ...) -> Answer: ...  # noqa: ASYNC109 - nats-py's


class Consumer(Protocol):
    """What NATS says of a consumer."""

    @property
    def stream_name(self) -> str: ...
    @property
    def num_pending(self) -> int | None: ...
    @property
    def delivered(self) -> Any: ...


async def waited(client: Asks, consumer: Consumer, name: str, subjects: Sequence[str]) -> float:
    """Seconds that the oldest message has waited which `consumer`, of `subjects`, has not been given."""
    if not consumer.num_pending:
        return 0.0
    after: int = consumer.delivered.stream_seq if consumer.delivered else 0
    return await oldest(client, consumer.stream_name, name, subjects, after)


async def oldest(client: Asks, stream: str, name: str, subjects: Sequence[str], after: int) -> float:
    """Seconds since the first message on `subjects` came that is behind `after` in the stream; 0 where there is none.
    `name` begins the name of what asks.
    """
    name = f"{name}-oldest-{uuid4().hex}"
    config = {
        "name": name,
        "deliver_policy": "by_start_sequence",
        "opt_start_seq": after + 1,
        "filter_subjects": list(subjects),
        "ack_policy": "none",
        "headers_only": True,
        "mem_storage": True,
        "num_replicas": 1,
        "inactive_threshold": _LIFE,
    }
    wanted = {"stream_name": stream, "config": config, "action": "create"}
    made = await client.request(f"$JS.API.CONSUMER.CREATE.{stream}.{name}", json.dumps(wanted).encode(), _PATIENCE)
    if error := json.loads(made.data).get("error"):
        raise RuntimeError(f"NATS says {error}")
    one = json.dumps({"batch": 1, "no_wait": True}).encode()
    # An event comes under its own subject: an inbox of its own alone hears it.
    first = await client.request(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}", one, _PATIENCE, old_style=True)
    if (first.headers or {}).get("Status"):  # it was given meanwhile
        return 0.0
    since: datetime = first.metadata.timestamp
    return max(0.0, (datetime.now(UTC) - since).total_seconds())
