"""The page of the audit trail: all services in one timeline, what is missing is named, files that are whole or none."""

import csv
import io
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parvis.notify.v1 import notify_pb2
from parvis.tenancy.v1 import journal_pb2
from parvis.trail.v1 import trail_pb2
from parvis_kit.errors import not_found, unavailable
from parvis_kit.ids import uuid7
from parvis_kit.paging import Cursor
from parvis_web import shares, trails
from parvis_web.testing import Suite, make_frame, text_of
from parvis_web.trail_files import plain

PATH = "/o/durand/settings/audit"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
CLAIRE, CONTACT = str(uuid7()), str(uuid7())
NOT_THERE = "0192f3c8-7a10-7b3e-9d52-5e0c1f6a8b47"
NAMES = {("account", CLAIRE): "Claire Martin", ("contact", CONTACT): "Boulangerie Le Goff"}


def entry(service="tenancy", minute=0, act="contact.created", id_=None, **fields):
    at = NOON + timedelta(minutes=minute)
    id_ = id_ or uuid7()
    told = {
        "account_id": CLAIRE, "target_kind": "contact", "target_id": CONTACT, "seq": 1,
        "page_token": str(Cursor(at.strftime("%Y-%m-%dT%H:%M:%S.%f"), id_, 0)), **fields,
    }  # fmt: skip
    made = trail_pb2.Entry(id=str(id_), service=service, act=act, **told)
    made.at.FromDatetime(at)
    return made


def names(request):
    found = [each for each in request.things if (each.kind, each.id) in NAMES]
    return journal_pb2.BatchGetNamesResponse(
        things=[journal_pb2.NamedThing(kind=e.kind, id=e.id, name=NAMES[e.kind, e.id]) for e in found]
    )


class Trail:
    """The trail of one service, as a stub."""

    def __init__(self, *entries, error=None, stops_after=None):
        self.entries = sorted(entries, key=lambda each: trails.place(each.page_token), reverse=True)
        self.error = error
        self.stops_after = stops_after
        self.requests = []

    async def ListEntries(self, request):
        self.requests.append(request)
        if self.error:
            raise self.error
        left = self.entries
        if request.page_token:
            left = [each for each in left if trails.place(each.page_token) < trails.place(request.page_token)]
        size = min(request.page_size, self.stops_after or request.page_size)
        more = left[size - 1].page_token if len(left) > size else ""
        return trail_pb2.ListEntriesResponse(entries=left[:size], next_page_token=more)

    async def GetEntry(self, request):
        for each in self.entries:
            if each.id == request.id:
                return trail_pb2.EntryRecord(entry=each, digest=b"\x01" * 32, length=7)
        raise not_found()


@pytest.fixture
def told(suite: Suite):
    """Puts trails in the place of services'; those that are not given are empty."""
    suite.services.answers |= {"GetFrame": make_frame(), "BatchGetNames": names}

    def tell(**given):
        stubs = {name: given.get(name) or Trail() for name in trails.SERVICES}
        suite.portal.clients.trails = stubs
        return stubs

    return tell


async def test_acts_of_all_services_are_one_timeline_in_plain_words(suite: Suite, told):
    told(
        tenancy=Trail(entry(minute=1)),
        documents=Trail(
            entry("documents", 2, "document.filed", details={"name": "Bilan 2026"}, target_kind="document")
        ),
        notify=Trail(entry("notify", 0, "message.sent", account_id="", target_kind="message")),
    )
    text = text_of(await suite.get(PATH))
    first, second, third = (
        text.index("Claire Martin filed a document"), text.index("Claire Martin created a record"),
        text.index("The portal sent a mail"),
    )  # fmt: skip
    assert first < second < third
    assert "Bilan 2026" in text
    assert "Boulangerie Le Goff" in text


