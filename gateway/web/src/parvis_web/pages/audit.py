"""The audit trail of the organisation: who did what in all services, searched, one act with its proof, as a file."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from starlette.responses import Response, StreamingResponse

from parvis.tenancy.v1 import journal_pb2
from parvis.trail.v1 import trail_pb2
from parvis_kit.errors import Kind, ServiceError, not_found
from parvis_kit.text import search_key
from parvis_ui import formats
from parvis_ui.forms import Errors
from parvis_ui.lists import Chip, Event, changed
from parvis_ui.translations import Words
from parvis_web import trail_files, trails
from parvis_web.access import Area, staff
from parvis_web.calls import at_once, or_down
from parvis_web.navigation import settings_tabs
from parvis_web.pages import labels
from parvis_web.sentences import N_
from parvis_web.templating import moment
from parvis_web.trail_acts import ACTS, GROUPS
from parvis_web.visit import OrganisationVisit

RIGHT = "audit.view"
_DAYS = ("since", "until")
PAGE = 50
pages = Area("audit", entry="settings.audit")

_ICONS = {
    "people": "people", "clients": "clients", "documents": "document", "messages": "mail", "invoices": "invoice",
    "products": "applications", "sign_in": "key", "directory": "identity", "organisation": "firm",
}  # fmt: skip
_GROUP_OF = {act: group for group, acts in ACTS.items() for act in acts}
#: Acts that did not happen: whoever reads the trail looks for them.
_REFUSED = (".refused", ".failed", ".throttled", ".replayed", "_failed", "_refused", ".reused")
#: What the values of an act's details are called; others by their key.
LABELS = {
    "name": N_("Name"), "profile": N_("Profile"), "product": N_("Application"), "reason": N_("Reason"),
    "why": N_("Reason"), "address": N_("Network address"), "device": N_("Device"), "folder": N_("Folder"),
    "version": N_("Version"), "number": N_("Number"), "identifier": N_("Identifier"), "seats": N_("Seats"),
    "domain": N_("Mail domain"), "rights": N_("Rights"), "contact_id": N_("Client"), "contact": N_("Client"),
    "until": N_("Until"), "format": N_("Format"), "kind": N_("Kind"), "sha256": N_("SHA-256 of the file"),
    "manager": N_("Superior"), "size": N_("Size in bytes"), "code": N_("Code"), "members": N_("Members"),
}  # fmt: skip
#: Kind of target → where its page is, and the right that opens it.
_PLACES = {
    "contact": ("/contacts/{id}", "contacts.read"),
    "membership": ("/settings/people/{id}", "members.read"),
    "document": ("/documents/{id}", "documents.read"),
    "invoice": ("/invoices/{id}", "invoices.read"),
    "message": ("/notifications/{id}", "notifications.read"),
    "profile": ("/settings/profiles/{id}", "members.read"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for."""

    query: str
    kind: str
    person: str
    target: tuple[str, str]
    since: date | None
    until: date | None
    #: Filters that stand there and cannot be read, with their text: nothing is shown or exported as if they did not.
    unreadable: Mapping[str, str]

    @property
    def anything(self) -> bool:
        """Whether less than everything is asked for."""
        return bool(self.query or self.kind or self.target[1] or self.more)

    @property
    def more(self) -> bool:
        """Whether one of the conditions that are folded away is in use."""
        return bool(self.person or self.since or self.until or self.unreadable)


def asked(query: Mapping[str, str]) -> Asked:
    """Reads the filters of an address."""
    kind, target = query.get("kind", ""), query.get("about", "").partition(":")
    days = {name: _day(query.get(name, "")) for name in _DAYS}
    read = {**days, "kind": kind if kind in ACTS else None, "about": target[2] or None}
    return Asked(
        query=query.get("q", "").strip()[:200],
        kind=kind if kind in ACTS else "",
        person=query.get("person", ""),
        target=(target[0], target[2]),
        since=days["since"],
        until=days["until"],
        unreadable={name: query[name] for name, value in read.items() if query.get(name) and value is None},
    )


async def filter_of(visit: OrganisationVisit, wanted: Asked) -> trail_pb2.EntryFilter:
    """The same as services are asked for it."""
    found = trail_pb2.EntryFilter(
        account_id=wanted.person,
        acts=sorted(ACTS[wanted.kind]) if wanted.kind else [],
        target_kind=wanted.target[0] if wanted.target[1] else "",
        target_id=wanted.target[1],
        words=await trails.words_of(visit.clients, visit.words, wanted.query) if wanted.query else [],
    )
    zone = formats.zone(visit.frame.time_zone)
    if wanted.since:
        found.since.FromDatetime(datetime.combine(wanted.since, time(), zone).astimezone(UTC))
    if wanted.until:
        found.until.FromDatetime(datetime.combine(wanted.until + timedelta(days=1), time(), zone).astimezone(UTC))
    return found


