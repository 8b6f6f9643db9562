"""The protocol (RFC 7644): PATCH as directories write it, searches, pages, projections, bulk, refusals."""

import asyncio
import json

import httpx
import pytest
from scim_parts import BASE, directory

from parvis_identity.domain.scim.patching import PATCH
from parvis_identity.domain.scim.schemas import ENTERPRISE, GROUP, USER
from parvis_identity.service.scim import directories
from parvis_identity.store import scim_users
from parvis_kit.ids import uuid7
from parvis_ui import bodies

BULK = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
SEARCH = "urn:ietf:params:scim:api:messages:2.0:SearchRequest"


@pytest.fixture
async def firm(stage):
    return await directory(stage)


async def after(firm, user, *operations):
    """The user after a PATCH that must work."""
    answer = await firm.patch(f"/Users/{user['id']}", *operations)
    assert answer.status_code == 200, answer.text
    return answer.json()


# PATCH


async def test_a_value_of_a_list_is_chosen_and_changed(firm):
    made = await firm.user(phoneNumbers=[{"value": "1", "type": "work"}, {"value": "2", "type": "home"}])
    found = await after(firm, made, {"op": "replace", "path": 'phoneNumbers[type eq "Work"].value', "value": "3"})
    assert [each["value"] for each in found["phoneNumbers"]] == ["3", "2"]


async def test_a_value_that_is_not_there_is_added_as_entra_id_does(firm):
    made = await firm.user()
    found = await after(firm, made, {"op": "Add", "path": 'phoneNumbers[type eq "work"].value', "value": "3"})
    assert found["phoneNumbers"] == [{"type": "work", "value": "3"}]


async def test_names_with_dots_and_schemas_are_paths_in_a_value_without_path(firm):
    made = await firm.user()
    value = {"name.givenName": "Jean", f"{ENTERPRISE}:department": "Paie", "title": "Chef"}
    found = await after(firm, made, {"op": "Add", "value": value})
    assert (found["name"]["givenName"], found[ENTERPRISE]["department"], found["title"]) == ("Jean", "Paie", "Chef")


async def test_a_manager_is_named_by_an_id_alone_and_taken_away_by_nothing(firm):
    made, boss = await firm.user(), await firm.user()
    path = f"{ENTERPRISE}:manager"
    found = await after(firm, made, {"op": "Add", "path": path, "value": boss["id"]})
    assert found[ENTERPRISE]["manager"] == {"value": boss["id"]}
    assert ENTERPRISE not in await after(firm, made, {"op": "Replace", "path": path, "value": ""})


async def test_one_value_is_primary(firm):
    made = await firm.user(phoneNumbers=[{"value": "1", "primary": True}])
    found = await after(firm, made, {"op": "add", "path": "phoneNumbers", "value": [{"value": "2", "primary": True}]})
    assert found["phoneNumbers"] == [{"value": "1"}, {"value": "2", "primary": True}]


async def test_what_is_removed_is_gone(firm):
    made = await firm.user(title="Chef", phoneNumbers=[{"value": "1", "type": "work"}, {"value": "2"}])
    found = await after(
        firm, made, {"op": "remove", "path": "title"}, {"op": "remove", "path": 'phoneNumbers[type eq "work"]'}
    )
    assert "title" not in found
    assert found["phoneNumbers"] == [{"value": "2"}]


@pytest.mark.parametrize(
    ("operation", "refused"),
    [
        ({"op": "replace", "path": "nobody", "value": "x"}, "invalidPath"),
        ({"op": "replace", "path": "name.nobody", "value": "x"}, "invalidPath"),
        ({"op": "replace", "path": "urn:no:such:schema:title", "value": "x"}, "invalidPath"),
        ({"op": "replace", "path": "emails[", "value": "x"}, "invalidPath"),
        ({"op": "add", "value": {"nobody": "x"}}, "invalidPath"),
        ({"op": "add", "value": {ENTERPRISE: {"nobody": "x"}}}, "invalidPath"),
        ({"op": "replace", "path": 'emails[type eq "work"].value', "value": "x"}, "noTarget"),
        ({"op": "remove"}, "noTarget"),
        ({"op": "replace", "path": "id", "value": "x"}, "mutability"),
        ({"op": "replace", "path": "groups", "value": []}, "mutability"),
        ({"op": "remove", "path": "userName"}, "mutability"),
        ({"op": "replace", "path": "userName", "value": ""}, "invalidValue"),
        ({"op": "replace", "path": "active", "value": "perhaps"}, "invalidValue"),
        ({"op": "replace", "path": "emails", "value": 7}, "invalidValue"),
        ({"op": "replace", "path": "emails", "value": [{"value": "no address"}]}, "invalidValue"),
        ({"op": "replace", "path": "title", "value": "x" * 2000}, "invalidValue"),
        ({"op": "replace", "path": "title", "value": "a\u0000b"}, "invalidValue"),
        ({"op": "replace", "path": "title"}, "invalidValue"),
        ({"op": "destroy", "path": "title"}, "invalidSyntax"),
        ("replace", "invalidSyntax"),
    ],
)
async def test_what_leads_nowhere_is_refused_whole(firm, operation, refused):
    made = await firm.user(title="Chef")

    answer = await firm.patch(f"/Users/{made['id']}", {"op": "replace", "path": "title", "value": "Autre"}, operation)

    assert (answer.status_code, answer.json().get("scimType")) == (400, refused)
    assert (await firm.ask("GET", f"/Users/{made['id']}")).json()["title"] == "Chef"