async def test_a_service_that_is_down_is_named_and_the_rest_is_shown(suite: Suite, told):
    told(tenancy=Trail(entry()), billing=Trail(error=unavailable("service_unavailable")))
    answer = await suite.get(PATH)
    assert answer.status_code == 200
    text = text_of(answer)
    assert "their acts are missing below: Invoices" in text
    assert "created a record" in text


async def test_when_none_answers_the_page_says_so_and_calls_nothing_empty(suite: Suite, told):
    told(**{name: Trail(error=unavailable("service_unavailable")) for name in trails.SERVICES})
    text = text_of(await suite.get(PATH))
    assert "not available right now" in text
    assert "Nothing has happened yet" not in text


async def test_an_empty_trail_and_a_search_without_a_hit_are_told_apart(suite: Suite, told):
    told()
    assert "Nothing has happened yet" in text_of(await suite.get(PATH))
    assert "No act fits" in text_of(await suite.get(f"{PATH}?q=zzz"))


async def test_filters_are_asked_of_every_service(suite: Suite, told):
    stubs = told(tenancy=Trail(entry()))
    suite.services.answers["FindPeople"] = journal_pb2.FindPeopleResponse(
        people=[journal_pb2.NamedThing(kind="account", id=CLAIRE, name="Claire Martin")]
    )
    await suite.get(f"{PATH}?q=claire+record&kind=clients&person={CLAIRE}&since=2026-11-20&until=2026-11-21")
    for stub in stubs.values():
        wanted = stub.requests[0].filter
        assert wanted.account_id == CLAIRE
        assert "contact.created" in wanted.acts
        assert "member.invited" not in wanted.acts
        # The days are the organisation's: Paris is an hour ahead in November.
        assert wanted.since.ToDatetime(UTC) == datetime(2026, 11, 19, 23, tzinfo=UTC)
        assert wanted.until.ToDatetime(UTC) == datetime(2026, 11, 21, 23, tzinfo=UTC)
        assert [each.text for each in wanted.words] == ["claire", "record"]
        assert list(wanted.words[0].account_ids) == [CLAIRE]
        assert {"contact.created", "contact.changed"} <= set(wanted.words[1].acts)


@pytest.mark.parametrize("query", ["kind=nothing", "about=contact", "about=contact:"])
async def test_an_address_that_somebody_wrote_leads_to_the_page(suite: Suite, told, query):
    told(tenancy=Trail(entry()))
    answer = await suite.get(f"{PATH}?{query}")
    assert (answer.status_code, answer.headers["location"]) == (303, PATH)


@pytest.mark.parametrize("query", ["since=9999-12-31", "until=hier", "since=0001-01-01&q=claire"])
async def test_a_day_that_cannot_be_read_is_said_at_its_field_and_nothing_is_listed(suite: Suite, told, query):
    stubs = told(tenancy=Trail(entry()))
    answer = await suite.get(f"{PATH}?{query}")
    assert answer.status_code == 422
    assert "cannot be read as a day" in text_of(answer)
    assert 'aria-invalid="true"' in answer.text
    assert "created a record" not in text_of(answer)
    assert "No act fits" not in text_of(answer)
    assert not any(stub.requests for stub in stubs.values())


@pytest.mark.parametrize("query", ["since=9999-12-31", "until=hier", "kind=nothing", "about=contact"])
@pytest.mark.parametrize("file", ["export", "export.csv"])
async def test_nothing_is_exported_as_if_it_were_filtered(suite: Suite, told, file, query):
    stubs = told(tenancy=Trail(entry()))
    answer = await suite.get(f"{PATH}/{file}?{query}")
    assert answer.status_code == 422
    assert f"in a way that cannot be read: {query}" in text_of(answer)
    assert "RecordExport" not in suite.services.calls
    assert not any(stub.requests for stub in stubs.values())


MAILS = [str(uuid7()) for _ in range(3)]


