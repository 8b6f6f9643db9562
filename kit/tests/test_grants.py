"""Grant sets are kept under a lease, and an older one is never used once a newer was announced."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID, uuid4

import pytest

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.caller import Caller
from parvis_kit.errors import ServiceError
from parvis_kit.grants import ALL, GrantCache, GrantSet, _reaches, from_message

ORGANISATION, MEMBERSHIP = uuid4(), uuid4()
CALLER = Caller("web", account_id=uuid4(), organisation_id=ORGANISATION, membership_id=MEMBERSHIP, kind="staff")


class Tenancy:
    """Compiles grant sets; counts how often it is asked."""

    def __init__(self) -> None:
        self.grants = GrantSet(MEMBERSHIP, ORGANISATION, "staff", 1, {"contacts.read": ALL})
        self.asked = 0

    async def fetch(self, _: Caller) -> GrantSet:
        self.asked += 1
        return self.grants


async def test_a_set_is_asked_for_once_under_its_lease():
    tenancy = Tenancy()
    cache = GrantCache(tenancy.fetch)
    await cache.get(CALLER)
    await cache.get(CALLER)
    assert tenancy.asked == 1


@pytest.mark.parametrize(("unheard", "seconds", "asked"), [(True, 4, 1), (True, 6, 2), (False, 6, 1), (False, 61, 2)])
async def test_a_set_is_asked_for_again_sooner_while_changes_are_not_heard(monkeypatch, unheard, seconds, asked):
    tenancy, clock = Tenancy(), [100.0]
    monkeypatch.setattr("parvis_kit.grants.time", SimpleNamespace(monotonic=lambda: clock[0]))
    cache = GrantCache(tenancy.fetch, unheard=lambda: unheard)
    await cache.get(CALLER)
    clock[0] += seconds
    await cache.get(CALLER)
    assert tenancy.asked == asked


async def test_a_set_from_before_the_silence_is_asked_for_again_within_it(monkeypatch):
    tenancy, clock, silent = Tenancy(), [100.0], [False]
    monkeypatch.setattr("parvis_kit.grants.time", SimpleNamespace(monotonic=lambda: clock[0]))
    cache = GrantCache(tenancy.fetch, unheard=lambda: silent[0])
    await cache.get(CALLER)
    silent[0] = True
    clock[0] += 30
    await cache.get(CALLER)
    assert tenancy.asked == 2


async def test_a_change_of_the_organisation_drops_the_set():
    tenancy = Tenancy()
    cache = GrantCache(tenancy.fetch)
    await cache.get(CALLER)
    tenancy.grants = replace(tenancy.grants, revision=2, rights={})
    cache.drop(ORGANISATION, frozenset(), 2)
    assert not (await cache.get(CALLER)).allows("contacts.read")


async def test_a_change_of_another_membership_keeps_the_set():
    tenancy = Tenancy()
    cache = GrantCache(tenancy.fetch)
    await cache.get(CALLER)
    cache.drop(ORGANISATION, frozenset({uuid4()}), 2)
    await cache.get(CALLER)
    assert tenancy.asked == 1


async def test_an_answer_older_than_an_announced_change_is_never_used():
    tenancy = Tenancy()
    cache = GrantCache(tenancy.fetch)
    cache.drop(ORGANISATION, frozenset({MEMBERSHIP}), 2)
    with pytest.raises(ServiceError, match="grants_behind"):
        await cache.get(CALLER)


async def test_whoever_knows_of_a_newer_revision_never_gets_an_older_set():
    tenancy = Tenancy()
    cache = GrantCache(tenancy.fetch)
    await cache.get(CALLER)
    tenancy.grants = replace(tenancy.grants, revision=2, rights={})
    assert (await cache.get(CALLER)).revision == 1
    assert (await cache.get(CALLER, at_least=2)).revision == 2
    assert tenancy.asked == 2


async def test_whoever_knows_of_the_set_s_revision_costs_nothing():
    tenancy = Tenancy()
    cache = GrantCache(tenancy.fetch)
    await cache.get(CALLER, at_least=1)
    await cache.get(CALLER, at_least=1)
    assert tenancy.asked == 1


async def test_an_older_answer_that_comes_late_never_takes_the_place_of_a_newer_one():
    tenancy, held_up = Tenancy(), asyncio.Event()

    async def fetch(caller):
        answer = await tenancy.fetch(caller)
        if tenancy.asked == 1:
            await held_up.wait()
        return answer

    cache = GrantCache(fetch)
    late = asyncio.create_task(cache.get(CALLER))
    await asyncio.sleep(0)
    tenancy.grants = replace(tenancy.grants, revision=2, rights={})
    assert (await cache.get(CALLER, at_least=2)).revision == 2
    held_up.set()
    assert (await late).revision == 2
    assert (await cache.get(CALLER)).revision == 2


async def test_a_revision_of_the_future_is_an_error_that_says_so():
    tenancy = Tenancy()
    cache = GrantCache(tenancy.fetch)
    with pytest.raises(ServiceError, match="revision_ahead") as refused:
        await cache.get(CALLER, at_least=7)
    assert refused.value.params == {"revision": "7", "reached": "1"}
    assert (await cache.get(CALLER)).revision == 1


@pytest.mark.parametrize(("left", "asked"), [(timedelta(minutes=1), 1), (timedelta(minutes=-1), 2)])
async def test_a_set_is_not_used_past_the_moment_at_which_it_changes_by_itself(left, asked):
    tenancy = Tenancy()
    tenancy.grants = replace(tenancy.grants, valid_until=datetime.now(UTC) + left)
    cache = GrantCache(tenancy.fetch)
    await cache.get(CALLER)
    await cache.get(CALLER)
    assert tenancy.asked == asked


def test_a_right_that_is_not_held_is_named():
    grants = GrantSet(MEMBERSHIP, ORGANISATION, "staff", 1, {})
    with pytest.raises(ServiceError) as refused:
        grants.require("invoices.close")
    assert refused.value.params == {"right": "invoices.close"}


def test_a_scope_reaches_only_what_carries_its_advisers():
    mine = uuid4()
    grants = GrantSet(MEMBERSHIP, ORGANISATION, "staff", 1, {"contacts.read": frozenset({mine}), "members.read": ALL})
    assert grants.reaches("contacts.read", frozenset({mine, uuid4()}))
    assert not grants.reaches("contacts.read", frozenset({uuid4()}))
    assert grants.reaches("members.read", frozenset())


def test_advisers_that_several_rights_and_members_reach_are_kept_once_and_not_for_ever():
    group, own = sorted(str(uuid4()) for _ in range(3)), [str(uuid4())]

    def received(ids):
        rights = [tenancy_pb2.CompiledRight(code=code, adviser_ids=ids) for code in ("contacts.read", "documents.read")]
        return from_message(
            tenancy_pb2.GrantSet(membership_id=str(uuid4()), organisation_id=str(ORGANISATION), rights=rights)
        )

    first, second, other = received(group), received(group), received(own)
    assert first.rights["contacts.read"] is first.rights["documents.read"] is second.rights["contacts.read"]
    assert other.rights["contacts.read"] == frozenset(map(UUID, own))
    kept = len(_reaches)
    del first, second, other
    assert len(_reaches) == kept - 2
