"""Whoever has their account erased hears of it, and the last mail leaves nothing behind."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from notify_stage import ME, PORTAL, mail

from parvis.identity.v1 import events_pb2 as identity_events
from parvis.notify.v1 import events_pb2 as notify_events
from parvis.tenancy.v1 import events_pb2 as tenancy_events
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.ids import uuid7
from parvis_kit.testing import eventually
from parvis_notify.domain.deliveries import NOBODY
from parvis_notify.holdings import HOLDINGS
from parvis_notify.service.erasing import erase_mails
from parvis_records.erasure import digest_of, erase

WAITS = """
INSERT INTO messages (organisation_id, id, kind, state, locale, recipient_name, recipient_mail, subject, text, link,
    button, because, template_version, reason, message_id, search_key, created_at)
VALUES ($1, gen_random_uuid(), $3, 'pending', 'fr', '', $2, '', '', '', '', '', 0, '', '', '', now())"""
CHANGES = {
    "ERASURE_CHANGE_ASKED": ("Votre compte sera effacé le 7 décembre 2026", "login"),
    "ERASURE_CHANGE_TAKEN_BACK": ("Votre compte est conservé", "account"),
    "ERASURE_CHANGE_DONE": ("Votre compte est effacé", "legal"),
    "ERASURE_CHANGE_WAITS": ("L’effacement de votre compte attend", "login"),
    "ERASURE_CHANGE_IDLE": ("Votre compte sera effacé le 7 décembre 2026", "login"),
    "ERASURE_CHANGE_IDLE_KEPT": ("Vous êtes le seul administrateur de", "login"),
}


async def arrived(mailbox, address):
    async def look():
        return mailbox.to(address)

    return await eventually(look)


def changed(name, **more):
    event = identity_events.ErasureChanged(
        change=identity_events.ErasureChange.Value(name), mail=mail(), given_name="Claire", family_name="Le Goff",
        locale="fr", **more,
    )  # fmt: skip
    event.due_at.FromDatetime(datetime(2026, 12, 7, 9, tzinfo=UTC))
    return event


@pytest.mark.parametrize("name", CHANGES)
async def test_each_step_is_told(suite, mailbox, name):
    event, (subject, page) = changed(name), CHANGES[name]
    await suite.tell(None, event)
    [sent] = await arrived(mailbox, event.mail)
    assert sent["Subject"] == subject
    assert f"{PORTAL}/{page}" in sent.get_body(["plain"]).get_content()


async def test_one_that_waits_says_for_which_organisations(suite, mailbox):
    event = changed("ERASURE_CHANGE_WAITS", organisations="Cabinet Armor, Cabinet Bréhat")
    await suite.tell(None, event)
    [sent] = await arrived(mailbox, event.mail)
    assert (
        "sans vous, personne ne pourrait plus gérer Cabinet Armor, Cabinet Bréhat."
        in sent.get_body(["plain"]).get_content()
    )


@pytest.mark.parametrize("name", ["ERASURE_CHANGE_IDLE", "ERASURE_CHANGE_IDLE_KEPT", "ERASURE_CHANGE_WAITS"])
async def test_whoever_gave_a_mail_its_id_hears_that_it_left(suite, name):
    event = changed(name, message_id=str(uuid7()), organisations="Cabinet Armor")
    await suite.tell(None, event)
    assert [(each.message_id, each.sent) for each in await heard(suite, event)] == [(event.message_id, True)]


async def test_and_that_it_cannot_leave(suite):
    event = changed("ERASURE_CHANGE_IDLE", message_id=str(uuid7()))
    event.mail = "nobody"
    await suite.tell(None, event)
    assert [(each.message_id, each.sent) for each in await heard(suite, event)] == [(event.message_id, False)]


async def test_told_twice_the_mail_is_one(suite, mailbox):
    event = changed("ERASURE_CHANGE_IDLE", message_id=str(uuid7()))
    for _ in range(2):
        await suite.tell(None, event)
    await heard(suite, event)
    query = "SELECT count(*) FROM inbox i JOIN outbox o ON o.id = i.message_id WHERE o.subject LIKE '%ErasureChanged'"
    told = (await suite.rows(NOBODY, "SELECT count(*) FROM outbox WHERE subject LIKE '%ErasureChanged'"))[0]["count"]
    await suite.until(NOBODY, f"{query} HAVING count(*) = $1", told)
    assert len(mailbox.to(event.mail)) == 1


async def heard(suite, event):
    """What notify says of the mail, once it has said it."""
    query = "SELECT payload FROM outbox WHERE subject = 'parvis.notify.v1.NoticeSettled' AND aggregate_id = $1"
    rows = await suite.until(NOBODY, query, UUID(event.message_id))
    return [notify_events.NoticeSettled.FromString(row["payload"]) for row in rows]


async def test_a_firms_account_is_kept_at_the_firms_door(suite, mailbox):
    event = changed("ERASURE_CHANGE_ASKED", door="armor")
    await suite.tell(None, event)
    [sent] = await arrived(mailbox, event.mail)
    assert f"{PORTAL}/login/armor" in sent.get_body(["plain"]).get_content()


async def test_of_the_last_one_nothing_is_kept(suite, mailbox):
    event = changed("ERASURE_CHANGE_DONE")
    await suite.tell(None, event)
    await arrived(mailbox, event.mail)
    query = "SELECT * FROM messages WHERE kind = 'erasure_done' AND state = 'sent' AND recipient_mail = ''"
    rows = await suite.until(NOBODY, query)
    assert [row for row in rows if event.mail in str(dict(row)) or "Claire" in str(dict(row))] == []


async def test_an_erasure_does_not_stop_the_mail_that_says_so(suite):
    event = changed("ERASURE_CHANGE_DONE")
    async with suite.database.begin(ME, organisation_id=NOBODY) as unit:
        await unit.fetch(WAITS, NOBODY, event.mail, "erasure_done")
        await erase_mails(unit, [digest_of(event.mail)])
        rows = await unit.fetch("SELECT state FROM messages WHERE recipient_mail = $1", event.mail)
        assert [row["state"] for row in rows] == ["pending"]


async def test_mails_to_an_address_that_a_member_had_before_are_theirs_too(suite, firm):
    old, new, membership_id = mail(), mail(), uuid7()
    for version, address in enumerate((old, new), 1):
        event = tenancy_events.MembershipChanged(
            membership_id=str(membership_id), kind=tenancy_pb2.MEMBERSHIP_KIND_STAFF, mail=address, given_name="Anne",
            state=tenancy_pb2.MEMBERSHIP_STATE_ACTIVE, family_name="Prigent", locale="fr",
        )  # fmt: skip
        await suite.tell(firm.id, event, version=version)
        await suite.until(firm.id, "SELECT 1 FROM memberships WHERE id = $1 AND mail = $2", membership_id, address)
    async with suite.database.begin(ME, organisation_id=firm.id) as unit:
        for address in (old, new, mail()):
            await unit.fetch(WAITS, firm.id, address, "member_invited")
        done = await erase(unit, HOLDINGS, account=uuid7(), membership=membership_id)
        assert done.erased["messages"] == 2
        assert await unit.fetch("SELECT earlier_mails FROM memberships WHERE id = $1", membership_id) == [([],)]
