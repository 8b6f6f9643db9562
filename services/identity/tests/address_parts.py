"""What tests of changed addresses begin with: a change that was asked for, its links, the time that passed."""

import secrets
from urllib.parse import urlsplit
from uuid import UUID

from identity_stage import PASSWORD, read

from parvis.identity.v1 import events_pb2
from parvis_identity.domain.links import Purpose
from parvis_identity.models import Account


def new_mail():
    return f"{secrets.token_hex(6)}@nouvelle.example"


async def asked(stage, browser, mail, password=PASSWORD):
    """Asks for another address; the event of the mails."""
    answer = await browser.submit("/address", mail=mail, password=password)
    assert answer.status_code == 200, read(answer)
    return events_pb2.AddressChangeRequested.FromString((await stage.events("AddressChangeRequested"))[-1])


async def link(stage, event, purpose=Purpose.ADDRESS_NEW):
    async with stage.unit() as unit:
        url, _ = await stage.links.mint(
            unit, link_id=UUID(event.change_id), account_id=UUID(event.account_id), purpose=purpose, slug=""
        )
    return urlsplit(url).path


async def changed(stage, browser, mail):
    """Changes an address all the way; the links of the old one and of the new one."""
    event = await asked(stage, browser, mail)
    old, new = await link(stage, event, Purpose.ADDRESS_OLD), await link(stage, event)
    await browser.submit(new)
    answer = await stage.browser().submit(old, answer="yes")
    assert "utilise désormais" in read(answer)
    return old, new


async def days_later(stage, person, days, column="asked_at"):
    """So much time has passed since a change."""
    await stage.run(
        f"UPDATE address_changes SET {column} = {column} - make_interval(days => :days) "  # noqa: S608 - names of ours
        "WHERE account_id = :id",
        days=days, id=person.id,
    )  # fmt: skip


async def now(stage, person):
    async with stage.unit() as unit:
        return await unit.get(Account, person.id)
