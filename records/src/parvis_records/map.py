"""The map of data: what every table of a service is, about whom, why and how long it is kept, what an export says of it
and what an erasure does to it (docs/adr/0031).

A service declares its tables in `holdings.py` beside its models, column for column. A test compares the declaration
with the database, so a table or a column that says nothing about itself does not get in. Exports, erasures and
retention read the map and nothing else; `docs/data.md` is written from it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, Final
from uuid import UUID


class About(StrEnum):
    """Whom the rows of a table say something about."""

    PERSON = "person"
    ORGANISATION = "organisation"
    NOBODY = "nobody"


class Topic(StrEnum):
    """What a reader calls it: the headings of the page on data."""

    ACCOUNT = "account"
    SIGN_IN = "sign_in"
    APPLICATIONS = "applications"
    MEMBERS = "members"
    CONTACTS = "contacts"
    DOCUMENTS = "documents"
    MAILS = "mails"
    INVOICES = "invoices"
    TRAIL = "trail"
    TECHNICAL = "technical"


class Until(StrEnum):
    """What ends the keeping of a row."""

    ACCOUNT = "account"  # the account is erased
    MEMBERSHIP = "membership"  # idem, or the organisation is: an ended membership stays as its history
    CONTACT = "contact"  # the firm erases the contact
    ORGANISATION = "organisation"  # the organisation is erased
    REPLACED = "replaced"  # somebody takes it away, or something newer takes its place
    AGE = "age"  # it has a certain age
    LAW = "law"  # a law says so
    INSTALLATION = "installation"  # it belongs to the installation


class Erasure(StrEnum):
    """What the erasure of a person does to the rows about them. That of an organisation deletes all of its rows that no
    law keeps.
    """

    DELETED = "deleted"
    #: What says who they are is taken out (columns `personal`), the row stays.
    BLANKED = "blanked"
    #: It stays as it is: `because` says which law or whose right asks for it.
    KEPT = "kept"
    #: Nothing in it is about a person.
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Keep:
    """How long: what ends it; of an age, in days from the moment in `since` (SQL over the row) on, under the name that
    the duration has among the settings; of a law, its name. Of an account, the days after which it is erased unused.
    """

    until: Until
    days: int = 0
    since: str = ""
    setting: str = ""
    law: str = ""


#: Accounting papers and what proves them: ten years from the end of the year.
ACCOUNTING: Final = Keep(Until.LAW, days=3653, law="Code de commerce, article L123-22")
FOR_ACCOUNT, FOR_MEMBERSHIP, FOR_CONTACT, FOR_ORGANISATION, UNTIL_REPLACED, FOR_INSTALLATION = (
    Keep(until)
    for until in (
        Until.ACCOUNT,
        Until.MEMBERSHIP,
        Until.CONTACT,
        Until.ORGANISATION,
        Until.REPLACED,
        Until.INSTALLATION,
    )
)


def aged(days: int, since: str, setting: str = "") -> Keep:
    """Kept for some days from a moment on; without a setting the days are fixed."""
    return Keep(Until.AGE, days, since, setting)


def unused(days: int, setting: str) -> Keep:
    """Kept with the account, which is erased once nobody has used it for some days."""
    return Keep(Until.ACCOUNT, days, setting=setting)


_PLACE = re.compile(r"\{(account|membership|organisation|contact)\}")


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table.

    Columns are names separated by blanks, each in one of four lists:

    * `personal`: says who somebody is or what they said; exported, and taken out by an erasure that leaves the row;
    * `plain`: exported, and by itself about nobody (moments, states, identifiers);
    * `withheld`: hashes, keys, sealed values; never exported: whoever holds an export could use them;
    * `technical`: copies, keys of sorting, versions; of no use to a reader.

    Whose a row is stands in conditions (SQL over the row): `person` with `{account}` or, inside an organisation,
    `{membership}`; `contact` with `{contact}`; `organisation` with `{organisation}`. An empty one: of none.
    """

    name: str
    holds: str
    about: tuple[About, ...]
    topic: Topic
    keep: Keep
    erase: Erasure = Erasure.NOTHING
    because: str = ""
    person: str = ""
    contact: str = ""
    organisation: str = ""
    #: Of what a law keeps: the rows that it is about (SQL); the others go with their organisation.
    lawful: str = ""
    #: Rows of others that name a person or an organisation: which, and the columns that are taken out of them with it.
    mentions: tuple[tuple[str, str], ...] = ()
    #: What stands in a column after an erasure that leaves the row, where it is not the empty value: SQL.
    blanks: Mapping[str, str] = field(default_factory=dict)
    personal: str = ""
    plain: str = ""
    withheld: str = ""
    technical: str = ""

    def __post_init__(self) -> None:
        columns = [*self.personal.split(), *self.plain.split(), *self.withheld.split(), *self.technical.split()]
        if twice := {each for each in columns if columns.count(each) > 1}:
            raise ValueError(f"{self.name}: {sorted(twice)} stand in two lists.")
        if (self.erase is Erasure.NOTHING) != (About.PERSON not in self.about):
            raise ValueError(f"{self.name}: an erasure does something to what is about a person, and to nothing else.")
        if (self.erase is Erasure.KEPT) and not self.because:
            raise ValueError(f"{self.name}: say why it is kept.")
        if self.lawful and self.keep.until is not Until.LAW:
            raise ValueError(f"{self.name}: no law keeps it.")
        if (self.keep.until is Until.AGE) != bool(self.keep.since):
            raise ValueError(f"{self.name}: an age has a beginning.")

    @cached_property
    def columns(self) -> frozenset[str]:
        """All of them."""
        return frozenset(f"{self.personal} {self.plain} {self.withheld} {self.technical}".split())

    @cached_property
    def exported(self) -> tuple[str, ...]:
        """What an export says, in this order."""
        return (*self.plain.split(), *self.personal.split())


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition with its values: `sql` has $1, $2 … from a first number on."""

    sql: str
    values: tuple[UUID, ...]


def condition(text: str, ids: Mapping[str, UUID], first: int = 1) -> Condition | None:
    """A condition of the map with identifiers put in; None when it needs one that there is not."""
    values: list[UUID] = []
    places: dict[str, str] = {}
    for name in dict.fromkeys(_PLACE.findall(text)):
        if name not in ids:
            return None
        places[name] = f"${first + len(values)}::uuid"
        values.append(ids[name])
    return Condition(_PLACE.sub(lambda found: places[found[1]], text), tuple(values))


class Map:
    """The tables of one service, with those that every service has."""

    def __init__(self, service: str, tables: Sequence[Table]) -> None:
        self.service = service
        self.tables: dict[str, Table] = {}
        for table in (*tables, *KIT):
            if table.name in self.tables:
                raise ValueError(f"{service}: {table.name} is declared twice.")
            self.tables[table.name] = table

    def __iter__(self) -> Iterator[Table]:
        return iter(self.tables.values())

    def __getitem__(self, name: str) -> Table:
        return self.tables[name]


_PERSON, _NOBODY = (About.PERSON,), (About.NOBODY,)
_OWN: Final[dict[str, Any]] = {"topic": Topic.TECHNICAL}
#: What every service has (`parvis_kit.tables`).
KIT: Final = (
    Table(
        name="outbox",
        holds="Events on their way to the other services, and for a while after, in case the broker loses them.",
        about=(About.PERSON, About.ORGANISATION),
        keep=aged(30, "sent_at"),
        erase=Erasure.DELETED,
        technical="id subject payload headers organisation_id aggregate_id version created_at sent_at",
        **_OWN,
    ),
    Table(
        name="inbox",
        holds="Which events were handled: a second delivery does nothing.",
        about=_NOBODY,
        keep=aged(70, "handled_at"),
        technical="message_id consumer handled_at",
        **_OWN,
    ),
    Table(
        name="dead_letters",
        holds="Events that could not be handled, until an operator has them handled again.",
        about=(About.PERSON, About.ORGANISATION),
        keep=aged(90, "dead_at", "kept_dead_letters_days"),
        erase=Erasure.DELETED,
        technical=("id consumer subject payload headers organisation_id error attempts failed_at dead_at replayed_at"),
        **_OWN,
    ),
    Table(
        name="audit",
        holds=(
            "Who did what and when. Rows stand in a chain that nobody can change unnoticed. Outside of organisations,"
            " they say no more than that after a year (`PARVIS_KEPT_TRAIL_DAYS`)."
        ),
        about=(About.PERSON, About.ORGANISATION),
        topic=Topic.TRAIL,
        keep=FOR_ORGANISATION,  # outside of organisations, details go after `kept_trail_days` (`retention`)
        erase=Erasure.BLANKED,
        because="That something was done stays provable; what it said about the person is erased.",
        person="{account} IN (account_id, actor)",
        organisation="organisation_id = {organisation}",
        personal="details",
        plain="id at act target_kind target_id account_id membership_id actor service session_id organisation_id seq",
        withheld="salt",
        technical="previous content_digest digest",
    ),
    Table(
        name="audit_queue",
        holds="Organisations whose newest acts are still to be sealed.",
        about=_NOBODY,
        keep=UNTIL_REPLACED,
        technical="id organisation_id",
        **_OWN,
    ),
    Table(
        name="audit_heads",
        holds="Where each organisation's chain of acts ends.",
        about=(About.ORGANISATION,),
        topic=Topic.TRAIL,
        keep=FOR_INSTALLATION,
        organisation="organisation_id = {organisation}",
        technical="organisation_id seq digest",
    ),
    Table(
        name="alembic_version",
        holds="Which changes of the tables' shape were made.",
        about=_NOBODY,
        keep=FOR_INSTALLATION,
        technical="version_num",
        **_OWN,
    ),
)
