"""The audit trail of an organisation, joined from those of all services: one list by time, and what each act says.

Tokens of pages say a moment, the same for every service. A service that is down is named, and the others' acts are
shown; a search that stopped on its way in one service hides what others found before that place, for the next page.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from parvis.notify.v1 import notify_pb2
from parvis.tenancy.v1 import journal_pb2
from parvis.trail.v1 import trail_pb2
from parvis_kit.paging import LARGEST, cursor
from parvis_kit.text import search_key
from parvis_ui.translations import Words
from parvis_web.calls import at_once, if_allowed, or_down
from parvis_web.clients import Clients
from parvis_web.sentences import N_
from parvis_web.trail_acts import SAYS, SAYS_OF

SERVICES = {
    "identity": N_("Sign-in and accounts"),
    "tenancy": N_("Organisation and rights"),
    "documents": N_("Documents"),
    "notify": N_("Mails"),
    "billing": N_("Invoices"),
}
#: Words of a search that count; each one asks tenancy for people.
MOST_WORDS = 4
#: What an act's details name, beside its target: name of the value → kind of the thing.
_NAMED = {
    "product": "product",
    "contact_id": "contact",
    "membership_id": "membership",
    "account": "account",
    "managed": "account",
    "manager": "membership",
    "structure": "structure",
}
#: What an act is about where its target has no name: the first of these that it says.
_ABOUT = ("name", "number", "domain", "folder", "identifier", "code", "slug")
_MOST_NAMES = 500
#: Kind of target that notify names, not tenancy.
_MAIL = "message"
#: The right that shows mails.
READS_MAILS = "notifications.read"
#: Acts that people do before they are signed in, or that end what they did.
_OWN = (
    "sign_in.", "session.", "password.", "factor.", "recovery_code", "browser.", "passkey.", "address.", "consent.",
    "device.", "request.opened", "request.proven", "request.sent", "request.received", "request.throttled",
    "membership.activated", "account.activated", "account.claimed", "sso.vouched", "sso.signed_out_there",
    "sso.word_over",
)  # fmt: skip

Names = Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class Joined:
    """A page of the joined trail."""

    entries: Sequence[trail_pb2.Entry]
    #: The token of the next page; empty at the end.
    next: str = ""
    #: Services that did not answer, by their keys.
    down: tuple[str, ...] = ()
    #: Whether the page is short because a search stopped on its way: up to where it came.
    stopped: str = ""
    names: Names = field(default_factory=dict)


def place(token: str) -> tuple[str, str]:
    """What orders acts: the moment of a token, and the identifier of its act."""
    found = cursor(token)
    return (found.key, found.id.hex) if found else ("", "")


async def joined(
    clients: Clients, wanted: trail_pb2.EntryFilter, *, size: int, token: str = "", all_of_them: bool = False
) -> Joined:
    """The newest acts of all services behind a token. `all_of_them`: raises UNAVAILABLE rather than leave a service
    out.
    """
    request = trail_pb2.ListEntriesRequest(filter=wanted, page_size=size, page_token=token)
    calls = [stub.ListEntries(request) for stub in clients.trails.values()]
    answers = await at_once(*(calls if all_of_them else map(or_down, calls)))
    found = dict(zip(clients.trails, answers, strict=True))
    answered = [each for each in answers if each is not None]
    ends = [each.next_page_token for each in answered if each.next_page_token]
    end = max(ends, key=place, default="")
    entries = sorted((entry for each in answered for entry in each.entries), key=_order, reverse=True)
    if end:
        entries = [entry for entry in entries if _order(entry) >= place(end)]
    shown = entries[:size]
    behind = shown[-1].page_token if len(entries) > size else end
    return Joined(
        shown,
        next=behind,
        down=tuple(name for name, answer in found.items() if answer is None),
        stopped=end if wanted.words and end and len(entries) < size else "",
    )


async def nothing() -> Joined:
    """A page without acts: what was asked for cannot be read."""
    return Joined(())


def _order(entry: trail_pb2.Entry) -> tuple[str, str]:
    return place(entry.page_token)


async def names_of(
    clients: Clients,
    entries: Iterable[trail_pb2.Entry],
    more: Iterable[tuple[str, str]] = (),
    *,
    reads_mails: bool,
) -> Names:
    """What all that acts name is called today; nothing while tenancy is down. Mails have names for whom `reads_mails`
    says may read them.
    """
    wanted = {pair for pair in more if pair[1]}
    for entry in entries:
        wanted |= {("account", entry.account_id), ("account", entry.actor_id), (entry.target_kind, entry.target_id)}
        wanted |= {(kind, entry.details[key]) for key, kind in _NAMED.items() if key in entry.details}
    wanted = {(kind, id_) for kind, id_ in wanted if kind and id_}
    mails = [id_ for kind, id_ in sorted(wanted) if kind == _MAIL and _is_id(id_)] if reads_mails else []
    things = [journal_pb2.NamedThing(kind=kind, id=id_) for kind, id_ in sorted(wanted) if kind != _MAIL]
    parts = [things[at : at + _MOST_NAMES] for at in range(0, len(things), _MOST_NAMES)]
    called, *answers = await at_once(
        _mails(clients, mails),
        *(or_down(clients.journal.BatchGetNames(journal_pb2.BatchGetNamesRequest(things=part))) for part in parts),
    )
    names: dict[tuple[str, str], str] = called
    return names | {(each.kind, each.id): each.name for answer in answers if answer for each in answer.things}


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


async def _mails(clients: Clients, ids: Sequence[str]) -> dict[tuple[str, str], str]:
    """Whom mails went to, and their subjects, as notify has them: nothing of those that were erased, nor while it is
    down. The trail itself holds neither.
    """
    parts = [ids[at : at + LARGEST] for at in range(0, len(ids), LARGEST)]
    asked = [notify_pb2.ListMessagesRequest(ids=part, page_size=LARGEST) for part in parts]
    answers = await at_once(*(if_allowed(clients.messages.ListMessages(request)) for request in asked))
    found = [mail for answer in answers if answer for mail in answer.messages]
    told = {mail.id: (mail.recipient_name or mail.recipient_mail, mail.subject) for mail in found}
    return {(_MAIL, id_): " · ".join(filter(None, words)) for id_, words in told.items() if any(words)}


async def words_of(clients: Clients, words: Words, query: str) -> list[trail_pb2.EntryWord]:
    """The words of a search, with the acts whose sentence holds them and the people whose name does."""
    texts = list(dict.fromkeys(search_key(query).split()))[:MOST_WORDS]
    asked = [or_down(clients.journal.FindPeople(journal_pb2.FindPeopleRequest(query=text))) for text in texts]
    people = await at_once(*asked)
    return [
        trail_pb2.EntryWord(
            text=text,
            acts=[act for act, says in SAYS.items() if text in search_key(words(says))],
            account_ids=[each.id for each in answer.people] if answer else [],
        )
        for text, answer in zip(texts, people, strict=True)
    ]


def who(words: Words, entry: trail_pb2.Entry, names: Names) -> str:
    """Whose act it is. Before anybody is signed in it is the act of whom it is about."""
    _ = words
    if not entry.account_id:
        if entry.act.startswith(_OWN):
            return names.get((entry.target_kind, entry.target_id)) or _("Somebody")
        return _("The portal")
    name = names.get(("account", entry.account_id)) or _("Somebody outside the organisation")
    if entry.actor_id and entry.actor_id != entry.account_id:
        actor = names.get(("account", entry.actor_id)) or _("Somebody outside the organisation")
        return _("%(actor)s, seeing the portal as %(name)s,", actor=actor, name=name)
    return name


def sentence(words: Words, entry: trail_pb2.Entry, names: Names) -> str:
    """Who did what; an act without words is shown as it is called."""
    says = SAYS_OF.get((entry.act, entry.target_kind)) or SAYS.get(entry.act)
    return f"{who(words, entry, names)} {words(says) if says else entry.act}"


def about(entry: trail_pb2.Entry, names: Names) -> str:
    """What the act is about, as far as it has a name."""
    own = names.get((entry.target_kind, entry.target_id), "")
    if own and ((not entry.account_id and entry.act.startswith(_OWN)) or entry.target_id == entry.account_id):
        own = ""  # it stands in the sentence
    elif not own:
        own = next((entry.details[key] for key in _ABOUT if entry.details.get(key)), "")
    others = (names.get((kind, entry.details.get(key, "")), "") for key, kind in _NAMED.items())
    return " · ".join(dict.fromkeys(each for each in (own, *others) if each))


def value_of(key: str, value: str, names: Names) -> str:
    """A value of an act's details, by its name where it is a thing that has one."""
    return names.get((_NAMED.get(key, ""), value), value)