# Groups


async def test_tenancy_hears_of_groups_by_name_and_identifier(firm):
    anna, bob = await firm.user(userName="anna"), await firm.user(userName="bob")
    group = await firm.group("Audit", anna["id"], externalId="g-1")
    assert list((await firm.told())[-1].groups) == ["Audit", "g-1"]

    await firm.patch(f"/Groups/{group['id']}", {"op": "Add", "path": "members", "value": [{"value": bob["id"]}]})
    assert (await firm.told())[-1].user_name == "bob"

    await firm.patch(f"/Groups/{group['id']}", {"op": "replace", "path": "displayName", "value": "Paie"})
    told = {each.user_name: list(each.groups) for each in await firm.told()}
    assert told == {"anna": ["Paie", "g-1"], "bob": ["Paie", "g-1"]}

    await firm.ask("DELETE", f"/Groups/{group['id']}")
    told = {each.user_name: list(each.groups) for each in await firm.told()}
    assert told == {"anna": [], "bob": []}
    versions = [each.version for each in await firm.told() if each.user_name == "anna"]
    assert versions == sorted(set(versions))


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": 'members[value eq "{id}"]'},
        {"op": "Remove", "path": "members", "value": [{"value": "{id}"}]},
        {"op": "remove", "path": 'members[display eq "ANNA"]'},
        {"op": "replace", "path": "members", "value": [{"value": "{other}"}]},
        {"op": "replace", "value": {"id": "x", "displayName": "Audit", "members": [{"value": "{other}"}]}},
    ],
    ids=["filter", "entra", "display", "replace", "okta"],
)
async def test_a_member_leaves_a_group_in_every_way_that_is_in_use(firm, operation):
    anna, bob = await firm.user(userName="anna"), await firm.user(userName="bob")
    group = await firm.group("Audit", anna["id"], bob["id"])
    written = json.dumps(operation).replace("{id}", anna["id"]).replace("{other}", bob["id"])

    answer = await firm.patch(f"/Groups/{group['id']}", json.loads(written))

    assert [each["value"] for each in answer.json()["members"]] == [bob["id"]]
    asked = await firm.ask("GET", f"/Groups/{group['id']}", params={"attributes": "members.display"})
    assert asked.json()["members"] == [{"display": "bob"}]
    assert await firm.found(f'groups.value eq "{group["id"]}"') == ["bob"]
    assert "groups" not in (await firm.ask("GET", f"/Users/{anna['id']}")).json()


async def test_all_members_leave_where_none_is_named(firm):
    group = await firm.group("Audit", (await firm.user())["id"])
    answer = await firm.patch(f"/Groups/{group['id']}", {"op": "remove", "path": "members"})
    assert "members" not in answer.json()


@pytest.mark.parametrize("member", ["0192f3c8-7a10-7b3e-9d52-5e0c1f6a8b47", "nobody"])
async def test_a_group_holds_users_that_there_are(firm, member):
    answer = await firm.ask("POST", "/Groups", {"schemas": [GROUP], "displayName": "A", "members": [{"value": member}]})
    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidValue")
    assert await firm.found("displayName pr", "/Groups") == []


async def test_a_group_holds_no_groups(firm):
    group = await firm.group("A")
    operation = {"op": "add", "path": "members", "value": [{"value": group["id"], "type": "Group"}]}
    assert (await firm.patch(f"/Groups/{group['id']}", operation)).status_code == 400


async def test_whoever_is_deleted_is_in_no_group(firm):
    made = await firm.user()
    group = await firm.group("A", made["id"])
    await firm.ask("DELETE", f"/Users/{made['id']}")
    assert "members" not in (await firm.ask("GET", f"/Groups/{group['id']}")).json()


