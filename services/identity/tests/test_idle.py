"""Accounts that nobody uses: who is warned twice and does not come is erased, and nobody else, however time goes."""

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from identity_stage import settings_for
from pydantic import ValidationError
from scim_parts import directory

from parvis.identity.v1 import events_pb2
from parvis.notify.v1 import events_pb2 as notify_events
from parvis_identity.domain.sessions import LIVES
from parvis_identity.service import erasures, idle, idle_notices
from parvis_identity.service.organisations import Administration
from parvis_identity.store import erasures as store
from parvis_kit import audit
from parvis_kit.ids import uuid7

pytestmark = pytest.mark.usefixtures("nobody_failed_before")
DAY, KEPT = timedelta(days=1), timedelta(days=1095)
#: Days after the last sign-in: of the first mail, and of the erasure.
WARNED = KEPT + LIVES.absolute - timedelta(days=30)
CHANGE = {value: name.removeprefix("ERASURE_CHANGE_") for name, value in events_pb2.ErasureChange.items()}
#: Every moment of somebody that time passes over.
MOMENTS = {
    "accounts": ("id", "created_at activated_at last_sign_in_at imported_at erasure_due_at"),
    "erasures": ("account_id", "asked_at due_at held_at"),
    "idle_notices": ("account_id", "told_at sent_at failed_at"),
    "links": ("account_id", "created_at expires_at"),
    "sessions": ("account_id", "started_at last_seen_at"),
}


class Life:
    """One account over years: `passes` moves all that is known of it into the past."""

    def __init__(self, stage, database_urls, account):
        self.stage, self.urls, self.account = stage, database_urls, account

    async def passes(self, time):
        for table, (key, columns) in MOMENTS.items():
            sets = ", ".join(f"{column} = {column} - $2::interval" for column in columns.split())
            async with self.stage.unit() as unit:
                await unit.fetch(f"UPDATE {table} SET {sets} WHERE {key} = $1", self.account.id, time)  # noqa: S608

    async def works(self):
        """The jobs of a day."""
        await idle.settle(self.stage.database, self.stage.town, KEPT)
        for _ in range(2):  # a session that was open is told of its end first
            connection = await asyncpg.connect(self.urls.service)
            await audit.seal(connection)
            await connection.close()
            await erasures.settle(self.stage.database, self.stage.town)

    async def delivers(self, *, sent=True):
        """The mail server takes what was written, or refuses it for good."""
        for row in await self.rows("SELECT id FROM idle_notices WHERE account_id = $1"):
            async with self.stage.unit() as unit:
                event = notify_events.NoticeSettled(message_id=str(row["id"]), sent=sent)
                await idle_notices.settled(unit, event, None)

    async def day(self, count=1, *, sent=True):
        for _ in range(count):
            await self.works()
            await self.delivers(sent=sent)
            await self.passes(DAY)

    async def signs_in(self):
        await self.stage.forget_failures()
        await self.stage.browser().sign_in(self.account.mail)

    async def is_there(self):
        return bool(await self.rows("SELECT FROM accounts WHERE id = $1"))

    async def rows(self, query):
        async with self.stage.unit() as unit:
            return await unit.fetch(query, self.account.id)

    async def told(self):
        events = [events_pb2.ErasureChanged.FromString(each) for each in await self.stage.events("ErasureChanged")]
        return [CHANGE[each.change] for each in events if each.mail == self.account.mail]

    async def said(self, change):
        events = [events_pb2.ErasureChanged.FromString(each) for each in await self.stage.events("ErasureChanged")]
        return [each for each in events if each.mail == self.account.mail and CHANGE[each.change] == change]


@pytest.fixture
def of(stage, database_urls):
    """The life of an account."""
    return lambda account: Life(stage, database_urls, account)


@pytest.fixture
async def idler(stage, of):
    """Somebody who signed in once, and was told a month before their account is erased."""
    life = of(await stage.person())
    await life.signs_in()
    await life.passes(WARNED + timedelta(minutes=1))
    await life.works()
    return life


