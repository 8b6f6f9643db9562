"""What an organisation's administrators may demand of its staff, and of whom it would be asked."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from parvis.identity.v1 import policies_pb2 as pb
from parvis_identity.models import Factor, ScimUser, SsoDomain, SsoIdentity, SsoProvider
from parvis_identity.rpc import SignInPolicyRpc
from parvis_identity.service.sign_in_policies import SignInPolicies
from parvis_kit.errors import Kind, ServiceError
from parvis_kit.ids import uuid7
from parvis_kit.testing import make_caller

pytestmark = pytest.mark.usefixtures("nobody_failed_before")


class Firm:
    """A firm with an administrator, who is signed in, and a colleague of another profile."""

    def __init__(self, stage, face, administrator, colleague, session_id):
        self.stage, self.face = stage, face
        self.administrator, self.colleague, self.session_id = administrator, colleague, session_id
        self.administrators, self.juniors = uuid7(), uuid7()
        stage.town.employ(face, administrator, self.administrators)
        stage.town.employ(face, colleague, self.juniors)
        self.rpc = SignInPolicyRpc(SignInPolicies(stage.town))

    @asynccontextmanager
    async def unit(self):
        caller = make_caller(self.face.id, account_id=self.administrator.id, session_id=self.session_id)
        async with self.stage.database.begin(caller) as unit:
            yield unit

    async def get(self):
        async with self.unit() as unit:
            return await self.rpc.GetSignInPolicy(unit, pb.GetSignInPolicyRequest())

    async def save(self, sso=pb.SSO_MODE_OFF, factors=pb.FACTOR_MODE_OFF, **demanded):
        policy = pb.SignInPolicy(sso=sso, factors=factors, **demanded)
        async with self.unit() as unit:
            return await self.rpc.SaveSignInPolicy(unit, pb.SaveSignInPolicyRequest(policy=policy))

    async def add(self, row):
        async with self.stage.unit() as unit:
            unit.add(row)
        return row

    async def factor_of(self, account):
        now = datetime.now(UTC)
        await self.add(Factor(account_id=account.id, kind="totp", created_at=now, confirmed_at=now))

    async def provider(self, *, tried=True, state="live"):
        now = datetime.now(UTC)
        return await self.add(
            SsoProvider(
                organisation_id=self.face.id, organisation_slug=self.face.slug, kind="oidc", template="oidc",
                name="Annuaire", state=state, tried_at=now if tried else None, created_at=now, changed_at=now,
            )
        )  # fmt: skip


@pytest.fixture
async def firm(stage):
    administrator, colleague = await stage.person(), await stage.person()
    await stage.browser().sign_in(administrator.mail)
    async with stage.unit() as unit:
        rows = await unit.fetch("SELECT id FROM sessions WHERE account_id = $1", administrator.id)
    stage.town.rights = {"sign_in.manage"}
    face = stage.town.found(f"f{uuid7().hex}", "Cabinet Armor")
    yield Firm(stage, face, administrator, colleague, rows[0]["id"])
    stage.town.rights = set()


async def wrong_with(call):
    with pytest.raises(ServiceError) as refused:
        await call
    return {(each.field, each.reason) for each in refused.value.violations} or refused.value.reason


async def test_an_organisation_that_said_nothing_demands_nothing(firm):
    told = await firm.get()
    assert (told.policy.sso, told.policy.factors, told.policy.version) == (pb.SSO_MODE_OFF, pb.FACTOR_MODE_OFF, 0)
    assert (told.staff, told.affected, told.without_factor, told.without_sso) == (2, 2, 2, 2)


async def test_who_is_concerned_and_not_ready_is_counted(firm):
    await firm.factor_of(firm.colleague)
    provider = await firm.provider()
    now = datetime.now(UTC)
    await firm.add(
        SsoIdentity(
            provider_id=provider.id, subject="s", account_id=firm.colleague.id, organisation_id=firm.face.id,
            created_at=now,
        )
    )  # fmt: skip
    told = await firm.get()
    assert (told.without_factor, told.without_sso, told.live_providers) == (1, 1, 1)
    assert list(told.names_without_factor) == [firm.administrator.name]
    assert dict(told.without_factor_by_profile) == {str(firm.administrators): 1}
    assert [(each.account_id, each.me) for each in told.candidates] == [(str(firm.colleague.id), False)]


async def sent(firm, account, user_name):
    """A person of the firm's directory, sent over SCIM."""
    now = datetime.now(UTC)
    person = ScimUser(
        organisation_id=firm.face.id, account_id=account.id, user_name=user_name, user_name_key=user_name.lower(),
        version=1, created_at=now, changed_at=now,
    )  # fmt: skip
    async with firm.unit() as unit:
        unit.add(person)


async def unknown(firm):
    told = await firm.get()
    return {each.name for each in told.unknown}, told.unknown_total


async def test_nobody_is_listed_where_no_directory_decides_who_works_here(firm):
    await firm.provider()
    assert await unknown(firm) == (set(), 0)


async def test_whom_no_directory_knows_is_listed(firm, stage):
    other = await stage.person()
    await sent(firm, other, "somebody.else")
    assert await unknown(firm) == ({firm.administrator.name, firm.colleague.name}, 2)
    await sent(firm, firm.colleague, "colleague")
    assert await unknown(firm) == ({firm.administrator.name}, 1)


