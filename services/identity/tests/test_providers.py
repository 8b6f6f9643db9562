"""A firm's administrator sets up its provider: a draft, tested, in use, and back."""

import json
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from identity_stage import make_stage
from oidc_directory import directory_running
from sqlalchemy import text

from parvis.identity.v1 import providers_pb2 as pb
from parvis_identity.models import SignInPolicy, SsoProvider
from parvis_identity.rpc import ProviderRpc
from parvis_identity.service.sso.oidc_reading import ConfigurationReader
from parvis_kit.errors import Kind, ServiceError
from parvis_kit.ids import uuid7

HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\r\n<html>no</html>"


@pytest.fixture(scope="module")
async def stage(database):
    return await make_stage(database, private_networks="127.0.0.0/8")


@pytest.fixture(scope="module")
async def running():
    async with directory_running() as made:
        yield made


@pytest.fixture
def directory(running):
    running.forget()
    return running


@pytest.fixture
async def administrator(stage):
    person = await stage.person()
    stage.town.rights = {"sign_in.manage"}
    return person


@pytest.fixture
def firm(stage):
    return stage.town.found(f"cabinet-{str(uuid7())[-6:]}", "Cabinet Roche")


@pytest.fixture
def call(stage, firm, administrator):
    """Calls an RPC in the administrator's name."""
    rpc = ProviderRpc(stage.providers, public_url="http://localhost:8600")

    @asynccontextmanager
    async def begin():
        async with stage.unit(firm.id, account_id=administrator.id) as unit:
            yield unit

    async def call(name: str, /, **fields):
        method = getattr(rpc, name)
        request = getattr(pb, f"{name}Request")(**fields)
        if getattr(method, "_parvis_in_steps", False):
            return await method(begin, request)
        async with begin() as unit:
            return await method(unit, request)

    return call


@pytest.fixture
async def draft(call):
    return await call("CreateProvider", kind=pb.PROVIDER_KIND_OIDC, template="keycloak", name="Annuaire")


@pytest.fixture
def connect(call, draft, directory):
    async def connect(**changes):
        fields = {
            "issuer": directory.url,
            "client_id": directory.client_id,
            "client_secret": directory.secret,
            **changes,
        }
        return await call("UpdateProvider", id=draft.id, version=draft.version, **fields)

    return connect


async def refusal(call, /, *arguments, **fields) -> ServiceError:
    with pytest.raises(ServiceError) as refused:
        await call(*arguments, **fields)
    return refused.value


async def run_trial(stage, call, directory, administrator, provider_id):
    browser = stage.browser()
    await browser.sign_in(administrator.mail)
    begun = await call("StartProviderTrial", id=provider_id)
    left = await browser.get(begun.url.removeprefix("http://localhost:8600"))
    back = await browser.get(f"/sso/{provider_id}/callback", params=directory.sign_in(left.headers["location"]))
    return begun, back, await call("GetProviderTrial", id=begun.id)


async def test_a_draft_says_what_has_to_be_typed_at_the_provider(draft):
    assert draft.redirect_uri == f"http://localhost:8600/sso/{draft.id}/callback"
    assert draft.state == pb.PROVIDER_STATE_DRAFT


async def test_the_issuer_says_everything_else(connect, directory):
    found = await connect()

    assert (found.issuer, found.has_secret, found.version) == (directory.url, True, 2)
    assert found.metadata_url == f"{directory.url}/.well-known/openid-configuration"


async def test_the_address_of_the_configuration_does_as_well(connect, directory):
    found = await connect(issuer=f"{directory.url}/.well-known/openid-configuration")

    assert found.issuer == directory.url


