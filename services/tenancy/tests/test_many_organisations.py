"""One account in 2,000 organisations: the switch and the sign-in cost what they cost with two."""

import asyncio
import functools

import asyncpg
import pytest
from tenancy_stage import Actor, refused

from parvis_kit.caller import Caller
from parvis_kit.errors import Kind
from parvis_kit.ids import uuid7
from parvis_kit.testing import eventually
from parvis_tenancy.service import organisations
from parvis_watch.metrics import STATEMENTS

MANY = 2000

#: Copies of a firm, each with an access of one account.
_COPIES = """
WITH copies AS (
    INSERT INTO organisations SELECT (jsonb_populate_record(o, jsonb_build_object(
        'id', gen_random_uuid(), 'slug', $3 || '-' || n, 'name', 'Étude ' || n, 'siren', '',
        'sort_key', 'etude ' || lpad(n::text, 10, '0'), 'search_key', 'etude ' || n))).*
    FROM organisations o, generate_series(1, $4) n WHERE o.id = $1 RETURNING id, slug, name, sort_key, search_key
), entries AS (
    INSERT INTO organisation_directory (organisation_id, slug, name, accent, kind, sort_key, search_key)
    SELECT id, slug, name, '', 2, sort_key, search_key FROM copies RETURNING organisation_id
)
INSERT INTO memberships (organisation_id, id, account_id, kind, state, given_name, family_name, mail, locale,
                         account_version, function, profile_name, profile_built_in, identifier, invited_at,
                         sort_key, search_key, version, created_at)
SELECT id, gen_random_uuid(), $2, 2, 2, 'Karim', 'Benhaddou', 'k@conseil.example', 'fr', 0, '', '', '', 'C0001', now(),
       'benhaddou karim', 'benhaddou karim', 1, now() FROM copies"""


async def spread(database_urls, admin, count):
    """An account with accesses to so many firms; what their addresses begin with."""
    account_id, prefix = uuid7(), f"etude{uuid7().hex[-8:]}"
    superuser = await asyncpg.connect(database_urls.superuser)
    try:
        await superuser.execute(_COPIES, admin.organisation_id, account_id, prefix, count)
    finally:
        await superuser.close()
    return str(account_id), prefix


def statements():
    return STATEMENTS.labels("request")._value.get()


async def listed(stage, account_id, **fields):
    return await stage.as_account(account_id).call("ListMyOrganisations", **fields)


@pytest.fixture(scope="module")
async def karim(stage, provider, database_urls):
    return await spread(database_urls, await stage.firm(provider), MANY)


async def test_the_list_comes_page_by_page_in_the_order_of_names(stage, karim):
    account_id, _ = karim
    names, token = [], ""
    while True:
        page = await listed(stage, account_id, page_token=token, page_size=200)
        names += [each.face.name for each in page.organisations]
        token = page.next_page_token
        if not token:
            break
    assert names == [f"Étude {number}" for number in range(1, MANY + 1)]


async def test_a_search_finds_by_name_whatever_accents_and_case(stage, karim):
    found = await listed(stage, karim[0], query="ETUDE 1987")
    assert ([each.face.name for each in found.organisations], found.total) == (["Étude 1987"], 1)


async def test_one_is_found_by_its_address_wherever_it_stands(stage, karim):
    account_id, prefix = karim
    found = await listed(stage, account_id, page_size=8, slug=f"{prefix}-1987")
    assert (len(found.organisations), found.total, found.named.face.name) == (8, MANY, "Étude 1987")


async def test_one_that_is_somebody_elses_is_not(stage, admin, karim):
    face = await admin.call("GetFrame")
    found = await listed(stage, karim[0], page_size=8, slug=face.organisation.slug)
    assert not found.HasField("named")


async def test_a_token_of_no_page_is_refused(stage, karim):
    with refused(Kind.INVALID, "malformed_request"):
        await listed(stage, karim[0], page_token="zz")


async def test_the_switch_costs_as_much_for_2000_organisations_as_for_10(stage, provider, database_urls, karim):
    costs = []
    for account_id, prefix in (await spread(database_urls, await stage.firm(provider), 10), karim):
        before = statements()
        answer = await listed(stage, account_id, page_size=8, slug=f"{prefix}-10")
        costs.append((statements() - before, answer.ByteSize()))
    (few, small), (many, large) = costs
    assert many == few <= 3, costs
    assert large <= small + 8, costs


async def test_a_product_that_says_no_organisation_asks_which(stage, karim):
    before = statements()
    with refused(Kind.PRECONDITION, "choose_organisation"):
        await stage.as_service("identity").call("ResolveProduct", account_id=karim[0], client_id="client")
    assert statements() - before <= 3


async def test_what_an_older_release_made_or_renamed_is_found_again(stage, provider):
    made, renamed = [await stage.firm(provider, name) for name in ("Étude Morvan 9", "Étude Kerdoncuff")]
    own = Caller("tenancy")
    async with stage.service.database.begin(own) as unit:
        await unit.fetch(
            "UPDATE organisation_directory SET sort_key = '', search_key = '' WHERE organisation_id = $1",
            made.organisation_id,
        )
        await unit.fetch(
            "UPDATE organisation_directory SET name = 'Étude Le Roux' WHERE organisation_id = $1",
            renamed.organisation_id,
        )
    refreshed = asyncio.create_task(organisations.refresh_keys_for_ever(stage.service.database))
    try:
        for actor, query in ((made, "etude morvan"), (renamed, "le roux")):
            found = await eventually(functools.partial(of_query, stage, actor, query))
            assert len(found) == 1
    finally:
        refreshed.cancel()


async def of_query(stage, actor, query):
    return (await listed(stage, actor.account_id, query=query)).organisations


async def vouched(stage, account_id, *firms, **fields):
    """The list of somebody whom providers of firms alone vouched for, in an account of their own."""
    token = stage.token(sub=account_id, acr="0", vouched=[str(each) for each in firms])
    return await Actor(stage, token=token, account_id=account_id).call("ListMyOrganisations", **fields)


async def test_whoever_a_firm_alone_vouched_for_hears_of_that_firm_and_of_no_other(stage, karim):
    account_id, prefix = karim
    first, second = (await listed(stage, account_id, page_size=2)).organisations
    found = await vouched(stage, account_id, first.face.id, slug=first.face.slug)
    assert ([each.face.id for each in found.organisations], found.total) == ([first.face.id], 1)
    assert found.named.face.id == first.face.id
    assert found.partial  # whether there are others is not told, only that there may be
    assert not (await listed(stage, account_id)).partial
    assert not (await vouched(stage, account_id)).organisations
    assert not (await vouched(stage, account_id, first.face.id, query="Étude 1987")).organisations
    for slug in (second.face.slug, f"{prefix}-of-nobody"):  # one answer: whether it is theirs is not told
        with refused(Kind.PRECONDITION, "door_closed"):
            await vouched(stage, account_id, first.face.id, slug=slug)


async def test_whoever_a_firm_alone_vouched_for_hears_of_no_request(stage):
    token = stage.token(sub=str(uuid7()), acr="0", vouched=[])
    actor = Actor(stage, token=token)
    assert not (await actor.call("ListMyRequests")).requests
    with refused(Kind.PRECONDITION, "door_closed"):
        await actor.call("WithdrawMyRequest", id=str(uuid7()))