async def test_an_address_counts_where_its_domain_is_the_firms(firm, stage):
    beside = await stage.person()
    await sent(firm, beside, firm.colleague.mail)
    assert await unknown(firm) == ({firm.administrator.name, firm.colleague.name}, 2)
    domain = firm.colleague.mail.partition("@")[2]
    kept = {"organisation_id": firm.face.id, "organisation_slug": firm.face.slug, "token": "t"}
    await firm.add(SsoDomain(**kept, domain=domain, state="verified", created_at=datetime.now(UTC)))
    assert await unknown(firm) == ({firm.administrator.name}, 1)


async def test_a_factor_is_required_of_some_profiles_from_a_day_on(firm):
    day = datetime.now(UTC) + timedelta(days=30)
    policy = pb.SignInPolicy(required_profiles=[str(firm.juniors)])
    policy.required_from.FromDatetime(day)
    told = await firm.save(
        factors=pb.FACTOR_MODE_REQUIRED,
        required_profiles=policy.required_profiles,
        required_from=policy.required_from,
    )
    assert (told.affected, told.without_factor, told.policy.version) == (1, 1, 1)
    assert told.policy.required_from == policy.required_from


async def test_whoever_saves_does_not_lock_themselves_out(firm):
    assert await wrong_with(firm.save(factors=pb.FACTOR_MODE_REQUIRED)) == "would_lock_out"
    assert (await firm.get()).policy.version == 0
    await firm.factor_of(firm.administrator)
    assert (await firm.save(factors=pb.FACTOR_MODE_REQUIRED)).policy.version == 1


async def test_whoever_enforces_the_provider_enters_with_it_or_without(firm):
    await firm.provider()
    await firm.factor_of(firm.colleague)
    enforced = firm.save(pb.SSO_MODE_ENFORCED, break_glass=[str(firm.colleague.id)])
    assert await wrong_with(enforced) == "would_lock_out"
    await firm.factor_of(firm.administrator)
    told = await firm.save(pb.SSO_MODE_ENFORCED, break_glass=[str(firm.administrator.id)])
    assert told.policy.sso == pb.SSO_MODE_ENFORCED
    async with firm.unit() as unit:
        assert await unit.fetch("SELECT 1 FROM audit WHERE act = 'sign_in_policy.saved'")
    assert len(await firm.stage.events("SignInPolicyChanged")) >= 1


@pytest.mark.parametrize("provider", [None, {"tried": False}, {"state": "draft"}, {"state": "off"}])
async def test_sign_in_with_a_provider_is_enforced_where_one_is_live_and_was_tried(firm, provider):
    if provider is not None:
        await firm.provider(**provider)
    await firm.factor_of(firm.administrator)
    found = await wrong_with(firm.save(pb.SSO_MODE_ENFORCED, break_glass=[str(firm.administrator.id)]))
    assert found == {("sso", "no_live_provider")}


async def test_a_way_in_remains_for_the_day_on_which_the_provider_is_down(firm):
    await firm.provider()
    assert await wrong_with(firm.save(pb.SSO_MODE_ENFORCED)) == {("break_glass", "break_glass_missing")}


async def test_a_break_glass_account_has_a_second_factor_and_belongs_to_the_staff(firm):
    weak = firm.save(break_glass=[str(firm.colleague.id)])
    assert await wrong_with(weak) == {("break_glass", "break_glass_without_factor")}
    stranger = await firm.stage.person()
    await firm.factor_of(stranger)
    assert await wrong_with(firm.save(break_glass=[str(stranger.id)])) == {("break_glass", "break_glass_not_staff")}


async def test_an_account_of_a_directory_is_no_way_in_without_it(firm):
    await firm.factor_of(firm.colleague)
    await firm.stage.run("UPDATE accounts SET directory = true WHERE id = :id", id=firm.colleague.id)
    found = await wrong_with(firm.save(break_glass=[str(firm.colleague.id)]))
    assert found == {("break_glass", "break_glass_without_factor")}


async def test_profiles_that_are_nobodys_are_refused(firm):
    found = await wrong_with(firm.save(factors=pb.FACTOR_MODE_REQUIRED, required_profiles=[str(uuid7())]))
    assert found == {("required_profiles", "unknown")}


async def test_of_two_who_save_at_once_the_second_is_told(firm):
    await firm.save(pb.SSO_MODE_OFFERED)
    assert await wrong_with(firm.save(pb.SSO_MODE_OFF)) == "stale_version"


async def test_without_the_right_nothing_is_read_or_set(firm):
    firm.stage.town.rights = set()
    for call in (firm.get(), firm.save()):
        with pytest.raises(ServiceError) as refused:
            await call
        assert (refused.value.kind, refused.value.params["right"]) == (Kind.FORBIDDEN, "sign_in.manage")


@pytest.mark.parametrize("at", [{"nanos": -1}, {"seconds": 2**63 - 1}, {"seconds": -62_135_596_801}])
async def test_a_demand_from_a_day_of_no_calendar_is_refused(firm, at):
    with pytest.raises(ServiceError) as refused:
        await firm.save(required_from=Timestamp(**at))
    assert [each.field for each in refused.value.violations] == ["required_from"]
