"""A firm that is erased takes its own accounts along; personal ones, and those of other firms, stay."""

from types import SimpleNamespace

import asyncpg
import pytest

from parvis_identity.holdings import HOLDINGS
from parvis_identity.service import erasures
from parvis_identity.service.firms_gone import accounts_gone
from parvis_kit import audit
from parvis_kit.bus import Retry
from parvis_records import closing

pytestmark = pytest.mark.usefixtures("nobody_failed_before")


async def sealed(database_urls):
    connection = await asyncpg.connect(database_urls.service)
    await audit.seal(connection)
    await connection.close()


async def test_accounts_of_the_firm_are_erased_and_nobody_elses(stage, database_urls):
    firm, other = stage.town.found("kerlann", "Kerlann"), stage.town.found("brehat", "Bréhat")
    anne, yann = await stage.client_of(firm, "C0001"), await stage.client_of(firm, "C0002")
    stranger, person = await stage.client_of(other, "C0001"), await stage.person()
    await stage.browser().sign_in("C0001", at="/login/kerlann")
    delivery = SimpleNamespace(begin=lambda: stage.unit(firm.id))

    with pytest.raises(Retry):
        await accounts_gone(delivery, firm.id)
    async with stage.unit() as unit:
        open_ = "SELECT FROM sessions WHERE account_id = $1 AND ended_at IS NULL"
        assert await unit.fetch(open_, anne.id) == []
    for _ in range(3):  # a session that ended is told to whoever must know first
        await sealed(database_urls)
        await erasures.settle(stage.database, stage.town)
    await accounts_gone(delivery, firm.id)
    await sealed(database_urls)
    async with stage.unit(firm.id) as unit:
        await closing.erase_all(unit, HOLDINGS)

    async with stage.unit() as unit:
        ids = [anne.id, yann.id, stranger.id, person.id]
        left = {row["id"] for row in await unit.fetch("SELECT id FROM accounts WHERE id = ANY($1)", ids)}
        asked = await unit.fetch("SELECT DISTINCT asked_by FROM erasures WHERE ended_as = 'erased'")
    assert left == {stranger.id, person.id}
    assert "organisation" in {row["asked_by"] for row in asked}