# Searches


async def test_users_are_found_sorted_and_in_pages(firm):
    for name, title in (("carl", "Z"), ("anna", "y"), ("Émile", "X"), ("bob", "")):
        await firm.user(userName=name, title=title)
    params = {"sortBy": "title", "startIndex": "1", "count": "2", "attributes": "userName"}

    first = (await firm.ask("GET", "/Users", params=params)).json()
    rest = (await firm.ask("GET", "/Users", params={**params, "startIndex": "3"})).json()

    assert (first["totalResults"], first["itemsPerPage"], first["startIndex"]) == (4, 2, 1)
    names = [each["userName"] for each in first["Resources"] + rest["Resources"]]
    assert names == ["Émile", "anna", "carl", "bob"]
    assert all(set(each) == {"schemas", "id", "userName"} for each in first["Resources"])


async def test_a_cursor_leads_through_all_once(firm):
    made = {(await firm.user())["id"] for _ in range(5)}
    seen, cursor = [], ""
    while cursor is not None:
        page = (await firm.ask("GET", "/Users", params={"count": "2", "cursor": cursor})).json()
        seen += [each["id"] for each in page["Resources"]]
        cursor = page.get("nextCursor")
    assert len(seen) == 5
    assert set(seen) == made


@pytest.mark.parametrize(
    ("filter_", "names"),
    [
        ('userName eq "ANNA"', ["anna"]),
        ('externalId eq "a-1"', ["anna"]),
        ('externalId eq "A-1"', []),
        ("active eq false", ["bob"]),
        (f'{ENTERPRISE}:department co "paie"', ["bob"]),
        ('groups.display eq "audit"', ["anna"]),
        ('groups[display sw "aud"] and active eq true', ["anna"]),
        ('not (userName sw "a") and meta.created gt "2020-01-01T00:00:00Z"', ["bob"]),
        ('id eq "nobody"', []),
    ],
)
async def test_filters_find_whom_they_mean(firm, filter_, names):
    anna = await firm.user(userName="anna", externalId="a-1")
    await firm.user(userName="bob", active=False, **{ENTERPRISE: {"department": "Service paie"}})
    await firm.group("Audit", anna["id"])
    assert await firm.found(filter_) == names


async def test_groups_are_found_by_a_member(firm):
    made = await firm.user()
    await firm.group("Audit", made["id"])
    await firm.group("Paie")
    assert await firm.found(f'members.value eq "{made["id"]}"', "/Groups") == ["Audit"]
    assert await firm.found(f'members[value eq "{made["id"]}"] and displayName eq "AUDIT"', "/Groups") == ["Audit"]


async def test_one_search_goes_through_users_and_groups(firm):
    await firm.user(userName="anna", displayName="Audit")
    await firm.group("Audit")
    body = {"schemas": [SEARCH], "filter": 'displayName eq "audit"', "attributes": ["displayName"]}
    answer = (await firm.ask("POST", "/.search", body)).json()
    assert answer["totalResults"] == 2
    only = (await firm.ask("POST", "/.search", {"schemas": [SEARCH], "filter": 'userName eq "anna"'})).json()
    assert [each["userName"] for each in only["Resources"]] == ["anna"]
    assert (await firm.ask("POST", "/Users/.search", body)).json()["totalResults"] == 1


async def test_a_search_that_takes_too_long_is_refused(firm, monkeypatch):
    for _ in range(20):
        await firm.user()
    monkeypatch.setattr(scim_users, "PATIENCE", 1)
    monkeypatch.setattr(scim_users, "_GROUPS_OF", "(SELECT '[]'::jsonb FROM pg_sleep(0.05))")

    answer = await firm.ask("GET", "/Users", params={"filter": 'groups.display eq "x"'})

    assert (answer.status_code, answer.json()["scimType"]) == (400, "tooMany")
    monkeypatch.undo()
    assert (await firm.ask("GET", "/Users")).status_code == 200


async def test_parts_are_shown_and_left_out(firm):
    made = await firm.user(name={"givenName": "A", "familyName": "B"}, title="T", **{ENTERPRISE: {"department": "D"}})
    path = f"/Users/{made['id']}"
    shown = (await firm.ask("GET", path, params={"attributes": f"name.familyName,{ENTERPRISE}:department"})).json()
    assert shown == {
        "schemas": [USER, ENTERPRISE], "id": made["id"], "name": {"familyName": "B"}, ENTERPRISE: {"department": "D"},
    }  # fmt: skip
    less = (await firm.ask("GET", path, params={"excludedAttributes": "name.familyName,title,id,meta"})).json()
    assert less["name"] == {"givenName": "A"}
    assert "title" not in less
    assert less["id"] == made["id"]