async def test_nobody_is_told_a_day_too_soon(stage, of):
    life = of(await stage.person())
    await life.signs_in()
    await life.passes(WARNED - timedelta(hours=1))
    await life.works()
    assert await life.told() == []


async def test_two_mails_a_sign_in_that_never_comes_and_the_account_is_gone(idler):
    assert await idler.told() == ["IDLE"]
    [first] = await idler.said("IDLE")
    days = first.due_at.ToDatetime(UTC) - datetime.now(UTC)
    assert timedelta(days=29, hours=23) < days <= timedelta(days=30)
    await idler.delivers()
    await idler.passes(timedelta(days=22))
    await idler.works()
    assert await idler.told() == ["IDLE"]
    await idler.passes(timedelta(days=1, minutes=1))
    await idler.works()
    assert await idler.told() == ["IDLE", "IDLE"]
    await idler.delivers()
    await idler.passes(timedelta(days=6, hours=23))
    await idler.works()
    assert await idler.is_there()
    await idler.passes(timedelta(hours=2))
    await idler.works()
    assert not await idler.is_there()
    assert await idler.told() == ["IDLE", "IDLE", "DONE"]


async def test_it_is_an_erasure_like_any_other(stage, idler):
    await idler.day(32)
    assert not await idler.is_there()
    digest = erasures.digest_of(idler.account.id)
    async with stage.unit() as unit:
        query = "SELECT id, asked_by, ended_as FROM erasures WHERE digest = $1"
        [row] = await unit.fetch(query, digest)
        acts = await unit.fetch("SELECT act, details FROM audit WHERE target_id = $1", str(row["id"]))
    assert (row["asked_by"], row["ended_as"]) == ("idle", "erased")
    assert [(act["act"], act["details"]["by"]) for act in acts] == [("account.erased", "idle")]
    assert len([each for each in await stage.events("AccountDisabled") if str(idler.account.id).encode() in each]) == 1


@pytest.mark.parametrize("days", [0, 22, 24, 29])
async def test_whoever_signs_in_stays_for_years(idler, days):
    await idler.day(days)
    await idler.signs_in()
    await idler.day(40)
    assert await idler.is_there()
    assert (await idler.told())[-1] == "TAKEN_BACK"
    await idler.passes(WARNED - timedelta(days=42))
    await idler.works()
    assert (await idler.told())[-1] == "TAKEN_BACK"


async def test_without_the_word_that_a_mail_left_nothing_is_erased_and_all_begins_anew(idler):
    await idler.passes(timedelta(days=6, hours=23))
    await idler.works()
    assert await idler.rows("SELECT FROM accounts WHERE id = $1 AND erasure_due_at IS NOT NULL")
    await idler.passes(timedelta(hours=2))
    await idler.works()
    assert await idler.rows("SELECT FROM accounts WHERE id = $1 AND erasure_due_at IS NULL")
    rows = await idler.rows("SELECT ended_as FROM erasures WHERE account_id = $1")
    assert [row["ended_as"] for row in rows] == ["unreachable"]
    await idler.passes(timedelta(days=89))
    await idler.works()
    assert await idler.told() == ["IDLE"]
    for _ in range(4):
        await idler.passes(timedelta(days=90))
        await idler.works()
    assert await idler.is_there()
    assert set(await idler.told()) == {"IDLE"}
    assert len(await idler.told()) > 1


async def test_a_second_mail_that_is_lost_ends_it_too(idler):
    await idler.delivers()
    await idler.passes(timedelta(days=24))
    await idler.works()
    await idler.passes(timedelta(days=8))
    await idler.works()
    assert await idler.is_there()
    rows = await idler.rows("SELECT ended_as FROM erasures WHERE account_id = $1")
    assert [row["ended_as"] for row in rows] == ["unreachable"]


