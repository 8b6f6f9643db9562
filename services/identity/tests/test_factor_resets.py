"""Second factors that were lost are reset by two."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from factor_parts import Device, add_passkey, with_application
from identity_stage import read

from parvis.identity.v1 import events_pb2, factors_pb2
from parvis_identity.domain.links import Purpose
from parvis_identity.rpc import FactorRpc
from parvis_identity.service import factor_resets
from parvis_identity.service.organisations import Membership
from parvis_kit.errors import ServiceError
from parvis_kit.ids import uuid7

pytestmark = pytest.mark.usefixtures("nobody_failed_before")
REASON = "Appel vidéo, pièce d'identité vue."


@pytest.fixture
async def firm(stage):
    stage.town.rights = {"members.manage", "organisations.manage"}
    yield stage.town.found(f"cabinet-{uuid7().hex[-6:]}", "Cabinet Orsel")
    stage.town.rights = set()
    stage.town.out_of_reach = set()
    stage.town.there_since = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
async def people(stage, firm):
    """Two administrators and somebody with a factor, of one firm."""
    anne, bruno = await stage.person(), await stage.person()
    owner, _, _ = await with_application(stage)
    for each in (anne, bruno, owner):
        stage.town.memberships[each.id, firm.id] = Membership(uuid7(), "staff", each.id)
    return anne, bruno, owner


async def ask(stage, firm, who, owner, reason=REASON):
    request = factors_pb2.RequestFactorResetRequest(membership_id=member(stage, firm, owner), reason=reason)
    async with stage.unit(firm.id, account_id=who.id) as unit:
        return await rpc(stage).RequestFactorReset(unit, request)


async def approve(stage, firm, who, reset_id):
    async with stage.unit(firm.id, account_id=who.id) as unit:
        return await rpc(stage).ApproveFactorReset(unit, factors_pb2.ApproveFactorResetRequest(reset_id=reset_id))


async def settle(stage):
    async with stage.unit() as unit:
        return await factor_resets.settle(unit)


def rpc(stage):
    return FactorRpc(stage.factor_resets)


def member(stage, firm, owner):
    return str(stage.town.memberships[owner.id, firm.id].id)


async def has_factor(stage, owner):
    return bool((await stage.second_factors.choices(owner)).factors)


async def told(stage, owner, change):
    found = [events_pb2.FactorsChanged.FromString(each) for each in await stage.events("FactorsChanged")]
    return [each for each in found if each.account_id == str(owner.id) and each.change == change]


async def test_of_a_personal_account_two_administrators_and_the_time_are_needed(stage, firm, people):
    anne, bruno, owner = people
    asked = await ask(stage, firm, anne, owner)
    agreed = await approve(stage, firm, bruno, asked.reset.id)

    assert not await settle(stage)
    assert await has_factor(stage, owner)
    assert agreed.reset.state == factors_pb2.FACTOR_RESET_STATE_WAITING
    [mail] = await told(stage, owner, events_pb2.FACTORS_CHANGE_RESET_ASKED)
    assert (mail.organisation_name, mail.reset_id) == ("Cabinet Orsel", asked.reset.id)
    await stage.run("UPDATE factor_resets SET due_at = now() WHERE id = :id", id=asked.reset.id)
    assert await settle(stage)
    assert not await has_factor(stage, owner)
    assert len(await told(stage, owner, events_pb2.FACTORS_CHANGE_RESET_DONE)) == 1
    answer = await stage.browser().sign_in(owner.mail)
    assert answer.headers["location"] == "/"


async def test_of_a_firms_own_account_two_administrators_are_enough(stage, firm, people):
    anne, bruno, _ = people
    client, browser = await stage.client_of(firm, "C001"), stage.browser()
    await browser.sign_in("C001", at=f"/login/{firm.slug}")
    await add_passkey(browser, Device())
    stage.town.memberships[client.id, firm.id] = Membership(uuid7(), "staff", client.id)
    asked = await ask(stage, firm, anne, client)

    agreed = await approve(stage, firm, bruno, asked.reset.id)

    assert not agreed.has_factor
    assert (await browser.get("/factors")).status_code == 303  # every session is over


async def test_somebody_whom_the_first_has_just_invited_makes_it_wait(stage, firm, people):
    anne, puppet, _ = people
    client, browser = await stage.client_of(firm, "C002"), stage.browser()
    await browser.sign_in("C002", at=f"/login/{firm.slug}")
    await add_passkey(browser, Device())
    stage.town.memberships[client.id, firm.id] = Membership(uuid7(), "staff", client.id)
    asked = await ask(stage, firm, anne, client)
    stage.town.there_since = datetime.now(UTC) - timedelta(days=6)

    agreed = await approve(stage, firm, puppet, asked.reset.id)

    assert agreed.has_factor
    assert agreed.reset.state == factors_pb2.FACTOR_RESET_STATE_WAITING
    assert not await settle(stage)


async def test_one_administrator_is_not_two(stage, firm, people):
    anne, _, owner = people
    asked = await ask(stage, firm, anne, owner)

    with pytest.raises(ServiceError, match="second_administrator"):
        await approve(stage, firm, anne, asked.reset.id)
    with pytest.raises(ServiceError, match="second_administrator"):
        await approve(stage, firm, owner, asked.reset.id)
    assert not asked.may_approve


async def test_nobody_asks_for_their_own(stage, firm, people):
    with pytest.raises(ServiceError, match="not_oneself"):
        await ask(stage, firm, people[2], people[2])


async def test_another_organisation_does_not_agree_nor_stop(stage, firm, people):
    anne, bruno, owner = people
    asked = await ask(stage, firm, anne, owner)
    other = stage.town.found(f"autre-{uuid7().hex[-6:]}", "Autre")

    with pytest.raises(ServiceError, match="reset_not_found"):
        await approve(stage, other, bruno, asked.reset.id)
    async with stage.unit(other.id, account_id=bruno.id) as unit:
        with pytest.raises(ServiceError, match="reset_not_found"):
            await rpc(stage).StopFactorReset(unit, factors_pb2.StopFactorResetRequest(reset_id=asked.reset.id))


async def test_who_does_not_manage_the_member_asks_nothing(stage, firm, people):
    anne, _, owner = people
    stage.town.out_of_reach = {stage.town.memberships[owner.id, firm.id].id}

    with pytest.raises(ServiceError, match="right_missing"):
        await ask(stage, firm, anne, owner)


@pytest.mark.parametrize("reason", ["", "vu", "x" * 501])
async def test_a_reason_is_given(stage, firm, people, reason):
    with pytest.raises(ServiceError, match="fields_invalid"):
        await ask(stage, firm, people[0], people[2], reason)


async def test_one_reset_waits_at_a_time(stage, firm, people):
    anne, bruno, owner = people
    await ask(stage, firm, anne, owner)

    with pytest.raises(ServiceError, match="reset_waits"):
        await ask(stage, firm, bruno, owner)


async def test_without_a_second_administrator_it_lapses(stage, firm, people):
    anne, bruno, owner = people
    asked = await ask(stage, firm, anne, owner)
    await stage.run("UPDATE factor_resets SET asked_at = now() - interval '8 days' WHERE id = :id", id=asked.reset.id)

    with pytest.raises(ServiceError, match="reset_over"):
        await approve(stage, firm, bruno, asked.reset.id)
    assert await settle(stage)
    assert await has_factor(stage, owner)


async def test_the_provider_waits_whatever_account_it_is(stage, firm, people):
    anne, _, owner = people
    request = factors_pb2.RequestProviderFactorResetRequest(identifier=owner.mail.upper(), reason=REASON)
    async with stage.unit(firm.id, account_id=anne.id) as unit:
        asked = await rpc(stage).RequestProviderFactorReset(unit, request)
        listed = await rpc(stage).ListFactorResets(unit, factors_pb2.ListFactorResetsRequest())

    assert asked.state == factors_pb2.FACTOR_RESET_STATE_WAITING
    assert asked.due_at.ToDatetime() - asked.asked_at.ToDatetime() == timedelta(hours=24)
    assert [each.identifier for each in listed.resets] == [owner.mail]
    assert not await settle(stage)


async def test_the_person_says_no(stage, firm, people):
    anne, bruno, owner = people
    asked = await ask(stage, firm, anne, owner)
    await approve(stage, firm, bruno, asked.reset.id)
    async with stage.unit() as unit:
        address, _ = await stage.links.mint(
            unit, link_id=asked_id(asked), account_id=owner.id, purpose=Purpose.FACTOR_RESET, slug=""
        )
    reader = stage.browser()
    path = address.removeprefix("http://localhost:8600")

    shown = await reader.get(path)
    answer = await reader.submit(path)

    assert "Cabinet Orsel" in read(shown)
    assert "La réinitialisation est arrêtée" in read(answer)
    await stage.run("UPDATE factor_resets SET due_at = now() WHERE id = :id", id=asked.reset.id)
    assert not await settle(stage)
    assert await has_factor(stage, owner)
    async with stage.unit() as unit:
        with pytest.raises(ServiceError, match="link_withdrawn"):
            await stage.links.mint(
                unit, link_id=asked_id(asked), account_id=owner.id, purpose=Purpose.FACTOR_RESET, slug=""
            )


async def test_a_made_up_link_stops_nothing(stage, firm, people):
    asked = await ask(stage, firm, people[0], people[2])

    answer = await stage.browser().get(f"/factors/stop/{asked_id(asked).hex}{'A' * 43}")

    assert answer.status_code == 404


def asked_id(asked):
    return UUID(asked.reset.id)
