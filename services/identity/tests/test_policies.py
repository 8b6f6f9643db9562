"""What firms demand of passwords."""

import asyncio
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from identity_stage import PASSWORD, Flow, comparable, read
from test_provisional_passwords import hand_over

from parvis_identity.domain.passwords import PasswordPolicy
from parvis_identity.models import AccountState
from parvis_identity.service import accounts, policies
from parvis_kit.errors import ServiceError
from parvis_kit.ids import uuid7

pytestmark = pytest.mark.usefixtures("nobody_failed_before")
FLOOR = PasswordPolicy()
STRONG = PasswordPolicy(minimum=14, small=True, special_characters="$!")
NEW = "Chalutier$2026"

rules = st.builds(
    PasswordPolicy,
    minimum=st.integers(8, 20),
    digit=st.booleans(),
    capital=st.booleans(),
    small=st.booleans(),
    special_characters=st.sets(st.sampled_from("$?!&%*@#")).map("".join),
)
passwords = st.text("aA1$?#", max_size=24)


@given(rules, rules, passwords)
def test_what_passes_a_policy_with_its_floor_passes_the_floor(policy, floor, password):
    if not list(policy.with_floor(floor).broken(password)):
        assert not list(floor.broken(password))


@given(rules, rules, passwords)
def test_a_policy_that_refuses_no_more_than_another_takes_what_that_took(policy, other, password):
    if not policy.refuses_more_than(other) and not list(other.broken(password)):
        assert not list(policy.broken(password))


@given(rules, rules)
def test_a_policy_that_may_be_kept_is_its_own_with_the_floor(policy, floor):
    if not list(policy.wrong(floor)):
        assert set(policy.with_floor(floor).special_characters) == set(policy.special_characters)
        assert not floor.refuses_more_than(policy)


@pytest.fixture
async def firm(stage, request):
    slug = re.sub(r"\W+", "-", request.node.name)[:60].strip("-").lower()
    return stage.town.found(slug, "Cabinet Iroise")


async def demand(stage, firm, policy):
    async with stage.unit(firm.id) as unit:
        return await policies.save(unit, policy, FLOOR)


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (PasswordPolicy(minimum=7), "minimum"),
        (PasswordPolicy(minimum=65), "minimum"),
        (PasswordPolicy(digit=False), "digit"),
        (PasswordPolicy(capital=False), "capital"),
        (PasswordPolicy(special_characters=""), "special_characters"),
        (PasswordPolicy(special_characters="$#"), "special_characters"),
        (PasswordPolicy(special_characters="$a"), "special_characters"),
    ],
)
async def test_a_firm_never_demands_less_than_the_installation(stage, wanted, field):
    firm = stage.town.found("plancher", "Cabinet Plancher")
    with pytest.raises(ServiceError, match="policy_invalid") as refusal:
        await demand(stage, firm, wanted)
    assert [each.field for each in refusal.value.violations] == [field]


async def test_a_firm_that_said_nothing_demands_what_the_installation_does(stage, firm):
    async with stage.unit(firm.id) as unit:
        assert await policies.of_organisation(unit, firm.id, FLOOR) == policies.Demanded(FLOOR)


async def test_the_pages_of_an_account_show_the_rules_of_its_firm(stage, firm):
    await demand(stage, firm, STRONG)
    client = await stage.client_of(firm, "C0300", state=AccountState.PENDING)
    async with stage.unit(firm.id) as unit:
        url, _ = await stage.links.mint(
            unit, link_id=uuid7(), account_id=client.id, purpose=accounts.Purpose.ACTIVATION, slug=firm.slug
        )
    browser, address = stage.browser(), urlsplit(url).path

    page = read(await browser.get(address))
    weak = await browser.submit(address, password=PASSWORD)

    assert "Au moins 14 caractères" in page
    assert "Une minuscule" in page
    assert "Un de ces signes : $ !" in page.replace("\xa0", " ")
    assert weak.status_code == 422
    assert (await browser.submit(address, password=NEW)).status_code == 303


async def test_the_rules_of_a_firm_are_not_those_of_personal_accounts(stage, firm):
    await demand(stage, firm, STRONG)
    person = await stage.person()
    assert await stage.passwords.policy_of(person) == FLOOR


async def test_a_tightened_policy_asks_at_the_next_sign_in(stage, firm):
    await stage.client_of(firm, "C0301")
    await demand(stage, firm, STRONG)
    browser = stage.browser()

    right = await browser.sign_in("C0301", at=f"/login/{firm.slug}")
    page = await browser.get(right.headers["location"])
    kept = await browser.submit(right.headers["location"], password=PASSWORD)
    chosen = await browser.submit(right.headers["location"], password=NEW)

    assert right.headers["location"].startswith("/renew/")
    assert "demande désormais des mots de passe plus solides" in read(page)
    assert kept.status_code == 422
    assert chosen.headers["location"] == f"/o/{firm.slug}"
    assert (await stage.browser().sign_in("C0301", NEW, at=f"/login/{firm.slug}")).headers["location"].startswith("/o/")


async def test_nothing_is_told_before_the_password_was_right(stage, firm):
    await stage.client_of(firm, "C0302")
    before = await stage.browser().sign_in("C0302", "faux", at=f"/login/{firm.slug}")
    await demand(stage, firm, STRONG)
    after = await stage.browser().sign_in("C0302", "faux", at=f"/login/{firm.slug}")
    nobody = await stage.browser().sign_in("C0399", "faux", at=f"/login/{firm.slug}")
    assert before.status_code == after.status_code == nobody.status_code == 422
    bare = [
        re.sub(r'name="csrf" value="[^"]*"', "", comparable(read(each))).replace(code, "…")
        for each, code in ((before, "C0302"), (after, "C0302"), (nobody, "C0399"))
    ]
    assert bare[0] == bare[1] == bare[2]


