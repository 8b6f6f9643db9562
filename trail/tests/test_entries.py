"""What lists of acts show is what a naive reading of all rows gives, page after page."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parvis.trail.v1 import trail_pb2 as pb
from parvis_kit import audit
from parvis_kit.caller import Caller
from parvis_kit.errors import Kind, ServiceError
from parvis_kit.ids import uuid7
from parvis_kit.testing import make_caller
from parvis_trail import RIGHT, TrailRpc, entries

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
PEOPLE = [uuid7() for _ in range(3)]
ACTS = ("contact.created", "contact.changed", "document.filed")
TARGETS = (("contact", "a"), ("contact", "b"), ("document", "a"))
NAMES = ("Élan & Cœur", "Hélène Martin", "Durand", "")
WORDS = ("elan", "COEUR", "hel", "created", "durand", "document", "zzz")

WRITTEN = st.lists(
    st.tuples(
        st.integers(0, 3), st.sampled_from(ACTS), st.sampled_from(TARGETS), st.sampled_from(PEOPLE),
        st.sampled_from([None, *PEOPLE]), st.sampled_from(NAMES),
    ),
    max_size=14,
)  # fmt: skip
MINUTES = st.none() | st.integers(0, 4)
FILTERS = st.fixed_dictionaries(
    {
        "since": MINUTES,
        "until": MINUTES,
        "account_id": st.none() | st.sampled_from(PEOPLE),
        "acts": st.lists(st.sampled_from(ACTS), max_size=2),
        "target": st.none() | st.sampled_from(TARGETS),
        "words": st.lists(
            st.tuples(
                st.sampled_from(WORDS),
                st.lists(st.sampled_from(ACTS), max_size=1),
                st.lists(st.sampled_from(PEOPLE), max_size=1),
            ),
            max_size=2,
        ),
    }
)
SETTINGS = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


async def put(service, written):
    """An organisation with these acts; all that was written of each."""
    organisation, rows = uuid7(), []
    async with service.transaction():
        await service.execute("SELECT set_config('parvis.organisation', $1, true)", str(organisation))
        for minute, act, (kind, target), account, actor, name in written:
            row = {
                "id": uuid7(), "at": NOON + timedelta(minutes=minute), "act": act, "kind": kind, "target": target,
                "account": account, "actor": actor, "name": name,
            }  # fmt: skip
            rows.append(row)
            await audit.append(service, [_columns(organisation, row)])
    return organisation, rows


def _columns(organisation, row):
    return (
        row["id"], organisation, row["act"], row["kind"], row["target"], row["account"], None, row["actor"], "sample",
        None, row["at"], f'{{"name": "{row["name"]}"}}', b"salt",
    )  # fmt: skip


def request_of(wanted):
    sent = pb.EntryFilter(
        account_id=str(wanted["account_id"] or ""),
        acts=wanted["acts"],
        words=[pb.EntryWord(text=text, acts=acts, account_ids=map(str, ids)) for text, acts, ids in wanted["words"]],
    )
    for bound in ("since", "until"):
        if wanted[bound] is not None:
            getattr(sent, bound).FromDatetime(NOON + timedelta(minutes=wanted[bound]))
    if wanted["target"]:
        sent.target_kind, sent.target_id = wanted["target"]
    return sent


#: What each word is part of, by hand: names are folded by whoever wrote this table.
HOLDS = {
    "elan": {"Élan & Cœur"}, "COEUR": {"Élan & Cœur"}, "hel": {"Hélène Martin"}, "durand": {"Durand"},
    "created": {"contact.created"}, "document": {"document.filed", "document"}, "zzz": set(),
}  # fmt: skip


def passes(row, wanted):
    """The oracle: one condition after the other."""
    minute = (row["at"] - NOON) // timedelta(minutes=1)
    refused = [
        wanted["since"] is not None and minute < wanted["since"],
        wanted["until"] is not None and minute >= wanted["until"],
        wanted["account_id"] and wanted["account_id"] not in {row["account"], row["actor"]},
        wanted["acts"] and row["act"] not in wanted["acts"],
        wanted["target"] and wanted["target"] != (row["kind"], row["target"]),
    ]
    for text, acts, people in wanted["words"]:
        written = HOLDS[text] & {row["act"], row["kind"], row["name"]}
        refused.append(not (written or row["act"] in acts or {row["account"], row["actor"]} & set(people)))
    return not any(refused)


async def pages(database, organisation, sent, size):
    """Identifiers of each page, until there is none."""
    token, found = "", []
    async with database.begin(make_caller(organisation), organisation_id=organisation) as unit:
        while True:
            request = pb.ListEntriesRequest(filter=sent, page_size=size, page_token=token)
            answer = await TrailRpc().ListEntries(unit, request)
            found.append([UUID(each.id) for each in answer.entries])
            token = answer.next_page_token
            if not token:
                return found


@SETTINGS
@given(written=WRITTEN, wanted=FILTERS, size=st.integers(1, 5), longest=st.integers(1, 6))
async def test_filters_and_pages_give_what_a_naive_reading_gives(
    database, service, monkeypatch, written, wanted, size, longest
):
    monkeypatch.setattr(entries, "LONGEST_SEARCH", longest)  # searches that stop on the way go on where they stopped
    monkeypatch.setattr(entries, "_BATCH", 2)
    organisation, rows = await put(service, written)
    expected = [row["id"] for row in sorted(rows, key=lambda row: (row["at"], row["id"]), reverse=True)]
    kept = {row["id"] for row in rows if passes(row, wanted)}

    found = await pages(database, organisation, request_of(wanted), size)

    assert [each for page in found for each in page] == [each for each in expected if each in kept]
    assert all(len(page) <= size for page in found)


async def test_a_token_of_one_service_begins_the_same_page_in_another(database, service):
    written = [(minute, "contact.created", ("contact", "a"), PEOPLE[0], None, "") for minute in range(4)]
    here, rows = await put(service, written)
    there, others = await put(service, written)
    async with database.begin(make_caller(here), organisation_id=here) as unit:
        token = (await TrailRpc().ListEntries(unit, pb.ListEntriesRequest(page_size=2))).next_page_token
    async with database.begin(make_caller(there), organisation_id=there) as unit:
        answer = await TrailRpc().ListEntries(unit, pb.ListEntriesRequest(page_token=token))
    assert UUID(answer.entries[0].id) in {others[1]["id"], others[2]["id"]}
    assert all(each.at.ToDatetime(UTC) <= rows[2]["at"] for each in answer.entries)


async def test_an_entry_stands_in_its_chain(database, service):
    written = [(minute, ACTS[0], TARGETS[0], PEOPLE[0], None, "Durand") for minute in range(3)]
    organisation, rows = await put(service, written)
    while await audit.seal(service):
        pass
    async with database.begin(make_caller(organisation), organisation_id=organisation) as unit:
        found = await TrailRpc().GetEntry(unit, pb.GetEntryRequest(id=str(rows[1]["id"])))
        exported = await TrailRpc().ExportEntries(unit, pb.ExportEntriesRequest(after=1, page_size=1))
    assert (found.entry.seq, found.length) == (2, 3)
    assert dict(found.entry.details) == {"name": "Durand"}
    assert [each.digest for each in exported.links] == [found.digest]
    assert exported.more
    assert exported.length == 3


async def test_an_export_is_refused_at_once_until_the_act_that_says_what_was_erased_is_sealed(
    database, service, monkeypatch
):
    organisation, _ = await put(service, [(0, ACTS[0], TARGETS[0], PEOPLE[0], None, "Durand")] * 2)
    while await audit.seal(service):
        pass
    async with database.begin(make_caller(organisation), organisation_id=organisation) as unit:
        await unit.fetch("UPDATE audit SET details = NULL, salt = NULL WHERE seq = 1")
        unit.record(audit.ERASED, target_kind="acts", target_id="1")

    async def export(page_size=0, after=0):
        async with database.begin(make_caller(organisation), organisation_id=organisation) as unit:
            return await TrailRpc().ExportEntries(unit, pb.ExportEntriesRequest(after=after, page_size=page_size))

    monkeypatch.setattr(asyncio, "sleep", None)  # no wait holds a connection: whoever asks comes again
    with pytest.raises(ServiceError) as refused:
        await export()
    assert (refused.value.kind, refused.value.params) == (Kind.UNAVAILABLE, {"retry_after": "1"})
    await audit.seal(service)
    assert [each.seq for each in (await export()).links] == [1, 2, 3]
    assert [each.seq for each in (await export(2)).links] == [1, 2]
    assert [(await export(2)).more, (await export(2, 2)).more, (await export(3)).more] == [True, False, False]


async def test_an_entry_of_another_organisation_is_not_found(database, service):
    _, rows = await put(service, [(0, ACTS[0], TARGETS[0], PEOPLE[0], None, "")])
    other = uuid7()
    with pytest.raises(ServiceError) as refused:
        async with database.begin(make_caller(other), organisation_id=other) as unit:
            await TrailRpc().GetEntry(unit, pb.GetEntryRequest(id=str(rows[0]["id"])))
    assert refused.value.kind is Kind.NOT_FOUND


async def test_heads_and_digests_are_told_of_all_organisations(database, service):
    made = sorted([(await put(service, [(0, ACTS[0], TARGETS[0], PEOPLE[0], None, "")] * 2))[0] for _ in range(3)])
    while await audit.seal(service):
        pass
    found, after, more = [], "", True
    while more:
        async with database.begin(Caller("tenancy")) as unit:
            answer = await TrailRpc().ListHeads(unit, pb.ListHeadsRequest(page_size=1, after=after))
        found += answer.heads
        after, more = answer.heads[-1].organisation_id, answer.more
    heads = {each.organisation_id: each for each in found}
    assert [each for each in heads if UUID(each) in made] == [str(each) for each in made]
    places = [pb.ChainPlace(organisation_id=str(each), seq=seq) for each in made for seq in (2, 9)]
    async with database.begin(Caller("tenancy")) as unit:
        digests = (await TrailRpc().BatchGetDigests(unit, pb.BatchGetDigestsRequest(places=places))).digests
    assert list(digests[::2]) == [heads[str(each)].digest for each in made]
    assert set(digests[1::2]) == {b""}


@pytest.mark.parametrize(
    "request_",
    [
        pb.ListEntriesRequest(page_token="nonsense"),
        pb.ListEntriesRequest(filter=pb.EntryFilter(account_id="x")),
        pb.ListEntriesRequest(filter=pb.EntryFilter(words=[pb.EntryWord(text="a")] * 13)),
    ],
)
async def test_what_is_malformed_is_refused(database, request_):
    organisation = uuid7()
    with pytest.raises(ServiceError) as refused:
        async with database.begin(make_caller(organisation), organisation_id=organisation) as unit:
            await TrailRpc().ListEntries(unit, request_)
    assert (refused.value.kind, refused.value.reason) == (Kind.INVALID, "malformed_request")


async def test_a_service_that_knows_no_rights_asks_for_the_right(database):
    asked = []

    async def allows(right):
        asked.append(right)
        return False

    organisation = uuid7()
    with pytest.raises(ServiceError) as refused:
        async with database.begin(make_caller(organisation), organisation_id=organisation) as unit:
            await TrailRpc(allows).ListEntries(unit, pb.ListEntriesRequest())
    assert asked == [RIGHT]
    assert (refused.value.reason, refused.value.params) == ("right_missing", {"right": RIGHT})