# Bulk


async def bulk(firm, *operations, **more):
    answer = await firm.ask("POST", "/Bulk", {"schemas": [BULK], "Operations": list(operations), **more})
    assert answer.status_code == 200, answer.text
    return answer.json()["Operations"]


def posted(name, bulk_id, **said):
    data = {"schemas": [USER], "userName": name, **said}
    return {"method": "POST", "path": "/Users", "bulkId": bulk_id, "data": data}


async def test_operations_name_each_other_in_any_order(firm):
    group = {"schemas": [GROUP], "displayName": "Audit", "members": [{"value": "bulkId:anna"}]}
    boss = {ENTERPRISE: {"manager": {"value": "bulkId:bob"}}}

    done = await bulk(
        firm,
        {"method": "POST", "path": "/Groups", "bulkId": "g", "data": group},
        posted("anna", "anna", **boss),
        posted("bob", "bob", **{ENTERPRISE: {"manager": {"value": "bulkId:anna"}}}),
        {"method": "PATCH", "path": "/Users/bulkId:bob", "data": {
            "schemas": [PATCH], "Operations": [{"op": "replace", "path": "active", "value": False}]}},
    )  # fmt: skip

    assert [each["status"] for each in done] == ["201", "201", "201", "200"]
    assert await firm.found('groups.display eq "audit"') == ["anna"]
    assert await firm.found("active eq false") == ["bob"]
    bob = done[2]["location"].rpartition("/")[2]
    assert await firm.found(f'{ENTERPRISE}:manager.value eq "{bob}"') == ["anna"]


async def test_of_many_those_that_are_wrong_are_refused_alone(firm):
    await firm.user(userName="taken")

    done = await bulk(
        firm, posted("anna", "1"), posted("taken", "2"), posted("", "3"), posted("bob", "4"), posted("BOB", "5"),
        {"method": "DELETE", "path": f"/Users/{uuid7()}"}, {"method": "PUT", "path": "/Nobody/1", "data": {}},
    )  # fmt: skip

    assert [each["status"] for each in done] == ["201", "409", "400", "201", "409", "404", "400"]
    assert done[1]["response"]["scimType"] == "uniqueness"
    assert sorted(await firm.found('userName eq "anna" or userName eq "bob"')) == ["anna", "bob"]


async def test_it_stops_after_as_many_errors_as_are_allowed(firm):
    await firm.user(userName="taken")

    done = await bulk(
        firm, posted("anna", "1"), posted("taken", "2"), posted("taken", "3"), posted("bob", "4"), failOnErrors=2
    )

    assert [each["status"] for each in done] == ["201", "409", "409"]
    assert await firm.found('userName eq "bob"') == []


async def test_what_a_refused_operation_would_have_made_is_nobody(firm):
    group = {"schemas": [GROUP], "displayName": "Audit", "members": [{"value": "bulkId:1"}]}
    done = await bulk(firm, posted("", "1"), {"method": "POST", "path": "/Groups", "bulkId": "g", "data": group})
    assert [each["status"] for each in done] == ["400", "400"]


async def test_a_bulk_that_is_too_large_does_nothing(firm):
    several = [posted(f"u{each}", str(each)) for each in range(1001)]
    answer = await firm.ask("POST", "/Bulk", {"schemas": [BULK], "Operations": several})
    assert answer.status_code == 413
    assert await firm.found("userName pr") == []


# Refusals


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/Me", None, 501),
        ("PATCH", "/Me", {}, 501),
        ("DELETE", "/Users", None, 405),
        ("POST", "/Schemas", {}, 405),
        ("GET", "/Nobody", None, 404),
        ("GET", "/Users/nobody", None, 404),
        ("GET", "/Schemas/nobody", None, 404),
        ("GET", "/Schemas?filter=id pr", None, 403),
        ("POST", "/Users", b"{", 400),
        ("POST", "/Users", b"[1]", 400),
        ("POST", "/Users", b"[" * 100000, 400),
        ("POST", "/Users", {"schemas": [GROUP], "userName": "x"}, 400),
        ("POST", "/Users", {"schemas": [USER]}, 400),
        ("GET", "/Users?filter=nobody eq 1", None, 400),
        ("GET", "/Users?count=many", None, 400),
        ("GET", "/Users?sortBy=nobody", None, 400),
        ("GET", "/Users?cursor=nobody", None, 400),
        ("GET", "/Users?attributes=userName&excludedAttributes=title", None, 400),
    ],
)
async def test_what_cannot_be_done_is_refused_in_the_protocol_s_words(firm, method, path, body, status):
    answer = await firm.ask(method, path, body)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/scim+json")
    assert answer.json()["status"] == str(status)


