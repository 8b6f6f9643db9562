"""A mail loses its words after a time, and later its row; one that still waits keeps both."""

from datetime import timedelta

import asyncpg
import pytest

from parvis_kit import audit
from parvis_kit.caller import Caller
from parvis_kit.ids import uuid7
from parvis_notify import retention
from parvis_notify.domain.deliveries import State
from parvis_notify.domain.kinds import Kind
from parvis_notify.models import Attempt, Message
from parvis_notify.settings import Settings
from parvis_records.retention import Retention

SELF = Caller("notify")
SETTINGS = Settings.model_construct(
    kept_dead_letters_days=90, kept_trail_days=365, kept_mail_texts_days=365, kept_mails_days=1825
)


@pytest.mark.parametrize(
    ("age", "state", "left"),
    [
        (364, State.SENT, [("Bonjour", 1)]),
        (366, State.SENT, [("", 1)]),
        (366, State.PENDING, [("Bonjour", 1)]),
        (1826, State.FAILED, []),
    ],
)
async def test_a_mail_goes_in_two_steps(database, database_urls, age, state, left):
    organisation_id, message_id = uuid7(), uuid7()
    async with database.begin(SELF, organisation_id=organisation_id) as unit:
        unit.record("message.composed", target_kind="message", target_id=message_id)
        then = unit.now - timedelta(days=age)
        unit.add(
            Message(
                organisation_id=organisation_id, id=message_id, kind=Kind.MEMBER_INVITED, state=state, locale="fr",
                recipient_name="Zoé", recipient_mail="zoe@cabinet.example", subject="Bienvenue", text="Bonjour",
                button="Ouvrir", because="", message_id="<1@portail.example>", search_key="zoe", created_at=then,
            )
        )  # fmt: skip
        await unit.flush()
        unit.add(Attempt(organisation_id=organisation_id, message_id=message_id, number=1, started_at=then))
    connection = await asyncpg.connect(database_urls.service)
    await audit.seal(connection)
    await connection.close()

    assert await Retention(database, retention.terms(SETTINGS)).once()

    query = "SELECT text, (SELECT count(*) FROM attempts) AS attempts FROM messages"
    async with database.begin(SELF, organisation_id=organisation_id) as unit:
        assert [tuple(row) for row in await unit.fetch(query)] == left
        assert (await unit.fetch("SELECT count(*) AS n FROM attempts"))[0]["n"] == len(left)
