"""The certification scenario of the OpenID foundation for AuthZEN 1.0, test by test, with facts of ours: its users are
members, its records contacts, its actions rights that a product declares.

The decision point looks at no `properties`: whoever asks cannot make somebody an administrator by saying so. What the
scenario says with properties (levels *Basic Properties*, *Batch Properties*, *Search Properties*) is said here by who
is in charge of which record, and by two rights in place of one with `soft`; properties that are sent change nothing.
"""

import json

import pytest
from authzen_stage import Pep, make_world


@pytest.fixture(scope="module")
async def world(stage, provider):
    world = await make_world(stage, provider, scoped=("read", "write", "trash", "erase"))
    await world.person("alice", read="mine", write="mine", trash="mine")
    await world.person("bob", read="all", write="mine")
    await world.record("record-1", "alice")
    await world.record("record-2", "bob")
    return world


@pytest.fixture(scope="module")
async def pep(stage, world):
    return Pep(stage, world.product.client_id)


@pytest.fixture
def rule_1(world):
    """The fixture's first rule: alice reads record-1."""
    return world.asked("alice", "read", "record-1")


async def test_c_2_2_1_fixture_request_permit_decision(pep, rule_1):
    assert await pep.decides(rule_1) is True


async def test_c_1_4_rules_2_and_3_permit(pep, world):
    assert await pep.decides(world.asked("alice", "write", "record-1")) is True
    assert await pep.decides(world.asked("bob", "read", "record-1")) is True


async def test_c_2_2_2_fixture_request_deny_decision(pep, world):
    assert await pep.decides(world.asked("bob", "write", "record-1")) is False


async def test_c_2_2_3_request_with_optional_context(pep, rule_1):
    context = {"time": "2025-06-27T18:03-07:00", "ip": "192.168.1.1"}
    assert await pep.decides({**rule_1, "context": context}) is True


async def test_c_2_2_4_deny_where_the_record_is_not_hers(pep, world):
    asked = world.asked("alice", "write", "record-2")
    asked["resource"]["properties"] = {"status": "archived"}
    assert await pep.decides(asked) is False


async def test_c_2_2_5_permit_where_the_record_is_his(pep, world):
    asked = world.asked("bob", "write", "record-2")
    asked["resource"]["properties"] = {"status": "archived"}
    asked["subject"]["properties"] = {"role": "admin"}
    assert await pep.decides(asked) is True


async def test_c_2_2_6_permit_the_softer_of_two_actions(pep, world):
    assert await pep.decides(world.asked("alice", "trash", "record-1")) is True


async def test_c_2_2_7_deny_the_harder_of_two_actions(pep, world):
    assert await pep.decides(world.asked("alice", "erase", "record-1")) is False


async def test_c_2_2_8_request_with_additional_properties(pep, rule_1):
    rule_1["subject"]["properties"] = {"department": "Sales", "role": "manager"}
    rule_1["action"]["properties"] = {"method": "GET"}
    rule_1["resource"]["properties"] = {"status": "active", "owner": "bob"}
    assert await pep.decides(rule_1) is True


@pytest.mark.parametrize(("who", "which"), [("bob", "record-1"), ("alice", "record-2")])
async def test_properties_that_are_sent_make_no_difference(pep, world, who, which):
    asked = world.asked(who, "write", which)
    asked["subject"]["properties"] = {"role": "admin"}
    asked["resource"]["properties"] = {"owner": who, "advisers": [asked["subject"]["id"]]}
    assert await pep.decides(asked) is False


async def test_c_2_2_9_request_with_unknown_fields(pep, rule_1):
    assert await pep.decides({**rule_1, "foo": "bar", "futureField": {"nested": True}}) is True


async def test_c_2_3_1_decision_field_is_a_boolean(pep, rule_1):
    assert isinstance((await pep.ask("evaluation", rule_1))["decision"], bool)


async def test_c_2_3_2_response_context_is_an_object(pep, world):
    answer = await pep.ask("evaluation", world.asked("bob", "write", "record-1"))
    assert answer["context"]["reason"] == "out_of_scope"
    assert answer["context"]["reason_admin"].keys() == answer["context"]["reason_user"].keys() == {"en", "fr"}


