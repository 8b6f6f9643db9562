"""What anchors say of a chain stays true when tenancy was taken back for some days, and when a chain was away."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from test_anchors import FIRMS, KEY, all_of, days, metric, world

from parvis_kit.testing import eventually, running
from parvis_tenancy.domain import anchors as domain
from parvis_tenancy.service.anchor_checks import check
from parvis_tenancy.service.anchoring import BROKEN, Signers

__all__ = ["days"]

_SCRIPT = importlib.util.spec_from_file_location(
    "verify_trail", Path(__file__).parents[3] / "docs" / "verify_trail.py"
)  # fmt: skip
verify_trail = importlib.util.module_from_spec(_SCRIPT)
_SCRIPT.loader.exec_module(verify_trail)


def problems(organisation_id, found):
    """What the script says of these anchors in an export."""
    trail = verify_trail.Trail()
    trail.organisation = str(organisation_id)
    names = ("service", "seq", "began", "broken")
    for each in found:
        heads = [{name: getattr(head, name) for name in names} | {"digest": head.digest.hex()} for head in each.heads]
        trail.anchor(
            {
                "statement": each.anchor.statement, "signatures": [one.hex() for one in each.anchor.signatures],
                "heads": heads, "index": each.index, "path": [one.hex() for one in each.path],
            }
        )  # fmt: skip
    return trail.problems


@pytest.fixture
def older(monkeypatch):
    """Makes an anchor as the release before did, which knew neither `began` nor `broken`."""
    leaves, statement = domain.leaves, domain.statement

    def followed(known, now, broken, number):
        heads = {chain: replace(head, began=0, broken=0) for chain, head in now.items()}
        same = {chain for chain, head in now.items() if chain in known and known[chain].digest == head.digest}
        return sorted(known[chain] if chain in same else head for chain, head in heads.items())

    async def make(anchors):
        with monkeypatch.context() as patch:
            patch.setattr(domain, "followed", followed)
            patch.setattr(domain, "leaves", lambda heads: leaves(heads, 1))
            patch.setattr(domain, "statement", lambda **told: statement(**told).replace(',"version":2', ""))
            assert await anchors.make()

    return make


async def test_a_chain_that_began_while_tenancy_was_taken_back_is_exported_as_it_is(database, days, older):
    trails, anchors = world(database)
    trails["documents"].grow(FIRMS[1])
    await older(anchors)
    for service in ("billing", "identity"):
        trails[service].grow(FIRMS[1])
    days()
    await anchors.make()
    days()
    trails["notify"].grow(FIRMS[1])
    trails["billing"].grow(FIRMS[1])
    await older(anchors)
    for _ in range(2):
        days()
        await anchors.make()
        found = await all_of(database, anchors, FIRMS[1])
        began = {each.service: each.began for each in found[-1].heads}
        assert began == {"billing": 2, "documents": 0, "identity": 2, "notify": 4}
        assert problems(FIRMS[1], found) == []
    assert (await check(database, trails.__getitem__, Signers(KEY).public)).problems == []


async def test_a_chain_that_was_another_one_stays_so_when_tenancy_was_taken_back(database, days, older):
    trails, anchors = world(database)
    trails["billing"].grow(FIRMS[1])
    await anchors.make()
    trails["billing"].rewrite(FIRMS[1])
    days()
    await anchors.make()
    days()
    trails["billing"].grow(FIRMS[1])
    await older(anchors)
    days()
    await anchors.make()
    found = await all_of(database, anchors, FIRMS[1])
    assert [[(each.began, each.broken) for each in one.heads] for one in found] == [[(1, 0)], [(1, 2)], [], [(1, 2)]]


async def test_a_chain_that_is_away_is_broken_once_for_each_time_that_it_went(database, days):
    trails, anchors = world(database)
    trails["billing"].grow(FIRMS[1])
    trails["billing"].grow(FIRMS[2])
    head, said, told = trails["billing"].heads[FIRMS[1]], [], []
    for there in (True, False, False, False, True, True, False, False):
        if there:
            trails["billing"].heads[FIRMS[1]] = head
        else:
            trails["billing"].heads.pop(FIRMS[1], None)
        with capture_logs() as logs:
            assert await anchors.make()
        told.append(sum(each["event"] == "audit_chain_broken" for each in logs))
        said.append((await all_of(database, anchors, FIRMS[1]))[-1].heads[0].broken)
        days()
    assert said == [0, 2, 2, 2, 2, 2, 7, 7]
    assert told == [0, 1, 0, 0, 0, 0, 1, 0]
    BROKEN.set(0)
    async with running(anchors.make_for_ever):
        await eventually(metric)
    assert await metric() == 1
