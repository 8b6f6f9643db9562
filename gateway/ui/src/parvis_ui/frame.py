"""What stands around a page: organisation, navigation, person. Immutable values made by the page's handler.

Every text is already in the reader's language; every `href` is a path of this site.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """One link of a navigation. `icon` is a name of `assets/icons.json`, `count` what waits there."""

    label: str
    href: str
    icon: str = ""
    count: int | None = None
    current: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Entries that belong together; a label only where the group needs one."""

    entries: Sequence[Entry]
    label: str = ""


@dataclass(frozen=True, slots=True)
class Organisation:
    """An organisation as the switcher shows it.

    `detail` tells two of the same name apart; `accent` is `#rrggbb` or empty.
    """

    name: str
    href: str
    detail: str = ""
    current: bool = False
    accent: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Who is signed in. `sign_out_href` receives a POST. What has no address is not offered."""

    name: str
    mail: str
    account_href: str
    sign_out_href: str


@dataclass(frozen=True, slots=True)
class Viewing:
    """That the page is shown as somebody else sees it: who that is, who reads, for how many minutes more. `leave_href`
    receives a POST.
    """

    name: str
    viewer_name: str
    minutes: int
    leave_href: str


@dataclass(frozen=True, slots=True)
class Closing:
    """That the organisation is being closed: on which day it is erased, whether the reader is a client's person, where
    more is said, and where whoever may reopens it (`reopen_href` receives a POST).
    """

    day: datetime
    portal: bool = False
    href: str = ""
    reopen_href: str = ""


@dataclass(frozen=True, slots=True)
class Flash:
    """A message about what was just done, shown once. `kind` is ok, info, warn or bad."""

    kind: str
    text: str
    href: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """Everything around the page. What has no address is not shown. `organisations` are those that the switch offers
    at once; where `organisations_total` says that there are more, it searches. `others_href` leads whoever has not
    proven their account yet to do so, and then to all of them.
    """

    organisation: Organisation
    navigation: Sequence[Group]
    person: Person
    organisations: Sequence[Organisation] = ()
    organisations_total: int = 0
    chooser_href: str = "/organisations"
    others_href: str = ""
    search_href: str = ""
    inbox_href: str = ""
    inbox_count: int = 0
    help_href: str = ""
    legal_href: str = "/legal"
    csrf: str = ""
    viewing: Viewing | None = None
    closing: Closing | None = None
    entries: tuple[Entry, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Flattens the groups for the phone's bar, and refuses a navigation that nobody can scan."""
        entries = tuple(entry for group in self.navigation for entry in group.entries)
        if len(entries) > MAXIMUM_ENTRIES:
            message = f"a navigation has at most {MAXIMUM_ENTRIES} entries, this one has {len(entries)}"
            raise ValueError(message)
        object.__setattr__(self, "entries", entries)


MAXIMUM_ENTRIES = 7
