"""Requests of clients that get nothing leave a line in the trail, and strangers cannot fill it."""

import pytest
from identity_stage import Flow
from sqlalchemy import text

from parvis_identity.service import refusals
from parvis_identity.service.refusals import Refusals


@pytest.fixture
async def party(stage):
    return await stage.relying_party()


async def lines(stage, client) -> list[tuple[str, str]]:
    """The refusals of a client: act and error."""
    async with stage.unit() as unit:
        query = "SELECT act, details->>'error' AS error FROM audit WHERE target_id = $1 ORDER BY id"
        rows = await unit.fetch(query, client.client_id)
        return [(row["act"], row["error"]) for row in rows if row["act"].endswith(".refused")]


async def test_a_code_that_nobody_was_given_leaves_a_line(stage, party):
    await Flow(*party).exchange(stage.browser(), "of-nobody")

    assert await lines(stage, party[0]) == [("token.refused", "invalid_grant")]


async def test_a_wrong_address_leaves_a_line(stage, party):
    answer = await Flow(*party).authorize(stage.browser(), redirect_uri="https://attacker.example/")

    assert answer.status_code == 400
    assert await lines(stage, party[0]) == [("authorization.refused", "redirect_uri")]


async def test_what_cannot_be_had_leaves_a_line(stage, party):
    await Flow(*party).authorize(stage.browser(), response_type="token")

    assert [act for act, _ in await lines(stage, party[0])] == ["authorization.refused"]


async def test_a_pushed_request_that_is_refused_leaves_a_line(stage, party):
    client, secret = party
    form = {**Flow(*party).parameters, "redirect_uri": "https://attacker.example/"}

    answer = await stage.browser().http.post("/oauth2/par", data=form, auth=(client.client_id, secret))

    assert answer.status_code == 400
    assert await lines(stage, client) == [("authorization.refused", "redirect_uri")]


async def test_a_thousand_wrong_secrets_are_a_line(stage, party):
    for secret in ("a", "b", "c"):
        form = {"grant_type": "client_credentials"}
        await stage.browser().http.post("/oauth2/token", data=form, auth=(party[0].client_id, secret))

    assert await lines(stage, party[0]) == [("client.refused", "proof client_secret_basic")]


async def test_a_line_says_how_many_were_left_out_before_it(stage):
    moments = [0.0, 1.0, 2.0, 20.0]
    noted = Refusals(clock=iter(moments).__next__)
    async with stage.unit() as unit:
        for _ in moments:
            noted.note(unit, "token.refused", "often-refused", "invalid_grant")
    async with stage.unit() as unit:
        query = text("SELECT details->>'more_before' FROM audit WHERE target_id = 'often-refused'")
        assert set(await unit.scalars(query)) == {None, "2"}


async def test_many_names_write_no_more_than_so_many_lines(stage):
    noted = Refusals()
    async with stage.unit() as unit:
        for number in range(refusals.MOST + 50):
            noted.note(unit, "token.refused", f"flood-{number}", "invalid_grant")
    async with stage.unit() as unit:
        query = text("SELECT count(*) FROM audit WHERE target_id LIKE 'flood-%'")
        assert await unit.scalar(query) == refusals.MOST
