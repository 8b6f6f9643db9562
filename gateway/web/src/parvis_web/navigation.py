"""What stands around the pages of an organisation: its navigation, the organisations to switch to, who is reading."""

from datetime import UTC
from typing import TYPE_CHECKING

from parvis_ui.frame import MAXIMUM_ENTRIES, Closing, Entry, Frame, Group, Organisation, Person, Viewing

if TYPE_CHECKING:
    from parvis.tenancy.v1 import tenancy_pb2
    from parvis_ui.translations import Words
    from parvis_web.visit import OrganisationVisit


def frame_of(visit: "OrganisationVisit", frame: "tenancy_pb2.Frame") -> Frame:
    """The frame of a page, in the reader's language."""
    _, face, member = visit.words, frame.organisation, frame.membership
    name = f"{member.given_name} {member.family_name}".strip() or _("My account")
    mine = () if visit.viewing else visit.session.organisations
    if mine and all(each.face.slug != face.slug for each in mine):
        mine = (visit.organisation, *mine[:-1])
    others = [
        Organisation(
            each.face.name,
            f"/o/{each.face.slug}/",
            detail=each.profile_name or _("Client access"),
            current=each.face.slug == face.slug,
            accent=each.face.accent,
        )
        for each in mine
    ]
    return Frame(
        organisation=Organisation(face.name, f"{visit.base}/", current=True, accent=face.accent),
        navigation=_portal(visit) if visit.is_portal else _staff(visit),
        person=_person(visit, name, member.profile_name or _("Client access")),
        organisations=others if len(others) > 1 or visit.session.partial else (),
        organisations_total=visit.session.organisations_total,
        others_href="" if visit.viewing else visit.others_href,
        csrf=visit.csrf,
        viewing=_viewing(visit),
        closing=_closing(visit, frame),
    )


def _person(visit: "OrganisationVisit", name: str, detail: str) -> Person:
    """Whoever views as somebody else has neither their account nor their session."""
    own = visit.viewing is None
    return Person(name, detail, f"{visit.base}/account" if own else "", "/auth/sign-out" if own else "")


def _viewing(visit: "OrganisationVisit") -> Viewing | None:
    seen = visit.viewing
    if seen is None:
        return None
    return Viewing(seen.name, seen.viewer_name, seen.minutes_left(), f"{visit.base}/viewing/end")


def _closing(visit: "OrganisationVisit", frame: "tenancy_pb2.Frame") -> Closing | None:
    if not frame.HasField("closes_at"):
        return None
    page = f"{visit.base}/settings/data/closing"
    administers = frame.membership.profile_built_in == "administrator" and visit.may("organisation.manage")
    return Closing(
        frame.closes_at.ToDatetime(UTC),
        visit.is_portal,
        "" if visit.is_portal else page,
        f"{page}/reopen" if administers else "",
    )


def _portal(visit: "OrganisationVisit") -> list[Group]:
    return [
        Group(
            [
                _entry(visit, "home", visit.words("Home"), "/", "home"),
                _entry(visit, "documents", visit.words("Documents"), "/documents", "documents"),
                _entry(visit, "invoices", visit.words("Invoices"), "/invoices", "invoice"),
            ]
        )
    ]


def _staff(visit: "OrganisationVisit") -> list[Group]:
    _, may = visit.words, visit.may
    work = [
        _entry(visit, "home", _("Home"), "/", "home"),
        _entry(visit, "applications", _("Applications"), "/applications", "applications"),
    ]
    if visit.is_provider and may("organisations.manage"):
        work.append(_entry(visit, "customers", _("Customers"), "/customers", "company"))
    if may("documents.read"):
        work.append(_entry(visit, "documents", _("Documents"), "/documents", "documents"))
    if may("contacts.read"):
        work.append(
            _entry(visit, "contacts", _("Contacts") if visit.is_provider else _("Clients"), "/contacts", "clients")
        )
    if may("invoices.read"):
        work.append(_entry(visit, "invoices", _("Invoices"), "/invoices", "invoice"))
    tabs = settings_tabs(visit)
    if may("notifications.read") and len(work) + bool(tabs) < MAXIMUM_ENTRIES:
        work.append(_entry(visit, "notifications", _("Notifications"), "/notifications", "bell"))
    groups = [Group(work)]
    if tabs:
        label = _("Organisation") if visit.is_provider else _("Firm")
        groups.append(Group([Entry(label, tabs[0].href, "firm", current=visit.route.entry.startswith("settings"))]))
    return groups


def _entry(visit: "OrganisationVisit", key: str, label: str, path: str, icon: str) -> Entry:
    return Entry(label, visit.base + path, icon, current=visit.route.entry == key)


def settings_tabs(visit: "OrganisationVisit") -> list[Entry]:
    """The pages of the organisation's administration that the reader may open: `ui.tabs(tabs, …)` heads each of
    them.
    """
    _: Words = visit.words
    offered = (
        ("settings.people", _("People"), "people", ("members.read",)),
        ("settings.profiles", _("Profiles"), "profiles", ("members.read",)),
        ("settings.applications", _("Applications"), "applications", ("members.read",)),
        ("settings.organisation", _("Record"), "organisation", ("organisation.manage",)),
        ("settings.structures", _("Structures"), "structures", ("organisation.manage",)),
        ("settings.referents", _("Referents"), "referents", ("members.read",)),
        ("settings.sign_in", _("Sign-in"), "sign-in", ("sign_in.manage",)),
        ("settings.passwords", _("Passwords"), "passwords", ("organisation.manage",)),
        ("settings.folders", _("Folders"), "folders", ("folders.configure",)),
        ("settings.templates", _("Mail templates"), "templates", ("notifications.configure",)),
        ("settings.audit", _("Audit trail"), "audit", ("audit.view",)),
        ("settings.records", _("Data"), "data", ("organisation.manage",)),
        ("settings.imports", _("Imports"), "imports", ("organisations.manage",)),
        ("settings.products", _("Products"), "products", ("products.manage",)),
    )
    return [
        Entry(label, f"{visit.base}/settings/{path}", current=_is_of(visit, key))
        for key, label, path, rights in offered
        if all(map(visit.may, rights))
    ]


def _is_of(visit: "OrganisationVisit", key: str) -> bool:
    return f"{visit.route.entry}.".startswith(f"{key}.")


def sign_in_tabs(visit: "OrganisationVisit") -> list[Entry]:
    """The pages about how people of the organisation sign in: `ui.subtabs(pages, …)` below the tabs. An area is of one
    of them by its `entry`.
    """
    _: Words = visit.words
    offered = (
        ("overview", _("Overview"), ""),
        ("directories", _("Directories"), "/directories"),
        ("domains", _("Mail domains"), "/domains"),
        ("policy", _("Demands"), "/policy"),
        ("mapping", _("Groups and profiles"), "/mapping"),
        ("scim", _("Synchronisation"), "/scim"),
    )
    return [
        Entry(label, f"{visit.base}/settings/sign-in{path}", current=_is_of(visit, f"settings.sign_in.{key}"))
        for key, label, path in offered
    ]