def mails(request):
    """What notify has of them: the second was erased, the third is gone."""
    told = {MAILS[0]: ("Marc Roux", "m@roux.example", "Votre bilan est disponible"), MAILS[1]: ("", "", "")}
    found = {each: told[each] for each in request.ids if each in told}
    return notify_pb2.ListMessagesResponse(
        messages=[
            notify_pb2.Message(id=id_, recipient_name=name, recipient_mail=mail, subject=subject)
            for id_, (name, mail, subject) in found.items()
        ]
    )


@pytest.fixture
def sent(suite: Suite, told):
    """Acts of three mails, one of which notify still knows, and their trail."""
    suite.services.answers["ListMessages"] = mails
    acts = [
        entry("notify", minute, "message.sent", account_id="", target_kind="message", target_id=id_)
        for minute, id_ in enumerate(MAILS)
    ]
    told(notify=Trail(*acts))
    return acts


async def test_a_mail_is_told_by_whom_it_went_to_and_its_subject_in_one_call(suite: Suite, sent):
    text = text_of(await suite.get(PATH))
    assert text.count("The portal sent a mail") == 3
    assert text.count("Marc Roux · Votre bilan est disponible") == 1
    assert suite.services.calls.count("ListMessages") == 1
    assert sorted(suite.services.last("ListMessages").ids) == sorted(MAILS)
    asked = suite.services.last("BatchGetNames") if "BatchGetNames" in suite.services.calls else None
    assert asked is None or "message" not in {each.kind for each in asked.things}


async def test_the_page_and_the_table_of_a_mail_say_it_and_an_erased_one_says_nothing(suite: Suite, sent):
    known, erased, _ = sent
    assert "What it is about Marc Roux · Votre bilan" in text_of(await suite.get(f"{PATH}/notify/{known.id}"))
    assert "What it is about –" in text_of(await suite.get(f"{PATH}/notify/{erased.id}"))
    assert "Marc Roux · Votre bilan est disponible" in (await suite.get(f"{PATH}/export.csv")).text


async def test_whoever_may_not_read_mails_is_told_none(suite: Suite, sent):
    suite.services.answers["GetFrame"] = make_frame(rights=["audit.view"])
    for path in (PATH, f"{PATH}/notify/{sent[0].id}", f"{PATH}/export.csv"):
        answer = await suite.get(path)
        assert answer.status_code == 200
        assert "sent a mail" in text_of(answer)
        assert "Marc Roux" not in answer.text
    assert "ListMessages" not in suite.services.calls


async def test_the_trail_is_shown_while_notify_cannot_say_whom_mails_went_to(suite: Suite, sent):
    suite.services.answers["ListMessages"] = unavailable("service_unavailable")
    assert text_of(await suite.get(PATH)).count("The portal sent a mail") == 3


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("account", "exported their own data"),
        ("organisation", "exported everything that is kept about the organisation"),
        ("", "exported what is kept about them or the organisation"),
    ],
)
async def test_of_an_export_it_is_told_whose_data_it_held(suite: Suite, told, kind, says):
    told(tenancy=Trail(entry(act="records.exported", target_kind=kind, target_id=str(uuid7()))))
    assert f"Claire Martin {says}" in text_of(await suite.get(PATH))


async def test_a_search_that_stopped_on_its_way_says_where(suite: Suite, told):
    told(tenancy=Trail(entry(), entry(minute=5), stops_after=1))
    text = text_of(await suite.get(f"{PATH}?q=record"))
    assert "The search has come back to 21 November 2026" in text


async def test_an_act_stands_with_its_place_in_the_chain(suite: Suite, told):
    act = entry(details={"name": "Boulangerie", "reason": ""}, seq=3)
    told(tenancy=Trail(act))
    text = text_of(await suite.get(f"{PATH}/tenancy/{act.id}"))
    assert "Act 3 of 7" in text
    assert "01" * 32 in text
    assert "Reason" not in text


