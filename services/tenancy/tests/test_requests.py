"""Requests for an account: they wait for whoever may invite, and end once."""

import asyncio

import pytest
from tenancy_stage import refused
from test_events import handled

from parvis.identity.v1 import events_pb2 as identity_events
from parvis.identity.v1 import identity_pb2
from parvis.tenancy.v1 import events_pb2, tenancy_pb2
from parvis_kit.caller import Caller
from parvis_kit.errors import Kind, ServiceError
from parvis_kit.ids import uuid7
from parvis_tenancy.service import requests

OUTCOMES = tenancy_pb2.RequestOutcome
OPEN, ACCEPTED = tenancy_pb2.REQUEST_STATE_OPEN, tenancy_pb2.REQUEST_STATE_ACCEPTED


@pytest.fixture
async def firm(stage, provider):
    """A firm that takes requests."""
    made = await stage.firm(provider)
    await made.call("SetRequestsAccepted", accepted=True)
    return made


async def ask(stage, firm, *, account_id="", message="Bonjour"):
    """What identity tells once an address is proven; the account that asked."""
    event = identity_events.AccessRequested(
        request_id=str(uuid7()), account_id=account_id or str(uuid7()), mail=f"{uuid7().hex}@demande.example",
        given_name="Inès", family_name="Moreau", locale="fr", message=message,
    )  # fmt: skip
    account = identity_pb2.Account(id=event.account_id, mail=event.mail, identifier=event.mail, locale="fr")
    stage.identity.personal[event.mail] = account
    async with stage.service.database.begin(Caller("identity"), organisation_id=firm.organisation_id) as unit:
        sent = unit.emit(event, aggregate_id=uuid7())
    await handled(stage, sent)
    return event


async def outcomes(stage, firm):
    return [each.outcome for each in await stage.events(firm, events_pb2.AccessRequestAnswered)]


async def listed(firm):
    return (await firm.call("ListRequests")).requests


async def test_a_request_waits_and_those_who_may_invite_are_told(stage, firm):
    manager = await stage.colleague(firm, "manager")
    await stage.colleague(firm, "junior", "Léa Petit")

    event = await ask(stage, firm)

    [found] = await listed(firm)
    assert (found.id, found.mail, found.message) == (event.request_id, event.mail, "Bonjour")
    [told] = await stage.events(firm, events_pb2.AccessRequestReceived)
    assert sorted(told.approver_ids) == sorted([firm.membership_id, manager.membership_id])
    assert "request.received" in await stage.acts(firm)


async def test_whoever_waits_is_no_member(stage, firm):
    event = await ask(stage, firm)
    with refused(Kind.NOT_FOUND, "no_membership"):
        await stage.arrive(event.account_id, str(firm.organisation_id))
    assert not (await stage.as_account(event.account_id).call("ListMyOrganisations")).organisations


async def test_they_see_where_their_request_is_and_whom_to_call(stage, firm):
    record = await firm.call("GetOrganisation")
    record.telephone = "02 40 00 00 00"
    await firm.call("UpdateOrganisation", organisation=record)
    event = await ask(stage, firm)

    [mine] = (await stage.as_account(event.account_id).call("ListMyRequests")).requests

    assert (mine.state, mine.organisation.id, mine.approvers) == (OPEN, str(firm.organisation_id), 1)
    assert [each.telephone for each in mine.support] == ["02 40 00 00 00", ""]
    assert (await stage.as_account(str(uuid7())).call("ListMyRequests")).requests == []


async def test_an_accepted_one_is_in(stage, firm):
    event = await ask(stage, firm)

    member = await firm.call(
        "AcceptRequest", id=event.request_id, profile_id=await stage.profile(firm, "junior"), function="Comptable"
    )

    assert (member.state, member.mail, member.function) == (
        tenancy_pb2.MEMBERSHIP_STATE_ACTIVE, event.mail, "Comptable",
    )  # fmt: skip
    assert await outcomes(stage, firm) == [OUTCOMES.REQUEST_OUTCOME_ACCEPTED]
    assert not await listed(firm)
    await stage.arrive(event.account_id, str(firm.organisation_id))


async def test_who_moved_meanwhile_is_written_to_where_they_are(stage, firm):
    event = await ask(stage, firm)
    stage.identity.personal[event.mail].mail = "ines@nouvelle.example"
    member = await firm.call("AcceptRequest", id=event.request_id, profile_id=await stage.profile(firm, "junior"))
    [told] = await stage.events(firm, events_pb2.AccessRequestAnswered)
    assert (member.mail, told.mail) == ("ines@nouvelle.example", "ines@nouvelle.example")


@pytest.mark.parametrize("gone", [True, False])
async def test_whose_account_is_closed_is_not_let_in(stage, firm, gone):
    event = await ask(stage, firm)
    account = stage.identity.personal[event.mail]
    if gone:
        account.id = str(uuid7())
    account.state = identity_pb2.ACCOUNT_STATE_DISABLED
    with refused(Kind.PRECONDITION, "account_closed"):
        await firm.call("AcceptRequest", id=event.request_id, profile_id=await stage.profile(firm, "junior"))
    assert await outcomes(stage, firm) == []
    await firm.call("DeclineRequest", id=event.request_id)


async def test_nobody_accepts_with_more_than_they_hold(stage, firm):
    manager = await stage.colleague(firm, "manager")
    event = await ask(stage, firm)
    with refused(Kind.FORBIDDEN, "above_ceiling"):
        await manager.call("AcceptRequest", id=event.request_id, profile_id=await stage.profile(firm, "administrator"))
    assert len(await listed(firm)) == 1