MISSING = {
    "c_2_4_1_missing_subject": lambda asked: asked.pop("subject"),
    "c_2_4_1_missing_action": lambda asked: asked.pop("action"),
    "c_2_4_1_missing_resource": lambda asked: asked.pop("resource"),
    "c_2_4_2_subject_missing_type": lambda asked: asked["subject"].pop("type"),
    "c_2_4_2_subject_missing_id": lambda asked: asked["subject"].pop("id"),
    "c_2_4_2_action_missing_name": lambda asked: asked["action"].pop("name"),
    "c_2_4_2_resource_missing_type": lambda asked: asked["resource"].pop("type"),
    "c_2_4_2_resource_missing_id": lambda asked: asked["resource"].pop("id"),
    "c_2_4_6_subject_is_a_string": lambda asked: asked.update(subject="alice"),
    "c_2_4_6_action_name_is_a_number": lambda asked: asked.update(action={"name": 123}),
}


@pytest.mark.parametrize("change", MISSING.values(), ids=MISSING)
async def test_a_request_that_lacks_something_or_has_another_type_is_a_bad_request(pep, rule_1, change):
    change(rule_1)
    answer = await pep.post("evaluation", rule_1)
    assert (answer.status_code, answer.json()["reason"]) == (400, "malformed_request")
    assert answer.json()["errors"]


async def test_c_2_4_3_invalid_content_type(pep, rule_1):
    answer = await pep.post("evaluation", rule_1, Content_Type="text/plain")
    assert (answer.status_code, answer.json()["reason"]) == (400, "content_type")


async def test_c_2_4_4_malformed_json(pep):
    answer = await pep.post("evaluation", '{"subject": {')
    assert (answer.status_code, answer.json()["reason"]) == (400, "not_json")


async def test_c_2_4_5_empty_request_body(pep):
    assert (await pep.post("evaluation", "")).status_code == 400


@pytest.mark.parametrize("path", ["evaluation", "evaluations", "search/subject", "search/resource", "search/action"])
async def test_c_2_5_1_request_id_is_echoed_even_with_an_error(pep, path):
    answer = await pep.post(path, {}, X_Request_ID="bfe9eb29-ab87-4ca3-be83-a1d5d8305716")
    assert answer.headers["x-request-id"] == "bfe9eb29-ab87-4ca3-be83-a1d5d8305716"


async def test_c_2_5_2_request_id_may_be_absent(pep, rule_1):
    answer = await pep.post("evaluation", rule_1)
    assert (answer.status_code, "x-request-id" in answer.headers) == (200, False)


async def test_c_2_6_the_same_request_has_the_same_decision(pep, rule_1):
    assert [await pep.decides(rule_1) for _ in range(5)] == [True] * 5


def decisions(answer):
    assert "decision" not in answer
    return [each["decision"] for each in answer["evaluations"]]


async def test_c_3_2_1_batch_request_with_evaluations_array(pep, world):
    several = {
        "subject": world.subject("alice"),
        "action": world.action("read"),
        "evaluations": [{"resource": world.resource("record-1")}, {"resource": world.resource("record-2")}],
    }
    assert decisions(await pep.ask("evaluations", several)) == [True, False]


async def test_c_3_2_2_batch_with_fixture_decisions_in_order(pep, world):
    several = {
        "subject": world.subject("bob"),
        "resource": world.resource("record-1"),
        "evaluations": [{"action": world.action("read")}, {"action": world.action("write")}],
    }
    assert decisions(await pep.ask("evaluations", several)) == [True, False]


async def test_c_3_2_3_and_4_batch_per_item(pep, world):
    hers = {
        "subject": world.subject("alice"),
        "action": world.action("write"),
        "evaluations": [{"resource": world.resource("record-1")}, {"resource": world.resource("record-2")}],
    }
    theirs = {
        "action": world.action("write"),
        "resource": world.resource("record-2"),
        "evaluations": [{"subject": world.subject("alice")}, {"subject": world.subject("bob")}],
    }
    assert decisions(await pep.ask("evaluations", hers)) == [True, False]
    assert decisions(await pep.ask("evaluations", theirs)) == [False, True]


