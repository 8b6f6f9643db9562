"""Users of a firm's directory over SCIM: their accounts, what tenancy hears, and who is let in."""

import asyncio
from uuid import UUID

import pytest
from scim_parts import directory

from parvis.identity.v1.events_pb2 import NoticeForAdministrators
from parvis_identity.domain.scim.schemas import ENTERPRISE, USER
from parvis_identity.models import Account
from parvis_identity.service import closing, sessions
from parvis_identity.service.organisations import Membership
from parvis_identity.service.scim import log
from parvis_kit.ids import uuid7


@pytest.fixture
async def firm(stage):
    ANNA["emails"] = [{"value": f"Anna-{uuid7().hex}@cabinet.example", "type": "work", "primary": True}]
    return await directory(stage)


ANNA = {
    "userName": "anna.berg",
    "externalId": "a-1",
    "name": {"givenName": "Anna", "familyName": "Berg"},
    "preferredLanguage": "en-GB",
    "title": "Comptable",
    ENTERPRISE: {"department": "Audit"},
}


async def signed_in(firm, user_id):
    """A session of a user."""
    account_id = (await firm.account(user_id))["id"]
    async with firm.stage.unit() as unit:
        account = await unit.get(Account, account_id)
        return (await sessions.begin(unit, account, cookie="", user_agent="")).session.id


async def is_open(firm, session_id, account_id):
    async with firm.stage.unit() as unit:
        return await sessions.is_open(unit, session_id, account_id)


async def test_a_user_has_an_account_of_the_firm_at_once(firm):
    made = await firm.user(**ANNA)

    account = await firm.account(made["id"])
    assert (account["kind"], account["directory"], account["state"]) == ("managed", True, "active")
    assert account["organisation_id"] == firm.firm.id
    assert (account["given_name"], account["family_name"], account["locale"]) == ("Anna", "Berg", "en")
    assert account["mail"] == ANNA["emails"][0]["value"]


async def test_tenancy_hears_of_a_user_who_came(firm):
    made = await firm.user(**ANNA)

    told = (await firm.told())[-1]
    assert told.account_id == str((await firm.account(made["id"]))["id"])
    assert (told.user_name, told.title, told.locale) == ("anna.berg", "Comptable", "en")
    assert told.mail == ANNA["emails"][0]["value"]
    assert told.active
    assert list(told.claims["department"].values) == ["Audit"]


async def test_what_was_sent_is_answered(firm):
    made = await firm.user(**ANNA)

    read = (await firm.ask("GET", f"/Users/{made['id']}")).json()
    assert read == made
    assert made["schemas"] == [USER, ENTERPRISE]
    assert made["emails"] == ANNA["emails"]
    assert made["meta"]["location"].endswith(f"/scim/v2/Users/{made['id']}")


async def test_a_user_name_is_taken_once(firm):
    await firm.user(userName="anna")
    answer = await firm.ask("POST", "/Users", {"schemas": [USER], "userName": "ANNA"})
    assert (answer.status_code, answer.json()["scimType"]) == (409, "uniqueness")


async def test_who_may_not_come_in_any_more_is_out_at_once(firm):
    made = await firm.user(**ANNA)
    account_id = (await firm.account(made["id"]))["id"]
    session_id = await signed_in(firm, made["id"])

    answer = await firm.patch(f"/Users/{made['id']}", {"op": "Replace", "path": "active", "value": "False"})

    assert answer.json()["active"] is False
    assert not await is_open(firm, session_id, account_id)
    assert (await firm.account(made["id"]))["state"] == "disabled"
    assert not (await firm.told())[-1].active
    assert await firm.stage.events("AccountDisabled")


async def test_who_may_come_in_again_can(firm):
    made = await firm.user(**ANNA, active=False)
    assert (await firm.account(made["id"]))["state"] == "disabled"

    await firm.patch(f"/Users/{made['id']}", {"op": "replace", "value": {"active": True}})

    assert (await firm.account(made["id"]))["state"] == "active"
    told = await firm.told()
    assert [each.active for each in told] == [False, True]
    assert told[1].version > told[0].version


@pytest.mark.parametrize("first", ["the operator", "the directory"])
async def test_what_the_operator_closed_stays_closed_whatever_the_directory_says(firm, first):
    made = await firm.user(**ANNA)
    account = await firm.account(made["id"])
    off, on = ({"op": "replace", "value": {"active": each}} for each in (False, True))
    if first == "the directory":
        await firm.patch(f"/Users/{made['id']}", off)
    async with firm.stage.unit() as unit:
        await closing.close(unit, account["identifier"], firm.firm.id)

    await firm.patch(f"/Users/{made['id']}", off)
    answer = await firm.patch(f"/Users/{made['id']}", on)

    assert answer.status_code == 200
    assert (await firm.account(made["id"]))["state"] == "disabled"
    async with firm.stage.unit(firm.firm.id) as unit:
        notes = [note for run in await log.latest(unit) for note in run.notes]
    assert [(each["name"], each["check"]) for each in notes] == [("anna.berg", "closed_by_operator")]
    await firm.ask("DELETE", f"/Users/{made['id']}")
    again = await firm.user(**ANNA)
    assert (await firm.account(again["id"]))["id"] == account["id"]
    assert (await firm.account(again["id"]))["state"] == "disabled"


