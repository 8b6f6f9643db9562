"""On the day of an erasure it is asked again whether an organisation would have no administrator left."""

from datetime import timedelta
from types import SimpleNamespace

import asyncpg
import pytest

from parvis.identity.v1 import events_pb2
from parvis_identity import erasing
from parvis_identity.service import erasures
from parvis_identity.service.organisations import Administration
from parvis_kit import audit
from parvis_kit.errors import ServiceError, unavailable

pytestmark = pytest.mark.usefixtures("nobody_failed_before")
ASKED, TAKEN_BACK, DONE, WAITS = (
    events_pb2.ErasureChange.Value(f"ERASURE_CHANGE_{name}") for name in ("ASKED", "TAKEN_BACK", "DONE", "WAITS")
)

SETTLED = {
    "sent": "UPDATE idle_notices SET sent_at = now() WHERE account_id = :a",
    "failed": "UPDATE idle_notices SET failed_at = now() WHERE account_id = :a",
}


@pytest.fixture
def come(stage, database_urls):
    """The days of erasures have come, and the job is done once."""

    async def come(*, hours=0):
        await stage.run("UPDATE erasures SET due_at = now() - interval '1 s' WHERE ended_at IS NULL")
        await stage.run("UPDATE erasures SET held_at = held_at - make_interval(hours => :h)", h=hours)
        connection = await asyncpg.connect(database_urls.service)
        await audit.seal(connection)
        await connection.close()
        await erasures.settle(stage.database, stage.town)

    return come


@pytest.fixture
async def leaver(stage):
    """Somebody who asked for their erasure while a colleague administered with them; then the colleague left."""
    person, colleague = await stage.person(), await stage.person()
    stage.town.administered[person.id] = [Administration("roche", "Cabinet Roche", frozenset([colleague.id]))]
    await asked(stage, person)
    stage.town.administered[person.id] = [Administration("roche", "Cabinet Roche", frozenset())]
    return person


async def asked(stage, person, by="person"):
    async with stage.unit() as unit:
        await erasures.ask(unit, person.id, by=by, within=timedelta(days=14))


async def there(stage, person):
    async with stage.unit() as unit:
        return bool(await unit.fetch("SELECT FROM accounts WHERE id = $1", person.id))


async def told(stage, person):
    events = [events_pb2.ErasureChanged.FromString(each) for each in await stage.events("ErasureChanged")]
    return [each for each in events if each.mail == person.mail]


async def test_who_became_the_last_one_stays_and_hears_why_once(stage, leaver, come):
    for _ in range(3):
        await come(hours=2)
    assert await there(stage, leaver)
    changes = await told(stage, leaver)
    assert [each.change for each in changes] == [ASKED, WAITS]
    assert changes[-1].organisations == "Cabinet Roche"
    async with stage.unit() as unit:
        query = "SELECT details FROM audit WHERE act = 'account.erasure_waits' AND target_id = $1"
        rows = await unit.fetch(query, str(leaver.id))
    assert [row["details"] for row in rows] == [{"organisations": "Cabinet Roche"}]


@pytest.mark.parametrize(("settled", "mails"), [("sent", 1), ("failed", 1), ("", 2)])
async def test_a_mail_that_was_lost_is_written_again_after_a_week(stage, leaver, come, settled, mails):
    await come()
    await stage.run("UPDATE idle_notices SET told_at = told_at - interval '7 days' WHERE account_id = :a", a=leaver.id)
    await stage.run("UPDATE erasures SET asked_at = asked_at - interval '7 days' WHERE account_id = :a", a=leaver.id)
    if settled:
        await stage.run(SETTLED[settled], a=leaver.id)
    for _ in range(2):
        await come(hours=2)
    changes = await told(stage, leaver)
    assert [each.change for each in changes] == [ASKED, *[WAITS] * mails]
    assert all(each.message_id for each in changes[1:])
    async with stage.unit() as unit:
        query = "SELECT FROM audit WHERE act = 'account.erasure_waits' AND target_id = $1"
        assert len(await unit.fetch(query, str(leaver.id))) == 1


async def test_it_goes_on_once_somebody_else_administers(stage, leaver, come):
    await come()
    successor = await stage.person()
    stage.town.administered[leaver.id] = [Administration("roche", "Cabinet Roche", frozenset([successor.id]))]
    await come(hours=2)
    assert not await there(stage, leaver)
    assert [each.change for each in await told(stage, leaver)] == [ASKED, WAITS, DONE]
    assert await there(stage, successor)


async def test_it_is_not_asked_again_at_every_round(stage, leaver, come):
    await come()
    stage.town.administered[leaver.id] = []
    await come()
    assert await there(stage, leaver)
    await come(hours=2)
    assert not await there(stage, leaver)


async def test_while_it_waits_signing_in_keeps_the_account(stage, leaver, come):
    await come()
    await stage.browser().sign_in(leaver.mail)
    stage.town.administered[leaver.id] = []
    await come(hours=2)
    assert await there(stage, leaver)
    assert [each.change for each in await told(stage, leaver)] == [ASKED, WAITS, TAKEN_BACK]


async def test_a_colleague_who_is_about_to_be_erased_does_not_count(stage, come):
    one, two = await stage.person(), await stage.person()
    stage.town.administered[one.id] = [Administration("roche", "Cabinet Roche", frozenset([two.id]))]
    stage.town.administered[two.id] = [Administration("roche", "Cabinet Roche", frozenset([one.id]))]
    await asked(stage, one)
    await asked(stage, two, by="operator")
    await come()
    assert await there(stage, one)
    assert await there(stage, two)


@pytest.mark.parametrize("by", [erasures.FORCED, "firm", "organisation", erasures.RESTORE])
async def test_others_decide_themselves(stage, come, by):
    person = await stage.person()
    stage.town.administered[person.id] = [Administration("roche", "Cabinet Roche", frozenset())]
    await asked(stage, person, by=by)
    await come()
    assert not await there(stage, person)


async def test_an_operator_who_insists_is_obeyed(stage, leaver, come, capsys):
    await come()
    wanted = SimpleNamespace(identifier=leaver.mail, confirm=leaver.mail, organisation="", days=14, force=True)
    assert await erasing.act(stage.database, stage.town, wanted) == 0
    assert leaver.mail in capsys.readouterr().out
    await come()
    assert not await there(stage, leaver)


async def test_nobody_is_erased_while_it_cannot_be_asked(stage, leaver, come, monkeypatch):
    async def away(_):
        raise unavailable("tenancy_away")

    monkeypatch.setattr(stage.town, "administrations", away)
    with pytest.raises(ServiceError):
        await come()
    assert await there(stage, leaver)