async def test_c_3_2_5_batch_without_defaults(pep, world):
    several = [world.asked("alice", "read", "record-1"), world.asked("bob", "write", "record-1")]
    assert decisions(await pep.ask("evaluations", {"evaluations": several})) == [True, False]


async def test_c_3_2_6_batch_with_context_inheritance(pep, world):
    own = {"time": "2025-06-27T19:00-07:00", "source": "batch-override"}
    several = {
        "subject": world.subject("alice"),
        "action": world.action("read"),
        "context": {"time": "2025-06-27T18:03-07:00"},
        "evaluations": [
            {"resource": world.resource("record-1")},
            {"resource": world.resource("record-2"), "context": own},
        ],
    }
    assert len((await pep.ask("evaluations", several))["evaluations"]) == 2


async def test_c_3_2_7_batch_with_default_value_merging(pep, world):
    several = {
        "subject": world.subject("alice"),
        "action": world.action("write"),
        "resource": {"type": "contact"},
        "evaluations": [
            {"resource": {"id": str(world.records["record-1"]), "properties": {"status": "active"}}},
            {"resource": world.resource("record-2")},
        ],
    }
    assert decisions(await pep.ask("evaluations", several)) == [True, False]


async def test_c_3_3_length_order_and_decision_of_each(pep, world):
    order = ["record-2", "record-1", "record-1", "record-2"]
    several = {
        "subject": world.subject("alice"),
        "action": world.action("read"),
        "evaluations": [{"resource": world.resource(each)} for each in order],
    }
    assert decisions(await pep.ask("evaluations", several)) == [False, True, True, False]


async def test_c_3_4_1_evaluation_level_error(pep, world):
    several = {
        "subject": world.subject("alice"),
        "action": world.action("read"),
        "evaluations": [
            {"resource": world.resource("record-1")},
            {},
            "nothing",
            {"resource": {"type": "x", "id": "y"}},
        ],
    }
    answer = await pep.ask("evaluations", several)
    assert decisions(answer) == [True, False, False, False]
    errors = [each["context"]["error"]["status"] for each in answer["evaluations"][1:]]
    assert errors == [400, 400, 400]


@pytest.mark.parametrize("beside", [{}, {"evaluations": []}], ids=["c_3_4_2_missing", "c_3_4_3_empty"])
async def test_without_evaluations_it_is_one_question(pep, rule_1, beside):
    answer = await pep.ask("evaluations", {**rule_1, **beside})
    assert (answer["decision"], "evaluations" in answer) == (True, False)


def ids(answer, kind):
    assert {each["type"] for each in answer["results"]} <= {kind}
    return {each["id"] for each in answer["results"]}


async def test_c_4_2_1_subject_search(pep, world):
    asked = {"subject": {"type": "member"}, "action": world.action("read"), "resource": world.resource("record-1")}
    found = ids(await pep.ask("search/subject", asked), "member")
    assert {str(world.people["alice"]), str(world.people["bob"])} <= found


async def test_c_4_2_2_subject_search_with_context(pep, world):
    asked = {"subject": {"type": "member"}, "action": world.action("read"), "resource": world.resource("record-1")}
    assert (await pep.ask("search/subject", {**asked, "context": {"time": "2025-06-27T18:03-07:00"}}))["results"]


async def test_c_4_2_3_subject_search_looks_at_no_subject_id(pep, world):
    asked = world.asked("alice", "write", "record-2")
    assert ids(await pep.ask("search/subject", asked), "member") == {
        str(world.people["bob"]), *await administrators(world),
    }  # fmt: skip


async def administrators(world):
    rows = await world.run(
        "SELECT id FROM memberships WHERE organisation_id = $1 AND profile_built_in = 'administrator'",
        world.organisation_id,
    )
    return {str(row["id"]) for row in rows}


async def test_c_4_2_4_subject_search_where_only_one_may(pep, world):
    asked = {"subject": {"type": "member"}, "action": world.action("write"), "resource": world.resource("record-2")}
    found = ids(await pep.ask("search/subject", asked), "member")
    assert (str(world.people["bob"]) in found, str(world.people["alice"]) in found) == (True, False)


async def test_c_4_3_1_resource_search(pep, world):
    asked = {"subject": world.subject("alice"), "action": world.action("read"), "resource": {"type": "contact"}}
    assert ids(await pep.ask("search/resource", asked), "contact") == {str(world.records["record-1"])}


