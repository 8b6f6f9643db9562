"""One anchor a day over all chains: whole or not at all, once, after the one before, with proofs that lead to it."""

import asyncio
import base64
import json
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest
import structlog
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from parvis.trail.v1 import trail_pb2
from parvis_kit.caller import Caller
from parvis_kit.errors import Kind, ServiceError, unavailable
from parvis_kit.ids import uuid7
from parvis_kit.testing import eventually, running
from parvis_tenancy.domain import anchors as domain
from parvis_tenancy.domain.anchors import Head
from parvis_tenancy.service.anchoring import BROKEN, SERVICES, Anchors, Signers, cover
from parvis_tenancy.store import anchors as store
from parvis_trail.merkle import root_of
from parvis_watch.logs import configure_logs

KEY, NEWER = (base64.b64encode(bytes([seed]) * 32).decode() for seed in (1, 2))
FIRMS = [UUID(int=0), *sorted(uuid7() for _ in range(3))]


class Trail:
    """Where chains of one service end, and what stands at each place."""

    def __init__(self):
        self.heads = {}
        self.places = {}
        self.down = False

    async def ListHeads(self, request):
        if self.down:
            raise unavailable("service_unavailable")
        later = [each for each in sorted(self.heads) if not request.after or each > UUID(request.after)]
        shown = [
            trail_pb2.Head(organisation_id=str(each), seq=self.heads[each][0], digest=self.heads[each][1])
            for each in later[:2]
        ]
        return trail_pb2.ListHeadsResponse(heads=shown, more=len(later) > len(shown))

    def grow(self, organisation_id, by=1):
        seq = self.heads.get(organisation_id, (0, b""))[0] + by
        digest = domain.digest(f"{id(self)} {organisation_id} {seq}")
        self.heads[organisation_id] = (seq, digest)
        self.places[str(organisation_id), seq] = digest

    def rewrite(self, organisation_id, by=0):
        """Somebody makes all acts anew, and some more."""
        self.places = {place: digest for place, digest in self.places.items() if place[0] != str(organisation_id)}
        seq = self.heads[organisation_id][0] + by
        for place in range(1, seq + 1):
            self.places[str(organisation_id), place] = domain.digest(f"anew {place}")
        self.heads[organisation_id] = (seq, domain.digest(f"anew {seq}"))

    async def BatchGetDigests(self, request):
        if self.down:
            raise unavailable("service_unavailable")
        found = [self.places.get((each.organisation_id, each.seq), b"") for each in request.places]
        return trail_pb2.BatchGetDigestsResponse(digests=found)


@pytest.fixture
async def days(database, database_urls, monkeypatch):
    """Empties the anchors, and lets a test say which day it is."""
    owner = await asyncpg.connect(database_urls.superuser)
    await owner.execute("TRUNCATE anchored_heads, anchors")
    await owner.close()
    clock = {"day": date(2026, 11, 20)}

    async def today(unit):
        query = "SELECT EXISTS (SELECT 1 FROM anchors WHERE day >= $1) AS done"
        done = (await unit.fetch(query, clock["day"]))[0]["done"]
        return {"now": datetime(2026, 11, 20, tzinfo=UTC), "day": clock["day"], "done": done}

    monkeypatch.setattr(store, "today", today)

    def later(by=1):
        clock["day"] += timedelta(days=by)

    return later


def world(database, keys=KEY):
    trails = {service: Trail() for service in SERVICES}
    return trails, Anchors(database, Signers(keys), trails.__getitem__)


async def all_of(database, anchors, organisation_id):
    """Every anchor with the proofs of an organisation."""
    found, more = [], True
    while more:
        after = found[-1].anchor.number if found else 0
        async with database.begin(Caller("tenancy"), organisation_id=organisation_id) as unit:
            part, more = await anchors.proven(unit, after)
        found += part
    return found


def verified(proven):
    """Whether all signatures of an anchor are those of its keys."""
    told = json.loads(proven.anchor.statement)
    try:
        for key, signature in zip(told["keys"], proven.anchor.signatures, strict=True):
            public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
            public.verify(signature, proven.anchor.statement.encode())
    except InvalidSignature:
        return False
    return True


