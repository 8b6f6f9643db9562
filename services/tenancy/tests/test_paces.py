"""How often one product may ask."""

import pytest
from authzen_stage import Pep, make_world

from parvis_kit.errors import Kind, ServiceError
from parvis_tenancy.http.paces import SEARCH, Paces


def test_a_product_has_its_measure_and_ten_seconds_of_it_at_once():
    now = [0.0]
    paces = Paces(2, clock=lambda: now[0])
    for _ in range(20):
        paces.count("a")
    with pytest.raises(ServiceError) as refused:
        paces.count("a")
    assert (refused.value.kind, refused.value.reason) == (Kind.LIMIT, "too_often")
    paces.count("b")  # nobody else waits for it
    now[0] = 0.5
    paces.count("a")
    with pytest.raises(ServiceError):
        paces.count("a")
    now[0] = 1000.0
    paces.count("a", SEARCH)
    paces.count("a", SEARCH)
    with pytest.raises(ServiceError):
        paces.count("a", SEARCH)


def test_without_a_figure_nobody_waits():
    paces = Paces(0)
    for _ in range(10_000):
        paces.count("a", SEARCH)


async def test_a_product_that_asks_too_often_is_told_when_to_come_back(stage, provider, monkeypatch):
    world = await make_world(stage, provider, scoped=("read",))
    await world.person("anne", read="all")
    await world.record("kerautret", "anne")
    pep, asked = Pep(stage, world.product.client_id), world.asked("anne", "read", "kerautret")
    slow, count = Paces(1), Paces.count
    monkeypatch.setattr(Paces, "count", lambda _, *asked: count(slow, *asked))
    answers = [await pep.post("evaluation", asked) for _ in range(11)]
    assert [each.status_code for each in answers] == [200] * 10 + [429]
    assert (answers[-1].json()["reason"], answers[-1].headers["retry-after"]) == ("too_often", "1")
