"""What the pages that set a password say of one."""

from unittest.mock import AsyncMock

import pytest
from identity_stage import PASSWORD, read

from parvis_identity.domain.links import Purpose
from parvis_identity.models import AccountState
from parvis_kit.errors import unavailable
from parvis_kit.ids import uuid7

pytestmark = pytest.mark.usefixtures("nobody_failed_before")


async def invited(stage, slug="") -> str:
    """The address that somebody sets a first password at."""
    person = await stage.person(state=AccountState.PENDING)
    async with stage.unit() as unit:
        link = {"link_id": uuid7(), "account_id": person.id, "purpose": Purpose.ACTIVATION, "slug": slug}
        return (await stage.links.mint(unit, **link))[0]


class Listed:
    """A list of breached passwords."""

    async def has(self, password: str) -> bool:
        return password == "Chalutier-2026!"


@pytest.fixture
def listed(stage, monkeypatch):
    monkeypatch.setattr(stage.passwords._refused, "_breached", Listed())


async def test_a_breached_password_is_refused_and_the_page_says_why(stage, listed):
    address = await invited(stage)

    refused = await stage.browser().submit(address, password="Chalutier-2026!")
    taken = await stage.browser().submit(address, password=PASSWORD)

    assert refused.status_code == 422
    assert "liste publique de mots de passe divulgués" in read(refused)
    assert taken.status_code == 303


@pytest.mark.parametrize("password", ["Azerty-2026!", "P@ssw0rd1!", "Abcd1234!"])
async def test_a_common_password_is_refused_whatever_was_hung_on_it(stage, password):
    refused = await stage.browser().submit(await invited(stage), password=password)

    assert refused.status_code == 422
    assert "parmi les mots de passe les plus courants" in read(refused)


async def test_the_name_of_the_firm_that_invites_is_refused_in_a_password(stage):
    firm = stage.town.found("cabinet-dupont", "Cabinet Dupont & associés")
    elsewhere, here = await invited(stage), await invited(stage, firm.slug)

    refused = await stage.browser().submit(here, password="Dupont-2026!")
    taken = await stage.browser().submit(elsewhere, password="Dupont-2026!")

    assert (refused.status_code, taken.status_code) == (422, 303)
    assert "le nom du cabinet ou du portail" in read(refused)


async def test_the_portals_own_name_is_refused_in_a_password(stage):
    refused = await stage.browser().submit(await invited(stage), password="Mon.Parvis-2026!")

    assert refused.status_code == 422
    assert "le nom du cabinet ou du portail" in read(refused)


async def test_a_password_is_chosen_while_nobody_knows_the_firms_name(stage, monkeypatch):
    monkeypatch.setattr(stage.town, "face", AsyncMock(side_effect=unavailable("tenancy_unavailable")))

    taken = await stage.browser().submit(await invited(stage, "cabinet-dupont"), password=PASSWORD)

    assert taken.status_code == 303


async def test_without_a_script_the_page_says_which_rules_are_met_and_how_strong_it_is(stage):
    address, browser = await invited(stage), stage.browser()

    looked = await browser.submit(address, password="portail2026", check="1")
    refused = await browser.submit(address, password="portail2026")
    done = await browser.submit(address, password=PASSWORD)

    assert (looked.status_code, refused.status_code, done.status_code) == (200, 422, 303)
    assert looked.text.count('data-met="true"') == refused.text.count('data-met="true"') == 3
    assert 'data-level="2"' in looked.text
    assert "moyenne" in read(refused)
    assert "portail2026" not in looked.text + refused.text


async def test_one_changes_ones_own_password_under_the_same_rules(stage, listed):
    person, browser = await stage.person(), stage.browser()
    await browser.sign_in(person.mail)

    looked = await browser.submit("/password", current="", password="Chalutier-2026!", check="1")
    refused = await browser.submit("/password", current=PASSWORD, password="Chalutier-2026!")

    assert looked.status_code == 200
    assert looked.text.count('data-met="true"') == 5
    assert "divulgués" in read(refused)