def leaf_of(firm, proven):
    heads = [
        Head(firm, each.service, each.seq, each.digest, each.began, each.broken) for each in proven.heads
    ]  # fmt: skip
    (leaf,) = domain.leaves(heads).values()
    return leaf


async def test_a_day_has_one_anchor_however_many_make_it(database, days):
    trails, anchors = world(database)
    trails["billing"].grow(FIRMS[1])
    others = [Anchors(database, Signers(KEY), trails.__getitem__) for _ in range(3)]
    made = await asyncio.gather(*(each.make() for each in (anchors, *others)))
    assert sorted(made) == [False, False, False, True]
    assert not await anchors.make()
    assert len(await all_of(database, anchors, FIRMS[1])) == 1


async def test_missed_days_are_made_good_by_one_anchor_at_once(database, days):
    trails, anchors = world(database)
    await anchors.make()
    trails["notify"].grow(FIRMS[2])
    days(9)
    assert await anchors.make()
    assert not await anchors.make()
    found = [json.loads(each.anchor.statement) for each in await all_of(database, anchors, FIRMS[2])]
    assert [(each["number"], each["day"]) for each in found] == [(1, "2026-11-20"), (2, "2026-11-29")]
    assert found[1]["previous"] == domain.digest((await all_of(database, anchors, FIRMS[2]))[0].anchor.statement).hex()


async def test_nothing_is_signed_while_a_service_is_silent(database, days):
    trails, anchors = world(database)
    trails["billing"].grow(FIRMS[1])
    trails["identity"].down = True
    with pytest.raises(ServiceError) as refused:
        await anchors.make()
    assert refused.value.kind is Kind.UNAVAILABLE
    assert await all_of(database, anchors, FIRMS[1]) == []
    trails["identity"].down = False
    assert await anchors.make()


async def test_nothing_is_signed_while_a_service_does_not_say_what_stood_there(database, days, monkeypatch):
    trails, anchors = world(database)
    trails["billing"].grow(FIRMS[1])
    await anchors.make()
    days()

    async def silent(_):
        raise unavailable("service_unavailable")

    monkeypatch.setattr(trails["billing"], "BatchGetDigests", silent)
    with pytest.raises(ServiceError):
        await anchors.make()
    assert len(await all_of(database, anchors, FIRMS[1])) == 1


