"""Somebody has their own account erased: when they may, who hears of it, and how it is taken back."""

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from parvis.identity.v1 import events_pb2
from parvis.identity.v1 import identity_pb2 as pb
from parvis_identity import erasing
from parvis_identity.rpc import AccountRpc
from parvis_identity.service.organisations import Administration
from parvis_kit.caller import Caller
from parvis_kit.errors import Kind, ServiceError
from parvis_kit.ids import uuid7

pytestmark = pytest.mark.usefixtures("nobody_failed_before")


@pytest.fixture
def rpc(stage):
    return AccountRpc(stage.links, stage.requests, stage.domains, stage.erasure)


def as_person(stage, person, *, acr="1", session_id=None):
    @asynccontextmanager
    async def begin():
        caller = Caller("web", account_id=person.id, acr=acr, session_id=session_id or uuid7())
        async with stage.database.begin(caller) as unit:
            yield unit

    return begin


async def asks(stage, rpc, person, **more):
    return await rpc.EraseMyAccount(as_person(stage, person, **more), pb.EraseMyAccountRequest())


async def refusal(stage, rpc, person, **more):
    with pytest.raises(ServiceError) as refused:
        await asks(stage, rpc, person, **more)
    return refused.value


async def told(stage, mail):
    async with stage.unit() as unit:
        query = "SELECT payload FROM outbox WHERE subject = 'parvis.identity.v1.ErasureChanged' ORDER BY id"
        rows = await unit.fetch(query)
    events = [events_pb2.ErasureChanged.FromString(row["payload"]) for row in rows]
    return [each for each in events if each.mail == mail]


async def waits(stage, person):
    async with stage.unit() as unit:
        query = "SELECT erasure_due_at FROM accounts WHERE id = $1"
        return (await unit.fetch(query, person.id))[0]["erasure_due_at"]


async def test_it_is_done_in_a_fortnight_and_said_by_mail(stage, rpc):
    person = await stage.person()

    due_at = (await asks(stage, rpc, person)).due_at.ToDatetime(UTC)

    assert due_at - datetime.now(UTC) > timedelta(days=13)
    assert await waits(stage, person) == due_at
    [event] = await told(stage, person.mail)
    assert event.change == events_pb2.ERASURE_CHANGE_ASKED
    assert event.due_at.ToDatetime(UTC) == due_at


async def test_whoever_signs_in_keeps_it_and_hears_so(stage, rpc):
    person = await stage.person()
    await asks(stage, rpc, person)

    await stage.browser().sign_in(person.mail)

    assert await waits(stage, person) is None
    changes = [each.change for each in await told(stage, person.mail)]
    assert changes == [events_pb2.ERASURE_CHANGE_ASKED, events_pb2.ERASURE_CHANGE_TAKEN_BACK]


async def test_the_last_administrator_stays_and_is_told_where(stage, rpc):
    person = await stage.person()
    stage.town.administered[person.id] = [Administration("roche", "Cabinet Roche", frozenset())]

    outlook = await rpc.GetMyErasure(as_person(stage, person), pb.GetMyErasureRequest())
    refused = await refusal(stage, rpc, person)

    assert outlook.refusal == "sole_administrator"
    assert [(each.slug, each.name) for each in outlook.organisations] == [("roche", "Cabinet Roche")]
    assert (refused.kind, refused.reason) == (Kind.PRECONDITION, "sole_administrator")
    assert refused.params == {"organisations": "Cabinet Roche"}
    assert await waits(stage, person) is None


async def test_of_two_administrators_the_second_is_the_last(stage, rpc):
    one, two = await stage.person(), await stage.person()
    stage.town.administered[one.id] = [Administration("roche", "Cabinet Roche", frozenset([two.id]))]
    stage.town.administered[two.id] = [Administration("roche", "Cabinet Roche", frozenset([one.id]))]

    await asks(stage, rpc, one)

    assert (await refusal(stage, rpc, two)).reason == "sole_administrator"


async def test_an_account_of_a_firm_is_the_firms(stage, rpc):
    firm = stage.town.found("orsel", "Cabinet Orsel")
    person = await stage.client_of(firm, "O0042")

    refused = await refusal(stage, rpc, person)

    assert (refused.reason, refused.params) == ("account_of_firm", {"organisation": "Cabinet Orsel"})


async def test_a_firms_word_alone_erases_nothing(stage, rpc):
    assert (await refusal(stage, rpc, await stage.person(), acr="0")).reason == "door_closed"


async def test_a_refusal_is_an_act(stage, rpc):
    person = await stage.person()
    stage.town.administered[person.id] = [Administration("roche", "Cabinet Roche", frozenset())]
    await refusal(stage, rpc, person)
    async with stage.unit() as unit:
        query = "SELECT details FROM audit WHERE act = 'account.erasure_refused' AND target_id = $1"
        rows = await unit.fetch(query, str(person.id))
    assert [row["details"]["why"] for row in rows] == ["sole_administrator"]


async def test_nobody_has_mails_written_without_end(stage, rpc):
    person, reasons = await stage.person(), []
    for _ in range(12):
        try:
            await asks(stage, rpc, person)
        except ServiceError as error:
            reasons.append(error.reason)
    assert set(reasons) == {"too_many_mails"}


async def test_the_command_too_keeps_the_last_administrator_unless_forced(stage, capsys):
    person = await stage.person()
    stage.town.administered[person.id] = [Administration("roche", "Cabinet Roche", frozenset())]

    assert await erasing.act(stage.database, stage.town, wanted(person)) == 2
    assert "the last administrator of Cabinet Roche" in capsys.readouterr().out
    assert await waits(stage, person) is None
    assert await erasing.act(stage.database, stage.town, wanted(person, force=True)) == 0


def wanted(person, *, force=False):
    class Arguments:
        identifier = confirm = person.mail
        organisation, days = "", 14

    Arguments.force = force
    return Arguments
