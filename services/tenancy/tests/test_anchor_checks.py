"""The operator's check of all anchors names what was changed: in an anchor, in its heads, in a chain of any service."""

import asyncpg
import pytest
from test_anchors import FIRMS, KEY, NEWER, Trail, days, world

from parvis_tenancy.domain import anchors as domain
from parvis_tenancy.service.anchor_checks import check
from parvis_tenancy.service.anchoring import SERVICES, Anchors, Signers

__all__ = ["days"]


@pytest.fixture
async def trails(database, days):
    """Three days of all services and some firms, each with its anchor."""
    _, _ = world(database)
    trails = {service: Trail() for service in SERVICES}
    anchors = Anchors(database, Signers(KEY), trails.__getitem__)
    for firm in FIRMS[:3]:
        for service in SERVICES:
            trails[service].grow(firm)
        await anchors.make()
        days()
    return trails


@pytest.fixture
async def superuser(database_urls):
    connection = await asyncpg.connect(database_urls.superuser)
    await connection.execute("SET session_replication_role = replica")
    yield connection
    await connection.close()


async def problems(database, trails, key=KEY, **options):
    return (await check(database, trails.__getitem__, Signers(key).public, **options)).problems


async def test_what_is_untouched_passes(database, trails):
    checked = await check(database, trails.__getitem__, Signers(KEY).public)
    assert (checked.problems, checked.anchors, checked.heads) == ([], 3, 15)
    assert checked.keys == (Signers(KEY).public[0].hex(),)


FORGERIES = {
    "UPDATE anchors SET statement = replace(statement, '2026-11-21', '2026-11-22') WHERE number = 2": "forged",
    "UPDATE anchors SET signatures = '{}' WHERE number = 2": "forged",
    "DELETE FROM anchors WHERE number = 2": "does not follow anchor 1",
    "UPDATE anchored_heads SET seq = 9 WHERE anchor = 2 AND service = 'billing'": "heads of anchor 2",
    "UPDATE anchored_heads SET broken = 2 WHERE anchor = 2 AND service = 'billing'": "heads of anchor 2",
    "DELETE FROM anchored_heads WHERE anchor = 3 AND service = 'notify'": "heads of anchor 3",
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_changed_anchor_is_named(database, trails, superuser, forgery):
    await superuser.execute(forgery)
    assert any(FORGERIES[forgery] in each for each in await problems(database, trails))


async def test_a_chain_that_was_made_anew_is_named(database, trails):
    trails["documents"].places[str(FIRMS[1]), 1] = b"\x07" * 32
    told = f"documents: act 1 of organisation {FIRMS[1]} is not the one that was anchored"
    assert await problems(database, trails) == [told]
    assert await problems(database, trails, everything=True) == [told]


async def test_a_chain_that_an_anchor_says_was_another_one_stays_named(database, trails):
    trails["documents"].rewrite(FIRMS[1], 2)
    await Anchors(database, Signers(KEY), trails.__getitem__).make()
    told = f"documents's chain of organisation {FIRMS[1]} was another one before"
    assert [told in each for each in await problems(database, trails)] == [True]


async def test_anchors_of_the_first_version_verify(database, days, monkeypatch):
    trails = {service: Trail() for service in SERVICES}
    anchors, both = Anchors(database, Signers(KEY), trails.__getitem__), domain.leaves
    with monkeypatch.context() as older:
        older.setattr(domain, "VERSION", 1)
        older.setattr(domain, "leaves", lambda heads: both(heads, 1))
        for firm in FIRMS[:3]:
            trails["billing"].grow(firm)
            await anchors.make()
            days()
    trails["billing"].grow(FIRMS[2])
    await anchors.make()
    assert await problems(database, trails, everything=True) == []


async def test_a_service_that_is_down_is_named(database, trails):
    trails["identity"].down = True
    assert any(each.startswith("identity could not be asked") for each in await problems(database, trails))


async def test_an_anchor_of_a_key_that_the_settings_do_not_know_is_named(database, trails):
    found = await problems(database, trails, NEWER)
    assert found == ["the newest anchor is signed by none of the keys in PARVIS_ANCHOR_KEYS"]
