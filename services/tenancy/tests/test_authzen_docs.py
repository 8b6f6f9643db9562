"""What docs/authzen.md shows is asked and answered as it stands there."""

import json
import re
from pathlib import Path
from uuid import UUID

import pytest
from authzen_stage import Pep, World, make_world

PAGE = Path(__file__).parents[3] / "docs" / "authzen.md"
SHOWN = re.findall(r"`POST (/\S+)`\n\n```json\n(.*?)```\n\n```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
ACCOUNT = UUID("0197f3c2-6d3e-7b1a-9c55-2f6d1c0a8e11")
OWN, OTHER = UUID("0197f3c3-0b77-7e52-a4f9-8c1d2e3f4a05"), UUID("0197f3c4-11aa-7c3f-8d20-5b7e9a4c6f02")


@pytest.fixture(scope="module")
async def world(stage, provider) -> World:
    world = await make_world(stage, provider, scoped=("read", "propose"), word="portfolios")
    await world.person("anne", account_id=ACCOUNT, read="all", propose="mine")
    await world.person("marc")
    await world.record("le-goff", "marc", contact_id=OTHER)
    await world.record("tanguy", "anne", contact_id=OWN)
    assert world.slug == "cabinet-armor"
    return world


@pytest.mark.parametrize(("path", "asked", "answered"), SHOWN, ids=[path.rpartition("v1/")[2] for path, *_ in SHOWN])
async def test_the_page_shows_what_is_answered(stage, world, path, asked, answered):
    answer = await Pep(stage, world.product.client_id).ask(path.partition("/v1/")[2], json.loads(asked))
    assert without_revisions(answer) == without_revisions(json.loads(answered))


def without_revisions(answer):
    return json.loads(re.sub(r'"revision": \d+', '"revision": 0', json.dumps(answer)))


def test_the_page_shows_three_kinds_of_question():
    assert len(SHOWN) == 3