async def test_what_an_operator_asks_for_meanwhile_is_not_given_up(stage, idler, monkeypatch):
    await idler.delivers(sent=False)
    found = idle.store.unreachable

    async def then_asks(unit, most, account_id=None):
        rows = await found(unit, most, account_id)
        if account_id is None and idler.account.id in rows:
            async with stage.unit() as other:
                await erasures.ask(other, idler.account.id, by="operator", within=timedelta(days=14))
        return rows

    monkeypatch.setattr(idle.store, "unreachable", then_asks)
    await idler.works()
    rows = await idler.rows("SELECT asked_by FROM erasures WHERE account_id = $1 AND ended_at IS NULL")
    assert [row["asked_by"] for row in rows] == ["operator"]


async def test_who_cannot_be_told_is_kept_and_tried_again_a_quarter_later(idler):
    await idler.delivers(sent=False)
    await idler.works()
    rows = await idler.rows("SELECT ended_as FROM erasures WHERE account_id = $1")
    assert [row["ended_as"] for row in rows] == ["unreachable"]
    assert await idler.rows("SELECT FROM accounts WHERE id = $1 AND erasure_due_at IS NULL")
    await idler.day(85, sent=False)
    assert await idler.told() == ["IDLE"]
    await idler.day(7)
    assert await idler.told() == ["IDLE", "IDLE"]
    assert await idler.is_there()


async def test_a_job_that_stood_still_erases_nobody_sooner_than_the_second_mail_says(idler):
    await idler.delivers()
    await idler.passes(timedelta(days=60))
    await idler.works()
    assert await idler.is_there()
    second = (await idler.said("IDLE"))[-1]
    assert second.due_at.ToDatetime(UTC) - datetime.now(UTC) > timedelta(days=6, hours=23)
    await idler.delivers()
    await idler.passes(timedelta(days=7, minutes=1))
    await idler.works()
    assert not await idler.is_there()


async def test_the_last_administrator_is_told_and_kept(stage, of):
    life = of(await stage.person())
    stage.town.administered[life.account.id] = [Administration("roche", "Cabinet Roche", frozenset())]
    await life.passes(WARNED + DAY)
    await life.day(40)
    assert await life.is_there()
    assert await life.told() == ["IDLE_KEPT"]
    assert [each.organisations for each in await life.said("IDLE_KEPT")] == ["Cabinet Roche"]
    await life.passes(timedelta(days=330))
    await life.works()
    assert await life.told() == ["IDLE_KEPT"] * 2


async def test_who_became_the_last_administrator_meanwhile_is_kept_and_all_begins_anew(stage, idler):
    await idler.day(10)
    stage.town.administered[idler.account.id] = [Administration("roche", "Cabinet Roche", frozenset())]
    await idler.day(30)
    assert await idler.is_there()
    assert await idler.told() == ["IDLE", "IDLE", "IDLE_KEPT"]
    stage.town.administered[idler.account.id] = []
    await idler.day(5)
    assert await idler.told() == ["IDLE", "IDLE", "IDLE_KEPT"]
    await idler.passes(timedelta(days=365))
    await idler.day(25)
    assert await idler.is_there()
    await idler.day(10)
    assert not await idler.is_there()


async def test_a_day_has_so_many_first_mails_and_the_rest_come_the_next_day(stage, of, monkeypatch):
    lives = [of(await stage.person()) for _ in range(3)]
    for life in lives:
        await life.passes(WARNED + DAY)
    async with stage.unit() as unit:
        monkeypatch.setattr(idle, "A_DAY", await idle.store.told_lately(unit) + 2)
    await asyncio.gather(*(idle.settle(stage.database, stage.town, KEPT) for _ in range(3)))
    assert sorted([len(await life.told()) for life in lives]) == [0, 1, 1]
    await lives[0].works()
    assert sorted([len(await life.told()) for life in lives]) == [0, 1, 1]
    for life in lives:
        await life.passes(DAY)
    await lives[0].works()
    assert [await life.told() for life in lives] == [["IDLE"]] * 3


@pytest.mark.parametrize(("needed", "said"), [(False, "IDLE"), (True, "IDLE_KEPT")])
async def test_any_number_of_replicas_say_it_once(stage, of, needed, said):
    life = of(await stage.person())
    if needed:
        stage.town.administered[life.account.id] = [Administration("roche", "Cabinet Roche", frozenset())]
    await life.passes(WARNED + DAY)
    await asyncio.gather(*(idle.settle(stage.database, stage.town, KEPT) for _ in range(4)))
    assert await life.told() == [said]