@pages.get("/o/{slug}/settings/audit", staff(RIGHT))
async def journal(visit: OrganisationVisit) -> Response:
    """The newest acts of all services, by day."""
    _, wanted = visit.words, asked(visit.query)
    if wanted.unreadable.keys() - _DAYS:
        return visit.redirect(f"{visit.base}/settings/audit")  # it is no form's: the page begins anew
    sent = await filter_of(visit, wanted)
    found, people = None, None
    try:
        _frame, found, people = await visit.together(
            trails.nothing()
            if wanted.unreadable
            else trails.joined(visit.clients, sent, size=PAGE, token=visit.query.get("after", "")),
            or_down(visit.clients.journal.FindPeople(journal_pb2.FindPeopleRequest())),
        )
    except ServiceError as error:
        if error.kind is not Kind.INVALID:
            raise
        # Somebody changed the address by hand: the page begins anew.
        return visit.redirect(f"{visit.base}/settings/audit")
    named = [("account", wanted.person), wanted.target]
    names = await trails.names_of(visit.clients, found.entries, named, reads_mails=visit.may(trails.READS_MAILS))
    choices = {each.id: each.name for each in people.people} if people else {}
    if wanted.person:
        choices.setdefault(wanted.person, names.get(("account", wanted.person), _("Somebody outside the organisation")))
    context = {
        "tabs": settings_tabs(visit),
        "events": [_event(visit, entry, names) for entry in found.entries],
        "next": changed(visit.address, after=found.next) if found.next else "",
        "stopped": _until(found.stopped),
        "down": [_(trails.SERVICES[name]) for name in found.down],
        "all_down": len(found.down) == len(trails.SERVICES),
        "wanted": wanted,
        "about": names.get(wanted.target, "") or (wanted.target[1] and _("one thing")),
        "later": bool(visit.query.get("after")),
        "more_people": bool(people and people.more),
        "people": sorted(choices.items(), key=lambda pair: search_key(pair[1])),
        "kept": {name: visit.query[name] for name in ("kind", "about") if visit.query.get(name)},
        "all_kept": {n: visit.query[n] for n in ("kind", "about", "person", "since", "until") if visit.query.get(n)},
        "export": changed(f"{visit.base}/settings/audit/export?{visit.request.url.query}"),
        "chips": [
            Chip(label, changed(visit.address, kind=key), active=wanted.kind == key)
            for key, label in (("", _("All")), *((group, _(name)) for group, name in GROUPS.items()))
        ],
    }
    context["typed"] = {name: wanted.unreadable.get(name) or getattr(wanted, name) for name in _DAYS}
    context["errors"] = Errors(
        {
            name: _("“%(text)s” cannot be read as a day of the trail. Choose one in the calendar.", text=text)
            for name, text in wanted.unreadable.items()
        }
    )
    return visit.render("audit/journal.html", context, status=422 if wanted.unreadable else 200)


@pages.get("/o/{slug}/settings/audit/export", staff(RIGHT))
async def export(visit: OrganisationVisit) -> Response:
    """Which files there are, and what each is for."""
    await visit.together()
    wanted, query = asked(visit.query), visit.request.url.query
    if wanted.unreadable:
        return _no_export(visit, wanted)
    here = f"{visit.base}/settings/audit/export"
    context = {
        "tabs": settings_tabs(visit),
        "wanted": wanted,
        "table": changed(f"{here}.csv?{query}"),
        "proof": f"{here}.jsonl",
        "back": changed(f"{visit.base}/settings/audit?{query}"),
        "everything": here,
        "name": _name(visit, "jsonl"),
    }
    return visit.render("audit/export.html", context)


@pages.get("/o/{slug}/settings/audit/export.csv", staff(RIGHT), file=True)
async def table(visit: OrganisationVisit) -> Response:
    """The acts that the filters let through, for a spreadsheet."""
    read = asked(visit.query)
    await visit.together()
    if read.unreadable:
        return _no_export(visit, read)
    wanted = await filter_of(visit, read)
    first = await trail_files.first_page(visit, wanted)
    await visit.clients.journal.RecordExport(journal_pb2.RecordExportRequest(format="csv"))
    language = visit.portal.pages.language(visit.request)
    return _file(visit, trail_files.table(visit, wanted, first, language), "csv", "text/csv; charset=utf-8")


