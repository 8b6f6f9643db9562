"""What is told of the anchors."""

import base64
from datetime import UTC, datetime

import asyncpg
import pytest

from parvis.trail.v1 import trail_pb2
from parvis_tenancy.service.anchoring import Anchors, Signers
from parvis_tenancy.service.counting import ANCHORED, look


class Silent:
    """A trail without chains."""

    async def ListHeads(self, _):
        return trail_pb2.ListHeadsResponse()


@pytest.fixture
async def none_yet(database_urls):
    owner = await asyncpg.connect(database_urls.superuser)
    await owner.execute("TRUNCATE anchored_heads, anchors")
    await owner.close()


async def test_when_the_last_anchor_was_signed_is_told(database, none_yet):
    await look(database)
    assert ANCHORED._value.get() == 0

    before = datetime.now(UTC).timestamp()
    key = base64.b64encode(bytes(32)).decode()
    assert await Anchors(database, Signers(key), lambda _: Silent()).make()
    await look(database)
    assert before - 60 < ANCHORED._value.get() < before + 600
