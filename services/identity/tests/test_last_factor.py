"""Whoever is about to remove their last second factor sees first which organisations ask for one."""

from datetime import UTC, datetime, timedelta

import pytest
from factor_parts import add_application
from identity_stage import read

from parvis_identity.models import FactorMode, SignInPolicy, SsoMode
from parvis_identity.service.organisations import Membership
from parvis_kit.ids import uuid7


@pytest.fixture
async def person(stage):
    return await stage.person()


@pytest.fixture
async def browser(stage, person):
    """Somebody with one second factor."""
    made = stage.browser()
    await made.sign_in(person.mail)
    await add_application(made)
    return made


@pytest.fixture
def profile():
    return uuid7()


@pytest.fixture
def firm(stage, person, profile):
    """A firm where they work, and what it demands."""

    async def demanding(name, **demands):
        face = stage.town.found(f"f{uuid7().hex}", name)
        stage.town.employ(face, person, profile)
        if demands:
            async with stage.unit() as unit:
                unit.add(SignInPolicy(organisation_id=face.id, changed_at=unit.now, **demands))
        return face

    return demanding


async def about_to_remove(stage, person, browser):
    async with stage.unit() as unit:
        rows = await unit.fetch("SELECT id FROM factors WHERE account_id = $1 ORDER BY created_at", person.id)
    return await browser.get(f"/factors/{rows[0]['id']}")


async def test_those_that_demand_it_are_named_and_the_others_are_not(stage, person, browser, firm, profile):
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    await firm("Cabinet Un", factors=FactorMode.REQUIRED)
    await firm("Cabinet Deux", factors=FactorMode.REQUIRED, required_from=tomorrow, required_profiles=[profile])
    await firm("Cabinet Trois", factors=FactorMode.REQUIRED, required_profiles=[uuid7()])
    await firm("Cabinet Quatre", factors=FactorMode.OFFERED)
    await firm("Cabinet Cinq", sso=SsoMode.ENFORCED, break_glass=[person.id])
    await firm("Cabinet Six")
    client_of = await firm("Cabinet Sept", factors=FactorMode.REQUIRED)
    stage.town.memberships[person.id, client_of.id] = Membership(uuid7(), "portal", person.id)

    text = read(await about_to_remove(stage, person, browser))

    named = [name for name in ("Un", "Deux", "Trois", "Quatre", "Cinq", "Six", "Sept") if f"Cabinet {name}" in text]
    assert named == ["Un", "Deux", "Cinq"]
    assert "Exige la double authentification : vous devrez l'activer de nouveau avant d'entrer." in text
    assert "Exige la double authentification à partir du" in text
    assert "Vous ne pourrez plus y entrer le jour où son annuaire sera en panne." in text


async def test_where_nobody_demands_it_that_is_said(stage, person, browser, firm):
    await firm("Cabinet Un", factors=FactorMode.OFFERED)

    assert "Aucune des organisations pour lesquelles vous travaillez ne l'exige." in read(
        await about_to_remove(stage, person, browser)
    )


async def test_whoever_has_another_one_loses_nothing(stage, person, browser, firm):
    await firm("Cabinet Un", factors=FactorMode.REQUIRED)
    await add_application(browser)

    assert "Cabinet Un" not in read(await about_to_remove(stage, person, browser))


async def test_while_nobody_can_say_where_they_work_it_can_be_removed_all_the_same(stage, person, browser):
    stage.town.away = True
    try:
        page = await about_to_remove(stage, person, browser)
        assert "Les organisations qui exigent la double authentification" in read(page)
        answer = await browser.submit(page.url.path, act="remove")
    finally:
        stage.town.away = False

    assert answer.headers["location"] == "/factors?done=removed"
