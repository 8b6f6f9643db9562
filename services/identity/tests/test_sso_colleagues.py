"""Colleagues who were here before their firm's directory: SCIM sends them, they sign in, they leave."""

from uuid import UUID

import pytest
from identity_stage import PASSWORD, make_stage
from oidc_directory import directory_running
from scim_parts import directory as scim_of
from sso_parts import provider_of, sign_in
from test_sso import account_of, member, verified

from parvis.identity.v1 import events_pb2
from parvis_identity.domain.scim.schemas import USER
from parvis_identity.models import Account, Grant
from parvis_identity.service import sessions
from parvis_kit.ids import uuid7


@pytest.fixture(scope="module")
async def stage(database):
    return await make_stage(database, private_networks="127.0.0.0/8")


@pytest.fixture(scope="module")
async def running():
    async with directory_running() as made:
        yield made


@pytest.fixture
def domain() -> str:
    return f"{uuid7().hex[-12:]}.example"


@pytest.fixture
def directory(running, domain):
    running.forget()
    running.person |= {"sub": f"u-{uuid7()}", "email": f"claire@{domain}"}
    return running


@pytest.fixture
async def scim(stage):
    return await scim_of(stage)


@pytest.fixture
async def provider(stage, scim, directory):
    return await provider_of(stage, scim.firm, directory)


@pytest.fixture
async def claire(stage, scim, directory):
    return await member(stage, scim.firm, directory)


async def sent(scim, directory) -> dict:
    """What the directory makes of somebody who comes: an account of the firm, which nobody has used."""
    said = {"name": {"givenName": "Klara", "familyName": "Orsel"}, "preferredLanguage": "en"}
    return await scim.user(userName=directory.person["email"], externalId=directory.person["sub"], **said)


async def linked(stage, scim, provider, directory) -> tuple[dict, UUID]:
    """Claire has proven her account: the directory's user, and the account that was made for her before."""
    user = await sent(scim, directory)
    made, browser = (await scim.account(user["id"]))["id"], stage.browser()
    here = (await sign_in(browser, provider, directory)).headers["location"]
    await browser.submit(here, password=PASSWORD)
    assert (await browser.submit(here)).headers["location"] == f"/o/{scim.firm.slug}"
    return user, made


async def now(stage, account_id) -> Account:
    async with stage.unit() as unit:
        return await unit.get(Account, account_id)


async def session_with_grants(stage, account, *organisations) -> tuple[UUID, list[UUID]]:
    """A session, and a grant of it for each of these organisations."""
    client, _ = await stage.relying_party()
    async with stage.unit() as unit:
        session = (await sessions.begin(unit, account, cookie="", user_agent="")).session
        grants = [
            Grant(
                session_id=session.id, account_id=account.id, client_id=client.client_id, scope="openid",
                organisation_id=each, created_at=unit.now, acr="1", amr=["pwd"], auth_time=unit.now,
            )
            for each in organisations
        ]  # fmt: skip
        for each in grants:
            unit.add(each)
        await unit.flush()
        return session.id, [each.id for each in grants]


async def test_a_colleague_is_asked_before_the_account_that_scim_made_is_met(stage, scim, provider, directory, claire):
    user = await sent(scim, directory)

    answer = await sign_in(stage.browser(), provider, directory)

    assert answer.headers["location"].startswith("/sso/link/")
    made = await scim.account(user["id"])
    assert (made["id"] != claire.id, made["state"]) == (True, "active")


async def test_once_it_is_linked_the_directory_means_the_colleagues_own_account(
    stage, scim, provider, directory, claire
):
    group_before = await scim.group("Audit")
    user, made = await linked(stage, scim, provider, directory)

    assert (await scim.account(user["id"]))["id"] == claire.id
    assert (await now(stage, made)).state == "disabled"
    told = {each.account_id: (each.active, each.groups_said) for each in (await scim.told())[-2:]}
    assert told == {str(made): (False, True), str(claire.id): (True, True)}
    assert (await account_of(stage, provider, directory)).id == claire.id
    again = await sign_in(stage.browser(), provider, directory)
    assert again.headers["location"] == f"/o/{scim.firm.slug}"
    assert (await scim.ask("GET", f"/Users/{user['id']}")).json()["userName"] == directory.person["email"]
    added = {"op": "add", "path": "members", "value": [{"value": user["id"]}]}
    assert (await scim.patch(f"/Groups/{group_before['id']}", added)).status_code in {200, 204}
    assert (await scim.told())[-1].account_id == str(claire.id)


