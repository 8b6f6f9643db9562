"""What is kept and how long, in words for people: what every service says of its map of data (docs/adr/0031), put
together for the page on data and for that of one's own erasure.

It changes with a release or a setting: each process asks again after an hour. A service that does not answer leaves its
part unsaid, and the page says so.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from parvis.records.v1 import records_pb2 as pb
from parvis.records.v1 import records_pb2_grpc
from parvis_kit.caller import acting_for
from parvis_records.map import Map
from parvis_records.summary import summary
from parvis_ui.translations import Words
from parvis_web.calls import or_down
from parvis_web.sentences import N_

#: Seconds for which an answer counts.
_FRESH: Final = 3600.0
_YEAR: Final = 365
#: Topic → its heading, and what belongs to it. In the order of the page.
TOPICS: Final[Mapping[str, tuple[str, str]]] = {
    "account": (N_("Your account"), N_("Your name, your addresses, your language, and what you changed of them.")),
    "sign_in": (
        N_("Your sign-ins"),
        N_("Passwords (as hashes that nobody can read), second factors, browsers, sessions, tries that failed."),
    ),
    "applications": (N_("Your applications"), N_("Those that you signed in to, and what you let them know.")),
    "members": (N_("Your accesses"), N_("The organisations that you belong to, your profile and your rights there.")),
    "contacts": (
        N_("Records of clients and employees"),
        N_("What a firm notes about those whom it works for or employs: names, addresses, numbers."),
    ),
    "documents": (N_("Documents"), N_("Files and their versions, who filed them, who opened them.")),
    "mails": (N_("Mails"), N_("What the portal sent you, when, and whether it arrived.")),
    "invoices": (N_("Quotes and invoices"), N_("What a firm invoiced, and the papers that prove it.")),
    "trail": (N_("Record of acts"), N_("Who did what and when, so that it can be proven.")),
    "technical": (N_("Technical records"), N_("Messages between the parts of the portal, and those that failed.")),
}
ENDS: Final[Mapping[str, str]] = {
    "account": N_("as long as the account"),
    "contact": N_("until the firm erases its client or employee"),
    "membership": N_("as long as the organisation is on the portal; without the name once the account is erased"),
    "organisation": N_("as long as the organisation is on the portal"),
    "replaced": N_("until somebody takes it away or puts something else in its place"),
    "installation": N_("as long as the portal, without saying who anybody was"),
}
#: Why something stays when a person is erased, as the map says it. Several reasons of the map may be one for a reader.
STAYS: Final[Mapping[str, str]] = {
    "An invoice and what proves it are kept for ten years (Code de commerce, article L123-22).": N_(
        "Invoices and what proves them: ten years, by law (Commercial Code, article L123-22)."
    ),
    "The document is the firm's or its client's: they decide about it.": N_(
        "Documents that you filed for a firm or its client: they are theirs, and they decide about them."
    ),
    "It proves to the firm that its client had the document; the member's name is erased.": N_(
        "That a document was opened: it proves to the firm that its client had it. Your name is erased."
    ),
    "That a mail was sent and arrived stays provable to the firm.": N_(
        "That a mail was sent and arrived: the firm can prove it. Your address and the text are erased."
    ),
    "That something was done stays provable; what it said about the person is erased.": N_(
        "That something was done, and when: the record cannot be altered. What it said about you is erased."
    ),
    "What the member did for the organisation points to the row; nothing in it says who they were.": N_(
        "That somebody had an access to an organisation, without your name and your account."
    ),
    "Who could do what in the past stays provable.": N_(
        "Who could do what in the past: the rights stay provable, without your account."
    ),
    "Documents and invoices that a law keeps point to the row; the firm decides about its contacts.": N_(
        "The records that firms keep of their clients and employees: each firm decides about its own. Ask it."
    ),
    "That it was done stays provable, and a restored account can be erased again.": N_(
        "That an account was erased, as a digest from which nobody can be named."
    ),
}
#: Reasons of the map that are of no news to a reader: nothing in what stays is theirs.
UNSAID: Final = frozenset({
    "An older word of tenancy's must not bring the name back: the version stays.",
    "Documents point to the row.",
    "Documents that they filed point to the row.",
    "How many lines there were and what became of them stays.",
    "It goes by its age: nothing leads from the person to it.",
    "That somebody stood in explains who could do what.",
    "The access that was given points to the row; nothing in it says who they were.",
    "The counts are the firm's; names of what was refused go with their age.",
    "The demand is the organisation's; the person is taken out of it.",
    "The row names a membership that no longer says who it was.",
    "The row names a membership that no longer says who it was; the firm settles who comes next.",
    "The token is the firm's; who made it is taken out.",
    "What the store may still hold is found by the row, and a caller's own reference counts once.",
    "Whose accounts came with the file stays known, not who brought it.",
})  # fmt: skip
#: What stays of them is said with its reason; what goes needs no heading.
_SAID_ELSEWHERE: Final = frozenset(("technical", "contacts", "trail"))


@dataclass(frozen=True, slots=True)
class Part:
    """What is kept of one topic: in words, and for how long each kind of it."""

    name: str
    text: str
    terms: tuple[str, ...]


class Kept:
    """What all services keep, as far as they answer."""

    def __init__(self, stubs: Mapping[str, records_pb2_grpc.RecordsServiceStub], own: Map, settings: object) -> None:
        self._stubs = stubs
        self._own = summary(own, settings)
        self._known: dict[str, tuple[float, Sequence[pb.Holding]]] = {}

    async def holdings(self) -> tuple[list[pb.Holding], bool]:
        """What is kept, and whether every service said so."""
        due = [name for name in self._stubs if self._known.get(name, (0.0, ()))[0] < time.monotonic()]
        for name, found in zip(due, await asyncio.gather(*map(self._ask, due)), strict=True):
            if found is not None:
                self._known[name] = time.monotonic() + _FRESH, found.holdings
        said = [each for _, holdings in self._known.values() for each in holdings]
        return [*said, *self._own], self._known.keys() >= self._stubs.keys()

    async def _ask(self, name: str) -> pb.ListHoldingsResponse | None:
        with acting_for(None):
            return await or_down(self._stubs[name].ListHoldings(pb.ListHoldingsRequest()))


def parts(words: Words, holdings: Iterable[pb.Holding]) -> list[Part]:
    """Topic by topic, for how long what is kept."""
    found = list(holdings)
    return [
        Part(words(name), words(text), _terms(words, [each for each in found if each.topic == topic]))
        for topic, (name, text) in TOPICS.items()
        if any(each.topic == topic for each in found)
    ]


def goes(words: Words, holdings: Iterable[pb.Holding]) -> list[Part]:
    """What the erasure of an account takes away, topic by topic."""
    found = [each for each in holdings if "person" in each.about]
    kept = {each.topic for each in found if each.erased == "kept"} | _SAID_ELSEWHERE
    topics = {each.topic for each in found if each.erased == "deleted"} - kept
    wanted = [topic for topic in TOPICS if topic in topics]
    return [Part(words(TOPICS[topic][0]), words(TOPICS[topic][1]), ()) for topic in wanted]


def stays(words: Words, holdings: Iterable[pb.Holding]) -> list[str]:
    """What of a person stays, and why: laws first."""
    reasons = {each.because for each in holdings if "person" in each.about and each.because}
    return [words(text) for reason, text in STAYS.items() if reason in reasons]


def _terms(words: Words, holdings: Sequence[pb.Holding]) -> tuple[str, ...]:
    # The first of them is what the topic is about; the others are its smaller parts, and in docs/data.md.
    said = [words(text) for until, text in ENDS.items() if any(each.until == until for each in holdings)][:1]
    unused = {each.days for each in holdings if each.until == "account" and each.days}
    said += [words("erased after %(time)s without a sign-in", time=_time(words, days)) for days in sorted(unused)]
    laws = {each.law: each.days for each in holdings if each.until == "law"}
    said += [words("%(time)s, by law: %(law)s", time=_time(words, days), law=law) for law, days in laws.items()]
    ages = sorted({each.days for each in holdings if each.until == "age"})
    if len(ages) > 1:
        bounds = {"shortest": _time(words, ages[0]), "longest": _time(words, ages[-1])}
        said.append(words("what is over: %(shortest)s to %(longest)s, depending on what it is", **bounds))
    elif ages:
        said.append(words("what is over: %(time)s", time=_time(words, ages[0])))
    return tuple(said)


def _time(words: Words, days: int) -> str:
    if days >= _YEAR:
        return words.plural("%(num)s year", "%(num)s years", days // _YEAR)
    return words.plural("%(num)s day", "%(num)s days", days)
