"""Try-outs: a real run that shows what a product would receive, and of which nothing is left."""

import json
from urllib.parse import parse_qsl, urlsplit

import pytest
from identity_stage import Flow, answer_of
from test_product_clients import FIRM, KEYS, registered

from parvis.identity.v1 import identity_pb2 as pb
from parvis_identity.service import sessions
from parvis_identity.service.outgoing import NotReached, Reply
from parvis_identity.store import sweeping, trials
from parvis_kit.errors import ServiceError
from parvis_records.retention import apply

RETURN = "/o/editeur/settings/products/x/try"


class Addresses:
    """The client's addresses, as they answer."""

    def __init__(self, **statuses):
        self.statuses = statuses

    async def get(self, url, *, accept=""):
        del accept
        status = self.statuses.get(urlsplit(url).path.strip("/"), 200)
        if not status:
            raise NotReached("The name of the address is unknown.")
        return Reply(status, {}, KEYS.encode() if "jwks" in url else b"")


@pytest.fixture
def addresses(stage, monkeypatch):
    found = Addresses()
    monkeypatch.setattr(stage.trials, "_outgoing", found)
    return found


class Run:
    """One try-out by somebody who is signed in."""

    def __init__(self, stage, made, person, browser):
        self.stage, self.made, self.person, self.browser = stage, made, person, browser

    async def start(self):
        async with self.stage.unit(FIRM, account_id=self.person.id) as unit:
            request = pb.StartTrialRequest(client_id=self.made.client_id, return_path=RETURN)
            return (await self.stage.client_rpc.StartTrial(unit, request)).authorization_url

    async def finish(self, person=None, **came):
        who = person or self.person

        def begin():
            return self.stage.unit(FIRM, account_id=who.id)

        known = {name: came[name] for name in ("state", "code", "error", "error_description") if name in came}
        request = pb.FinishTrialRequest(client_id=self.made.client_id, **known)
        return await self.stage.client_rpc.FinishTrial(begin, request)


@pytest.fixture
async def run(stage, addresses, nobody_failed_before):
    return await running(stage)


async def running(stage, **settings):
    made = await registered(stage, **settings)
    person = await stage.person()
    browser = stage.browser()
    await browser.sign_in(person.mail)
    return Run(stage, made, person, browser)


def question_of(address):
    return dict(parse_qsl(urlsplit(address).query))


async def test_it_shows_what_the_product_would_receive(stage, run):
    stage.town.products[run.person.id, run.made.client_id] = [stage.town.found("essai", "Cabinet Essai")]
    stage.town.products[run.person.id, run.made.client_id][0] = face = stage.town.faces["essai"]
    object.__setattr__(face, "id", FIRM)

    came = answer_of(await run.browser.get(await run.start()))
    report = await run.finish(**came)

    told, header = json.loads(report.id_token_claims_json), json.loads(report.id_token_header_json)
    assert (told["aud"], told["sub"], header["alg"]) == (run.made.client_id, str(run.person.id), "ES256")
    assert json.loads(report.userinfo_json)["email"] == run.person.mail
    assert (report.assigned, report.organisation_name, report.refresh_token) == (True, "Cabinet Essai", True)


async def test_who_has_the_product_not_assigned_is_told_so(run):
    came = answer_of(await run.browser.get(await run.start()))

    report = await run.finish(**came)

    assert (report.assigned, report.error, bool(report.id_token_claims_json)) == (False, "", True)


@pytest.mark.parametrize(
    "settings",
    [
        {"token_endpoint_auth_method": "none"},
        {"token_endpoint_auth_method": "private_key_jwt", "jwks_json": KEYS, "profile": "fapi2"},
        {"subject_type": "pairwise", "id_token_signed_response_alg": "RS256"},
    ],
    ids=["public", "fapi2", "pairwise"],
)
async def test_every_kind_of_client_can_be_tried(stage, addresses, nobody_failed_before, settings):
    run = await running(stage, **settings)

    report = await run.finish(**answer_of(await run.browser.get(await run.start())))

    assert (report.error, bool(json.loads(report.userinfo_json)["sub"])) == ("", True)


async def test_nothing_is_left_of_it(stage, run):
    await run.finish(**answer_of(await run.browser.get(await run.start())))

    async with stage.unit() as unit:
        left = [
            await unit.fetch(f"SELECT 1 FROM {table} WHERE client_id = $1", run.made.client_id)  # noqa: S608 - names of ours
            for table in ("grants", "consents", "logout_notices")
        ]
    assert left == [[], [], []]


async def left_of(stage, run):
    """What is granted in the run's client, and what it is to be told."""
    async with stage.unit() as unit:
        tables = ("grants", "logout_notices")
        return [
            len(await unit.fetch(f"SELECT 1 FROM {table} WHERE client_id = $1", run.made.client_id))  # noqa: S608 - ours
            for table in tables
        ]


async def test_going_back_gives_no_second_code(stage, run):
    address = await run.start()
    first = await run.browser.get(address)

    again = await run.browser.get(address)

    assert (first.status_code, again.status_code, await left_of(stage, run)) == (303, 400, [1, 0])