async def test_whoever_has_used_the_firms_account_keeps_it(stage, scim, provider, directory):
    user = await sent(scim, directory)
    await sign_in(stage.browser(), provider, directory)
    claire = await member(stage, scim.firm, directory)
    other = await provider_of(stage, scim.firm, directory)
    await stage.run("UPDATE sso_providers SET state = 'off' WHERE id = :id", id=provider.id)

    answer = await sign_in(stage.browser(), other, directory)

    assert answer.headers["location"] == f"/o/{scim.firm.slug}"
    assert (await scim.account(user["id"]))["id"] == (await account_of(stage, other, directory)).id != claire.id


async def test_somebody_whom_the_directory_sends_beside_the_colleague_is_another_person(
    stage, scim, provider, directory, claire
):
    first, _ = await linked(stage, scim, provider, directory)
    directory.person["sub"] = f"u-{uuid7()}"
    second = await scim.user(userName=f"admin-{uuid7().hex[-8:]}", externalId=directory.person["sub"])

    answer = await sign_in(stage.browser(), provider, directory)

    assert answer.headers["location"] == f"/o/{scim.firm.slug}"
    assert (await account_of(stage, provider, directory)).id == (await scim.account(second["id"]))["id"]
    assert (await scim.account(first["id"]))["id"] == claire.id


async def test_whom_the_directory_lets_in_no_more_links_nothing(stage, scim, provider, directory, claire):
    user, browser = await sent(scim, directory), stage.browser()
    here = (await sign_in(browser, provider, directory)).headers["location"]
    await browser.submit(here, password=PASSWORD)
    await scim.patch(f"/Users/{user['id']}", {"op": "replace", "path": "active", "value": False})

    answer = await browser.submit(here)

    assert answer.status_code == 403
    assert (await scim.account(user["id"]))["id"] != claire.id


@pytest.mark.parametrize("way", ["PATCH", "PUT"])
async def test_the_directory_changes_nothing_of_somebodys_own_account(stage, scim, provider, directory, claire, way):
    user, _ = await linked(stage, scim, provider, directory)
    before = (await now(stage, claire.id)).model_dump(exclude={"last_sign_in_at"})
    name, mails = {"givenName": "Eve", "familyName": "Autre"}, [{"value": "eve@cabinet.example", "primary": True}]

    if way == "PUT":
        body = {"schemas": [USER], "userName": "eve", "name": name, "emails": mails, "preferredLanguage": "fr"}
        answer = await scim.ask("PUT", f"/Users/{user['id']}", body)
    else:
        operations = {"userName": "eve", "name": name, "emails": mails, "preferredLanguage": "fr"}
        answer = await scim.patch(f"/Users/{user['id']}", {"op": "replace", "value": operations})

    assert (answer.json()["userName"], answer.json()["name"]["givenName"]) == ("eve", "Eve")
    told = (await scim.told())[-1]
    assert (told.account_id, told.given_name, told.mail) == (str(claire.id), "Eve", "eve@cabinet.example")
    assert (await now(stage, claire.id)).model_dump(exclude={"last_sign_in_at"}) == before


@pytest.mark.parametrize("way", ["active", "DELETE"])
async def test_a_leaver_loses_that_firm_and_nothing_else(stage, scim, provider, directory, claire, way):
    user, _ = await linked(stage, scim, provider, directory)
    elsewhere = stage.town.found(f"firm-{uuid7().hex[-10:]}", "Ailleurs")
    session_id, (here, there) = await session_with_grants(stage, claire, scim.firm.id, elsewhere.id)

    if way == "DELETE":
        await scim.ask("DELETE", f"/Users/{user['id']}")
    else:
        await scim.patch(f"/Users/{user['id']}", {"op": "replace", "path": "active", "value": False})

    told = (await scim.told())[-1]
    assert (told.account_id, told.active) == (str(claire.id), False)
    async with stage.unit() as unit:
        assert (await unit.get(Grant, here)).revoked_at is not None
        assert (await unit.get(Grant, there)).revoked_at is None
        assert await sessions.is_open(unit, session_id, claire.id)
    assert (await now(stage, claire.id)).state == "active"
    assert (await stage.browser().sign_in(claire.mail)).status_code == 303


