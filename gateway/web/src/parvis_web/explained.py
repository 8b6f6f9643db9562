"""Explanations of rights in sentences: why somebody may, why not, and what could be done about it, by whom."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC

from parvis.tenancy.v1 import tenancy_pb2
from parvis_ui import formats
from parvis_ui.translations import Words
from parvis_web import grids
from parvis_web.sentences import N_

#: Kind of a link of a chain → what it says. ":scoped" where the right can be limited.
_FACTS = {
    "active": N_("The access of %(subject)s is open."),
    "administrator": N_("%(subject)s has the profile “%(object)s”, which holds every right over everything."),
    "profile": N_("%(subject)s has the profile “%(object)s”, which grants “%(right)s”."),
    "profile:scoped": N_("%(subject)s has the profile “%(object)s”, which grants “%(right)s” over %(scope)s."),
    "personal": N_("%(subject)s holds “%(right)s” personally, beyond their profile."),
    "personal:scoped": N_("%(subject)s holds “%(right)s” personally, beyond their profile, over %(scope)s."),
    "delegated": N_("%(subject)s stands in for %(object)s."),
    "delegated:until": N_("%(subject)s stands in for %(object)s until %(until)s."),
    "advises": N_("%(subject)s is among the advisers of %(object)s."),
    "attached": N_("%(subject)s is attached to %(object)s in the hierarchy."),
    "acts_for": N_("%(subject)s uses the portal for %(object)s."),
    "within": N_("%(object)s belongs to the structure that %(subject)s administers."),
    "subscribed": N_("The organisation has “%(object)s”."),
    "assigned": N_("“%(object)s” is assigned to %(subject)s."),
}
#: Reason of a no → what it says.
_REASONS = {
    "membership_ended": N_("The access of %(name)s is not open."),
    "right_missing": N_("%(name)s does not hold the right “%(right)s”."),
    "out_of_scope": N_("%(name)s holds the right “%(right)s”, but it does not reach this client."),
    "out_of_tier": N_("%(name)s holds the right “%(right)s”, but over another part of the organisation."),
    "not_subscribed": N_("The organisation does not have this application."),
    "not_assigned": N_("This application is not assigned to %(name)s."),
}
#: Kind of a change → what could be done.
_CHANGES = {
    "open": N_("Open the access of %(subject)s again, or wait until the invitation is accepted."),
    "assign": N_("Assign “%(object)s” to %(subject)s."),
    "act_for": N_("Give %(subject)s access to the portal of %(object)s."),
    "advise": N_("Add %(subject)s to the advisers of %(object)s."),
    "grant": N_("Give %(subject)s the right “%(right)s”."),
    "grant:scoped": N_("Give %(subject)s the right “%(right)s” over %(scope)s."),
    "attach": N_("Attach %(object)s to %(subject)s in the hierarchy."),
    "lift_tier": N_("Let %(subject)s administer the whole organisation, not only “%(object)s”."),
    "subscribe": N_("Subscribe to “%(object)s”."),
}


@dataclass(frozen=True, slots=True)
class Step:
    """Something that could be done. `by`: who can, beside the reader; `href`: where the reader does it."""

    text: str
    by: tuple[str, ...]
    by_reader: bool
    href: str


@dataclass(frozen=True, slots=True)
class Explained:
    """An answer as a page says it. `ways`: of a no, sets of steps that are each enough, the smallest first."""

    allowed: bool
    reason: str
    chain: tuple[str, ...]
    ways: tuple[tuple[Step, ...], ...]


def explained(
    words: Words,
    found: tenancy_pb2.Explanation,
    rights: Iterable[tenancy_pb2.Right],
    *,
    name: str,
    right: str,
    base: str,
) -> Explained:
    """An explanation in sentences. `name`: whose right it is about; `base`: of the organisation's addresses."""
    named = {each.code: each for each in rights}
    reason = (
        words(_REASONS[found.reason], name=name, right=_right(words, named, right)) if found.reason in _REASONS else ""
    )
    return Explained(
        found.allowed,
        reason,
        tuple(_fact(words, each, named) for each in found.chain),
        tuple(tuple(_step(words, each, named, base) for each in way.changes) for way in found.remedies),
    )


def _right(words: Words, named: Mapping[str, tenancy_pb2.Right], code: str) -> str:
    return grids.label_of(words, named[code]) if code in named else code


def _told(
    words: Words,
    link: tenancy_pb2.ExplainedFact | tenancy_pb2.Change,
    named: Mapping[str, tenancy_pb2.Right],
    sources: Mapping[str, str],
    **more: str,
) -> str:
    scoped = link.right in named and named[link.right].scoped
    wanted = [f"{link.kind}:until"] if more else [f"{link.kind}:scoped"] if scoped else []
    source = next((sources[each] for each in (*wanted, link.kind) if each in sources), "")
    values = {
        "subject": link.subject_name,
        "object": link.object_name,
        "right": _right(words, named, link.right),
        "scope": grids.scope_name(words, link.scope),
        **more,
    }
    return words(source, **values) if source else ""


def _fact(words: Words, fact: tenancy_pb2.ExplainedFact, named: Mapping[str, tenancy_pb2.Right]) -> str:
    until = {}
    if fact.HasField("until"):
        until["until"] = formats.long_date(formats.local(fact.until.ToDatetime(UTC)), words.language)
    return _told(words, fact, named, _FACTS, **until)


def _step(words: Words, change: tenancy_pb2.Change, named: Mapping[str, tenancy_pb2.Right], base: str) -> Step:
    places = {
        "advise": f"{base}/contacts/{change.object_id}/advisers",
        "assign": f"{base}/settings/people/{change.subject_id}#applications",
        "open": f"{base}/settings/people/{change.subject_id}",
        "grant": f"{base}/settings/people/{change.subject_id}/rights",
        "attach": f"{base}/settings/people/{change.object_id}/superior?manager={change.subject_id}&see=1",
    }
    href = places.get(change.kind, "") if change.by_caller else ""
    return Step(_told(words, change, named, _CHANGES), tuple(change.by), change.by_caller, href)
