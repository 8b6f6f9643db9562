import base64
import json
from datetime import UTC, datetime

import pytest
from identity_stage import ENCRYPTION_KEY, PUBLIC_URL, Flow, claims_of, make_stage
from sqlalchemy import text

from parvis.identity.v1 import identity_pb2 as pb
from parvis_identity.main import Settings
from parvis_identity.models import Base
from parvis_identity.rpc import AccountRpc, SessionRpc
from parvis_identity.service import sessions
from parvis_identity.service.keys import INTERNAL, OPENID
from parvis_identity.service.organisations import Membership
from parvis_identity.service.sealing import Seal, SealBrokenError
from parvis_kit.caller import Caller
from parvis_kit.errors import Kind, ServiceError
from parvis_kit.ids import uuid7
from parvis_kit.tokens import TokenVerifier

pytestmark = pytest.mark.usefixtures("nobody_failed_before")


@pytest.fixture
def accounts_rpc(stage):
    return AccountRpc(stage.links, stage.requests, stage.domains, stage.erasure)


@pytest.fixture
def sessions_rpc(stage):
    return SessionRpc(stage.exchange, stage.ring, gateway="web")


@pytest.fixture
async def refresh_token(stage):
    """Of somebody who signed in through the gateway, and their account."""
    person, browser = await stage.person(), stage.browser()
    await browser.sign_in(person.mail)
    async with stage.unit() as unit:
        flow = Flow(await stage.clients.find(unit, "web"), "web-secret-of-the-tests")
    tokens = (await flow.exchange(browser, await flow.code(browser))).json()
    return tokens["refresh_token"], person, browser


def as_web(stage):
    return stage.database.begin(Caller("web"))


async def test_a_personal_account_is_made_once(stage, accounts_rpc):
    request = pb.EnsurePersonalAccountRequest(
        mail="Une.Fois@exemple.fr", given_name="Une", family_name="Fois", locale="en"
    )

    async with stage.unit(uuid7()) as unit:
        first = await accounts_rpc.EnsurePersonalAccount(unit, request)
    request.mail, request.given_name = "une.fois@EXEMPLE.fr", "Autre"
    async with stage.unit(uuid7()) as unit:
        second = await accounts_rpc.EnsurePersonalAccount(unit, request)

    assert first == second
    assert (first.kind, first.state, first.locale) == (pb.ACCOUNT_KIND_PERSONAL, pb.ACCOUNT_STATE_PENDING, "en")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"mail": "nobody"}, ("mail", "not_a_mail_address")),
        ({"mail": "a@b.fr", "given_name": "x" * 101}, ("given_name", "too_long")),
        ({"mail": "a@b.fr", "family_name": "\x00"}, ("family_name", "control_characters")),
        ({"mail": "a@b.fr", "given_name": "www.evil.example"}, ("given_name", "link_in_name")),
        ({"mail": "a@b.fr", "family_name": "Gagné : https://evil.example"}, ("family_name", "link_in_name")),
    ],
)
async def test_a_malformed_account_is_refused(stage, accounts_rpc, fields, said):
    with pytest.raises(ServiceError, match="account_invalid") as refused:
        async with stage.unit(uuid7()) as unit:
            await accounts_rpc.EnsurePersonalAccount(unit, pb.EnsurePersonalAccountRequest(**fields))

    assert [(each.field, each.reason) for each in refused.value.violations] == [said]


def client_account(identifier="C0042"):
    return pb.CreateManagedAccountRequest(id=str(uuid7()), identifier=identifier, mail="luc@exemple.fr")


async def test_a_client_code_is_unique_in_its_firm(stage, accounts_rpc):
    firm, other = uuid7(), uuid7()
    async with stage.unit(firm) as unit:
        made = await accounts_rpc.CreateManagedAccount(unit, client_account())
    async with stage.unit(other) as unit:
        await accounts_rpc.CreateManagedAccount(unit, client_account())

    with pytest.raises(ServiceError, match="identifier_taken"):
        async with stage.unit(firm) as unit:
            await accounts_rpc.CreateManagedAccount(unit, client_account(" c0042"))

    assert made.organisation_id == str(firm)


async def test_a_managed_account_is_made_once_for_one_id(stage, accounts_rpc):
    firm = uuid7()
    request = client_account("C0043")
    async with stage.unit(firm) as unit:
        first = await accounts_rpc.CreateManagedAccount(unit, request)
    async with stage.unit(firm) as unit:
        second = await accounts_rpc.CreateManagedAccount(unit, request)

    assert first == second


