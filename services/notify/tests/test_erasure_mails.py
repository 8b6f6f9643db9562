"""Whoever has their account erased hears of it, and the last mail leaves nothing behind."""

from datetime import UTC, datetime

import pytest
from notify_stage import ME, PORTAL, mail

from parvis.identity.v1 import events_pb2 as identity_events
from parvis.tenancy.v1 import events_pb2 as tenancy_events
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.ids import uuid7
from parvis_kit.testing import eventually
from parvis_notify.domain import NOBODY
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
    assert "le seul à pouvoir gérer Cabinet Armor, Cabinet Bréhat." in sent.get_body(["plain"]).get_content()


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
