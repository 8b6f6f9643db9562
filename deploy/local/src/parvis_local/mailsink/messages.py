"""What was received: one file per message, so that a killed sink forgets nothing that it has accepted."""

import base64
import json
import re
import secrets
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path

LINK = re.compile(r"https?://[^\s<>\"')\]]+")


@dataclass(frozen=True, slots=True)
class Envelope:
    """One accepted message as SMTP gave it."""

    id: str  # sorts by time of arrival
    received: str  # ISO 8601, UTC
    sender: str
    recipients: tuple[str, ...]
    content: bytes


class Mailbox:
    """All messages, oldest first, in memory and in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._messages = {}
        for file in sorted(folder.glob("*.json")):
            kept = json.loads(file.read_text())
            content = base64.b64decode(kept.pop("content"))
            kept["recipients"] = tuple(kept["recipients"])
            self._messages[kept["id"]] = Envelope(**kept, content=content)

    def keep(self, sender: str, recipients: tuple[str, ...], content: bytes) -> Envelope:
        """Writes the message before it is acknowledged."""
        identifier = f"{time.time_ns():020d}-{secrets.token_hex(3)}"
        envelope = Envelope(identifier, datetime.now(UTC).isoformat(), sender, recipients, content)
        kept = asdict(envelope) | {"content": base64.b64encode(content).decode()}
        partial = self._folder / f".{identifier}.new"
        partial.write_text(json.dumps(kept))
        partial.replace(self._folder / f"{identifier}.json")
        self._messages[identifier] = envelope
        return envelope

    def find(self, to: str = "", since: str = "") -> list[Envelope]:
        """Messages to an address (part of it is enough, case ignored) that arrived after an id or an ISO time."""
        return [
            envelope
            for envelope in self._messages.values()
            if (not to or any(to.casefold() in recipient.casefold() for recipient in envelope.recipients))
            and (not since or (envelope.received > since if "T" in since else envelope.id > since))
        ]

    def get(self, identifier: str) -> Envelope | None:
        return self._messages.get(identifier)

    def clear(self) -> int:
        """Forgets everything; returns how many messages there were."""
        count = len(self._messages)
        self._messages.clear()
        for file in self._folder.glob("*.json"):
            file.unlink(missing_ok=True)
        return count


def read(envelope: Envelope) -> dict[str, object]:
    """The message taken apart, as the API gives it."""
    message = message_from_bytes(envelope.content, policy=policy.default)
    assert isinstance(message, EmailMessage)  # noqa: S101 - what policy.default makes
    text, html = _part(message, "plain"), _part(message, "html")
    return {
        "id": envelope.id,
        "received": envelope.received,
        "sender": envelope.sender,
        "recipients": list(envelope.recipients),
        "from": str(message["From"] or ""),
        "to": str(message["To"] or ""),
        "subject": str(message["Subject"] or ""),
        "message_id": str(message["Message-ID"] or ""),
        "headers": [[name, str(value)] for name, value in message.items()],
        "text": text,
        "html": html,
        "links": _links(text, html),
        "attachments": [
            {
                "filename": part.get_filename() or "",
                "type": part.get_content_type(),
                "size": len(part.get_payload(decode=True) or b""),
            }
            for part in message.iter_attachments()
        ],
    }


def _part(message: EmailMessage, kind: str) -> str:
    body = message.get_body(preferencelist=(kind,))
    return str(body.get_content()) if body is not None else ""


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        target = dict(attrs).get("href") or ""
        if tag == "a" and target.startswith(("http://", "https://")):
            self.found.append(target)


def _links(text: str, html: str) -> list[str]:
    """Addresses in the order in which a reader meets them, each once."""
    anchors = _Anchors()
    anchors.feed(html)
    plain = [found.rstrip(".,;:!?") for found in LINK.findall(text)]
    return list(dict.fromkeys([*anchors.found, *plain]))