@pytest.mark.parametrize(
    ("issuer", "reason"),
    [
        ("http://127.0.0.1:9", "provider_not_reached"),
        ("ftp://x.example", "issuer_malformed"),
        ("https://login.microsoftonline.com/common/v2.0", "issuer_of_everybody"),
        ("https://login.microsoftonline.com/{tenantid}/v2.0", "issuer_of_everybody"),
        ("https://x.example/?tenant=1", "issuer_malformed"),
    ],
)
async def test_an_issuer_that_is_none_is_refused_by_name(connect, issuer, reason):
    error = await refusal(connect, issuer=issuer)

    assert (error.reason, error.violations[0].field, error.violations[0].reason) == (
        "provider_invalid",
        "issuer",
        reason,
    )


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (HTML, "metadata_unreadable"),
        (b"HTTP/1.1 404 X\r\n\r\n", "metadata_unreadable"),
        (b"HTTP/1.1 200 X\r\nContent-Length: 20000000\r\n\r\n" + b"x" * 600_000, "provider_not_reached"),
    ],
)
async def test_a_configuration_that_is_none_is_refused_by_name(connect, directory, answer, reason):
    directory.answers["/.well-known/openid-configuration"] = answer

    assert (await refusal(connect)).violations[0].reason == reason


async def test_nothing_is_changed_by_what_is_refused(call, connect, draft):
    await refusal(connect, issuer="http://127.0.0.1:9", name="Autre")

    found = await call("GetProvider", id=draft.id)
    assert (found.name, found.version, found.issuer) == ("Annuaire", 1, "")


async def test_a_change_of_what_somebody_else_changed_is_refused(connect):
    await connect()

    assert (await refusal(connect, name="Autre")).reason == "version_outdated"


async def test_what_was_not_tested_does_not_go_live(call, connect, draft):
    await connect()

    error = await refusal(call, "SetProviderState", id=draft.id, state=pb.PROVIDER_STATE_LIVE)
    assert error.reason == "provider_untried"


async def test_a_test_shows_each_check_and_what_was_received(stage, call, connect, directory, administrator, draft):
    await connect()

    begun, back, report = await run_trial(stage, call, directory, administrator, draft.id)

    assert back.headers["location"].endswith(f"/settings/sign-in/directories/{draft.id}?trial={begun.id}")
    assert (report.finished, report.passed, report.subject) == (True, True, "u-1")
    assert {each.result for each in report.checks} == {pb.CHECK_RESULT_PASSED}
    received = {each.name: (list(each.values), each.used_as) for each in report.claims}
    assert received["groups"] == (["Paie", "Associés"], "groups")
    assert received["email"] == (["anne.roche@cabinet.example"], "mail")


async def test_a_test_signs_nobody_in_and_makes_nothing(stage, call, connect, directory, administrator, draft):
    await connect()

    _, back, _ = await run_trial(stage, call, directory, administrator, draft.id)

    assert stage.site.cookies.session not in back.cookies
    assert (await call("GetProvider", id=draft.id)).people == 0


async def test_a_test_that_fails_says_where(stage, call, connect, directory, administrator, draft):
    await connect()
    directory.claims = lambda said: said.update(aud="another-client")

    _, _, report = await run_trial(stage, call, directory, administrator, draft.id)

    failed = [each for each in report.checks if each.result == pb.CHECK_RESULT_FAILED]
    assert (report.passed, [(each.name, each.reason) for each in failed]) == (False, [("audience", "audience_wrong")])
    assert (
        await refusal(call, "SetProviderState", id=draft.id, state=pb.PROVIDER_STATE_LIVE)
    ).reason == "provider_untried"


async def test_what_was_tested_goes_live_and_back(stage, call, connect, directory, administrator, draft):
    await connect()
    await run_trial(stage, call, directory, administrator, draft.id)

    live = await call("SetProviderState", id=draft.id, state=pb.PROVIDER_STATE_LIVE)
    assert (await refusal(call, "DeleteProvider", id=draft.id)).reason == "provider_live"
    off = await call("SetProviderState", id=draft.id, state=pb.PROVIDER_STATE_OFF)
    await call("DeleteProvider", id=draft.id)

    assert (live.state, off.state) == (pb.PROVIDER_STATE_LIVE, pb.PROVIDER_STATE_OFF)
    assert list((await call("ListProviders")).providers) == []


