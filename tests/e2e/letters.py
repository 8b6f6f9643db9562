"""The mails that the suite sent, read from the sink's API as their recipients read them."""

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

#: Seconds that a mail may take from the click to the sink.
PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Mail:
    """One message as its recipient sees it."""

    id: str
    to: str
    sender: str
    subject: str
    text: str
    html: str
    links: tuple[str, ...]

    @property
    def body(self) -> str:
        """The text on one line with plain spaces and apostrophes, to look for sentences."""
        return plain(self.text)

    def link(self, part: str) -> str:
        """The one link with `part` in its address."""
        found = list(dict.fromkeys(link for link in self.links if part in link))
        assert len(found) == 1, f"{self.subject!r} has {len(found)} links with {part!r}: {self.links}"
        return found[0]


def plain(text: str) -> str:
    """Spaces of any kind and line breaks as one space, typographic apostrophes as typed ones."""
    return re.sub(r"\s+", " ", text).replace("’", "'").strip()


class Mailbox:
    """Everybody's mailbox. `now()` before an act, then `wait(…, since=…)` after it."""

    def __init__(self, address: str) -> None:
        self._http = httpx.Client(base_url=address, timeout=10, trust_env=False)

    def now(self) -> str:
        """A mark: mails received after it are new."""
        return datetime.now(UTC).isoformat()

    def wait(self, to: str, subject: str = "", *, since: str = "") -> Mail:
        """The newest mail to an address whose subject contains `subject`; waits for it."""
        give_up = time.monotonic() + PATIENCE
        while True:
            found = [mail for mail in self.all(to, since=since) if subject in plain(mail.subject)]
            if found:
                return found[-1]
            if time.monotonic() > give_up:
                others = [(mail.to, mail.subject) for mail in self.all(since=since)]
                raise AssertionError(f"No mail to {to} about {subject!r} within {PATIENCE:g} s; there are {others}")
            time.sleep(0.1)

    def all(self, to: str = "", *, since: str = "") -> list[Mail]:
        """Mails to an address (or all of them), oldest first."""
        given = {name: value for name, value in (("to", to), ("since", since)) if value}
        answer = self._http.get("/api/messages", params=given)
        answer.raise_for_status()
        listed = answer.json()
        messages = listed["messages"] if isinstance(listed, dict) else listed
        return [
            Mail(
                each["id"], each["to"], each["from"], each["subject"], each["text"] or "", each["html"] or "",
                tuple(each["links"]),
            )
            for each in messages
        ]  # fmt: skip