async def test_of_two_idle_administrators_one_is_kept(stage, of):
    one, two = of(await stage.person()), of(await stage.person())
    for life, other in ((one, two), (two, one)):
        stage.town.administered[life.account.id] = [
            Administration("roche", "Cabinet Roche", frozenset([other.account.id]))
        ]
        await life.passes(WARNED + DAY)
    for _ in range(40):
        await one.works()
        for life in (one, two):
            await life.delivers()
            await life.passes(DAY)
    assert sorted([await one.is_there(), await two.is_there()]) == [False, True]


async def test_whom_a_directory_lists_is_the_directorys_until_it_lets_them_go(stage, of):
    client = await directory(stage)
    user = await client.user(emails=[{"value": f"{uuid7().hex}@firm.example"}])
    found = await client.account(user["id"])
    life = of(SimpleNamespace(id=found["id"], mail=found["mail"]))
    await life.passes(WARNED + DAY)
    await life.works()
    assert await life.told() == []
    async with stage.unit(client.firm.id) as unit:
        await unit.fetch("UPDATE scim_users SET deleted_at = now() WHERE id = $1", UUID(user["id"]))
    await life.works()
    assert await life.told() == ["IDLE"]


async def test_whom_a_directory_lists_meanwhile_is_kept(stage, idler):
    client = await directory(stage)
    await idler.day(10)
    user = await client.user()
    async with stage.unit(client.firm.id) as unit:
        query = "UPDATE scim_users SET account_id = $2 WHERE id = $1"
        await unit.fetch(query, UUID(user["id"]), idler.account.id)
    await idler.day(30)
    assert await idler.is_there()
    rows = await idler.rows("SELECT ended_as FROM erasures WHERE account_id = $1")
    assert [row["ended_as"] for row in rows] == ["kept"]


async def test_a_closed_account_one_for_emergencies_and_one_without_address_stay(stage, of):
    closed, kept, silent = [of(await stage.person()) for _ in range(3)]
    await stage.run("UPDATE accounts SET state = 'disabled' WHERE id = :a", a=closed.account.id)
    await stage.run("UPDATE accounts SET mail = '' WHERE id = :a", a=silent.account.id)
    await stage.run(
        "INSERT INTO sign_in_policies"
        " (organisation_id, sso, factors, required_profiles, break_glass, version, changed_at)"
        " VALUES (:o, '', '', '{}', ARRAY[:a]::uuid[], 1, now())",
        o=uuid7(), a=kept.account.id,
    )  # fmt: skip
    for life in (closed, kept, silent):
        await life.passes(WARNED + DAY)
    await closed.works()
    for life in (closed, kept, silent):
        assert await life.rows("SELECT FROM idle_notices WHERE account_id = $1") == []


async def test_who_was_just_invited_somewhere_is_not_idle(stage, of):
    life = of(await stage.person())
    await life.passes(WARNED + DAY)
    await stage.browser().submit("/reset", identifier=life.account.mail)
    assert await life.rows("SELECT FROM links WHERE account_id = $1")
    await life.works()
    assert await life.told() == []


async def test_a_firms_account_is_told_of_the_firms_door(stage, of):
    firm = stage.town.found("penhoat", "Cabinet Penhoat")
    account = await stage.client_of(firm, "C0042")
    address = f"{uuid7().hex}@client.example"
    await stage.run("UPDATE accounts SET mail = :m WHERE id = :a", m=address, a=account.id)
    account.mail = address
    life = of(account)
    await life.passes(WARNED + DAY)
    await life.works()
    assert [each.door for each in await life.said("IDLE")] == ["penhoat"]


