"""What the groups of the directory give: read, tried on everybody, saved; and the record of who came from it."""

import json

import pytest

from parvis.tenancy.v1 import tenancy_pb2 as pb
from parvis_kit.errors import Kind, ServiceError, Violation, conflict, forbidden, invalid
from parvis_web.testing import text_of

HERE = "/o/durand/settings/sign-in/mapping"
RULE = pb.DirectoryRule(value="Conseil", profile_id="p1", profile_name="Conseiller", structure_name="Nantes")
SECOND = pb.DirectoryRule(claim="department", value="Rennes", structure_id="s1", structure_name="Ouest")
FOUND = pb.DirectoryMapping(
    rules=[RULE, SECOND], version=3, owner_id="m1", owner_name="Ida Roux",
    seen=[pb.DirectoryFact(value="Conseil", people=4), pb.DirectoryFact(value="Paie", people=2),
          pb.DirectoryFact(claim="department", value="Rennes", people=3)],
    people=[pb.DirectoryCount(outcome=1, people=4), pb.DirectoryCount(outcome=2, people=2)],
    troubles=[pb.DirectoryTrouble(name="Maëlle Guivarc’h", outcome=2)],
)  # fmt: skip


@pytest.fixture
def firm(suite):
    suite.services.answers["GetDirectoryMapping"] = FOUND
    return suite


def sent(suite, method):
    return [request for name, request in suite.services.requests if name == method]


async def test_rules_are_shown_in_order_with_who_stands_otherwise(firm):
    said = text_of(await firm.get(HERE))
    assert said.index("Conseiller · Nantes") < said.index("department = Rennes")
    assert "4 people have an access." in said
    assert "2 people are in no group that gives a profile: no access." in said
    assert "Maëlle Guivarc'h" in said
    assert "Saved by Ida Roux" in said


async def test_a_rule_that_makes_administrators_is_said_to_make_the_directory_their_master(firm):
    assert "Your directory names administrators" not in text_of(await firm.get(HERE))
    master = pb.Profile(id="p1", name="Administrateur", built_in="administrator")
    firm.services.answers["ListProfiles"] = pb.ListProfilesResponse(profiles=[master])
    assert "Your directory names administrators" in text_of(await firm.get(HERE))


async def test_groups_that_no_rule_names_are_proposed(firm):
    page = await firm.get(HERE)
    assert f"{HERE}/rules/new?value=Paie" in page.text
    assert f"{HERE}/rules/new?value=Conseil" not in page.text


async def test_who_saved_the_rules_and_left_is_said_with_what_to_do(firm):
    left = pb.DirectoryMapping()
    left.CopyFrom(FOUND)
    left.owner_left = True
    firm.services.answers["GetDirectoryMapping"] = left
    page = await firm.get(HERE)
    assert "Ida Roux saved these rules and has no access any more." in text_of(page)
    answer = await firm.post(HERE, {"act": "take_over", "version": "3"})
    assert answer.status_code == 303
    assert [len(each.mapping.rules) for each in sent(firm, "SaveDirectoryMapping")] == [2]


async def test_what_its_owner_does_not_hold_any_more_is_named(firm):
    short = pb.DirectoryMapping()
    short.CopyFrom(FOUND)
    short.rules[0].above.append("invoices.read")
    firm.services.answers["GetDirectoryMapping"] = short
    said = text_of(await firm.get(HERE))
    assert "Ida Roux saved these rules and does not hold all that they give any more: invoices.read." in said
    assert "Not given" in said


async def test_whom_a_change_concerns_is_shown_before_it_is_saved(firm):
    change = pb.DirectoryChange(name="Anna Roux", profile_before="Conseiller", profile_after="Manager")
    gone = pb.DirectoryChange(name="Bruno Le Goff", profile_before="Conseiller")
    preview = pb.DirectoryPreview(total=2, changes=[change, gone])
    firm.services.answers["PreviewDirectoryMapping"] = preview
    page = await firm.post(f"{HERE}/rules/new", {"value": "Paie", "claim": "", "profile_id": "p2", "structure_id": "",
                                                 "version": "3"})  # fmt: skip
    assert "Conseiller becomes Manager" in text_of(page)
    assert "loses the access (Conseiller)" in text_of(page)
    assert not sent(firm, "SaveDirectoryMapping")
    tried = sent(firm, "PreviewDirectoryMapping")[0].mapping
    assert [(each.claim, each.value) for each in tried.rules] == [
        ("", "Conseil"),
        ("department", "Rennes"),
        ("", "Paie"),
    ]
    assert tried.version == 3


async def test_what_concerns_nobody_is_saved_at_once(firm):
    answer = await firm.post(HERE, {"act": "default", "default_profile_id": "p9", "version": "3"})
    assert (answer.status_code, answer.headers["location"]) == (303, HERE)
    assert sent(firm, "SaveDirectoryMapping")[0].mapping.default_profile_id == "p9"


async def test_what_is_above_the_reader_cannot_be_saved_from_there(firm):
    firm.services.answers["PreviewDirectoryMapping"] = pb.DirectoryPreview(above=["invoices.read"])
    page = await firm.post(HERE, {"act": "default", "default_profile_id": "p9", "version": "3"})
    assert "You cannot save this" in text_of(page)
    assert f"{HERE}/save" not in page.text


