"""Somebody's own account and a firm's directory: its owner hears of the link, sees it, and ends it."""

import pytest
from identity_stage import PASSWORD, make_stage, read
from oidc_directory import directory_running
from scim_parts import directory as scim_of
from sso_parts import provider_of, sign_in
from test_sso import member
from test_sso_invitations import invite

from parvis.identity.v1 import events_pb2
from parvis_kit.ids import uuid7

_WORDS = """
SELECT 1 FROM session_proofs p JOIN sessions s ON s.id = p.session_id
 WHERE p.provider_id = $1 AND s.ended_at IS NULL
"""


@pytest.fixture(scope="module")
async def stage(database):
    return await make_stage(database, private_networks="127.0.0.0/8")


@pytest.fixture
async def directory():
    async with directory_running() as made:
        made.person |= {"sub": f"u-{uuid7()}", "email": f"claire@{uuid7().hex[-12:]}.example"}
        yield made


@pytest.fixture
async def scim(stage):
    return await scim_of(stage)


@pytest.fixture
async def provider(stage, scim, directory):
    return await provider_of(stage, scim.firm, directory)


@pytest.fixture
async def claire(stage, scim, directory):
    return await member(stage, scim.firm, directory)


async def link(stage, provider, directory):
    """The browser in which both sides were proven."""
    browser = stage.browser()
    here = (await sign_in(browser, provider, directory)).headers["location"]
    await browser.submit(here, password=PASSWORD)
    await browser.submit(here)
    return browser


async def of_claire(stage, account):
    """What she was told of, as (directory, firm, whether it ended)."""
    told = [events_pb2.DirectoryLinkChanged.FromString(each) for each in await stage.events("DirectoryLinkChanged")]
    return [
        (each.directory, each.organisation_name, each.ended)
        for each in told
        if (each.account_id, each.mail) == (str(account.id), account.mail)
    ]


async def links(stage, account):
    return await stage.account_links.directories_of(account)


async def unlinked(stage, browser, account, **proof):
    [found] = await links(stage, account)
    return await browser.submit(f"/links/{found.id}/unlink", **proof)


async def test_who_links_is_told_and_sees_it_with_the_firm(stage, scim, provider, directory, claire):
    browser = await link(stage, provider, directory)

    assert await of_claire(stage, claire) == [(provider.name, scim.firm.name, False)]
    said = read(await browser.get("/links"))
    assert provider.name in said
    assert f"{scim.firm.name} · relié depuis le " in said
    assert "Ne plus relier" in said


async def test_two_accounts_of_one_directory_are_told_apart(stage, scim, provider, directory, claire):
    browser = await link(stage, provider, directory)
    alone = read(await browser.get("/links"))
    await stage.run(
        "INSERT INTO sso_identities (id, provider_id, subject, account_id, organisation_id, created_at)"
        " VALUES (:id, :provider, :subject, :account, :firm, now())",
        id=uuid7(), provider=provider.id, subject="c.morel", account=claire.id, firm=scim.firm.id,
    )  # fmt: skip
    first, second = await links(stage, claire)

    both = read(await browser.get("/links"))
    asked = read(await browser.get(f"/links/{second.id}/unlink"))
    await browser.submit(f"/links/{first.id}/unlink")

    assert "Compte dans l'annuaire" not in alone
    assert (first.subject, second.subject) == (directory.person["sub"], "c.morel")
    assert all(f"Compte dans l'annuaire : {each}" in both for each in (directory.person["sub"], "c.morel"))
    assert f"{provider.name} (c.morel) n'ouvrira plus" in asked
    assert [(each.id, each.subject) for each in await links(stage, claire)] == [(second.id, "")]


async def test_an_invitation_that_links_tells_too(stage, scim, provider, directory):
    await stage.run(
        "INSERT INTO sso_domains (id, organisation_id, organisation_slug, domain, state, method, token, check_problem,"
        " created_at) VALUES (:id, :firm, :slug, :domain, 'verified', 'dns', 't', '', now())",
        id=uuid7(), firm=scim.firm.id, slug=scim.firm.slug, domain=directory.person["email"].partition("@")[2],
    )  # fmt: skip
    person, token = await invite(stage, scim.firm, directory.person["email"])

    await sign_in(stage.browser(), provider, directory, invitation=token)

    assert await of_claire(stage, person) == [(provider.name, scim.firm.name, False)]


async def test_unlinked_its_word_ends_in_every_session_and_the_owner_is_told(stage, scim, provider, directory, claire):
    browser, elsewhere = await link(stage, provider, directory), stage.browser()
    await sign_in(elsewhere, provider, directory)

    answer = await unlinked(stage, browser, claire)

    assert answer.headers["location"] == "/links?done=directory"
    assert await of_claire(stage, claire) == [
        (provider.name, scim.firm.name, False), (provider.name, scim.firm.name, True),
    ]  # fmt: skip
    assert not await links(stage, claire)
    async with stage.unit() as unit:
        words = await unit.fetch(_WORDS, provider.id)
    assert not words
    async with stage.unit(scim.firm.id) as unit:
        assert len(await unit.fetch("SELECT 1 FROM audit WHERE act = 'sso.unlinked'")) == 1
    assert (await browser.get("/links")).status_code == 200
    assert (await elsewhere.get("/links")).status_code == 303


async def test_the_directory_asks_for_both_sides_again_whether_scim_knows_the_person(
    stage, scim, provider, directory, claire
):
    user = {"userName": directory.person["email"], "externalId": directory.person["sub"]}
    await scim.user(**user)
    browser = await link(stage, provider, directory)
    await unlinked(stage, browser, claire)

    answer = await sign_in(stage.browser(), provider, directory)

    assert answer.headers["location"].startswith("/sso/link/")


async def test_a_proof_is_asked_and_a_wrong_one_ends_nothing(stage, provider, directory, claire):
    browser = await link(stage, provider, directory)
    await stage.run(
        "UPDATE sessions SET auth_time = auth_time - interval '6 minutes' WHERE account_id = :id", id=claire.id
    )

    refused = await unlinked(stage, browser, claire, current="none of hers")
    assert refused.status_code == 422
    assert len(await links(stage, claire)) == 1

    await stage.run("DELETE FROM sign_in_attempts")
    assert (await unlinked(stage, browser, claire, current=PASSWORD)).status_code == 303
    assert not await links(stage, claire)


async def test_nobody_ends_the_link_of_somebody_else(stage, provider, directory, claire):
    await link(stage, provider, directory)
    [found] = await links(stage, claire)
    other, browser = await stage.person(), stage.browser()
    await browser.sign_in(other.mail)

    form = await browser.form("/links")
    answer = await browser.send((f"/links/{found.id}/unlink", form[1]))

    assert answer.headers["location"] == "/links"
    assert len(await links(stage, claire)) == 1