GROWTH = st.lists(
    st.lists(st.tuples(st.sampled_from(SERVICES), st.sampled_from(FIRMS), st.integers(1, 3)), max_size=6),
    min_size=1, max_size=5,
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(GROWTH)
async def test_every_anchor_proves_the_ends_of_all_chains_of_an_organisation_at_once(
    database, database_urls, days, growth
):
    owner = await asyncpg.connect(database_urls.superuser)
    await owner.execute("TRUNCATE anchored_heads, anchors")
    await owner.close()
    trails, anchors = world(database)
    ends = []  # per day: chain → (seq, digest)
    for day in growth:
        for service, firm, by in day:
            trails[service].grow(firm, by)
        days()
        assert await anchors.make()
        ends.append({(name, firm): head for name, trail in trails.items() for firm, head in trail.heads.items()})
    for firm in FIRMS:
        found = await all_of(database, anchors, firm)
        assert [each.anchor.number for each in found] == list(range(1, len(growth) + 1))
        for number, proven in enumerate(found):
            assert verified(proven)
            told = json.loads(proven.anchor.statement)
            now = {name: head for (name, each), head in ends[number].items() if each == firm}
            assert {each.service: (each.seq, each.digest) for each in proven.heads} == now
            began = {name: next(n for n, end in enumerate(ends, 1) if (name, firm) in end) for name in now}
            assert {each.service: (each.began, each.broken) for each in proven.heads} == {
                name: (number, 0) for name, number in began.items()
            }
            if now:
                root = root_of(leaf_of(firm, proven), proven.index, told["leaves"], proven.path)
                assert root == bytes.fromhex(told["root"])
    async with database.begin(Caller("tenancy"), organisation_id=FIRMS[1]) as unit:
        for seq in range(1, 8):
            first = next((n for n, end in enumerate(ends, 1) if end.get(("billing", FIRMS[1]), (0,))[0] >= seq), 0)
            assert (await cover(unit, "billing", seq)).anchor.number == first


async def test_a_new_key_is_vouched_for_by_the_old_one(database, days):
    _, old = world(database)
    await old.make()
    days()
    _, both = world(database, f"{NEWER},{KEY}")
    await both.make()
    days()
    _, new = world(database, NEWER)
    await new.make()
    found = await all_of(database, new, FIRMS[1])
    keys = [json.loads(each.anchor.statement)["keys"] for each in found]
    first, second = Signers(KEY).public[0].hex(), Signers(NEWER).public[0].hex()
    assert keys == [[first], [second, first], [second]]
    assert all(map(verified, found))


def rewritten(trail):
    trail.rewrite(FIRMS[1])


def rewritten_and_grown(trail):
    trail.rewrite(FIRMS[1], 7)


def shorter(trail):
    trail.heads[FIRMS[1]] = (3, trail.places[str(FIRMS[1]), 3])


def gone(trail):
    del trail.heads[FIRMS[1]]


@pytest.mark.parametrize("forge", [rewritten, rewritten_and_grown, shorter, gone])
async def test_a_chain_that_is_not_the_one_that_was_anchored_is_told_in_the_anchor_in_the_log_and_by_a_metric(
    database, days, forge, capsys
):
    trails, anchors = world(database)
    for _ in range(5):
        trails["billing"].grow(FIRMS[1])
    for service, firm in (("billing", FIRMS[2]), ("tenancy", FIRMS[1])):
        trails[service].grow(firm)
    await anchors.make()
    days()
    forge(trails["billing"])
    trails["tenancy"].grow(FIRMS[1])
    capsys.readouterr()
    configure_logs("tenancy", "critical")
    try:
        assert await anchors.make()
    finally:
        structlog.reset_defaults()
    lines = [json.loads(each) for each in capsys.readouterr().out.splitlines()]
    assert [(each["event"], each["level"]) for each in lines] == [
        ("audit_anchored", "info"), ("audit_chain_broken", "error"),
    ]  # fmt: skip
    assert (lines[1]["organisation"], lines[1]["seq"], lines[1]["anchor"]) == (str(FIRMS[1]), 5, 2)
    days()
    trails["billing"].grow(FIRMS[2])
    await anchors.make()
    found = await all_of(database, anchors, FIRMS[1])
    broken = {each.service: each.broken for each in found[1].heads}
    assert broken == {"billing": 2, "tenancy": 0}
    last = {each.service: each.broken for each in found[2].heads}
    assert last == {"billing": 2, "tenancy": 0}
    assert [each.broken for each in (await all_of(database, anchors, FIRMS[2]))[2].heads] == [0]
    BROKEN.set(0)
    async with running(anchors.make_for_ever):
        await eventually(metric)
    assert await metric() == 1


async def metric():
    return REGISTRY.get_sample_value("parvis_audit_chains_broken")


async def test_a_chain_that_grows_is_the_same(database, days):
    trails, anchors = world(database)
    with capture_logs() as logs:
        for _ in range(3):
            trails["billing"].grow(FIRMS[1], 3)
            await anchors.make()
            days()
    assert [each["event"] for each in logs] == ["audit_anchored"] * 3
    BROKEN.set(7)

    async def none_is_broken():
        return await metric() == 0

    async with running(anchors.make_for_ever):
        await eventually(none_is_broken)


async def test_the_service_can_neither_change_nor_remove_an_anchor(database, database_urls, days):
    trails, anchors = world(database)
    trails["billing"].grow(FIRMS[1])
    await anchors.make()
    for url in (database_urls.service, database_urls.owner):
        connection = await asyncpg.connect(url)
        for statement in (
            "UPDATE anchors SET statement = ''", "DELETE FROM anchored_heads", "DELETE FROM anchors",
            "UPDATE anchored_heads SET seq = 9",
        ):  # fmt: skip
            with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.RestrictViolationError)):
                await connection.execute(statement)
        await connection.close()


@pytest.mark.parametrize("keys", ["", "nonsense!", base64.b64encode(b"short").decode(), f"{KEY},AAAA"])
def test_a_key_that_is_none_stops_the_start_with_what_to_do(keys):
    with pytest.raises(ValueError, match="PARVIS_ANCHOR_KEYS"):
        Signers(keys)