async def test_who_comes_back_is_let_in_again(stage, scim, provider, directory, claire):
    user, _ = await linked(stage, scim, provider, directory)
    for active in (False, True):
        await scim.patch(f"/Users/{user['id']}", {"op": "replace", "path": "active", "value": active})
    assert [(each.account_id, each.active) for each in (await scim.told())[-2:]] == [
        (str(claire.id), False), (str(claire.id), True),
    ]  # fmt: skip
    await scim.ask("DELETE", f"/Users/{user['id']}")

    again = await sent(scim, directory)

    assert (await scim.account(again["id"]))["id"] == claire.id
    assert (await now(stage, claire.id)).given_name == claire.given_name


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("way", ["active", "DELETE"])
async def test_a_leaver_who_never_linked_takes_the_colleague_with_them_in_a_domain_of_the_firm(
    stage, scim, directory, domain, claire, way, own
):
    user = await sent(scim, directory)
    if own:
        await verified(stage, scim.firm, domain)

    if way == "DELETE":
        await scim.ask("DELETE", f"/Users/{user['id']}")
    else:
        await scim.patch(f"/Users/{user['id']}", {"op": "replace", "path": "active", "value": False})

    assert await leaving_too(stage, scim) == ([str(claire.id)] if own else [])
    async with stage.unit(scim.firm.id) as unit:
        noted = await unit.fetch("SELECT target_id, details FROM audit WHERE act = 'scim.leaves_too'")
    assert [(each["target_id"], each["details"]["why"]) for each in noted] == (
        [(str(claire.id), "mail")] if own else []
    )


async def test_the_account_that_a_directory_made_hides_nobodys_own_at_the_firms_door(stage, scim, directory, claire):
    user = await sent(scim, directory)
    door = f"/login/{scim.firm.slug}"

    before = await stage.browser().sign_in(claire.mail, at=door)
    await stage.run("UPDATE accounts SET state = 'disabled' WHERE id = :id", id=(await scim.account(user["id"]))["id"])
    after = await stage.browser().sign_in(claire.mail, at=door)

    assert (before.status_code, after.status_code) == (303, 303)


async def test_a_leaver_who_wrote_a_colleagues_address_takes_nobody_along(stage, scim, directory, domain, claire):
    zoe = await scim.user(userName=f"zoe@{domain}")
    await verified(stage, scim.firm, domain)
    mails = [{"value": claire.mail, "primary": True}]
    await scim.patch(f"/Users/{zoe['id']}", {"op": "replace", "path": "emails", "value": mails})

    await scim.patch(f"/Users/{zoe['id']}", {"op": "replace", "path": "active", "value": False})

    assert await leaving_too(stage, scim) == []


async def test_an_emergency_account_is_closed_by_no_directory(stage, scim, directory, domain, claire):
    user = await sent(scim, directory)
    await verified(stage, scim.firm, domain)
    await stage.run(
        "INSERT INTO sign_in_policies (organisation_id, sso, factors, required_profiles, break_glass, version,"
        " changed_at) VALUES (:firm, 'enforced', 'off', '{}', ARRAY[CAST(:claire AS uuid)], 1, now())",
        firm=scim.firm.id, claire=claire.id,
    )  # fmt: skip

    await scim.patch(f"/Users/{user['id']}", {"op": "replace", "path": "active", "value": False})

    assert await leaving_too(stage, scim) == []
    told = [
        events_pb2.NoticeForAdministrators.FromString(each) for each in await stage.events("NoticeForAdministrators")
    ]
    assert ("directory_leaver_kept", claire.name) in [(each.kind, each.values["person"]) for each in told]


async def test_whoever_left_already_takes_nobody_with_them_again(stage, scim, directory, domain, claire):
    user = await sent(scim, directory)
    await verified(stage, scim.firm, domain)
    await scim.patch(f"/Users/{user['id']}", {"op": "replace", "path": "active", "value": False})
    assert await leaving_too(stage, scim) == [str(claire.id)]

    await scim.patch(f"/Users/{user['id']}", {"op": "replace", "path": "title", "value": "Partie"})
    assert await leaving_too(stage, scim) == []
    await scim.ask("DELETE", f"/Users/{user['id']}")

    assert await leaving_too(stage, scim) == []


async def test_a_colleague_whom_the_directory_knows_themself_stays(stage, scim, provider, directory, domain, claire):
    await verified(stage, scim.firm, domain)
    await linked(stage, scim, provider, directory)
    mails = [{"value": claire.mail, "primary": True}]
    twin = await scim.user(userName=f"admin-{uuid7().hex[-8:]}", externalId="admin", emails=mails)

    await scim.ask("DELETE", f"/Users/{twin['id']}")

    assert await leaving_too(stage, scim) == []


async def leaving_too(stage, scim) -> list[str]:
    """Whom tenancy heard of beside the last person of the directory."""
    query = (
        "SELECT payload FROM outbox WHERE subject = 'parvis.identity.v1.DirectoryPersonChanged'"
        " AND organisation_id = $1 ORDER BY id DESC LIMIT 1"
    )
    async with stage.unit(scim.firm.id) as unit:
        rows = await unit.fetch(query, scim.firm.id)
    return list(events_pb2.DirectoryPersonChanged.FromString(rows[0]["payload"]).also_account_ids)
