"""Why somebody may do something, or not: chains and remedies in sentences, in both languages."""

import pytest

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import forbidden
from parvis_web.testing import Suite, text_of

ID = "0192f000-0000-7000-8000-0000000000aa"
CONTACT = "0192f000-0000-7000-8000-0000000000cc"
OF_CONTACT = f"/o/durand/contacts/{CONTACT}/rights"
OF_MEMBER = f"/o/durand/settings/people/{ID}/why"
RIGHT = tenancy_pb2.Right(code="contacts.read", group="clients", scoped=True)
MEMBER = tenancy_pb2.Member(id=ID, given_name="Hugo", family_name="Petit")
LE_GOFF = tenancy_pb2.Contact(id=CONTACT, name="Le Goff", code="C0001")


def _fact(kind: str, subject: str = "Hugo Petit", other: str = "", **more: object) -> tenancy_pb2.ExplainedFact:
    return tenancy_pb2.ExplainedFact(kind=kind, subject_name=subject, object_name=other, **more)  # type: ignore[arg-type] # as declared


@pytest.fixture(autouse=True)
def answers(suite: Suite):
    people = [tenancy_pb2.RightsSubject(membership_id=ID, name="Hugo Petit")]
    suite.services.answers |= {
        "GetContact": tenancy_pb2.ContactRecord(contact=LE_GOFF),
        "ListContacts": tenancy_pb2.ListContactsResponse(contacts=[LE_GOFF]),
        "ListRights": tenancy_pb2.ListRightsResponse(rights=[RIGHT, tenancy_pb2.Right(code="members.read")]),
        "ListMembers": tenancy_pb2.ListMembersResponse(members=[MEMBER]),
        "GetMember": MEMBER,
        "ListSubjects": tenancy_pb2.ListSubjectsResponse(subjects=people),
    }


def _yes(suite: Suite) -> None:
    lent = _fact("delegated", other="Léa Roy", right="contacts.read")
    lent.until.FromJsonString("2026-12-24T12:00:00Z")
    chain = [
        _fact("active"),
        lent,
        _fact("profile", "Léa Roy", "Manager", right="contacts.read", scope=tenancy_pb2.SCOPE_ATTACHED),
        _fact("attached", "Marc Aubin", "Léa Roy"),
        _fact("advises", "Marc Aubin", "Le Goff"),
    ]
    suite.services.answers["Explain"] = tenancy_pb2.Explanation(allowed=True, chain=chain)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ("Hugo Petit stands in for Léa Roy until 24 December 2026.", "Marc Aubin is attached to Léa Roy")),
        ("fr", ("Hugo Petit remplace Léa Roy jusqu'au 24 décembre 2026.", "Marc Aubin relève de Léa Roy")),
    ],
)
async def test_a_yes_is_a_chain_of_sentences_with_names(suite: Suite, language: str, said: tuple[str, ...]):
    _yes(suite)
    suite.client.cookies.set("parvis_lang", language)
    page = text_of(await suite.get(f"{OF_CONTACT}?right=contacts.read&member={ID}"))
    for each in said:
        assert each in page
    asked = suite.services.last("Explain").question
    assert (asked.membership_id, asked.resource.type, asked.resource.id) == (ID, "contact", CONTACT)


async def test_a_no_says_what_would_be_enough_who_can_and_leads_there(suite: Suite):
    advise = tenancy_pb2.Change(
        kind="advise",
        subject_id=ID,
        subject_name="Hugo Petit",
        object_id=CONTACT,
        object_name="Le Goff",
        by_caller=True,
    )
    wider = tenancy_pb2.Change(
        kind="grant",
        subject_name="Hugo Petit",
        right="contacts.read",
        scope=tenancy_pb2.SCOPE_ALL,
        by=["Claire Martin"],
    )
    remedies = [tenancy_pb2.Remedy(changes=[advise]), tenancy_pb2.Remedy(changes=[wider])]
    suite.services.answers["Explain"] = tenancy_pb2.Explanation(reason="out_of_scope", remedies=remedies)
    answer = await suite.get(f"{OF_CONTACT}?member={ID}")
    page, said = answer.text, text_of(answer)
    assert "Hugo Petit holds the right “See clients”, but it does not reach this client." in said
    assert said.index("Add Hugo Petit to the advisers of Le Goff.") < said.index("over all clients.")
    assert f'href="/o/durand/contacts/{CONTACT}/advisers"' in page
    assert "Claire Martin can do it." in said


async def test_a_client_is_found_by_what_is_typed_or_chosen_among_several(suite: Suite):
    _yes(suite)
    assert "is attached to" in (await suite.get(f"{OF_MEMBER}?right=contacts.read&q=goff")).text
    other = tenancy_pb2.Contact(id=ID, name="Goff & fils")
    suite.services.answers["ListContacts"] = tenancy_pb2.ListContactsResponse(contacts=[LE_GOFF, other])
    page = (await suite.get(f"{OF_MEMBER}?right=contacts.read&q=goff")).text
    assert "Which client?" in page
    assert f"contact={CONTACT}" in page
    assert "is attached to" not in page
    suite.services.answers["ListContacts"] = tenancy_pb2.ListContactsResponse()
    assert "No client found" in (await suite.get(f"{OF_MEMBER}?right=contacts.read&q=zzz")).text


async def test_a_right_that_is_not_about_clients_needs_none(suite: Suite):
    suite.services.answers["Explain"] = tenancy_pb2.Explanation(reason="right_missing")
    page = text_of(await suite.get(f"{OF_MEMBER}?right=members.read&q=goff"))
    assert "Hugo Petit does not hold the right “See the people of the organisation”." in page
    assert not suite.services.last("Explain").question.resource.type


async def test_nobody_is_told_about_rights_without_seeing_people(suite: Suite):
    suite.services.answers["ListSubjects"] = forbidden("right_missing", right="members.read")
    assert (await suite.get(OF_CONTACT)).status_code == 403