async def test_accounts_come_in_the_order_asked_without_the_unknown(stage, accounts_rpc):
    one, two = await stage.person(), await stage.person()
    request = pb.BatchGetAccountsRequest(ids=[str(two.id), str(uuid7()), str(one.id)])

    async with stage.unit() as unit:
        answer = await accounts_rpc.BatchGetAccounts(unit, request)

    assert [account.id for account in answer.accounts] == [str(two.id), str(one.id)]


async def test_a_change_of_name_is_told_with_its_version(stage, accounts_rpc):
    person = await stage.person()
    before = len(await stage.events("AccountChanged"))

    async with stage.unit(account_id=person.id) as unit:
        changed = await accounts_rpc.UpdateMyAccount(
            unit, pb.UpdateMyAccountRequest(given_name="Annie", family_name="Roche", locale="en")
        )

    assert (changed.given_name, changed.locale) == ("Annie", "en")
    assert len(await stage.events("AccountChanged")) == before + 1


async def test_the_gateway_gets_a_token_that_every_service_accepts(stage, sessions_rpc, refresh_token):
    token, person, _ = refresh_token
    firm, membership = uuid7(), uuid7()
    stage.town.memberships[person.id, firm] = Membership(membership, "staff")

    async with as_web(stage) as unit:
        issued = await sessions_rpc.GetOrganisationToken(
            unit, pb.GetOrganisationTokenRequest(refresh_token=token, organisation_id=str(firm))
        )

    async def keys():
        return stage.ring.internal_keys()

    caller = await TokenVerifier(keys, issuer=PUBLIC_URL).verify(issued.token, service="web")
    assert (caller.account_id, caller.organisation_id, caller.membership_id, caller.kind) == (
        person.id,
        firm,
        membership,
        "staff",
    )
    assert (caller.acr, caller.amr) == ("1", ("pwd",))
    assert caller.session_id is not None
    assert issued.expires_at.ToDatetime(UTC) > datetime.now(UTC)


async def test_a_token_without_organisation_speaks_for_the_account(stage, sessions_rpc, refresh_token):
    async with as_web(stage) as unit:
        issued = await sessions_rpc.GetOrganisationToken(
            unit, pb.GetOrganisationTokenRequest(refresh_token=refresh_token[0])
        )

    assert issued.membership_id == ""
    assert "org" not in claims_of(issued.token)


async def test_a_stranger_to_the_organisation_gets_no_token(stage, sessions_rpc, refresh_token):
    request = pb.GetOrganisationTokenRequest(refresh_token=refresh_token[0], organisation_id=str(uuid7()))

    with pytest.raises(ServiceError) as refused:
        async with as_web(stage) as unit:
            await sessions_rpc.GetOrganisationToken(unit, request)

    assert refused.value.kind is Kind.NOT_FOUND


async def test_a_managed_account_acts_in_its_own_firm_only(stage, sessions_rpc):
    firm, other = stage.town.found("durand", "Cabinet Durand"), uuid7()
    client, browser = await stage.client_of(firm, "C0900"), stage.browser()
    stage.town.memberships[client.id, other] = Membership(uuid7(), "portal")
    await browser.sign_in("C0900", at="/login/durand")
    async with stage.unit() as unit:
        flow = Flow(await stage.clients.find(unit, "web"), "web-secret-of-the-tests")
    token = (await flow.exchange(browser, await flow.code(browser))).json()["refresh_token"]

    with pytest.raises(ServiceError) as refused:
        async with as_web(stage) as unit:
            await sessions_rpc.GetOrganisationToken(
                unit, pb.GetOrganisationTokenRequest(refresh_token=token, organisation_id=str(other))
            )

    assert refused.value.kind is Kind.NOT_FOUND


async def test_no_token_after_the_session_has_ended(stage, sessions_rpc, refresh_token):
    token, person, _ = refresh_token
    async with stage.unit() as unit:
        await sessions.end(unit, person.id)

    with pytest.raises(ServiceError) as refused:
        async with as_web(stage) as unit:
            await sessions_rpc.GetOrganisationToken(unit, pb.GetOrganisationTokenRequest(refresh_token=token))

    assert refused.value.kind is Kind.UNAUTHENTICATED


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE sessions SET last_seen_at = now() - interval '12 hours' WHERE account_id = :id",
        "UPDATE sessions SET started_at = now() - interval '30 days' WHERE account_id = :id",
    ],
)
async def test_no_token_after_the_session_has_grown_too_old(stage, sessions_rpc, refresh_token, change):
    token, person, _ = refresh_token
    await stage.run(change, id=person.id)

    with pytest.raises(ServiceError, match="session_ended"):
        async with as_web(stage) as unit:
            await sessions_rpc.GetOrganisationToken(unit, pb.GetOrganisationTokenRequest(refresh_token=token))


