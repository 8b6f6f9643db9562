"""Why somebody may do something, or not: asked from a client's record and from a colleague's, answered in sentences."""

from collections.abc import Sequence

from starlette.responses import Response

from parvis.tenancy.v1 import tenancy_pb2
from parvis_web import grids
from parvis_web.access import Area, staff
from parvis_web.calls import if_allowed
from parvis_web.explained import Explained, explained
from parvis_web.pages.contacts import active_members
from parvis_web.visit import OrganisationVisit

pages = Area("why", entry="contacts")

_SEE = "contacts.read"
_MOST_FOUND = 8
_MOST_NAMED = 100


def _chosen(visit: OrganisationVisit, rights: Sequence[tenancy_pb2.Right]) -> str:
    """The right that is asked about."""
    asked = visit.query.get("right", "")
    return asked if any(each.code == asked for each in rights) else _SEE


def _options(
    visit: OrganisationVisit, rights: Sequence[tenancy_pb2.Right], *, scoped: bool
) -> list[tuple[str, list[tuple[str, str]]]]:
    """Rights to choose from, by group; only those over clients where `scoped`."""
    groups = grids.grid(visit.words, rights, stored={}, chosen={}, held={})
    kept = [(each.label, [(row.code, row.label) for row in each.rows if row.scoped or not scoped]) for each in groups]
    return [(label, rows) for label, rows in kept if rows]


def _about(right: str, membership_id: str, contact_id: str) -> tenancy_pb2.ExplainRequest:
    resource = tenancy_pb2.ResourceRef(type="contact", id=contact_id) if contact_id else None
    question = tenancy_pb2.Question(membership_id=membership_id, right=right, resource=resource)
    return tenancy_pb2.ExplainRequest(question=question)


@pages.get("/o/{slug}/contacts/{id}/rights", staff("members.read"))
async def of_contact(visit: OrganisationVisit) -> Response:
    """Who may do what with a client, and why one colleague may, or may not."""
    contact_id, member_id = visit.request.path_params["id"], visit.query.get("member", "")
    right = visit.query.get("right", "") or _SEE
    clients = visit.clients
    _frame, record, rights, members, subjects = await visit.together(
        clients.contacts.GetContact(tenancy_pb2.GetContactRequest(id=contact_id)),
        clients.members.ListRights(tenancy_pb2.ListRightsRequest()),
        clients.members.ListMembers(active_members()),
        clients.rights.ListSubjects(
            tenancy_pb2.ListSubjectsRequest(
                right=right,
                resource=tenancy_pb2.ResourceRef(type="contact", id=contact_id),
                page_size=_MOST_NAMED,
                page_token=visit.query.get("after", ""),
            )
        ),
    )
    names = {each.id: f"{each.given_name} {each.family_name}".strip() for each in members.members}
    names |= {each.membership_id: each.name for each in subjects.subjects}
    answer = None
    if member_id:
        found = await clients.rights.Explain(_about(right, member_id, contact_id))
        answer = _answer(visit, found, rights.rights, names.get(member_id, ""), right)
    context = {
        "contact": record.contact,
        "here": f"{visit.base}/contacts/{contact_id}",
        "right": right,
        "options": _options(visit, rights.rights, scoped=True),
        "label": grids.labels(visit.words, rights.rights).get(right, right),
        "member": member_id,
        "name": names.get(member_id, ""),
        "members": [(each.id, names[each.id]) for each in members.members],
        "subjects": subjects.subjects,
        "next": subjects.next_page_token,
        "answer": answer,
    }
    return visit.render("why/contact.html", context)


@pages.get("/o/{slug}/settings/people/{id}/why", staff("members.read"), entry="settings.people")
async def of_member(visit: OrganisationVisit) -> Response:
    """Why one colleague may do something, with a client that is searched for by name or code."""
    member_id, query = visit.request.path_params["id"], visit.query.get("q", "").strip()
    contact_id = visit.query.get("contact", "")
    clients = visit.clients
    asked = tenancy_pb2.ListContactsRequest(query=query, kind=tenancy_pb2.CONTACT_KIND_CLIENT, page_size=_MOST_FOUND)
    _frame, member, rights, found, contact = await visit.together(
        clients.members.GetMember(tenancy_pb2.GetMemberRequest(id=member_id)),
        clients.members.ListRights(tenancy_pb2.ListRightsRequest()),
        if_allowed(_contacts(visit, asked if query and not contact_id else None)),
        if_allowed(_contact(visit, contact_id)),
    )
    name = f"{member.given_name} {member.family_name}".strip()
    right = _chosen(visit, rights.rights)
    scoped = {each.code for each in rights.rights if each.scoped}
    if found is not None and len(found.contacts) == 1:
        contact = found.contacts[0]
    answer = None
    if contact is not None or (visit.query.get("right") and (right not in scoped or not query)):
        about = _about(right, member_id, contact.id if contact is not None and right in scoped else "")
        answer = _answer(visit, await clients.rights.Explain(about), rights.rights, name, right)
    context = {
        "here": f"{visit.base}/settings/people/{member_id}",
        "name": name,
        "right": right,
        "scoped": right in scoped,
        "options": _options(visit, rights.rights, scoped=False),
        "label": grids.labels(visit.words, rights.rights).get(right, right),
        "query": query,
        "contact": contact,
        "found": found.contacts if found is not None and contact is None else (),
        "nobody": bool(query) and right in scoped and contact is None and not (found and found.contacts),
        "answer": answer,
    }
    return visit.render("why/member.html", context)


async def _contacts(
    visit: OrganisationVisit, request: tenancy_pb2.ListContactsRequest | None
) -> tenancy_pb2.ListContactsResponse | None:
    return await visit.clients.contacts.ListContacts(request) if request is not None else None


async def _contact(visit: OrganisationVisit, contact_id: str) -> tenancy_pb2.Contact | None:
    if not contact_id:
        return None
    return (await visit.clients.contacts.GetContact(tenancy_pb2.GetContactRequest(id=contact_id))).contact


def _answer(
    visit: OrganisationVisit,
    found: tenancy_pb2.Explanation,
    rights: Sequence[tenancy_pb2.Right],
    name: str,
    right: str,
) -> Explained:
    return explained(visit.words, found, rights, name=name, right=right, base=visit.base)