@pages.get("/o/{slug}/settings/audit/export.jsonl", staff(RIGHT), file=True)
async def proof(visit: OrganisationVisit) -> Response:
    """The whole trail, to be verified elsewhere."""
    await visit.together()
    await trail_files.first_page(visit, trail_pb2.EntryFilter())  # every service is there, or nothing is begun
    await visit.clients.journal.RecordExport(journal_pb2.RecordExportRequest(format="proof"))
    return _file(visit, trail_files.proof(visit), "jsonl", "application/jsonl")


def _no_export(visit: OrganisationVisit, wanted: Asked) -> Response:
    """Refuses a file that would hold more than whoever asked for it believes."""
    _ = visit.words
    what = ", ".join(f"{name}={text}" for name, text in wanted.unreadable.items())
    return visit.error(
        422,
        _("Nothing was exported"),
        _("The address asks for less than everything, in a way that cannot be read: %(what)s.", what=what),
        actions=((_("Audit trail"), f"{visit.base}/settings/audit"),),
    )


def _file(visit: OrganisationVisit, content: AsyncIterator[bytes], ending: str, media_type: str) -> Response:
    headers = {
        "Content-Disposition": f'attachment; filename="{_name(visit, ending)}"',
        "Cache-Control": "no-store",
    }
    return StreamingResponse(content, media_type=media_type, headers=headers)


def _name(visit: OrganisationVisit, ending: str) -> str:
    return f"{visit.organisation.face.slug}-{datetime.now(UTC):%Y-%m-%d}.{ending}"


@pages.get("/o/{slug}/settings/audit/{service}/{id}", staff(RIGHT))
async def entry(visit: OrganisationVisit) -> Response:
    """One act: what it says, and its place in the chain."""
    _ = visit.words
    stub = visit.clients.trails.get(visit.request.path_params["service"])
    if stub is None:
        raise not_found()
    request = trail_pb2.GetEntryRequest(id=visit.request.path_params["id"])
    _frame, record = await visit.together(stub.GetEntry(request))
    act = record.entry
    covered = journal_pb2.GetCoverRequest(service=act.service, seq=act.seq)
    names, cover = await at_once(
        trails.names_of(visit.clients, [act], reads_mails=visit.may(trails.READS_MAILS)),
        or_down(visit.clients.journal.GetCover(covered)),
    )
    anchor = cover.anchor if cover and act.seq and cover.HasField("anchor") else None
    context = {
        "tabs": settings_tabs(visit),
        "record": record,
        "entry": act,
        "title": trails.sentence(_, act, names),
        "when": moment(act.at),
        "who": trails.who(_, act, names),
        "about": trails.about(act, names),
        "about_href": _place_of(visit, act),
        "service": _(trails.SERVICES.get(act.service, act.service)),
        "details": [
            (_label(_, key), said)
            for key, value in sorted(act.details.items())
            if (said := _said(_, act, key, value, names))
        ],
        "anchor": anchor,
        "anchored_on": json.loads(anchor.statement)["day"] if anchor else "",
    }
    return visit.render("audit/entry.html", context)


def _event(visit: OrganisationVisit, entry: trail_pb2.Entry, names: trails.Names) -> Event:
    return Event(
        moment(entry.at) or datetime.now(UTC),
        trails.sentence(visit.words, entry, names),
        trails.about(entry, names),
        icon=_ICONS.get(_GROUP_OF.get(entry.act, ""), "info"),
        kind="warn" if entry.act.endswith(_REFUSED) else "",
        href=f"{visit.base}/settings/audit/{entry.service}/{entry.id}",
    )


def _label(_: Words, key: str) -> str:
    return _(LABELS[key]) if key in LABELS else key.replace("_", " ")


def _said(_: Words, act: trail_pb2.Entry, key: str, value: str, names: trails.Names) -> str:
    """A value of the act's details in words; empty for a kind of mail that no page calls by a name."""
    if (act.target_kind, key) != ("message", "kind"):
        return trails.value_of(key, value, names)
    kind = labels.MAIL_KINDS.get(value.replace("_", "-"))
    return labels.mail_name(_, kind) if kind else ""


def _place_of(visit: OrganisationVisit, entry: trail_pb2.Entry) -> str:
    path, right = _PLACES.get(entry.target_kind, ("", ""))
    return visit.base + path.format(id=entry.target_id) if path and visit.may(right) else ""


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 1970 <= found.year < 9999 else None  # noqa: PLR2004 - what a moment can be


def _until(token: str) -> Any:
    return datetime.fromisoformat(trails.place(token)[0]).replace(tzinfo=UTC) if token else None