async def test_an_answer_that_is_an_error_leaves_nothing_either(stage, run):
    came = answer_of(await run.browser.get(await run.start()))

    report = await run.finish(state=came["state"], error="access_denied")

    assert (report.error, await left_of(stage, run)) == ("access_denied", [0, 0])


async def test_a_code_that_is_not_accepted_leaves_nothing_either(stage, run):
    came = answer_of(await run.browser.get(await run.start()))

    report = await run.finish(state=came["state"], code="another")

    assert (report.error, await left_of(stage, run)) == ("invalid_grant", [0, 0])


async def test_of_one_that_nobody_finishes_the_product_hears_nothing(stage, addresses, nobody_failed_before):
    run = await running(stage, backchannel_logout_uri="https://paie.example/fin")
    await run.browser.get(await run.start())
    async with stage.unit() as unit:
        await sessions.end(unit, run.person.id)

    assert (await left_of(stage, run))[1] == 0


async def test_what_nobody_finishes_is_deleted_when_its_time_is_over(stage, run):
    await run.browser.get(await run.start())
    await stage.run("UPDATE trials SET expires_at = now() - interval '2 hours'")
    (kept,) = (each for each in sweeping.SWEPT if each.table == "trials")

    async with stage.unit() as unit:
        await apply(unit, kept)
        await trials.sweep(unit)
        await apply(unit, kept)
        forgotten = await unit.fetch("SELECT 1 FROM trials WHERE client_id = $1", run.made.client_id)

    assert (await left_of(stage, run), forgotten) == ([0, 0], [])


async def test_the_product_cannot_use_the_code(stage, run):
    came = answer_of(await run.browser.get(await run.start()))
    async with stage.unit() as unit:
        flow = Flow(await stage.clients.find(unit, run.made.client_id), run.made.client_secret)

    address = f"http://localhost:8600{RETURN}"
    answers = [
        await flow.exchange(stage.browser(), came["code"], redirect_uri=address, code_verifier=guess)
        for guess in ("", "a" * 43, came["state"])
    ]

    assert {answer.status_code for answer in answers} == {400}


async def test_it_is_of_the_one_who_began_it(stage, run):
    address = await run.start()
    other = await stage.person()
    browser = stage.browser()
    await browser.sign_in(other.mail)

    at_the_endpoint = await browser.get(address)
    came = answer_of(await run.browser.get(address))
    with pytest.raises(ServiceError, match="trial_not_found"):
        await run.finish(person=other, **came)

    assert at_the_endpoint.status_code == 400


async def test_nobody_else_is_sent_to_the_page_of_ours(stage, run):
    address = await run.start()

    signed_out = await stage.browser().get(address)
    changed = [
        await run.browser.get(f"{address}&{more}")
        for more in ("prompt=none", "response_mode=form_post", "scope=openid")
    ]
    other_state = await run.browser.get(address.replace(question_of(address)["state"], "x" * 43))

    assert [each.status_code for each in (signed_out, *changed, other_state)] == [400] * 5


async def test_it_counts_once_and_is_shown_as_often_as_wanted(run):
    address = await run.start()
    came = answer_of(await run.browser.get(address))

    first = await run.finish(**came)
    again = await run.finish(**came)

    assert (first, (await run.browser.get(address)).status_code) == (again, 400)


async def test_it_ends_after_a_while(stage, run):
    address = await run.start()
    came = answer_of(await run.browser.get(address))
    await stage.run("UPDATE trials SET expires_at = now() - interval '1 second'")

    late = await run.browser.get(address)
    with pytest.raises(ServiceError, match="trial_not_found"):
        await run.finish(**came)

    assert late.status_code == 400


async def test_what_does_not_answer_is_said(stage, addresses, nobody_failed_before):
    run = await running(
        stage,
        redirect_uris=["https://paie.example/retour"],
        backchannel_logout_uri="https://paie.example/fin",
        jwks_uri="https://paie.example/jwks",
        token_endpoint_auth_method="private_key_jwt",
    )
    addresses.statuses = {"retour": 404, "fin": 0}

    report = await run.finish(**answer_of(await run.browser.get(await run.start())))

    assert {each.member: each.trouble for each in report.probes} == {
        "redirect_uri": "There is nothing at this address.",
        "backchannel_logout_uri": "The name of the address is unknown.",
        "jwks_uri": "",
    }


async def test_a_closed_client_is_not_tried(stage, run):
    request = pb.SetClientOpenRequest(client_id=run.made.client_id, open=False)
    await stage.client_rpc.SetClientOpen(lambda: stage.unit(FIRM), request)

    with pytest.raises(ServiceError, match="client_closed"):
        await run.start()


@pytest.mark.parametrize("path", ["https://elsewhere.example/o/x/y", "//elsewhere.example/", "/login", "/o/x/../../y"])
async def test_it_ends_on_a_page_of_an_organisation(stage, run, path):
    async with stage.unit(FIRM, account_id=run.person.id) as unit:
        with pytest.raises(ServiceError, match="malformed_request"):
            await stage.client_rpc.StartTrial(
                unit, pb.StartTrialRequest(client_id=run.made.client_id, return_path=path)
            )