async def test_a_personal_account_in_use_keeps_the_linked_one_of_a_firm(stage, of):
    firm = stage.town.found("guilers", "Cabinet Guilers")
    person, managed = of(await stage.person()), of(await stage.client_of(firm, "C0001"))
    await stage.run(
        "INSERT INTO account_links (id, personal_id, managed_id, organisation_id, organisation_slug, linked_at)"
        " VALUES (:i, :p, :m, :o, 'guilers', now())",
        i=uuid7(), p=person.account.id, m=managed.account.id, o=firm.id,
    )  # fmt: skip
    await managed.passes(WARNED + DAY)
    await person.signs_in()
    await managed.works()
    assert await managed.rows("SELECT FROM idle_notices WHERE account_id = $1") == []


async def test_an_operator_who_asks_meanwhile_does_not_wait_for_mails(stage, idler):
    async with stage.unit() as unit:
        await erasures.ask(unit, idler.account.id, by="operator", within=timedelta(0))
    await idler.works()
    assert not await idler.is_there()


OF_BEFORE = "SELECT FROM erasures WHERE account_id = $1 AND ended_at IS NULL AND due_at <= $2"


async def test_the_release_before_would_never_find_a_warning_due(stage, idler):
    await idler.delivers()
    await idler.passes(timedelta(days=24))
    await idler.works()
    await idler.passes(timedelta(days=400))
    async with stage.unit() as unit:
        assert await unit.fetch(OF_BEFORE, idler.account.id, unit.now) == []
        [row] = await unit.fetch("SELECT erasure_due_at FROM accounts WHERE id = $1", idler.account.id)
        assert row["erasure_due_at"] < unit.now
        [listed] = [each for each in await store.listed(unit) if each["digest"] == erasures.digest_of(idler.account.id)]
        assert listed["due_at"] == row["erasure_due_at"]


async def test_an_operator_who_asks_meanwhile_gives_the_days_that_they_say(stage, idler):
    await idler.passes(timedelta(days=60))
    async with stage.unit() as unit:
        asked = await erasures.ask(unit, idler.account.id, by="operator", within=timedelta(days=14))
        assert asked.due_at == unit.now + timedelta(days=14)
    await idler.works()
    assert await idler.is_there()
    await idler.passes(timedelta(days=14, minutes=1))
    await idler.works()
    assert not await idler.is_there()


#: What may happen in a life, and how many days pass.
STEPS = st.lists(
    st.tuples(st.sampled_from(["work", "work", "work", "sent", "sent", "refused", "sign_in", "last", "another"]),
              st.sampled_from([0, 1, 3, 7, 8, 23, 30, 400, 1100])),
    min_size=4, max_size=14,
)  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
async def test_however_time_goes_nobody_goes_unwarned(stage, of, steps):
    life, now, mails, last = of(await stage.person()), timedelta(0), {}, False
    used, alone = timedelta(0), Administration("roche", "Cabinet Roche", frozenset())
    for what, days in [*steps, ("work", 0)]:
        before = {row["id"]: row for row in await life.rows("SELECT * FROM idle_notices WHERE account_id = $1")}
        if what == "work":
            stage.town.administered[life.account.id] = [alone] if last else []
            await life.works()
            if not await life.is_there():
                sent = [at for kind, at in mails.values() if at is not None and at > used and kind != "kept"]
                assert not last
                assert now - used >= KEPT
                assert len(sent) >= 2
                assert now - min(sent) >= timedelta(days=30)
                assert now - max(sent) >= timedelta(days=7)
                return
        elif what in {"sent", "refused"}:
            for row in before.values():
                if row["sent_at"] is None and row["failed_at"] is None:
                    mails[row["id"]] = row["kind"], now if what == "sent" else None
            await life.delivers(sent=what == "sent")
        elif what == "sign_in":
            await life.signs_in()
            used = now
        else:
            last = what == "last"
        now += days * DAY
        await life.passes(days * DAY)


@pytest.mark.parametrize("days", [0, 89, 36_501])
def test_a_time_that_leaves_nobody_a_chance_is_refused_at_the_start(days):
    with pytest.raises(ValidationError, match="kept_idle_accounts_days"):
        settings_for(kept_idle_accounts_days=days)
