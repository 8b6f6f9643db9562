"""Values that list pages are made of: columns, chips, events, tasks. Texts are in the reader's language."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

Direction = Literal["", "ascending", "descending"]


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading. `href` makes it a link that sorts; `hidden` keeps the label for screen readers only."""

    label: str
    end: bool = False
    wide: bool = False
    sort: Direction = ""
    href: str = ""
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter in the address: `href` is the page with the filter switched over."""

    label: str
    href: str
    active: bool = False
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A line of a history. `when` is aware (UTC); `kind` is a state's kind."""

    when: datetime
    title: str
    text: str = ""
    who: str = ""
    icon: str = ""
    kind: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """Something that awaits the reader. `when` is words: "before 30 November", "for 2 days"."""

    label: str
    href: str
    when: str = ""
    icon: str = ""
    late: bool = False
    detail: str = ""


def changed(url: str, **parameters: str | None) -> str:
    """Path and query of `url` with these parameters set; `None` or `""` removes one.

    The cursor is dropped: it was of another list.
    """
    parts = urlsplit(url)
    query = {
        name: value
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if name not in {"after", "before", *parameters}
    }
    query |= {name: value for name, value in parameters.items() if value}
    return parts.path + ("?" + urlencode(query) if query else "?")


def sorted_columns(
    url: str,
    columns: Iterable[tuple[str, str] | tuple[str, str, str]],
    current: str,
    *,
    parameter: str = "sort",
) -> list[Column]:
    """Columns with links that sort by the parameter `sort`: `name`, then `-name` for the other way round.

    A column is `(label, key)` or `(label, key, "end wide hidden")`; an empty key does not sort.
    """
    made = []
    for label, key, *marks in columns:
        flags = marks[0].split() if marks else []
        direction: Direction = "ascending" if current == key else "descending" if current == f"-{key}" else ""
        made.append(
            Column(
                label,
                end="end" in flags,
                wide="wide" in flags,
                hidden="hidden" in flags,
                sort=direction if key else "",
                href=changed(url, **{parameter: f"-{key}" if direction == "ascending" else key}) if key else "",
            ),
        )
    return made