async def test_a_change_after_a_test_asks_for_another_one(stage, call, connect, directory, administrator, draft):
    await connect()
    await run_trial(stage, call, directory, administrator, draft.id)
    found = await call("GetProvider", id=draft.id)

    changed = await call("UpdateProvider", id=draft.id, version=found.version, client_id="another")

    assert (found.HasField("tried_at"), changed.HasField("tried_at")) == (True, False)


async def test_a_test_is_of_whoever_began_it(stage, call, connect, directory, draft):
    await connect()
    begun = await call("StartProviderTrial", id=draft.id)
    other, browser = await stage.person(), stage.browser()
    await browser.sign_in(other.mail)

    assert (await browser.get(begun.url.removeprefix("http://localhost:8600"))).status_code == 410


async def test_the_last_provider_of_a_firm_that_demands_one_stays(
    stage, firm, call, connect, directory, administrator, draft
):
    await connect()
    await run_trial(stage, call, directory, administrator, draft.id)
    await call("SetProviderState", id=draft.id, state=pb.PROVIDER_STATE_LIVE)
    async with stage.unit() as unit:
        await unit.execute(
            text(
                "INSERT INTO sign_in_policies (organisation_id, sso, factors, required_profiles, break_glass, version,"
                " changed_at) VALUES (:firm, 'enforced', 'off', '{}', '{}', 1, now())"
            ),
            {"firm": firm.id},
        )

    error = await refusal(call, "SetProviderState", id=draft.id, state=pb.PROVIDER_STATE_OFF)
    assert error.reason == "last_provider"


async def test_another_firm_knows_nothing_of_it(stage, call, draft, firm):
    other = stage.town.found("autre-cabinet", "Autre")
    async with stage.unit(other.id) as unit:
        with pytest.raises(ServiceError) as refused:
            await stage.providers.start_trial(unit, uuid7())
    assert refused.value.kind is Kind.NOT_FOUND


async def test_whoever_may_not_is_told_which_right_it_needs(stage, call):
    stage.town.rights = set()

    error = await refusal(call, "ListProviders")
    assert (error.reason, error.params["right"]) == ("right_missing", "sign_in.manage")


async def test_buttons_keep_one_order(call):
    first, second, third = [
        await call("CreateProvider", kind=pb.PROVIDER_KIND_OIDC, template="oidc", name=name) for name in "ABC"
    ]

    await call("UpdateProvider", id=third.id, version=third.version, position=0)

    assert [each.name for each in (await call("ListProviders")).providers] == ["C", "A", "B"]
    assert first.id != second.id


async def test_there_are_twenty_at_most(call):
    for _ in range(20):
        await call("CreateProvider", kind=pb.PROVIDER_KIND_OIDC, template="oidc", name="Annuaire")

    error = await refusal(call, "CreateProvider", kind=pb.PROVIDER_KIND_OIDC, template="oidc", name="Un de trop")
    assert error.reason == "too_many_providers"


async def read_again(stage, provider_id) -> None:
    await stage.run("UPDATE sso_providers SET metadata_next_at = now() WHERE id = :id", id=provider_id)
    while await ConfigurationReader(stage.database, stage.outgoing).read_due():
        pass


async def test_a_configuration_is_read_again_and_what_was_there_counts_on_when_it_cannot_be(
    stage, call, connect, directory, draft
):
    await connect()
    directory.configured = {"end_session_endpoint": f"{directory.url}/moved"}
    await read_again(stage, draft.id)
    directory.answers["/.well-known/openid-configuration"] = HTML
    await read_again(stage, draft.id)

    found = await call("GetProvider", id=draft.id)
    async with stage.unit() as unit:
        row = await unit.get(SsoProvider, UUID(draft.id))
    assert found.metadata_problem == "metadata_unreadable"
    assert json.loads(row.metadata_document)["end_session_endpoint"].endswith("/moved")


