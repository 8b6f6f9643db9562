"""A stranger begins no more sign-ins at a firm's provider than an office would."""

import pytest
from identity_stage import make_stage, read
from oidc_directory import directory_running
from sso_parts import leave, provider_of, sign_in

from parvis_identity.service.sso.starts import Starts
from parvis_kit.ids import uuid7

PLACE, OTHER = "192.0.2.1", "198.51.100.7"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def starts(clock):
    return Starts(at_once=3, each_second=0.5, clock=clock)


def begun(starts, provider, *, place=PLACE, times=10) -> int:
    return sum(starts.take(place, provider) for _ in range(times))


def test_a_place_begins_so_many_at_one_provider_and_then_one_every_while(starts, clock):
    provider = uuid7()

    assert begun(starts, provider) == 3
    clock.now += 4
    assert begun(starts, provider) == 2
    clock.now += 4000
    assert begun(starts, provider) == 3


def test_another_place_and_another_provider_have_their_own(starts):
    provider = uuid7()
    begun(starts, provider)

    assert begun(starts, provider, place=OTHER) == 3
    assert begun(starts, uuid7()) == 3


def test_going_through_the_firms_one_by_one_is_counted_too(starts):
    assert sum(begun(starts, uuid7()) for _ in range(10)) == 9


def test_one_subscriber_of_ipv6_is_one_place(starts):
    provider = uuid7()

    assert begun(starts, provider, place="2001:db8:1:2::1") == 3
    assert begun(starts, provider, place="2001:db8:1:2:ffff::9") == 0


def test_who_comes_back_signed_in_counts_for_nothing(starts):
    provider = uuid7()
    for _ in range(100):
        assert starts.take(PLACE, provider)
        starts.came_back(PLACE, provider)

    assert begun(starts, provider) == 3


def test_nobody_earns_more_than_there_is(starts):
    provider = uuid7()
    starts.take(PLACE, provider)
    for _ in range(10):
        starts.came_back(PLACE, provider)

    assert begun(starts, provider) == 3


@pytest.fixture(scope="module")
async def stage(database):
    return await make_stage(database, private_networks="127.0.0.0/8")


async def test_the_page_says_what_to_do_and_the_journal_that_it_happened(stage, clock):
    stage.site.starts = Starts(at_once=2, clock=clock)
    async with directory_running() as directory:
        firm = stage.town.found("roche", "Cabinet Roche")
        provider = await provider_of(stage, firm, directory)
        for number in range(4):
            directory.person |= {"sub": f"u-{number}", "email": f"u{number}@cabinet.example"}
            assert (await sign_in(stage.browser(), provider, directory)).status_code == 303
        for _ in range(2):
            await leave(stage.browser(), provider)
        page = await stage.browser().get(f"/sso/{provider.id}/start", params={"next": "/links"})

    assert page.status_code == 429
    assert "Trop de connexions ont été commencées d'ici" in read(page)
    assert f"/sso/{provider.id}/start?next=%2Flinks" in page.text
    async with stage.unit(firm.id) as unit:
        query = "SELECT details FROM audit WHERE act = 'sso.refused' AND target_id = $1"
        journal = await unit.fetch(query, str(provider.id))
    assert [row["details"]["check"] for row in journal] == ["starts_too_many"]
