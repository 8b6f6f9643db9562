"""Contacts: what their pages ask of the services, and what becomes of what was typed."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from parvis.documents.v1 import documents_pb2
from parvis.notify.v1 import notify_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Kind, ServiceError, Violation, conflict, forbidden, invalid, precondition, unavailable
from parvis_web.testing import Suite, text_of

CONTACT, PERSON, ACCESS = (f"0192f000-0000-7000-8000-0000000000c{n}" for n in range(3))
FOLDER, MESSAGE, DOCUMENT = (f"0192f000-0000-7000-8000-0000000000d{n}" for n in range(3))


def a_record(**changes: Any) -> tenancy_pb2.ContactRecord:
    record = tenancy_pb2.ContactRecord(
        contact=tenancy_pb2.Contact(
            id=CONTACT,
            kind=tenancy_pb2.CONTACT_KIND_CLIENT,
            code="C0042",
            name="Menuiserie Kerautret",
            addresses=tenancy_pb2.ContactAddresses(main="contact@kerautret.example"),
            advisers=[
                tenancy_pb2.Adviser(membership_id=ACCESS, name="Claire Orsel", role=tenancy_pb2.ADVISER_ROLE_MAIN)
            ],
            version=3,
            locale="fr",
        ),
        people=[
            tenancy_pb2.Person(id=PERSON, given_name="Yann", family_name="Kerautret", mail="yann@kerautret.example")
        ],
        may_edit=True,
        may_manage_accesses=True,
    )
    for name, value in changes.items():
        setattr(record, name, value)
    return record


def with_access(state: int) -> tenancy_pb2.ContactRecord:
    record = a_record()
    record.people[0].access.CopyFrom(
        tenancy_pb2.Access(membership_id=ACCESS, person_id=PERSON, identifier="C0042", state=state)
    )
    return record


def some_folders() -> documents_pb2.ListFoldersResponse:
    template = documents_pb2.FolderTemplate(id=FOLDER, name="Factures", portal=True, notification=True)
    return documents_pb2.ListFoldersResponse(
        folders=[documents_pb2.Folder(template=template, contact_id=CONTACT, documents=2, unread=1)]
    )


@pytest.fixture
def served(suite: Suite) -> Suite:
    document = documents_pb2.Document(id=DOCUMENT, name="Facture.pdf", folder_name="Factures", shared=True)
    document.filed_at.FromDatetime(datetime(2026, 11, 20, 9, tzinfo=UTC))
    message = notify_pb2.Message(
        id=MESSAGE,
        subject="Un document vous attend",
        recipient_mail="yann@kerautret.example",
        state=notify_pb2.MESSAGE_STATE_SENT,
    )
    message.sent_at.FromDatetime(datetime(2026, 11, 20, 10, tzinfo=UTC))
    suite.services.answers |= {
        "GetContact": lambda _: a_record(),
        "ListContacts": lambda _: tenancy_pb2.ListContactsResponse(
            contacts=[a_record().contact], total=120, next_page_token="further"
        ),
        "ListFolders": lambda _: some_folders(),
        "ListDocuments": lambda _: documents_pb2.ListDocumentsResponse(documents=[document], total=1),
        "ListMessages": lambda _: notify_pb2.ListMessagesResponse(messages=[message], total=1),
    }
    return suite


async def test_a_colleague_whose_clients_one_does_not_see_is_said_at_the_field(served: Suite):
    served.services.answers["CreateContact"] = forbidden("adviser_out_of_reach", right="contacts.read", helpers="")
    members = tenancy_pb2.ListMembersResponse(members=[tenancy_pb2.Member(id=ACCESS, family_name="Petit")])
    served.services.answers["ListMembers"] = members
    typed = {"kind": "client", "name": "Kerautret", "main_adviser_id": ACCESS, "act": "create"}
    answer = await served.post("/o/durand/contacts/new", typed)
    assert answer.status_code == 422
    assert 'id="f-main_adviser_id-error"' in answer.text
    assert "Choose yourself, then add your colleague among the advisers." in text_of(answer)


async def test_the_list_keeps_its_filters_and_hands_on_the_cursor(served: Suite):
    answer = await served.get("/o/durand/contacts?kind=employee&q=ker")
    request = served.services.last("ListContacts")
    assert (request.kind, request.query) == (tenancy_pb2.CONTACT_KIND_EMPLOYEE, "ker")
    assert "1 of 120" in text_of(answer)
    assert "after=further" in answer.text
    assert "q=ker" in answer.text


async def test_a_list_too_long_to_be_counted_says_so(served: Suite):
    served.services.answers["ListContacts"] = tenancy_pb2.ListContactsResponse(
        contacts=[a_record().contact], total=1000, more_than_total=True
    )
    assert "1 of more than 1,000" in text_of(await served.get("/o/durand/contacts"))
    assert "1 of more than 1,000" in text_of(await served.get("/o/durand/invoices/new"))


async def test_clients_who_never_signed_in_are_a_filter_of_their_own(served: Suite):
    answer = await served.get("/o/durand/contacts?kind=client&access=unused&q=ker")
    request = served.services.last("ListContacts")
    assert (request.kind, request.unused_access, request.query) == (tenancy_pb2.CONTACT_KIND_CLIENT, True, "ker")
    chips = re.findall(r'<a class="chip" href="([^"]+)" aria-current="true">([^<]+)', answer.text)
    assert [label for _, label in chips] == ["Clients", "Never signed in"]
    assert "access=" not in chips[1][0], "a second click lets go of it"
    assert '<input type="hidden" name="access" value="unused">' in answer.text


async def test_when_all_accesses_were_used_the_list_says_so(served: Suite):
    served.services.answers["ListContacts"] = tenancy_pb2.ListContactsResponse()
    assert "Everybody has signed in" in text_of(await served.get("/o/durand/contacts?access=unused"))


async def test_the_record_costs_five_calls_at_most(served: Suite):
    await served.get(f"/o/durand/contacts/{CONTACT}")
    served.services.calls.clear()
    answer = await served.get(f"/o/durand/contacts/{CONTACT}")
    assert answer.status_code == 200
    assert sorted(served.services.calls) == ["GetContact", "GetFrame", "ListDocuments", "ListFolders", "ListMessages"]


async def test_the_record_says_what_is_shared_and_what_happened(served: Suite):
    said = text_of(await served.get(f"/o/durand/contacts/{CONTACT}"))
    assert "No portal access" in said
    assert "Shared" in said
    assert "Facture.pdf filed in Factures" in said
    assert "Un document vous attend" in said


@pytest.mark.parametrize(("down", "name"), [("ListFolders", "Documents"), ("ListMessages", "Notifications")])
async def test_a_service_that_is_down_leaves_the_rest_of_the_record(served: Suite, down, name):
    served.services.answers[down] = unavailable("service_unavailable", service="x")
    answer = await served.get(f"/o/durand/contacts/{CONTACT}")
    assert answer.status_code == 200
    assert f"{name}: not available right now" in text_of(answer)
    assert "Yann Kerautret" in text_of(answer)


@pytest.mark.parametrize(
    ("state", "offered", "hidden"),
    [
        (tenancy_pb2.MEMBERSHIP_STATE_INVITED, f"{ACCESS}/resend", f"{ACCESS}/reopen"),
        (tenancy_pb2.MEMBERSHIP_STATE_ACTIVE, f"{ACCESS}/cut", f"{ACCESS}/resend"),
        (tenancy_pb2.MEMBERSHIP_STATE_CUT, f"{ACCESS}/reopen", f"{ACCESS}/cut"),
    ],
)
async def test_each_state_of_an_access_offers_what_can_be_done(served: Suite, state, offered, hidden):
    served.services.answers["GetContact"] = with_access(state)
    answer = await served.get(f"/o/durand/contacts/{CONTACT}")
    assert offered in answer.text
    assert hidden not in answer.text


async def test_who_may_not_manage_accesses_is_not_offered_it(served: Suite):
    served.services.answers["GetContact"] = a_record(may_manage_accesses=False, may_edit=False)
    answer = await served.get(f"/o/durand/contacts/{CONTACT}")
    assert "/access" not in answer.text
    assert f"{CONTACT}/edit" not in answer.text


async def test_a_contact_is_made_with_its_people(served: Suite):
    served.services.answers["CreateContact"] = a_record()
    answer = await served.post(
        "/o/durand/contacts/new",
        {
            "act": "create",
            "kind": "client",
            "name": "Menuiserie Kerautret",
            "main": "contact@kerautret.example",
            "lines": "2 quai Neuf\r\nBâtiment B",
            "country": "fr",
            "people.0.given_name": "",
            "people.1.given_name": "Yann",
            "people.1.family_name": "Kerautret",
        },
    )
    assert answer.headers["location"] == f"/o/durand/contacts/{CONTACT}"
    sent = served.services.last("CreateContact")
    assert list(sent.contact.address.lines) == ["2 quai Neuf", "Bâtiment B"]
    assert sent.contact.address.country == "FR"
    assert [person.given_name for person in sent.people] == ["Yann"]


async def test_one_more_person_is_a_button_that_needs_no_script(served: Suite):
    answer = await served.post(
        "/o/durand/contacts/new",
        {"act": "add_person", "kind": "client", "name": "Kept", "people.0.given_name": "Yann"},
    )
    assert answer.status_code == 200
    assert 'name="people.1.given_name"' in answer.text
    assert 'value="Kept"' in answer.text
    assert "CreateContact" not in served.services.calls


async def test_an_error_stands_at_its_field_and_what_was_typed_is_kept(served: Suite):
    served.services.answers["CreateContact"] = invalid(
        "fields_invalid", [Violation("people.0.mail", "mail_invalid"), Violation("addresses.billing", "mail_invalid")]
    )
    typed = {"act": "create", "kind": "client", "name": "Kerautret", "billing": "no", "people.0.mail": "nobody"}
    answer = await served.post("/o/durand/contacts/new", typed)
    assert answer.status_code == 422
    assert 'href="#f-people.0.mail"' in answer.text
    assert 'href="#f-billing"' in answer.text
    assert 'value="nobody"' in answer.text


async def test_when_somebody_was_faster_the_next_save_carries_the_new_version(served: Suite):
    served.services.answers["UpdateContact"] = conflict("stale_version", version="4")
    answer = await served.post(
        f"/o/durand/contacts/{CONTACT}/edit", {"name": "Mine", "kind": "client", "version": "3", "country": "FR"}
    )
    assert answer.status_code == 422
    assert 'value="Mine"' in answer.text
    assert 'name="version" value="4"' in answer.text
    assert "Somebody else changed this" in text_of(answer)


async def test_the_code_of_the_client_is_proposed_as_identifier(served: Suite):
    answer = await served.get(f"/o/durand/contacts/{CONTACT}/people/{PERSON}/access")
    assert 'value="C0042"' in answer.text
    assert "/login/durand" in answer.text


async def test_an_access_can_be_limited_to_folders(served: Suite):
    served.services.answers["GrantAccess"] = tenancy_pb2.Access(identifier="C0042")
    answer = await served.post(
        f"/o/durand/contacts/{CONTACT}/people/{PERSON}/access",
        {"identifier": "C0042", "reach": "some", "folders": FOLDER},
    )
    assert answer.status_code == 303
    assert list(served.services.last("GrantAccess").folder_template_ids) == [FOLDER]


async def test_some_folders_without_a_folder_is_asked_again(served: Suite):
    answer = await served.post(
        f"/o/durand/contacts/{CONTACT}/people/{PERSON}/access", {"identifier": "C0042", "reach": "some"}
    )
    assert answer.status_code == 422
    assert "GrantAccess" not in served.services.calls
    assert re.search(r'value="some"[^>]* checked', answer.text), "sent again, it would open every folder"


@pytest.mark.parametrize("method", ["get", "post"])
async def test_who_has_an_access_is_not_offered_another_but_told_where_to_go_on(served: Suite, method: str):
    served.services.answers["GetContact"] = lambda _: with_access(tenancy_pb2.MEMBERSHIP_STATE_INVITED)
    served.services.answers["GrantAccess"] = precondition("already_has_access")
    where = f"/o/durand/contacts/{CONTACT}/people/{PERSON}/access"

    answer = await (served.get(where) if method == "get" else served.post(where, {"way": "paper", "reach": "all"}))

    assert (answer.status_code, answer.headers["location"]) == (303, f"/o/durand/contacts/{CONTACT}")
    shown = await served.get(answer.headers["location"])
    assert "Yann Kerautret already has an access" in text_of(shown)
    assert f'/accesses/{ACCESS}/password">New provisional password' in shown.text


async def test_a_taken_identifier_is_said_at_its_field(served: Suite):
    served.services.answers["GrantAccess"] = conflict("identifier_taken", identifier="C0042")
    answer = await served.post(
        f"/o/durand/contacts/{CONTACT}/people/{PERSON}/access", {"identifier": "C0042", "reach": "all"}
    )
    assert answer.status_code == 422
    assert 'href="#f-identifier"' in answer.text
    assert "The identifier C0042 is already used" in text_of(answer)


async def test_two_main_advisers_are_refused_in_words(served: Suite):
    served.services.answers["SetAdvisers"] = ServiceError(
        Kind.INVALID, "fields_invalid", violations=[Violation("advisers", "one_main")]
    )
    answer = await served.post(
        f"/o/durand/contacts/{CONTACT}/advisers", {"act": "save", "member.0": ACCESS, "role.0": "further"}
    )
    assert answer.status_code == 422
    assert "Name exactly one main adviser" in text_of(answer)