async def test_a_body_of_another_kind_is_refused(firm):
    answer = await firm.ask("POST", "/Users", {"userName": "x"}, headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415


@pytest.mark.parametrize(("token", "status"), [(None, 413), ("parvis-scim-wrong", 401)])
async def test_what_is_too_large_or_nobody_s_is_heard_to_its_end_before_it_is_refused(firm, token, status):
    """Else whoever sends it sees the connection break instead of the answer, all the more behind a proxy."""
    firm.token = token or firm.token
    sent = []

    async def body():
        for _ in range(6):
            sent.append(1)
            yield b" " * 1024 * 1024

    transport = httpx.ASGITransport(firm.stage.app)
    async with httpx.AsyncClient(transport=transport) as http:
        headers = {"Authorization": f"Bearer {firm.token}", "Content-Type": "application/scim+json"}
        answer = await http.post(f"{BASE}/Users", content=body(), headers=headers)

    assert (answer.status_code, len(sent)) == (status, 6)
    assert answer.json()["status"] == str(status)


async def test_a_body_without_end_is_not_heard_for_ever(firm, monkeypatch):
    monkeypatch.setattr(bodies, "DROPPED", 1024)

    async def body():
        while True:
            yield b" " * 1024 * 1024

    transport = httpx.ASGITransport(firm.stage.app)
    async with httpx.AsyncClient(transport=transport) as http, asyncio.timeout(30):
        headers = {"Authorization": f"Bearer {firm.token}", "Content-Type": "application/scim+json"}
        answer = await http.post(f"{BASE}/Users", content=body(), headers=headers)

    assert answer.status_code == 413


async def test_a_token_that_asks_too_often_waits(firm, monkeypatch):
    monkeypatch.setattr(directories, "AT_ONCE", 3.0)
    monkeypatch.setattr(directories, "EACH_SECOND", 0.1)
    answers = [await firm.ask("GET", "/Schemas") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert int(answers[-1].headers["retry-after"]) > 0


async def test_what_a_directory_did_is_kept_by_the_minute(firm):
    made = await firm.user()
    await firm.user(userName="anna")
    await firm.ask("POST", "/Users", {"schemas": [USER], "userName": "anna"})
    await firm.patch(f"/Users/{made['id']}", {"op": "replace", "path": "active", "value": False})

    async with firm.stage.unit(firm.firm.id) as unit:
        rows = await unit.fetch("SELECT * FROM scim_log WHERE organisation_id = $1", firm.firm.id)

    assert sum(row["created"] for row in rows) == 2
    assert sum(row["disabled"] for row in rows) == 1
    assert [(each["what"], each["name"], each["check"]) for row in rows for each in row["notes"]] == [
        ("POST User", "anna", "uniqueness")
    ]


# Addresses


@pytest.mark.parametrize("written", ["/Users/", "//Users", "/users", "/USERS//"])
async def test_a_directory_that_writes_the_address_otherwise_is_answered_as_if_it_had_not(firm, written):
    made = await firm.ask("POST", written, {"schemas": [USER], "userName": f"u-{uuid7().hex[-8:]}"})
    one = await firm.ask("GET", f"{written}/{made.json()['id']}/")
    gone = await firm.ask("DELETE", f"{written}/{made.json()['id']}")

    assert (made.status_code, one.status_code, gone.status_code) == (201, 200, 204)
    assert made.headers["location"] == one.json()["meta"]["location"] == f"{BASE}/Users/{made.json()['id']}"


@pytest.mark.parametrize(
    ("right", "otherwise"),
    [
        ("/ServiceProviderConfig", "/serviceproviderconfig"),
        ("/ResourceTypes/User", "/resourcetypes/User/"),
        ("/Users/.search", "/users/.search"),
        ("/Me", "/me/"),
        ("/Bulk", "//bulk"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
async def test_each_address_knows_its_own_methods_however_it_is_written(firm, right, otherwise, method):
    asked = [await firm.ask(method, written, {}) for written in (right, otherwise)]

    assert len({(each.status_code, each.headers.get("allow")) for each in asked}) == 1


@pytest.mark.parametrize("written", ["/", "/people", "/Users/a/b"])
async def test_what_is_no_address_is_none_however_it_is_written(firm, written):
    assert (await firm.ask("GET", written)).status_code == 404