async def test_nobody_is_locked_out_by_leaving_the_page(stage, firm):
    await stage.client_of(firm, "C0303")
    await demand(stage, firm, STRONG)
    first = await stage.browser().sign_in("C0303", at=f"/login/{firm.slug}")
    again = stage.browser()
    second = await again.sign_in("C0303", at=f"/login/{firm.slug}")
    assert first.headers["location"] != second.headers["location"]
    assert (await again.submit(second.headers["location"], password=NEW)).status_code == 303
    assert "Reconnectez-vous" in read(await stage.browser().get(first.headers["location"]))


async def test_another_browser_does_not_choose_with_an_address_that_it_saw(stage, firm):
    client = await stage.client_of(firm, "C0321", state=AccountState.PENDING)
    secret = await hand_over(stage, firm, client)
    browser, other = stage.browser(), stage.browser()
    right = await browser.sign_in("C0321", secret, at=f"/login/{firm.slug}")
    form = await browser.form(right.headers["location"])
    _, hidden = await other.form("/login")
    seen = await other.get(right.headers["location"])
    sent = await other.send((form[0], hidden), password=NEW)
    late = await other.sign_in("C0321", NEW, at=f"/login/{firm.slug}")
    assert [seen.status_code, sent.status_code, late.status_code] == [404, 404, 422]
    assert "Reconnectez-vous" in read(seen)
    assert (await browser.send(form, password=NEW)).headers["location"] == f"/o/{firm.slug}"


async def test_what_a_right_password_opens_is_over_after_ten_minutes(stage, firm):
    client = await stage.client_of(firm, "C0322", state=AccountState.PENDING)
    browser = stage.browser()
    right = await browser.sign_in("C0322", await hand_over(stage, firm, client), at=f"/login/{firm.slug}")
    cookie = right.headers["set-cookie"]
    await stage.run(
        "UPDATE links SET expires_at = expires_at - interval '10 minutes' WHERE account_id = :id", id=client.id
    )
    assert (await browser.get(right.headers["location"])).status_code == 410
    assert "Max-Age=600" in cookie
    assert "HttpOnly" in cookie


async def test_a_policy_that_asks_for_less_asks_nobody(stage, firm):
    await demand(stage, firm, STRONG)
    await stage.client_of(firm, "C0304")  # its password is younger than the rule, as one that was imported
    await demand(stage, firm, FLOOR)
    assert (await stage.browser().sign_in("C0304", at=f"/login/{firm.slug}")).headers["location"].startswith("/o/")


async def test_a_password_that_fits_already_is_kept(stage, firm):
    await stage.client_of(firm, "C0305")
    await demand(stage, firm, PasswordPolicy(minimum=10))
    assert (await stage.browser().sign_in("C0305", at=f"/login/{firm.slug}")).headers["location"].startswith("/o/")


async def test_choosing_another_password_goes_on_to_the_product(stage, firm):
    await stage.client_of(firm, "C0306")
    await demand(stage, firm, STRONG)
    browser, flow = stage.browser(), Flow(*await stage.relying_party())
    asked = f"/oauth2/authorize?client_id={flow.client.client_id}&state=s-1"
    right = await browser.submit(f"/login/{firm.slug}", identifier="C0306", password=PASSWORD, next=asked)
    chosen = await browser.submit(right.headers["location"], password=NEW)
    assert parse_qs(urlsplit(right.headers["location"]).query)["next"] == [asked]
    assert chosen.headers["location"] == asked


async def test_a_floor_that_is_raised_asks_personal_accounts_too(stage):
    person, higher = await stage.person(), PasswordPolicy(minimum=16)
    async with stage.unit() as unit:
        await policies.remember_floor(unit, higher)
    stage.passwords.policy = higher
    try:
        answer = await stage.browser().sign_in(person.mail)
    finally:
        stage.passwords.policy = FLOOR
        await stage.run("UPDATE password_policies SET minimum = 8, tightened_at = NULL WHERE organisation_id = :id",
                        id=policies.store.NOBODY)  # fmt: skip
    assert answer.headers["location"].startswith("/renew/")


async def test_processes_that_start_together_note_the_floor_once(stage):
    await stage.run("DELETE FROM password_policies WHERE organisation_id = :id", id=policies.store.NOBODY)
    async with stage.unit() as first:
        await policies.remember_floor(first, FLOOR)
        second = asyncio.create_task(remembered(stage))
        await waits_for_a_lock(stage)
    await second
    async with stage.unit() as unit:
        assert len(await policies.store.found(unit, None)) == 1


async def test_of_two_who_save_the_first_policy_of_a_firm_both_are_answered(stage, firm):
    async with stage.unit(firm.id) as first:
        await policies.save(first, PasswordPolicy(minimum=12), FLOOR)
        second = asyncio.create_task(demand(stage, firm, STRONG))
        await waits_for_a_lock(stage)
    await second
    async with stage.unit(firm.id) as unit:
        assert (await policies.of_organisation(unit, firm.id, FLOOR)).policy == STRONG


async def remembered(stage):
    async with stage.unit() as unit:
        await policies.remember_floor(unit, FLOOR)


async def waits_for_a_lock(stage):
    """Returns once another transaction of this database waits for one."""
    waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with asyncio.timeout(20), stage.unit() as unit:
        while not await unit.fetch(waiting):  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0.01)
