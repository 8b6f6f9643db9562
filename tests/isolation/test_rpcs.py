"""Every RPC with real identifiers: its rightful caller gets through, every wrong one does not, and nothing changes."""

import cases_billing
import cases_closing
import cases_contacts
import cases_directory
import cases_documents
import cases_factors
import cases_identity
import cases_members
import cases_notify
import cases_records
import cases_rights
import cases_scim
import cases_sign_in
import cases_tenancy
import cases_trail
import grpc
import pytest
from cases import CASES, RIGHT_MISSING, wrong_callers
from contract import METHODS, SERVICES
from google.protobuf.message import Message

from parvis.access.v1 import access_pb2

TABLES = (
    cases_billing, cases_closing, cases_contacts, cases_directory, cases_documents, cases_factors, cases_identity,
    cases_members, cases_notify, cases_records, cases_rights, cases_scim, cases_sign_in, cases_tenancy, cases_trail,
)  # fmt: skip
SHORT = [method.partition(".")[2] for method in METHODS]
WRONG = {(method, name): each for method in CASES for name, each in wrong_callers(CASES[method]).items()}


def called(method: str) -> str:
    """GetContact, with its service where two have one of that name."""
    short = method.partition(".")[2]
    return method if SHORT.count(short) > 1 else short


def test_every_rpc_has_a_case():
    assert sorted(METHODS) == sorted(CASES), "an RPC has its case in tests/isolation/cases_*.py"


@pytest.mark.parametrize(("method", "name"), WRONG, ids=[f"{called(method)}-as-{name}" for method, name in WRONG])
async def test_a_wrong_caller_gets_nothing(stage, method, name):
    trial = await stage.trial(method)
    assert succeeded(trial.case, trial.first), f"the rightful caller got {trial.first}: the case does not count"
    hidden = await stage.hidden(name)
    await stage.caller(trial.case, name)

    outcome, changed = await stage.tried(trial, name)

    assert WRONG[method, name].fits(outcome, hidden), f"{name} got: {outcome!s:.600}"
    assert changed == set()


@pytest.mark.parametrize("method", CASES, ids=[f"{called(method)}-as-its-rightful-caller" for method in CASES])
async def test_the_rightful_caller_succeeds_after_all_the_others(stage, method):
    trial = await stage.trial(method)

    outcome = await stage.rightful(trial.case, trial.request)

    assert succeeded(trial.case, outcome), str(outcome)
    await stage.world.give_up(outcome)


FOR_CLIENTS_TOO = [
    method
    for method, case in CASES.items()
    if case.rule.subject in {access_pb2.SUBJECT_MEMBER, access_pb2.SUBJECT_MEMBER_OR_SERVICE}
    and (method, "client") not in WRONG
]


@pytest.mark.parametrize("method", FOR_CLIENTS_TOO, ids=map(called, FOR_CLIENTS_TOO))
async def test_a_client_reaches_what_is_theirs(stage, method):
    """Else another client's refusal would mean nothing."""
    outcome = await stage.attempt(CASES[method], await CASES[method].make(stage.world), "client")
    assert isinstance(outcome, Message), str(outcome)
    await stage.world.give_up(outcome, by="client")


VIEWABLE = [method for method, case in CASES.items() if case.rule.viewable]


@pytest.mark.parametrize("method", VIEWABLE, ids=map(called, VIEWABLE))
async def test_who_views_as_somebody_else_sees_what_they_see_and_changes_nothing(stage, method):
    trial = await stage.trial(method)
    subject, name = trial.case.rule.subject, "viewer-of-client"
    if subject == access_pb2.SUBJECT_STAFF:
        name = "viewer-of-colleague"
    await stage.caller(trial.case, name)

    outcome, changed = await stage.tried(trial, name)

    of_the_provider = trial.case.by == "provider"
    assert isinstance(outcome, Message) or (of_the_provider and RIGHT_MISSING.fits(outcome, frozenset())), str(outcome)
    assert changed == set()


def succeeded(case, outcome):
    return isinstance(outcome, Message) if case.answer is None else case.answer.fits(outcome, frozenset())


@pytest.mark.parametrize("service", [name for name in SERVICES if name != "web"])
async def test_a_stranger_without_a_certificate_is_not_heard(wires, service):
    authority, _, _ = wires.files("web")
    async with wires.open(service, grpc.ssl_channel_credentials(authority)) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await channel.unary_unary(f"/parvis.{service}.v1.Any/Any")(b"", timeout=1)
    assert refusal.value.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