async def test_what_the_operator_opened_again_the_directory_closes_and_opens(firm):
    made = await firm.user(**ANNA)
    identifier = (await firm.account(made["id"]))["identifier"]
    async with firm.stage.unit() as unit:
        await closing.close(unit, identifier, firm.firm.id)
    async with firm.stage.unit(firm.firm.id) as unit:
        await closing.reopen(unit, identifier, firm.firm.id, slug=firm.firm.slug, link_secret=b"s" * 32)

    states = []
    for active in (False, True):
        await firm.patch(f"/Users/{made['id']}", {"op": "replace", "value": {"active": active}})
        states.append((await firm.account(made["id"]))["state"])

    assert states == ["disabled", "active"]


async def test_a_deleted_user_is_no_more_and_comes_back_to_the_account_under_the_same_identifier(firm):
    made = await firm.user(**ANNA)
    account = await firm.account(made["id"])

    answer = await firm.ask("DELETE", f"/Users/{made['id']}")

    assert answer.status_code == 204
    assert (await firm.ask("GET", f"/Users/{made['id']}")).status_code == 404
    assert not (await firm.told())[-1].active
    again = await firm.user(**ANNA)
    assert again["id"] != made["id"]
    after = await firm.account(again["id"])
    assert (after["id"], after["state"]) == (account["id"], "active")


async def test_another_person_of_the_same_name_gets_another_account(firm):
    made = await firm.user(**ANNA)
    account = await firm.account(made["id"])
    await firm.ask("DELETE", f"/Users/{made['id']}")

    other = await firm.user(**(ANNA | {"externalId": "a-2"}))

    after = await firm.account(other["id"])
    assert after["id"] != account["id"]
    assert after["identifier"] != account["identifier"]


async def test_replacing_a_user_without_saying_so_lets_nobody_back_in(firm):
    made = await firm.user(**ANNA, active=False)

    answer = await firm.ask("PUT", f"/Users/{made['id']}", {"schemas": [USER], "userName": "anna.berg"})

    assert "title" not in answer.json()
    assert (await firm.account(made["id"]))["state"] == "disabled"
    assert await firm.found("active eq false") == ["anna.berg"]
    await firm.patch(f"/Users/{made['id']}", {"op": "remove", "path": "active"})
    assert not (await firm.told())[-1].active


async def test_a_version_that_is_old_changes_nothing(firm):
    made = await firm.user(**ANNA)
    old = {"If-Match": made["meta"]["version"]}
    change = {"op": "replace", "path": "title", "value": "Associée"}
    assert (await firm.patch(f"/Users/{made['id']}", change, headers=old)).status_code == 200

    answer = await firm.patch(f"/Users/{made['id']}", change | {"value": "Stagiaire"}, headers=old)

    assert answer.status_code == 412
    assert (await firm.ask("GET", f"/Users/{made['id']}")).json()["title"] == "Associée"


async def test_what_is_known_already_is_not_sent_again(firm):
    made = await firm.user(**ANNA)
    answer = await firm.ask("GET", f"/Users/{made['id']}", headers={"If-None-Match": made["meta"]["version"]})
    assert (answer.status_code, answer.content) == (304, b"")


async def test_of_many_changes_at_once_each_is_done_or_refused(firm):
    made = await firm.user(**ANNA)

    answers = await asyncio.gather(
        *(
            firm.patch(f"/Users/{made['id']}", {"op": "add", "path": "entitlements", "value": [{"value": str(each)}]})
            for each in range(8)
        )
    )

    done = sum(answer.status_code == 200 for answer in answers)
    assert {answer.status_code for answer in answers} <= {200, 409}
    read = (await firm.ask("GET", f"/Users/{made['id']}")).json()
    assert len(read["entitlements"]) == done >= 1