@pytest.mark.parametrize(("kind", "said"), [("access_granted", "Portal access"), ("sign_in_suspicious", "")])
async def test_a_kind_of_mail_is_called_as_elsewhere_or_left_out(suite: Suite, told, kind, said):
    act = entry("notify", act="message.composed", target_kind="message", details={"kind": kind, "reason": "late"})
    told(notify=Trail(act))
    text = text_of(await suite.get(f"{PATH}/notify/{act.id}"))
    assert "late" in text
    assert kind not in text
    assert ("Kind" in text) is bool(said)
    assert said in text


@pytest.mark.parametrize("path", [f"tenancy/{NOT_THERE}", f"nobody/{NOT_THERE}"])
async def test_an_act_that_is_not_there_is_not_found(suite: Suite, told, path):
    told()
    assert (await suite.get(f"{PATH}/{path}")).status_code == 404


async def test_the_table_has_every_act_and_no_formula(suite: Suite, told):
    told(
        tenancy=Trail(*(entry(minute=minute) for minute in range(450))),
        documents=Trail(entry("documents", 7, "document.filed", details={"name": "=1+1"}, target_kind="x")),
    )
    answer = await suite.get(f"{PATH}/export.csv")
    rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert len(rows) == 452
    assert len({row[-1] for row in rows}) == 452
    assert all(not cell.startswith("=") for row in rows for cell in row)
    assert suite.services.last("RecordExport").format == "csv"


async def test_files_have_a_limit_of_their_own_and_say_so(suite: Suite, told, monkeypatch):
    told()
    monkeypatch.setattr(shares, "FILES", 0)
    refused = await suite.get(f"{PATH}/export.csv")
    assert refused.status_code == 429
    assert "try again" in refused.text or "réessayez" in refused.text
    assert "RecordExport" not in suite.services.calls
    assert (await suite.get(PATH)).status_code == 200
    monkeypatch.setattr(suite.portal.shares, "_requests", Counter({suite.session.account_id: shares.REQUESTS}))
    assert (await suite.get(PATH)).status_code == 429


async def test_no_table_is_begun_while_a_service_is_down(suite: Suite, told):
    told(billing=Trail(error=unavailable("service_unavailable")))
    answer = await suite.get(f"{PATH}/export.csv")
    assert answer.status_code == 503
    assert "RecordExport" not in suite.services.calls


async def test_a_table_that_loses_a_service_on_its_way_is_no_whole_file(suite: Suite, told):
    stubs = told(tenancy=Trail(*(entry(minute=minute) for minute in range(450))))
    lost = stubs["billing"]

    class Lost(Trail):
        async def ListEntries(self, request):
            if request.page_token:
                raise unavailable("service_unavailable")
            return await lost.ListEntries(request)

    stubs["billing"] = Lost()
    with pytest.raises(Exception, match="service_unavailable"):
        await suite.get(f"{PATH}/export.csv")


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx", "\rx"])
def test_a_formula_is_written_as_text(text):
    assert plain(text) == f"'{text}"


ACTS = st.lists(st.tuples(st.sampled_from(sorted(trails.SERVICES)), st.integers(0, 5)), max_size=25)


@given(ACTS, st.integers(1, 6), st.integers(1, 6))
async def test_pages_of_the_joined_trail_hold_each_act_once_in_order(acts, size, stops_after):
    made = [entry(service, minute, id_=UUID(int=n)) for n, (service, minute) in enumerate(acts)]

    class Clients:
        trails = {
            name: Trail(*(each for each in made if each.service == name), stops_after=stops_after)
            for name in trails.SERVICES
        }

    found, token = [], ""
    while True:
        page = await trails.joined(Clients, trail_pb2.EntryFilter(), size=size, token=token)
        assert len(page.entries) <= size
        found += page.entries
        if not (token := page.next):
            break
    expected = sorted(made, key=lambda each: trails.place(each.page_token), reverse=True)
    assert [each.id for each in found] == [each.id for each in expected]