async def test_accepted_and_declined_at_once_ends_one_way(stage, firm):
    event = await ask(stage, firm)
    profile_id = await stage.profile(firm, "junior")

    answers = await asyncio.gather(
        firm.call("AcceptRequest", id=event.request_id, profile_id=profile_id),
        firm.call("DeclineRequest", id=event.request_id, reason="Non"),
        return_exceptions=True,
    )

    [error] = [each for each in answers if isinstance(each, ServiceError)]
    assert error.reason == "request_answered"
    assert len(await outcomes(stage, firm)) == 1


async def test_a_declined_one_reads_why_and_asks_again_later(stage, firm):
    event = await ask(stage, firm)
    await firm.call("DeclineRequest", id=event.request_id, reason="Écrivez-nous d’abord.")
    await ask(stage, firm, account_id=event.account_id)

    [mine] = (await stage.as_account(event.account_id).call("ListMyRequests")).requests

    assert mine.reason == "Écrivez-nous d’abord."
    assert mine.again_at.seconds - mine.answered_at.seconds == 7 * 86400
    assert await outcomes(stage, firm) == [
        OUTCOMES.REQUEST_OUTCOME_DECLINED,
        OUTCOMES.REQUEST_OUTCOME_TOO_SOON,
    ]
    assert not await listed(firm)
    async with stage.service.database.begin(Caller("tenancy"), organisation_id=firm.organisation_id) as unit:
        await unit.fetch("UPDATE access_requests SET answered_at = answered_at - interval '8 days'")
    await ask(stage, firm, account_id=event.account_id)
    assert len(await listed(firm)) == 1


async def test_a_second_request_beside_an_open_one_changes_nothing(stage, firm):
    event = await ask(stage, firm)
    await ask(stage, firm, account_id=event.account_id, message="Encore")
    assert [each.message for each in await listed(firm)] == ["Bonjour"]
    assert len(await stage.events(firm, events_pb2.AccessRequestReceived)) == 1


async def test_a_members_request_changes_nothing_and_says_so(stage, firm):
    colleague = await stage.colleague(firm, "junior")
    await ask(stage, firm, account_id=colleague.account_id)
    await firm.call("CutMember", id=colleague.membership_id)
    await ask(stage, firm, account_id=colleague.account_id)
    assert await outcomes(stage, firm) == [
        OUTCOMES.REQUEST_OUTCOME_ALREADY_MEMBER,
        OUTCOMES.REQUEST_OUTCOME_ACCESS_CUT,
    ]
    assert not await listed(firm)
    found = await firm.call("GetMember", id=colleague.membership_id)
    assert found.state == tenancy_pb2.MEMBERSHIP_STATE_CUT


async def test_an_invitation_answers_the_request(stage, firm):
    event = await ask(stage, firm)
    await firm.call(
        "InviteMember", mail=event.mail, given_name="I", family_name="M", profile_id=await stage.profile(firm, "junior")
    )
    [mine] = (await stage.as_account(event.account_id).call("ListMyRequests")).requests
    assert mine.state == ACCEPTED
    with refused(Kind.PRECONDITION, "request_answered"):
        await firm.call("DeclineRequest", id=event.request_id)


async def test_switched_off_open_ones_stay_and_no_new_one_is_kept(stage, firm):
    event = await ask(stage, firm)
    await firm.call("SetRequestsAccepted", accepted=False)
    face = await stage.as_service("identity").call("GetFace", slug=(await firm.call("GetOrganisation")).slug)
    await ask(stage, firm)
    assert not face.accepts_requests
    assert await outcomes(stage, firm) == [OUTCOMES.REQUEST_OUTCOME_CLOSED]
    await firm.call("AcceptRequest", id=event.request_id, profile_id=await stage.profile(firm, "junior"))


async def test_what_nobody_answers_in_time_expires_once(stage, firm):
    event = await ask(stage, firm)
    database = stage.service.database
    async with database.begin(Caller("tenancy"), organisation_id=firm.organisation_id) as unit:
        await unit.fetch("UPDATE access_requests SET expires_at = now() - interval '1 second'")
    assert not await listed(firm)
    with refused(Kind.PRECONDITION, "request_answered"):
        await firm.call("DeclineRequest", id=event.request_id)

    assert firm.organisation_id in await requests.overdue(database)
    for _ in range(2):
        async with database.begin(Caller("tenancy"), organisation_id=firm.organisation_id) as unit:
            await requests.expire(unit)

    assert await outcomes(stage, firm) == [OUTCOMES.REQUEST_OUTCOME_EXPIRED]


async def test_a_request_that_expired_swallows_no_new_one(stage, firm):
    event = await ask(stage, firm)
    async with stage.service.database.begin(Caller("tenancy"), organisation_id=firm.organisation_id) as unit:
        await unit.fetch("UPDATE access_requests SET expires_at = now() - interval '1 second'")
    await ask(stage, firm, account_id=event.account_id, message="Encore")
    assert [each.message for each in await listed(firm)] == ["Encore"]
    assert await outcomes(stage, firm) == [OUTCOMES.REQUEST_OUTCOME_EXPIRED]


async def test_ones_own_request_is_taken_back_and_nobody_elses(stage, firm):
    event = await ask(stage, firm)
    with refused(Kind.NOT_FOUND, "request_not_found"):
        await stage.as_account(str(uuid7())).call("WithdrawMyRequest", id=event.request_id)
    await stage.as_account(event.account_id).call("WithdrawMyRequest", id=event.request_id)
    assert not await listed(firm)
    assert "request.withdrawn" in await stage.acts(firm)


async def test_the_home_page_counts_what_waits(stage, firm):
    await ask(stage, firm)
    junior = await stage.colleague(firm, "junior")
    assert (await firm.call("GetHome")).pending_requests == 1
    assert (await junior.call("GetHome")).pending_requests == 0
