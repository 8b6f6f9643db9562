"""What an organisation demands at its door: the law, and a session that stands before it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from identity_stage import Flow, claims_of

from parvis_identity.domain.door import Demand, Entering, Offer, Step, missing
from parvis_identity.models import Factor, FactorMode, SessionProof, SignInPolicy, SsoMode, SsoProvider
from parvis_identity.service import accounts, address_changes, factor_offers, known_by, sessions
from parvis_kit.caller import Caller
from parvis_kit.errors import ServiceError
from parvis_kit.ids import uuid7
from parvis_kit.testing import make_caller

pytestmark = pytest.mark.usefixtures("nobody_failed_before")

_FEW = [UUID(int=each) for each in range(1, 4)]
few = st.sampled_from(_FEW)
some = st.frozensets(few)
demands = st.builds(
    Demand, enforced=st.booleans(), factors=st.booleans(), profiles=some, break_glass=some, providers=some
)
people = st.builds(
    Entering,
    account_id=few,
    acr=st.sampled_from(["1", "2"]),
    staff=st.booleans(),
    profile_id=st.none() | few,
    has_factor=st.booleans(),
    proven=some,
)


@given(demands, people)
def test_a_session_passes_exactly_when_it_holds_what_is_demanded_of_its_membership(demand, who):
    signed_in_with_the_firm = bool(who.proven & demand.providers)
    two_factors = who.acr == "2"
    holds_sso = not demand.enforced or signed_in_with_the_firm or (who.account_id in demand.break_glass and two_factors)
    asked_for_a_factor = demand.factors and (demand.profiles == frozenset() or who.profile_id in demand.profiles)
    holds_factor = two_factors or not asked_for_a_factor
    assert (missing(demand, who) is None) == (not who.staff or (holds_sso and holds_factor))


@given(demands, people)
def test_each_step_is_asked_once_and_the_door_opens(demand, who):
    done: list[Step] = []
    while (step := missing(demand, who)) is not None:
        assert step not in done
        done.append(step)
        if step is Step.SSO and not demand.providers:
            assert (
                demand.enforced
            )  # nobody enters where no provider is live, but for break-glass accounts with a factor
            assert who.account_id not in demand.break_glass or not (who.has_factor or who.acr == "2")
            return
        if step is Step.SSO:
            who = replace(who, proven=who.proven | demand.providers)
        else:
            assert who.has_factor == (step is Step.FACTOR)
            who = replace(who, acr="2", has_factor=True)
    assert len(done) <= 2


@given(demands, people)
def test_what_is_proven_closes_no_door(demand, who):
    if missing(demand, who) is None:
        stronger = replace(who, acr="2", has_factor=True, proven=frozenset(_FEW))
        assert missing(demand, stronger) is None


class Entrance:
    """Somebody who signed in at the portal and works for two firms."""

    def __init__(self, stage, person, browser, refresh_token):
        self.stage, self.person, self.browser, self.refresh_token = stage, person, browser, refresh_token
        self.profile_id = uuid7()
        self.firm, self.other = (stage.town.found(f"f{uuid7().hex}", "Cabinet") for _ in range(2))
        for firm in (self.firm, self.other):
            stage.town.employ(firm, person, self.profile_id)

    async def add(self, row):
        async with self.stage.unit() as unit:
            unit.add(row)
        return row

    async def demand(self, **demanded):
        policy = SignInPolicy(organisation_id=self.firm.id, changed_at=datetime.now(UTC), **demanded)
        return await self.add(policy)

    async def provider(self, *, state="live", of=None):
        now = datetime.now(UTC)
        firm = of or self.firm
        return await self.add(
            SsoProvider(
                organisation_id=firm.id, organisation_slug=firm.slug, kind="oidc", template="oidc", name="Annuaire",
                state=state, tried_at=now, created_at=now, changed_at=now,
            )
        )  # fmt: skip

    async def factor(self):
        now = datetime.now(UTC)
        return await self.add(Factor(account_id=self.person.id, kind="totp", created_at=now, confirmed_at=now))

    async def vouched(self, provider, *, acr="1"):
        return await self.add(
            SessionProof(
                session_id=await self.session_id(), provider_id=provider.id, organisation_id=provider.organisation_id,
                at=datetime.now(UTC), acr=acr,
            )
        )  # fmt: skip

    async def session_id(self):
        async with self.stage.unit() as unit:
            rows = await unit.fetch("SELECT id FROM sessions WHERE account_id = $1", self.person.id)
            return rows[0]["id"]

    async def strengthened(self):
        await self.stage.run("UPDATE sessions SET acr = '2' WHERE account_id = :id", id=self.person.id)

    async def missing_at(self, firm):
        """The step that the door of a firm asks for; empty: it opens."""
        try:
            async with self.stage.database.begin(Caller("web")) as unit:
                await self.stage.exchange.issue(unit, self.refresh_token, firm.id if firm else None)
        except ServiceError as error:
            told = error.params
            return told["step"] if (error.reason, told["organisation"]) == ("door_closed", str(firm.id)) else error
        return ""


@pytest.fixture
async def entrance(stage):
    person, browser = await stage.person(), stage.browser()
    await browser.sign_in(person.mail)
    async with stage.unit() as unit:
        flow = Flow(await stage.clients.find(unit, "web"), "web-secret-of-the-tests")
    tokens = (await flow.exchange(browser, await flow.code(browser))).json()
    return Entrance(stage, person, browser, tokens["refresh_token"])


async def test_the_demand_of_a_firm_is_asked_at_its_door_alone(entrance):
    await entrance.provider()
    await entrance.demand(sso=SsoMode.ENFORCED, factors=FactorMode.REQUIRED)
    asked = [await entrance.missing_at(firm) for firm in (entrance.firm, entrance.other, None)]
    assert asked == ["sso", "", ""]


async def test_a_clients_person_is_asked_nothing(entrance):
    await entrance.demand(factors=FactorMode.REQUIRED)
    memberships, key = entrance.stage.town.memberships, (entrance.person.id, entrance.firm.id)
    memberships[key] = replace(memberships[key], kind="portal", profile_id=None)
    assert await entrance.missing_at(entrance.firm) == ""


async def test_a_factor_is_asked_from_the_day_on_that_was_said(entrance):
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    await entrance.demand(factors=FactorMode.REQUIRED, required_from=tomorrow)
    assert await entrance.missing_at(entrance.firm) == ""
    await entrance.stage.run(
        "UPDATE sign_in_policies SET required_from = now() - interval '1 second' WHERE organisation_id = :id",
        id=entrance.firm.id,
    )
    assert await entrance.missing_at(entrance.firm) == "enrol"


async def test_whoever_has_a_factor_gives_it_and_whoever_gave_it_enters(entrance):
    await entrance.demand(factors=FactorMode.REQUIRED, required_profiles=[entrance.profile_id])
    await entrance.factor()
    assert await entrance.missing_at(entrance.firm) == "factor"
    await entrance.strengthened()
    assert await entrance.missing_at(entrance.firm) == ""


async def test_a_demand_on_other_profiles_is_none(entrance):
    await entrance.demand(factors=FactorMode.REQUIRED, required_profiles=[uuid7()])
    assert await entrance.missing_at(entrance.firm) == ""


async def test_another_firms_provider_vouches_for_nobody_here(entrance):
    await entrance.provider()
    await entrance.demand(sso=SsoMode.ENFORCED, factors=FactorMode.REQUIRED)
    await entrance.vouched(await entrance.provider(of=entrance.other), acr="2")
    assert await entrance.missing_at(entrance.firm) == "sso"


async def test_a_factor_that_the_provider_asked_for_counts_where_its_word_is_taken(entrance):
    await entrance.demand(sso=SsoMode.ENFORCED, factors=FactorMode.REQUIRED)
    await entrance.factor()
    proof = await entrance.vouched(await entrance.provider())
    assert await entrance.missing_at(entrance.firm) == "factor"
    await entrance.stage.run("UPDATE session_proofs SET acr = '2' WHERE provider_id = :id", id=proof.provider_id)
    assert await entrance.missing_at(entrance.firm) == ""


async def test_what_a_provider_said_counts_no_more_once_it_is_off(entrance):
    await entrance.demand(sso=SsoMode.ENFORCED)
    provider = await entrance.provider()
    await entrance.vouched(provider)
    assert await entrance.missing_at(entrance.firm) == ""
    await entrance.stage.run("UPDATE sso_providers SET state = 'off' WHERE id = :id", id=provider.id)
    assert await entrance.missing_at(entrance.firm) == "sso"


async def test_what_a_provider_said_counts_as_long_as_it_said_itself(entrance):
    await entrance.demand(sso=SsoMode.ENFORCED)
    proof = await entrance.vouched(await entrance.provider())
    later = "UPDATE session_proofs SET ends_at = now() + CAST(:later AS interval) WHERE provider_id = :id"
    await entrance.stage.run(later, later=timedelta(minutes=1), id=proof.provider_id)
    assert await entrance.missing_at(entrance.firm) == ""
    await entrance.stage.run(later, later=timedelta(seconds=-1), id=proof.provider_id)
    assert await entrance.missing_at(entrance.firm) == "sso"


async def test_a_break_glass_account_enters_without_the_provider_with_two_factors(entrance):
    await entrance.provider()
    await entrance.demand(sso=SsoMode.ENFORCED, break_glass=[entrance.person.id])
    await entrance.factor()
    assert await entrance.missing_at(entrance.firm) == "factor"
    await entrance.strengthened()
    assert await entrance.missing_at(entrance.firm) == ""


OFFERED = {"factors": FactorMode.OFFERED}


async def offer_at(entrance, firm):
    async with entrance.stage.database.begin(Caller("web")) as unit:
        return (await entrance.stage.exchange.issue(unit, entrance.refresh_token, firm.id)).offer


async def said_later(entrance, ago):
    query = "UPDATE accounts SET factor_put_off_at = now() - CAST(:ago AS interval) WHERE id = :id"
    await entrance.stage.run(query, ago=ago, id=entrance.person.id)


async def test_a_firm_offers_a_second_factor_to_whoever_has_none(entrance):
    await entrance.demand(**OFFERED)
    assert [await offer_at(entrance, firm) for firm in (entrance.firm, entrance.other)] == [Offer(), None]
    assert await entrance.missing_at(entrance.firm) == ""
    await entrance.factor()
    assert await offer_at(entrance, entrance.firm) is None


async def test_whoever_says_later_is_left_alone_for_a_month(entrance):
    await entrance.demand(**OFFERED)
    caller = Caller("web", entrance.person.id, entrance.firm.id, session_id=await entrance.session_id())
    async with entrance.stage.database.begin(caller) as unit:
        await factor_offers.put_off(unit)
    assert await offer_at(entrance, entrance.firm) is None
    await said_later(entrance, timedelta(days=29))
    assert await offer_at(entrance, entrance.firm) is None
    await said_later(entrance, timedelta(days=31))
    assert await offer_at(entrance, entrance.firm) == Offer()


async def test_a_clients_person_is_offered_nothing(entrance):
    await entrance.demand(**OFFERED)
    memberships, key = entrance.stage.town.memberships, (entrance.person.id, entrance.firm.id)
    memberships[key] = replace(memberships[key], kind="portal", profile_id=None)
    assert await offer_at(entrance, entrance.firm) is None


async def test_a_demand_that_begins_later_is_offered_with_its_day_to_whom_it_concerns(entrance):
    day = datetime.now(UTC) + timedelta(days=3)
    await entrance.demand(factors=FactorMode.REQUIRED, required_from=day, required_profiles=[entrance.profile_id])
    assert (await offer_at(entrance, entrance.firm)).required_from == day
    await entrance.stage.run(
        "UPDATE sign_in_policies SET required_profiles = ARRAY[CAST(:other AS uuid)] WHERE organisation_id = :id",
        other=uuid7(),
        id=entrance.firm.id,
    )
    assert await offer_at(entrance, entrance.firm) is None


async def test_the_door_costs_one_statement(entrance):
    await entrance.demand(factors=FactorMode.OFFERED)
    counts = []
    for firm in (None, entrance.firm):
        async with entrance.stage.database.begin(Caller("web")) as unit:
            made, fetch = [], unit.fetch

            async def counted(query, *arguments, made=made, fetch=fetch):
                made.append(query)
                return await fetch(query, *arguments)

            unit.fetch = counted
            await entrance.stage.exchange.issue(unit, entrance.refresh_token, firm.id if firm else None)
            counts.append(len(made))
    assert counts[1] - counts[0] == 1


async def test_the_statement_of_the_door_reads_by_indexes_alone(entrance):
    from parvis_identity.service.door import _AT_THE_DOOR

    async with entrance.stage.unit() as unit:
        await unit.fetch("SELECT set_config('enable_seqscan', 'off', true)")
        plan = await unit.fetch(f"EXPLAIN {_AT_THE_DOOR}", entrance.firm.id, uuid7(), entrance.person.id, unit.now)
    assert not [row[0] for row in plan if "Seq Scan" in row[0]]


# Whoever a firm's provider alone vouched for, in an account of their own


async def token_of(entrance, firm=None):
    async with entrance.stage.database.begin(Caller("web")) as unit:
        issued = await entrance.stage.exchange.issue(unit, entrance.refresh_token, firm.id if firm else None)
    return claims_of(issued.token)


async def test_a_token_says_who_alone_vouched_until_the_account_is_proven(entrance):
    await entrance.vouched(await entrance.provider())
    await entrance.stage.run("UPDATE sessions SET acr = '0' WHERE account_id = :id", id=entrance.person.id)
    for firm in (None, entrance.firm):
        told = await token_of(entrance, firm)
        assert (told["acr"], told["vouched"]) == ("0", [str(entrance.firm.id)])
    assert await entrance.missing_at(entrance.other) == "own"
    await entrance.stage.run("UPDATE sessions SET acr = '1' WHERE account_id = :id", id=entrance.person.id)
    told = await token_of(entrance)
    assert told["acr"] == "1"
    assert "vouched" not in told


@pytest.mark.parametrize(
    "act",
    [
        sessions.list_mine,
        sessions.end_others,
        lambda unit: sessions.end_mine(unit, uuid7()),
        lambda unit: accounts.update_mine(unit, given_name="A", family_name="B", locale="fr"),
        address_changes.resend_mine,
        address_changes.cancel_mine,
        lambda unit: known_by.mine(unit, gateway_client="web"),
        lambda unit: known_by.withdraw(unit, "client", gateway_client="web"),
    ],
)
async def test_what_is_of_the_account_is_for_whoever_proved_it(entrance, act):
    caller = make_caller(account_id=entrance.person.id, acr="0", vouched=(entrance.firm.id,))
    with pytest.raises(ServiceError, match="door_closed") as refused:
        async with entrance.stage.database.begin(caller) as unit:
            await act(unit)
    assert refused.value.params == {"step": "own"}
