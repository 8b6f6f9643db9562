"""The queue when the mail server or this process fails."""

import asyncio
from contextlib import suppress

import pytest
from notify_stage import ME, filed

from parvis_notify.smtp import MailServer, Postponed


async def attempts(suite, firm, message_id):
    query = "SELECT number, result, answer, ended_at FROM attempts WHERE message_id = $1 ORDER BY number"
    return await suite.rows(firm.id, query, message_id)


async def test_server_that_says_later_is_asked_again(suite, firm, contact, mailbox):
    address = contact.addresses.main
    mailbox.refusals[address] = ["451 4.7.1 Greylisted, come back"]
    await suite.tell(firm.id, filed(contact))
    row = await suite.message_to(firm.id, address)
    made = await attempts(suite, firm, row["id"])
    assert [each["result"] for each in made] == ["unreachable", "accepted"]
    assert "Greylisted" in made[0]["answer"]
    assert (row["state"], row["reason"]) == ("sent", "")
    assert len(mailbox.to(address)) == 1


async def test_mailbox_that_does_not_exist_is_given_up_with_the_servers_words(suite, firm, contact, mailbox):
    address = contact.addresses.main
    mailbox.refusals[address] = ["550 5.1.1 No such user here"]
    await suite.tell(firm.id, filed(contact))
    row = await suite.message_to(firm.id, address)
    [attempt] = await attempts(suite, firm, row["id"])
    assert (row["state"], row["reason"]) == ("failed", "mailbox_unavailable")
    assert attempt["answer"] == "550 5.1.1 No such user here"


async def test_others_are_told_how_it_ended(suite, firm, contact):
    await suite.tell(firm.id, filed(contact))
    row = await suite.message_to(firm.id, contact.addresses.main)
    query = "SELECT subject FROM outbox WHERE aggregate_id = $1 ORDER BY id"
    subjects = [each["subject"] for each in await suite.rows(firm.id, query, row["id"])]
    assert subjects == ["parvis.notify.v1.MessageQueued", "parvis.notify.v1.MessageSettled"]


async def test_history_of_a_message_is_in_the_audit(suite, firm, contact):
    await suite.tell(firm.id, filed(contact))
    row = await suite.message_to(firm.id, contact.addresses.main)
    query = "SELECT act, service FROM audit WHERE target_id = $1 ORDER BY id"
    acts = [tuple(each) for each in await suite.rows(firm.id, query, str(row["id"]))]
    assert acts == [("message.composed", "notify"), ("message.sent", "notify")]


async def test_message_is_sent_once_however_often_its_event_comes(suite, firm, contact, mailbox):
    await suite.tell(firm.id, filed(contact))
    row = await suite.message_to(firm.id, contact.addresses.main)
    async with suite.database.begin(ME) as unit:
        await unit.fetch("UPDATE outbox SET sent_at = NULL WHERE organisation_id = $1", firm.id)
    await asyncio.sleep(1)
    assert len(mailbox.to(contact.addresses.main)) == 1
    assert len(await attempts(suite, firm, row["id"])) == 1


async def test_kill_between_acceptance_and_commit_sends_again_and_says_so(
    suite, database, firm, contact, mailbox, nats_server, smtp, identity
):
    """The attempt is left as a killed process leaves it: the server has the mail, we do not know."""
    address = contact.addresses.main
    await suite.tell(firm.id, filed(contact))
    row = await suite.message_to(firm.id, address)
    async with database.begin(ME, organisation_id=firm.id) as unit:
        await unit.fetch("UPDATE messages SET state = 'pending', settled_at = NULL WHERE id = $1", row["id"])
        await unit.fetch("UPDATE attempts SET ended_at = NULL, result = '' WHERE message_id = $1", row["id"])
        [event] = await unit.fetch(
            "SELECT id FROM outbox WHERE aggregate_id = $1 AND subject LIKE '%MessageQueued'", row["id"]
        )
        await unit.fetch("DELETE FROM inbox WHERE message_id = $1", event["id"])
        await unit.fetch("UPDATE outbox SET id = uuidv7(), sent_at = NULL WHERE id = $1", event["id"])
    row = await suite.message_to(firm.id, address)
    first, second = mailbox.to(address)
    assert first["Message-ID"] == second["Message-ID"]
    assert (row["state"], row["reason"]) == ("sent", "maybe_sent_twice")
    assert [each["result"] for each in await attempts(suite, firm, row["id"])] == ["interrupted", "accepted"]


async def test_connection_is_used_again(smtp, mailbox):
    server = MailServer(f"smtp://127.0.0.1:{smtp.port}", name="exemple.fr", connections=1, command_timeout=5)
    content = b"Subject: x\r\nTo: a@client.example\r\n\r\nx\r\n"
    await server.send("n@exemple.fr", "a@client.example", content)
    [(_, connection)] = server._idle
    await server.send("n@exemple.fr", "a@client.example", content)
    assert server._idle[0][1] is connection
    await server.close()


async def test_connection_that_the_server_closed_is_replaced(smtp, mailbox):
    server = MailServer(f"smtp://127.0.0.1:{smtp.port}", name="exemple.fr", connections=1, command_timeout=5)
    content = b"Subject: x\r\nTo: b@client.example\r\n\r\nx\r\n"
    await server.send("n@exemple.fr", "b@client.example", content)
    server._idle[0][1].transport.close()
    await server.send("n@exemple.fr", "b@client.example", content)
    assert len(mailbox.to("b@client.example")) == 2
    await server.close()


async def test_server_that_is_away_postpones():
    server = MailServer("smtp://127.0.0.1:9", name="exemple.fr", connections=1, command_timeout=1)
    with pytest.raises(Postponed):
        await server.send("n@exemple.fr", "a@client.example", b"x")
    with suppress(Exception):
        await server.close()
