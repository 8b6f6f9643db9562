"""The queue when the mail server or this process fails."""

import asyncio
import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from notify_stage import ME, filed
from prometheus_client import REGISTRY

from parvis_kit.testing import eventually, free_port
from parvis_notify import store
from parvis_notify.domain.deliveries import Result
from parvis_notify.smtp import MailServer, Postponed
from parvis_watch import start

DAY = timedelta(days=1)


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


async def test_an_attempt_that_another_took_for_dead_stays_in_doubt(suite, database, firm, contact):
    """The event came twice at once: a broker that had lost its disk was told it again."""
    await suite.tell(firm.id, filed(contact))
    row = await suite.message_to(firm.id, contact.addresses.main)
    async with database.begin(ME, organisation_id=firm.id) as unit:
        number = await store.open_attempt(unit, row["id"])
        await store.interrupt_attempts(unit, row["id"])
        await store.close_attempt(unit, row["id"], number, Result.ACCEPTED, "250 OK")
        assert await store.was_interrupted(unit, row["id"])


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


async def _waiting(suite):
    async with suite.database.begin(ME) as unit:
        return await store.waiting(unit)


async def test_a_mail_waits_until_it_has_ended_and_operators_see_how_many_do(suite, firm, contact, mailbox):
    address = contact.addresses.main
    mailbox.refusals[address] = ["451 4.7.1 Greylisted, come back"]
    postponed, sent = ended("postponed"), ended("sent")
    await suite.tell(firm.id, filed(contact))
    await suite.message_to(firm.id, address)
    # Counted once it is committed, which is what `message_to` has seen.
    await counted("postponed", "", postponed + 1)
    await counted("sent", "", sent + 1)

    await suite.rows(firm.id, "UPDATE messages SET state = 'pending' WHERE recipient_mail = $1", address)
    assert (await waiting(suite))[0] == 1
    await suite.rows(firm.id, "UPDATE messages SET state = 'sent' WHERE recipient_mail = $1", address)
    assert await waiting(suite) == (0, 0)


async def test_a_mailbox_that_does_not_exist_is_a_bounce(suite, firm, contact, mailbox):
    before = ended("bounced", "mailbox_unavailable")
    mailbox.refusals[contact.addresses.main] = ["550 5.1.1 No such user here"]
    await suite.tell(firm.id, filed(contact))
    await suite.message_to(firm.id, contact.addresses.main)
    await counted("bounced", "mailbox_unavailable", before + 1)


async def waiting(suite):
    async with suite.database.begin(ME) as unit:
        return await store.waiting(unit)


def ended(state, reason=""):
    return REGISTRY.get_sample_value("parvis_mails_total", {"state": state, "reason": reason}) or 0


async def counted(state, reason, expected):
    async def are():
        return ended(state, reason) == expected

    await eventually(are)


@pytest.fixture
def certified(tmp_path, monkeypatch):
    """A context for a server that is `localhost`, whose certificate this process believes."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - DAY, now + DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (tmp_path / "own.pem").write_bytes(made.public_bytes(pem))
    (tmp_path / "own.key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "own.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "own.pem", tmp_path / "own.key.pem")
    return context


async def test_the_relays_password_changes_and_mails_go_on(tmp_path, monkeypatch, certified, mailbox):
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    monkeypatch.setattr(start, "SECRETS", secrets)
    monkeypatch.delenv("PARVIS_SMTP_URL", raising=False)
    known = {b"first-password"}

    def knows(server, session, envelope, mechanism, data):
        return AuthResult(success=data.password in known)

    relay = Controller(
        mailbox, hostname="127.0.0.1", port=free_port(), authenticator=knows, auth_required=True, tls_context=certified
    )
    relay.start()
    url = f"smtp://parvis:%s@localhost:{relay.port}"
    server = MailServer(url % "first-password", name="exemple.fr", connections=1, command_timeout=5)
    content = b"Subject: x\r\nTo: r@client.example\r\n\r\nx\r\n"
    try:
        await server.send("n@exemple.fr", "r@client.example", content)
        known.add(b"second-password")  # most relays know one only: then mails wait until both are told
        (secrets / "parvis_smtp_url").write_text(url % "second-password")
        known.discard(b"first-password")
        await server.close()
        await server.send("n@exemple.fr", "r@client.example", content)
        (secrets / "parvis_smtp_url").write_text("nonsense")
        await server.close()
        with pytest.raises(Postponed):  # the one of the start, which the relay does not know any more
            await server.send("n@exemple.fr", "r@client.example", content)
        (secrets / "parvis_smtp_url").write_text(url % "second-password")
        await server.send("n@exemple.fr", "r@client.example", content)
    finally:
        await server.close()
        relay.stop()
    assert len(mailbox.to("r@client.example")) == 3


async def test_a_password_is_never_sent_without_tls(mailbox):
    asked = []

    def knows(server, session, envelope, mechanism, data):
        asked.append(data)
        return AuthResult(success=True)

    relay = Controller(mailbox, hostname="127.0.0.1", port=free_port(), authenticator=knows, auth_require_tls=False)
    relay.start()
    server = MailServer(
        f"smtp://parvis:first-password@127.0.0.1:{relay.port}", name="exemple.fr", connections=1, command_timeout=5
    )
    with pytest.raises(Postponed):
        await server.send("n@exemple.fr", "q@client.example", b"Subject: x\r\n\r\nx\r\n")
    relay.stop()
    assert asked == []
    assert mailbox.to("q@client.example") == []