async def test_a_configuration_that_became_anothers_is_not_taken(stage, call, connect, directory, draft):
    await connect()
    directory.configured = {"issuer": "https://attacker.example"}
    await read_again(stage, draft.id)

    found = await call("GetProvider", id=draft.id)
    assert (found.metadata_problem, found.issuer) == ("metadata_issuer_wrong", directory.url)


async def live(stage, call, connect, directory, administrator, draft):
    await connect()
    await run_trial(stage, call, directory, administrator, draft.id)
    return await call("SetProviderState", id=draft.id, state=pb.PROVIDER_STATE_LIVE)


async def knows_somebody(stage, provider_id) -> None:
    person = await stage.person()
    await stage.run(
        "INSERT INTO sso_identities (id, provider_id, subject, account_id, organisation_id, created_at)"
        " SELECT :id, p.id, 'u-1', :person, p.organisation_id, now() FROM sso_providers p WHERE p.id = :provider",
        id=uuid7(), person=person.id, provider=UUID(provider_id),
    )  # fmt: skip


@pytest.mark.parametrize("knows", [False, True], ids=["in service", "out of service, knows somebody"])
async def test_a_provider_that_stands_for_people_stays_at_its_issuer(
    stage, call, connect, directory, administrator, draft, knows
):
    found = await live(stage, call, connect, directory, administrator, draft)
    if knows:
        found = await call("SetProviderState", id=draft.id, state=pb.PROVIDER_STATE_OFF)
        await knows_somebody(stage, draft.id)

    async with directory_running() as other:
        error = await refusal(call, "UpdateProvider", id=draft.id, version=found.version, issuer=other.url)
        same = await call("UpdateProvider", id=draft.id, version=found.version, issuer=directory.url, name="Autre")

    assert [(each.field, each.reason) for each in error.violations] == [("issuer", "issuer_fixed")]
    assert (same.issuer, same.name) == (directory.url, "Autre")


async def test_a_draft_that_knows_nobody_moves_to_another_issuer(call, connect, draft):
    found = await connect()

    async with directory_running() as other:
        moved = await call("UpdateProvider", id=draft.id, version=found.version, issuer=other.url)

    assert moved.issuer == other.url


async def test_what_says_whom_a_live_provider_means_is_in_the_journal(
    stage, firm, call, connect, directory, administrator, draft
):
    found = await live(stage, call, connect, directory, administrator, draft)

    await call("UpdateProvider", id=draft.id, version=found.version, client_id="another", scim_match="oid")

    async with stage.unit(firm.id) as unit:
        query = text("SELECT details FROM audit WHERE act = 'provider.changed' ORDER BY at DESC LIMIT 1")
        told = await unit.scalar(query)
    assert (told["client_id_before"], told["client_id_after"]) == (directory.client_id, "another")
    assert (told["scim_match_before"], told["scim_match_after"]) == ("", "oid")
    assert "subject_before" not in told


@pytest.mark.parametrize(("before", "after"), [("off", "offered"), ("enforced", "enforced")])
async def test_going_live_shows_the_button(stage, firm, call, connect, directory, administrator, draft, before, after):
    await stage.run(
        "INSERT INTO sign_in_policies (organisation_id, sso, factors, required_profiles, break_glass, version,"
        " changed_at) VALUES (:firm, :sso, 'off', '{}', '{}', 1, now())",
        firm=firm.id, sso=before,
    )  # fmt: skip

    await live(stage, call, connect, directory, administrator, draft)

    async with stage.unit(firm.id) as unit:
        policy = await unit.get(SignInPolicy, firm.id)
        told = await unit.fetch(
            "SELECT 1 FROM audit WHERE act = 'sign_in_policy.saved' AND target_id = $1", str(firm.id)
        )
    assert (policy.sso, policy.version, len(told)) == (after, 2 if before == "off" else 1, before == "off")