async def test_a_refresh_token_of_a_product_opens_nothing_inside(stage, sessions_rpc, refresh_token):
    _, _, browser = refresh_token
    flow = Flow(*await stage.relying_party())
    token = (await flow.exchange(browser, await flow.code(browser))).json()["refresh_token"]

    with pytest.raises(ServiceError, match="session_ended"):
        async with as_web(stage) as unit:
            await sessions_rpc.GetOrganisationToken(unit, pb.GetOrganisationTokenRequest(refresh_token=token))


async def test_only_the_gateway_exchanges_refresh_tokens(stage, sessions_rpc, refresh_token):
    with pytest.raises(ServiceError, match="service_not_allowed"):
        async with stage.database.begin(Caller("notify")) as unit:
            await sessions_rpc.GetOrganisationToken(
                unit, pb.GetOrganisationTokenRequest(refresh_token=refresh_token[0])
            )


async def test_a_products_token_is_no_token_of_ours(stage, refresh_token):
    _, _, browser = refresh_token
    flow = Flow(*await stage.relying_party())
    token = (await flow.exchange(browser, await flow.code(browser))).json()["access_token"]

    async def keys():
        return json.dumps({"keys": [*stage.ring.jwks(INTERNAL)["keys"], *stage.ring.jwks(OPENID)["keys"]]})

    with pytest.raises(ServiceError, match="token_invalid"):
        await TokenVerifier(keys, issuer=PUBLIC_URL).verify(token, service="web")


async def test_people_see_and_end_their_own_sessions(stage, sessions_rpc):
    person = await stage.person()
    for _ in range(2):
        await stage.browser().sign_in(person.mail)
    async with stage.unit(account_id=person.id) as unit:
        listed = (await sessions_rpc.ListMySessions(unit, pb.ListMySessionsRequest())).sessions
    async with stage.unit(account_id=person.id) as unit:
        await sessions_rpc.EndMySession(unit, pb.EndMySessionRequest(session_id=listed[0].id))
    async with stage.unit(account_id=person.id) as unit:
        left = (await sessions_rpc.ListMySessions(unit, pb.ListMySessionsRequest())).sessions

    assert [each.id for each in left] == [listed[1].id]


async def test_nobody_ends_somebody_elses_session(stage, sessions_rpc):
    person, stranger = await stage.person(), await stage.person()
    await stage.browser().sign_in(person.mail)
    async with stage.unit(account_id=person.id) as unit:
        listed = (await sessions_rpc.ListMySessions(unit, pb.ListMySessionsRequest())).sessions

    with pytest.raises(ServiceError, match="session_not_found"):
        async with stage.unit(account_id=stranger.id) as unit:
            await sessions_rpc.EndMySession(unit, pb.EndMySessionRequest(session_id=listed[0].id))


async def test_a_closed_account_is_out_everywhere(stage, sessions_rpc, refresh_token):
    token, person, browser = refresh_token
    async with stage.unit() as unit:
        await sessions.disable_account(unit, person.id)

    with pytest.raises(ServiceError, match="session_ended"):
        async with as_web(stage) as unit:
            await sessions_rpc.GetOrganisationToken(unit, pb.GetOrganisationTokenRequest(refresh_token=token))

    assert (await browser.get("/password")).status_code == 303
    assert (await browser.sign_in(person.mail)).status_code == 422
    assert await stage.events("AccountDisabled")


async def test_a_session_can_be_checked(stage, sessions_rpc):
    person = await stage.person()
    await stage.browser().sign_in(person.mail)
    async with stage.unit(account_id=person.id) as unit:
        mine = (await sessions_rpc.ListMySessions(unit, pb.ListMySessionsRequest())).sessions[0].id
    async with stage.unit() as unit:
        states = [
            (
                await sessions_rpc.CheckSession(unit, pb.CheckSessionRequest(session_id=mine, account_id=str(account)))
            ).open
            for account in (person.id, uuid7())
        ]

    assert states == [True, False]


