"""What directories ask of SCIM in their own way, and what JSON is none."""

import pytest
from scim_parts import directory

from parvis_identity.domain.scim.schemas import ENTERPRISE, USER


@pytest.fixture
async def firm(stage):
    return await directory(stage)


@pytest.mark.parametrize("place", ["manager", f"{ENTERPRISE}:manager", f"{ENTERPRISE}:manager.value"])
async def test_entra_id_asks_whether_a_manager_is_named_before_it_names_one(firm, place):
    boss, other = await firm.user(), await firm.user()
    made = await firm.user(**{ENTERPRISE: {"manager": {"value": boss["id"]}}})

    assert await firm.found(f'id eq "{made["id"]}" and {place} eq "{boss["id"]}"') == [made["userName"]]
    assert await firm.found(f'id eq "{made["id"]}" and {place} eq "{other["id"]}"') == []


async def test_a_name_of_an_extension_may_stand_alone(firm):
    made = await firm.user(**{ENTERPRISE: {"department": "Paie 7"}})

    assert await firm.found('department eq "Paie 7"') == [made["userName"]]


async def test_whoever_is_closed_is_seen_to_be_until_the_directory_takes_that_away(firm):
    made = await firm.user()

    await firm.patch(f"/Users/{made['id']}", {"op": "replace", "path": "active", "value": False})
    closed = await firm.ask("GET", f"/Users/{made['id']}")
    await firm.patch(f"/Users/{made['id']}", {"op": "remove", "path": "active"})  # RFC 7644, 3.5.2.2: not assigned
    removed = await firm.ask("GET", f"/Users/{made['id']}")

    assert closed.json()["active"] is False
    assert "active" not in removed.json()
    assert (await firm.account(made["id"]))["state"] == "disabled"


@pytest.mark.parametrize(
    "body",
    [
        b'{"userName": NaN}',
        b'{"userName": "a", "x": Infinity}',
        b'{"userName": "anne", "userName": "paule"}',
        b'{"userName": "anne", "name": {"givenName": "A", "givenName": "B"}}',
    ],
    ids=["nan", "infinity", "twice", "twice-within"],
)
async def test_what_is_no_json_or_says_a_thing_twice_is_refused(firm, body):
    answer = await firm.ask("POST", "/Users", body.replace(b"{", b'{"schemas": ["%s"], ' % USER.encode(), 1))

    assert (answer.status_code, answer.json()["scimType"]) == (400, "invalidSyntax")


async def test_whoever_has_any_version_is_sent_none(firm):
    made = await firm.user()

    answer = await firm.ask("GET", f"/Users/{made['id']}", headers={"If-None-Match": "*"})

    assert answer.status_code == 304