@pytest.mark.parametrize(
    ("act", "rule", "left"),
    [("up", "1", ["Rennes", "Conseil"]), ("delete", "0", ["Rennes"]), ("delete", "1", ["Conseil"])],
)
async def test_rules_change_places_and_go(firm, act, rule, left):
    await firm.post(HERE, {"act": act, "rule": rule, "version": "3"})
    assert [each.value for each in sent(firm, "SaveDirectoryMapping")[0].mapping.rules] == left


@pytest.mark.parametrize("sends", [{"act": "up", "rule": "0"}, {"act": "delete", "rule": "2"}, {"act": "fly"}, {}])
async def test_what_no_button_sends_does_nothing(firm, sends):
    assert (await firm.post(HERE, sends | {"version": "3"})).status_code == 404
    assert not sent(firm, "SaveDirectoryMapping")


async def test_somebody_was_faster(firm):
    answer = await firm.post(HERE, {"act": "delete", "rule": "0", "version": "2"})
    assert (answer.status_code, answer.headers["location"]) == (303, HERE)
    assert not sent(firm, "PreviewDirectoryMapping")


@pytest.mark.parametrize(
    ("violation", "field"),
    [
        (Violation("rules[2].value", "required"), "f-value"),
        (Violation("rules[2]", "gives_nothing"), "f-profile_id"),
        (Violation("rules[2]", "twice"), "f-value"),
    ],
)
async def test_what_is_wrong_stands_at_its_field_and_what_was_typed_stays(firm, violation, field):
    firm.services.answers["PreviewDirectoryMapping"] = invalid("fields_invalid", [violation])
    typed = {"value": "Paie", "claim": "team", "profile_id": "", "structure_id": "", "version": "3"}
    page = await firm.post(f"{HERE}/rules/new", typed)
    assert page.status_code == 422
    assert f'href="#{field}"' in page.text
    assert 'value="team"' in page.text


@pytest.mark.parametrize("error", [conflict("stale_version"), forbidden("above_ceiling", right="invoices.read")])
async def test_a_save_that_is_refused_says_so_on_the_page_of_the_rules(firm, error):
    firm.services.answers["SaveDirectoryMapping"] = error
    page = await firm.post(f"{HERE}/save", {"mapping": json.dumps({"version": "3"})})
    assert page.status_code == 422
    assert "error-summary" in page.text


@pytest.mark.parametrize("sent_mapping", ["", "no json", '{"nobody": 1}'])
async def test_a_mapping_that_somebody_made_up_is_refused(firm, sent_mapping):
    assert (await firm.post(f"{HERE}/save", {"mapping": sent_mapping})).status_code == 422
    assert not sent(firm, "SaveDirectoryMapping")


def somebody(**fields):
    return pb.Member(id="m7", given_name="Maëlle", family_name="Guivarc’h", state=2, profile_id="p1",
                     profile_name="Conseiller", version=4, **fields)  # fmt: skip


PERSON = "/o/durand/settings/people/m7"


async def test_the_record_of_somebody_of_the_directory_keeps_what_it_decides(suite):
    followed = somebody(directory=1, directory_decides=["profile", "structure"], structure_name="Ouest")
    suite.services.answers["GetMember"] = followed
    page = await suite.get(PERSON)
    assert "They sign in with their firm's account" in text_of(page)
    assert 'name="profile_id" value="p1"' in page.text
    assert '<select class="input" id="f-profile_id"' not in page.text


async def test_whoever_left_the_directory_is_not_opened_by_hand(suite):
    suite.services.answers["GetMember"] = somebody(directory=1, cut_by_directory=True)
    gone = suite.services.answers["GetMember"]
    gone.state = 3
    page = await suite.get(PERSON)
    assert "Their access is cut because they left the directory" in text_of(page)
    assert f"{PERSON}/reopen" not in page.text


async def test_a_colleague_is_taken_out_of_the_directorys_hand_and_given_back(suite):
    suite.services.answers["GetMember"] = suite.services.answers["SetDirectoryHand"] = somebody(directory=1)
    for followed in ("0", "1"):
        answer = await suite.post(f"{PERSON}/directory", {"followed": followed, "version": "4"})
        assert answer.status_code == 303
    assert [(each.followed, each.version) for each in sent(suite, "SetDirectoryHand")] == [(False, 4), (True, 4)]


async def test_a_hand_that_is_refused_says_why(suite):
    suite.services.answers["GetMember"] = somebody(directory=1)
    suite.services.answers["SetDirectoryHand"] = ServiceError(Kind.PRECONDITION, "not_of_directory")
    page = await suite.post(f"{PERSON}/directory", {"followed": "1", "version": "4"})
    assert page.status_code == 422
    assert "does not know this person" in text_of(page)


async def test_the_list_of_people_says_who_comes_from_the_directory(suite):
    suite.services.answers["ListMembers"] = pb.ListMembersResponse(members=[somebody(directory=1)], total=1)
    assert '<span class="tag">Directory</span>' in (await suite.get("/o/durand/settings/people")).text