@pytest.mark.parametrize("uri", ["http://paie.example/", "https://paie.example/#x", "paie"])
async def test_a_client_with_an_unsafe_address_is_not_registered(stage, uri):
    with pytest.raises(ServiceError, match="client_invalid"):
        await stage.client_rpc.RegisterClient(stage.unit, pb.RegisterClientRequest(name="Paie", redirect_uris=[uri]))


async def test_a_product_has_one_client(stage):
    request = pb.RegisterClientRequest(name="Paie", redirect_uris=["https://a.example/"], product_id=str(uuid7()))
    await stage.client_rpc.RegisterClient(stage.unit, request)

    with pytest.raises(ServiceError, match="product_has_client"):
        await stage.client_rpc.RegisterClient(stage.unit, request)


async def test_keys_stay_the_same_from_start_to_start(database, stage):
    again = await make_stage(database)

    assert again.ring.internal_keys() == stage.ring.internal_keys()
    assert again.ring.link_secret == stage.ring.link_secret


async def test_a_new_encryption_key_seals_what_the_old_one_sealed(database, stage):
    newer = base64.b64encode(b"n" * 32).decode()
    both = await make_stage(database, key_encryption_keys=f"{newer},{ENCRYPTION_KEY}")
    alone = await make_stage(database, key_encryption_keys=newer)

    with pytest.raises(SealBrokenError):
        await make_stage(database)
    await make_stage(database, key_encryption_keys=f"{ENCRYPTION_KEY},{newer}")

    assert both.ring.internal_keys() == alone.ring.internal_keys() == stage.ring.internal_keys()


async def test_private_keys_are_unreadable_in_the_database(stage):
    async with stage.unit() as unit:
        rows = await unit.fetch("SELECT sealed, public_jwk::text AS jwk FROM signing_keys")

    assert len(rows) == 9
    assert all(b'"d"' not in row["sealed"] and '"d"' not in row["jwk"] for row in rows)


def test_a_sealed_text_cannot_be_altered_or_moved():
    seal = Seal(ENCRYPTION_KEY)
    sealed = seal.seal(b"private", "key-1")

    assert seal.open(sealed, "key-1") == b"private"
    for broken, label in ((sealed, "key-2"), (sealed[:-1] + bytes([sealed[-1] ^ 1]), "key-1"), (b"", "key-1")):
        with pytest.raises(SealBrokenError):
            seal.open(broken, label)


@pytest.mark.parametrize("keys", ["", "short", base64.b64encode(b"x" * 16).decode()])
def test_malformed_encryption_keys_stop_the_start(keys):
    with pytest.raises(ValueError, match="PARVIS_KEY_ENCRYPTION_KEYS"):
        Seal(keys)


async def test_the_schema_is_what_the_models_say(stage):
    async with stage.unit() as unit:
        columns = await unit.fetch(
            "SELECT table_name, column_name, is_nullable FROM information_schema.columns WHERE table_schema = 'public'"
        )
        indexes = {
            row["indexname"] for row in await unit.fetch("SELECT indexname FROM pg_indexes WHERE schemaname = 'public'")
        }
    there = {(row["table_name"], row["column_name"]): row["is_nullable"] == "YES" for row in columns}

    for table in Base.metadata.sorted_tables:
        assert {column.name: column.nullable for column in table.columns} == {
            name: nullable for (of, name), nullable in there.items() if of == table.name
        }
        assert {index.name for index in table.indexes} <= indexes


#: What a firm's directory sends is the firm's alone.
OF_A_FIRM = {"scim_users", "scim_groups", "scim_group_members", "scim_log"}


async def test_every_table_says_why_it_is_global(stage):
    async with stage.unit() as unit:
        comments = await unit.scalars(
            text("SELECT obj_description(oid) FROM pg_class WHERE relname = ANY(:names) AND relkind = 'r'"),
            {"names": [table.name for table in Base.metadata.sorted_tables if table.name not in OF_A_FIRM]},
        )

    assert all(comment.startswith("parvis:global: ") for comment in comments)
    assert len(comments) == len(Base.metadata.sorted_tables) - len(OF_A_FIRM)


def test_only_named_services_may_call():
    assert Settings.callers["parvis.identity.v1.ClientService"] == {"tenancy"}
    assert "billing" not in Settings.callers["parvis.identity.v1.AccountService"]
