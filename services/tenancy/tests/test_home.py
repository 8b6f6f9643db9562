"""The hottest reads cost what they may."""

import pytest

from parvis_watch.metrics import STATEMENTS


@pytest.fixture
async def busy(stage, provider, admin):
    """An administrator with products and things that wait."""
    await stage.product(provider, admin)
    await stage.invite(admin, "adviser")
    await admin.call("GetHome")
    return admin


@pytest.mark.parametrize(("method", "most"), [("GetFrame", 1), ("GetHome", 3)])
async def test_a_page_costs_few_statements(busy, method, most):
    counter = STATEMENTS.labels("request")._value
    before = counter.get()
    await busy.call(method)
    assert counter.get() - before <= most