async def test_of_two_users_of_one_name_at_once_one_is_made(firm):
    body = {"schemas": [USER], "userName": "twice"}
    answers = await asyncio.gather(*(firm.ask("POST", "/Users", body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_an_address_of_somebody_else_is_refused_and_nothing_is_made(firm):
    stranger = await firm.stage.person(mail="somebody@elsewhere.example")

    answer = await firm.ask(
        "POST", "/Users", {"schemas": [USER], **ANNA, "emails": [{"value": "Somebody@Elsewhere.example"}]}
    )

    assert (answer.status_code, answer.json()["scimType"]) == (409, "uniqueness")
    assert await firm.found('userName eq "anna.berg"') == []
    async with firm.stage.unit(firm.firm.id) as unit:
        rows = await unit.fetch("SELECT details FROM audit WHERE act = 'scim.refused'")
    told = [NoticeForAdministrators.FromString(each) for each in await firm.stage.events("NoticeForAdministrators")]
    refused = [each.values for each in told if each.kind == "directory_address_refused"]
    assert [(each["provider"], each["who"]) for each in refused] == [("Entra ID", "")]
    assert rows[0]["details"] == {"check": "address_of_another_account"}
    assert str(stranger.id) not in answer.text


async def test_nor_is_it_taken_later(firm):
    await firm.stage.person(mail="other@elsewhere.example")
    made = await firm.user(**ANNA)

    answer = await firm.patch(
        f"/Users/{made['id']}", {"op": "replace", "path": "userName", "value": "other@elsewhere.example"}
    )

    assert answer.status_code == 409
    assert (await firm.ask("GET", f"/Users/{made['id']}")).json()["userName"] == "anna.berg"


async def test_an_address_in_a_domain_of_the_firm_is_its_own_to_give(firm):
    person = await firm.stage.person(mail="claire@own.example")
    await firm.stage.run(
        "INSERT INTO sso_domains (id, organisation_id, organisation_slug, domain, state, method, token, check_problem,"
        " created_at) VALUES (gen_random_uuid(), :firm, 'x', 'own.example', 'verified', 'dns', '', '', now())",
        firm=firm.firm.id,
    )

    made = await firm.user(**(ANNA | {"emails": [{"value": "claire@own.example"}]}))

    assert (await firm.account(made["id"]))["id"] != person.id


async def test_a_member_s_own_account_is_no_stranger_s(firm):
    person = await firm.stage.person(mail="member@elsewhere.example")
    firm.stage.town.memberships[person.id, firm.firm.id] = Membership(uuid7(), "staff")

    made = await firm.user(**(ANNA | {"emails": [{"value": "member@elsewhere.example"}]}))

    assert (await firm.account(made["id"]))["id"] != person.id


async def test_one_firm_sees_nothing_of_another(firm, stage):
    other, made = await directory(stage), await firm.user(**ANNA)
    group = await firm.group("Audit", made["id"])

    for method, path, body in (
        ("GET", f"/Users/{made['id']}", None), ("DELETE", f"/Users/{made['id']}", None),
        ("PUT", f"/Users/{made['id']}", {"schemas": [USER], "userName": "x"}),
        ("GET", f"/Groups/{group['id']}", None), ("DELETE", f"/Groups/{group['id']}", None),
    ):  # fmt: skip
        assert (await other.ask(method, path, body)).status_code == 404
    assert await other.found("userName pr") == []
    answer = await other.ask("POST", "/Groups", {"displayName": "Vol", "members": [{"value": made["id"]}]})
    assert answer.status_code == 400
    assert await other.user(**(ANNA | {"emails": []}))  # the same name and identifier are theirs to use


async def test_who_signed_in_before_the_directory_sent_them_keeps_the_account(firm):
    made = await firm.user(**ANNA)
    account = await firm.account(made["id"])
    await firm.ask("DELETE", f"/Users/{made['id']}")
    await firm.stage.run(
        "INSERT INTO sso_providers (id, organisation_id, organisation_slug, kind, template, name, state, position,"
        " issuer, client_id, sealed_secret, metadata_url, metadata_document, metadata_problem, claim_names, scope,"
        " accepts_amr, wants_encrypted, scim_match, forwards_logout, version, created_at, changed_at)"
        " VALUES (:id, :firm, '', 'oidc', 'oidc', 'X', 'live', 0, '', '', '', '', '', '', '{}', '', false, false, '',"
        " true, 1, now(), now())",
        id=UUID(int=firm.firm.id.int ^ 1), firm=firm.firm.id,
    )  # fmt: skip
    await firm.stage.run(
        "INSERT INTO sso_identities (id, provider_id, subject, account_id, organisation_id, created_at)"
        " VALUES (gen_random_uuid(), :id, 'oid-7', :account, :firm, now())",
        id=UUID(int=firm.firm.id.int ^ 1), account=account["id"], firm=firm.firm.id,
    )  # fmt: skip

    again = await firm.user(userName="anna", externalId="oid-7")

    assert (await firm.account(again["id"]))["id"] == account["id"]


async def test_a_token_that_is_revoked_or_too_old_lets_nobody_in(firm):
    assert (await firm.ask("GET", "/Users")).status_code == 200
    await firm.stage.run("UPDATE scim_tokens SET expires_at = now() WHERE id = :id", id=UUID(firm.token_id))

    answer = await firm.ask("GET", "/Users")

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["status"] == "401"
