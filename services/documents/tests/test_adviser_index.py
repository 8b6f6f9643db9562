"""The index of advisers: equal to tenancy's in whatever order news come, and never further than it says."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parvis_advisers import AdviserIndex
from parvis_advisers.testing import PlayedTenancy, advisers_in
from parvis_documents.service.contacts import project
from parvis_kit.caller import Caller
from parvis_kit.errors import ServiceError, unavailable
from parvis_kit.grants import GrantSet
from parvis_kit.ids import uuid7

ME = Caller("documents")
MEMBERS = [uuid7() for _ in range(4)]
ACTS = st.lists(
    st.tuples(
        st.integers(0, 4), st.one_of(st.none(), st.sets(st.sampled_from(MEMBERS), min_size=1)), st.integers(0, 2)
    ),
    min_size=1,
    max_size=12,
)


class Copy:
    """The index of one organisation, and what it holds."""

    def __init__(self, database, tenancy):
        self.database, self.tenancy = database, tenancy
        self.index = AdviserIndex(database, tenancy.changes, project)

    def unit(self):
        return self.database.begin(ME, organisation_id=self.tenancy.organisation_id)

    async def hear(self, *news):
        for each in news:
            async with self.unit() as unit:
                await self.index.told(unit, each)

    async def held(self):
        """Contact → version and advisers."""
        query = """
            SELECT c.id::text, c.version, array(SELECT a.adviser_id::text FROM contact_advisers a
                WHERE a.organisation_id = c.organisation_id AND a.contact_id = c.id) AS advisers
            FROM contacts c WHERE c.organisation_id = $1"""
        async with self.unit() as unit:
            rows = await unit.fetch(query, self.tenancy.organisation_id)
        return {row["id"]: (row["version"], frozenset(row["advisers"])) for row in rows}

    async def reached(self):
        async with self.unit() as unit:
            rows = await unit.fetch("SELECT reached, ahead::text FROM adviser_index")
        return (rows[0]["reached"], rows[0]["ahead"]) if rows else (0, "{}")

    def grants(self):
        revision = self.tenancy.advisers_revision
        return GrantSet(
            uuid7(), self.tenancy.organisation_id, "staff", self.tenancy.revision, {}, advisers_revision=revision
        )


def played(acts):
    """A tenancy that did this: (contact, its advisers or None for another name, revisions skipped)."""
    tenancy, ids = PlayedTenancy(), [str(uuid7()) for _ in range(5)]
    for contact, advisers, skipped in acts:
        if advisers is None and ids[contact] in tenancy.contacts:
            tenancy.rename(ids[contact], f"Nom {tenancy.revision}")
        else:
            tenancy.advise(ids[contact], *(advisers or MEMBERS[:1]), skipped=skipped)
    return tenancy


def now(tenancy):
    return {each.contact.id: (each.contact.version, advisers_in(each.contact)) for each in tenancy.contacts.values()}


async def never_says_more(copy):
    reached, _ = await copy.reached()
    held = await copy.held()
    for contact_id, (version, _) in copy.tenancy.advisers_at(reached).items():
        assert contact_id in held, (contact_id, reached)
        assert held[contact_id][0] >= version
    for contact_id, (version, advisers) in held.items():
        said = next(
            each.contact
            for each in copy.tenancy.news
            if each.contact.id == contact_id and each.contact.version == version
        )
        assert advisers == advisers_in(said)


@given(ACTS, st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_in_any_order_twice_and_late_the_copy_becomes_equal_and_never_says_more(database, acts, data):
    tenancy = played(acts)
    copy = Copy(database, tenancy)
    places = range(len(tenancy.news))
    order = data.draw(st.permutations([*places, *places]))
    lost = data.draw(st.sets(st.sampled_from(list(places))))
    for place in order:
        if place not in lost:
            await copy.hear(tenancy.news[place])
            await never_says_more(copy)
    if data.draw(st.booleans()):
        await copy.index.catch_up(tenancy.organisation_id, (await copy.reached())[0])
        await never_says_more(copy)
        assert (await copy.reached())[0] == tenancy.advisers_revision
    for place in sorted(lost):
        await copy.hear(tenancy.news[place])  # delivered again after all
    assert await copy.held() == now(tenancy)
    assert await copy.reached() == (tenancy.advisers_revision, "{}")


@pytest.fixture
def copy(database):
    return Copy(database, played([(0, {MEMBERS[0]}, 0), (1, {MEMBERS[1]}, 1), (0, {MEMBERS[2]}, 0)]))


async def test_whoever_needs_no_more_than_is_there_waits_for_nothing(copy):
    await copy.hear(*copy.tenancy.news)
    copy.index._ask = None
    await copy.index.ready(copy.grants())


async def test_news_that_come_in_a_moment_are_waited_for(copy):
    copy.index._ask = None
    reading = asyncio.create_task(copy.index.ready(copy.grants()))
    await asyncio.sleep(0)
    await copy.hear(*copy.tenancy.news)
    await reading
    assert await copy.held() == now(copy.tenancy)


async def test_news_that_do_not_come_are_asked_for_page_by_page(copy):
    copy.tenancy.page = 1
    await copy.hear(copy.tenancy.news[2])
    await copy.index.ready(copy.grants())
    assert await copy.held() == now(copy.tenancy)
    assert await copy.reached() == (copy.tenancy.advisers_revision, "{}")


async def test_without_tenancy_the_reader_is_told_so_and_nothing_is_half_known(copy):
    async def down(_asked):
        raise unavailable("service_unavailable", service="tenancy")

    copy.index._ask = down
    with pytest.raises(ServiceError, match="service_unavailable"):
        await copy.index.ready(copy.grants())
    assert await copy.reached() == (0, "{}")


async def test_a_copy_that_was_cut_off_between_two_pages_does_not_say_that_it_is_complete(copy):
    copy.tenancy.page, pages = 1, []

    async def first_only(asked):
        if pages:
            raise unavailable("service_unavailable", service="tenancy")
        pages.append(await copy.tenancy.changes(asked))
        return pages[0]

    copy.index._ask = first_only
    with pytest.raises(ServiceError, match="service_unavailable"):
        await copy.index.catch_up(copy.tenancy.organisation_id, 0)
    assert await copy.reached() == (0, "{}")
    await never_says_more(copy)


async def test_two_that_catch_up_at_once_and_the_news_do_not_lock_each_other_out(copy):
    organisation_id = copy.tenancy.organisation_id
    await asyncio.gather(
        *(copy.index.catch_up(organisation_id, 0) for _ in range(4)),
        *(copy.hear(*copy.tenancy.news) for _ in range(4)),
        *(copy.hear(*reversed(copy.tenancy.news)) for _ in range(4)),
    )
    assert await copy.held() == now(copy.tenancy)
    assert await copy.reached() == (copy.tenancy.advisers_revision, "{}")