async def test_c_4_3_2_resource_search_looks_at_no_resource_id(pep, world):
    asked = world.asked("alice", "read", "record-2")
    assert ids(await pep.ask("search/resource", asked), "contact") == {str(world.records["record-1"])}


async def test_c_4_3_3_resource_search_of_another_subject(pep, world):
    asked = {"subject": world.subject("bob"), "action": world.action("write"), "resource": {"type": "contact"}}
    assert ids(await pep.ask("search/resource", asked), "contact") == {str(world.records["record-2"])}


async def test_c_4_4_1_and_2_action_search_with_and_without_context(pep, world):
    asked = {"subject": world.subject("alice"), "resource": world.resource("record-1")}
    found = [await pep.ask("search/action", asked | more) for more in ({}, {"context": {"time": "now"}})]
    names = [{each["name"] for each in answer["results"]} for answer in found]
    assert names == [{f"{world.word}.{each}" for each in ("read", "write", "trash")}] * 2


async def test_c_4_4_3_action_search_of_another_subject(pep, world):
    asked = {"subject": world.subject("bob"), "resource": world.resource("record-2")}
    found = await pep.ask("search/action", asked)
    assert world.action("write") in found["results"]


async def test_c_4_5_pages(pep, world):
    asked = {"subject": {"type": "member"}, "action": world.action("read"), "resource": world.resource("record-1")}
    whole = (await pep.ask("search/subject", asked))["results"]
    gone_through, token, sizes = [], "", []
    while True:
        answer = await pep.ask("search/subject", {**asked, "page": {"limit": 1, "token": token}})
        gone_through += answer["results"]
        sizes.append(answer["page"]["count"])
        token = answer["page"]["next_token"]
        if not token:
            break
    assert (gone_through, sizes) == (whole, [1] * len(whole))


async def test_c_4_6_1_unknown_entity_identifier(pep, world):
    asked = {"subject": {"type": "member", "id": "nonexistent-user"}, "resource": world.resource("record-1")}
    answer = await pep.ask("search/action", asked)
    assert (answer["results"], answer["page"]["next_token"]) == ([], "")


async def test_c_4_6_2_unknown_entity_type(pep, world):
    asked = {"subject": {"type": "spaceship"}, "action": world.action("read"), "resource": world.resource("record-1")}
    answer = await pep.ask("search/subject", asked)
    assert (answer["results"], answer["context"]["reason"]) == ([], "subject_type_unknown")


LACKING = {
    "c_4_7_1_subject_search_missing_action": ("search/subject", "action", None),
    "c_4_7_1_resource_search_missing_subject": ("search/resource", "subject", None),
    "c_4_7_1_action_search_missing_resource": ("search/action", "resource", None),
    "c_4_7_2_subject_search_resource_missing_id": ("search/subject", "resource", "id"),
    "c_4_7_2_resource_search_subject_missing_id": ("search/resource", "subject", "id"),
}


@pytest.mark.parametrize(("path", "part", "member"), LACKING.values(), ids=LACKING)
async def test_a_search_that_lacks_something_is_a_bad_request(pep, rule_1, path, part, member):
    if member:
        del rule_1[part][member]
    else:
        del rule_1[part]
    assert (await pep.post(path, rule_1)).status_code == 400


async def test_c_6_metadata(pep):
    answer = await pep.http.get("/.well-known/authzen-configuration")
    described = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    base = described.pop("policy_decision_point")
    assert base == "http://localhost:8600"
    assert {name: path.removeprefix(base) for name, path in described.items()} == {
        "access_evaluation_endpoint": "/api/tenancy/access/v1/evaluation",
        "access_evaluations_endpoint": "/api/tenancy/access/v1/evaluations",
        "search_subject_endpoint": "/api/tenancy/access/v1/search/subject",
        "search_resource_endpoint": "/api/tenancy/access/v1/search/resource",
        "search_action_endpoint": "/api/tenancy/access/v1/search/action",
    }


async def test_the_description_names_every_endpoint(pep):
    described = json.loads((await pep.http.get("/api/tenancy/openapi.json")).text)
    assert len([path for path in described["paths"] if "/access/v1/" in path]) == 5
