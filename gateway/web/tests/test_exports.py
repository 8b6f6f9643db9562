"""An export is whole and says so, or says that it is not: never a silent gap."""

import hashlib
import io
import json
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parvis.records.v1 import records_pb2 as pb
from parvis_kit.errors import ServiceError, not_found, unavailable
from parvis_web.exports import Export


class Kept:
    """A service that keeps records and files; pages of `size`. It goes away at a page, if so asked."""

    def __init__(self, records=(), files=None, *, size=2, away_at=None):
        self.records, self.files, self.size, self.away_at = list(records), files or {}, size, away_at

    async def page(self, token):
        start = int(token or 0)
        if self.away_at is not None and start >= self.away_at:
            raise unavailable("service_unavailable")
        end = start + self.size
        following = str(end) if end < len(self.records) else ""
        return pb.ListOwnRecordsResponse(records=self.records[start:end], next_page_token=following)

    async def piece(self, file_id, offset):
        if file_id not in self.files:
            raise not_found()
        return self.files[file_id][offset : offset + 3]


def record(kind, number, content=None):
    told = {"number": number, "filed_at": "2026-11-22T10:00:00+00:00"}
    if content is None:
        return pb.Record(kind=kind, content=json.dumps(told))
    described = pb.RecordFile(
        id=str(number), name="Bilan.pdf", size=len(content), sha256=hashlib.sha256(content).hexdigest()
    )
    return pb.Record(kind=kind, content=json.dumps(told), file=described)


def words(text, **values):
    return text % values if values else text


async def exported(**sources):
    export = Export(words, "en", "Claire Orsel", sources)
    await export.begin()
    return zipfile.ZipFile(io.BytesIO(b"".join([piece async for piece in export.pieces()])))


def manifest(archive):
    return json.loads(archive.read("manifest.json"))


@given(kinds=st.lists(st.sampled_from(["accounts", "sessions", "audit"]), max_size=20), size=st.integers(1, 7))
async def test_every_record_is_told_once_however_pages_fall(kinds, size):
    kept = [record(kind, number) for number, kind in enumerate(kinds)]
    archive = await exported(identity=Kept(kept, size=size))
    told = [
        each["number"]
        for name in archive.namelist()
        if name.startswith("identity/")
        for each in json.loads(archive.read(name))
    ]
    assert sorted(told) == list(range(len(kinds)))
    assert sum(manifest(archive)["records"]["identity"].values()) == len(kinds)


@given(contents=st.lists(st.binary(min_size=1, max_size=9), max_size=9), size=st.integers(1, 4))
async def test_every_file_lies_there_under_a_name_of_its_own(contents, size):
    kept = [record("versions", number, content) for number, content in enumerate(contents)]
    files = {str(number): content for number, content in enumerate(contents)}
    archive = await exported(documents=Kept([*kept, record("uploads", 0)], files, size=size))
    found = [archive.read(name) for name in archive.namelist() if name.startswith("documents/files/2026-11/")]
    assert found == contents
    assert manifest(archive)["missing_files"] == []


async def test_a_file_that_was_deleted_meanwhile_is_named():
    archive = await exported(documents=Kept([record("versions", 1, b"gone")]))
    (missing,) = manifest(archive)["missing_files"]
    assert (missing["name"], missing["reason"]) == ("Bilan.pdf", "deleted")


async def test_a_file_that_is_not_what_it_was_is_named():
    archive = await exported(documents=Kept([record("versions", 1, b"was")], {"1": b"is!"}))
    assert [each["reason"] for each in manifest(archive)["missing_files"]] == ["changed"]


async def test_a_service_that_goes_away_leaves_an_entry_that_says_so_and_no_manifest():
    kept = [record("accounts", number) for number in range(5)]
    archive = await exported(identity=Kept(kept, away_at=2), billing=Kept([record("invoices", 1)]))
    assert "manifest.json" not in archive.namelist()
    assert archive.namelist()[-1].startswith("ERROR")
    assert "accounts and sign-in" in archive.read(archive.namelist()[-1]).decode()


async def test_nothing_is_begun_while_a_service_is_down():
    with pytest.raises(ServiceError, match="export_incomplete"):
        await exported(identity=Kept([record("accounts", 1)]), billing=Kept(away_at=0))


async def test_files_of_a_kind_are_told_apart_by_the_organisation_that_they_are_of():
    def act(kind, organisation):
        return pb.Record(kind=kind, content=json.dumps({"organisation_id": organisation}))

    kept = [act("audit", ""), act("sessions", ""), act("audit", "1"), act("views", "1"), act("audit", "2")]
    export = Export(words, "en", "Claire Orsel", {"identity": Kept(kept)}, places={"1": "orsel"})
    await export.begin()
    archive = zipfile.ZipFile(io.BytesIO(b"".join([piece async for piece in export.pieces()])))
    names = [name.removeprefix("identity/") for name in archive.namelist() if "audit" in name]
    assert names == ["audit.json", "audit - orsel.json", "audit (2).json"]
