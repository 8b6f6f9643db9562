"""What is kept about a person or an organisation, as one zip file: every service is asked page by page while the
browser receives what came before (docs/adr/0031).

The last file, `manifest.json`, counts everything and says the digest of each file: without it the export is not whole.
When a service goes away meanwhile, the file ends with an entry that says so, and has no manifest.
"""

import csv
import hashlib
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog

from parvis.records.v1 import records_pb2 as pb
from parvis.records.v1 import records_pb2_grpc
from parvis_kit.caller import Acting, acting_as
from parvis_kit.errors import Kind, ServiceError, unavailable
from parvis_ui.translations import Words
from parvis_web.archives import Archive
from parvis_web.calls import at_once
from parvis_web.sentences import N_
from parvis_web.trail_files import plain

_log = structlog.get_logger(__name__)
#: What each service is called in a sentence.
SERVICES = {
    "identity": N_("accounts and sign-in"),
    "tenancy": N_("organisations, people and rights"),
    "documents": N_("documents"),
    "notify": N_("notifications"),
    "billing": N_("invoices"),
}
#: What people open in a spreadsheet: comes as a table too.
TABLES = {("tenancy", "contacts"), ("billing", "invoices")}
#: Separator of columns: French spreadsheets keep the comma for decimals.
_SEPARATORS = {"fr": ";", "en": ","}


class Page(Protocol):
    """A page of records."""

    @property
    def records(self) -> Sequence[pb.Record]:
        """Records of one kind follow each other."""
        ...

    @property
    def next_page_token(self) -> str:
        """Empty: that was all."""
        ...


class Source(Protocol):
    """One service, as it is asked for what it keeps about one reader or organisation."""

    async def page(self, token: str) -> Page:
        """A page of records."""
        ...

    async def piece(self, file_id: str, offset: int) -> bytes:
        """A piece of a file."""
        ...


#: In whose name a call is made: a token lives for minutes, an export may take hours.
As = Callable[[], Awaitable[Acting]]


@dataclass(frozen=True, slots=True)
class OwnSource:
    """What a service keeps about the reader."""

    stub: records_pb2_grpc.RecordsServiceStub
    as_reader: As

    async def page(self, token: str) -> Page:
        """See Source."""
        with acting_as(await self.as_reader()):
            found: pb.ListOwnRecordsResponse = await self.stub.ListOwnRecords(
                pb.ListOwnRecordsRequest(page_token=token)
            )
        return found

    async def piece(self, file_id: str, offset: int) -> bytes:
        """See Source."""
        with acting_as(await self.as_reader()):
            found: pb.ReadOwnFileResponse = await self.stub.ReadOwnFile(
                pb.ReadOwnFileRequest(id=file_id, offset=offset)
            )
        return found.content


@dataclass(frozen=True, slots=True)
class OrganisationSource:
    """What a service keeps about the reader's organisation."""

    stub: records_pb2_grpc.RecordsServiceStub
    as_reader: As

    async def page(self, token: str) -> Page:
        """See Source."""
        with acting_as(await self.as_reader()):
            found: pb.ListOrganisationRecordsResponse = await self.stub.ListOrganisationRecords(
                pb.ListOrganisationRecordsRequest(page_token=token)
            )
        return found

    async def piece(self, file_id: str, offset: int) -> bytes:
        """See Source."""
        request = pb.ReadOrganisationFileRequest(id=file_id, offset=offset)
        with acting_as(await self.as_reader()):
            found: pb.ReadOrganisationFileResponse = await self.stub.ReadOrganisationFile(request)
        return found.content


@dataclass(slots=True)
class Export:
    """An export under way. `about` is who or what it is about, as people call it; `trail` its audit trail, if that
    belongs to it; `places` the short name of each organisation of the reader, by its id.
    """

    words: Words
    language: str
    about: str
    sources: Mapping[str, Source]
    trail: Callable[[], AsyncIterator[bytes]] | None = None
    places: Mapping[str, str] = field(default_factory=dict)
    archive: Archive = field(default_factory=Archive)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    missing: list[dict[str, str]] = field(default_factory=list)
    _first: dict[str, Page] = field(default_factory=dict)
    _begun: set[tuple[str, str]] = field(default_factory=set)

    async def begin(self) -> None:
        """Asks every service for its first page: nothing is begun while one is down. Raises UNAVAILABLE
        export_incomplete, and whatever refuses the reader.
        """
        try:
            pages = await at_once(*(source.page("") for source in self.sources.values()))
        except ServiceError as error:
            if error.kind in {Kind.UNAVAILABLE, Kind.INTERNAL, Kind.LIMIT}:
                raise unavailable("export_incomplete") from error
            raise
        self._first = dict(zip(self.sources, pages, strict=True))

    async def pieces(self) -> AsyncIterator[bytes]:
        """The zip file."""
        _ = self.words
        self.archive.add(self._readme().encode(), _("README.txt"))
        service = ""
        try:
            for service in self.sources:
                async for piece in self._of(service):
                    yield piece
            if self.trail is not None:
                service = "tenancy"
                self.archive.begin(_("audit trail.jsonl"))
                async for line in self.trail():
                    self.archive.write(line)
                    yield self.archive.take()
                self.archive.end()
        except ServiceError as error:
            _log.warning("export_incomplete", service=service, error=str(error))
            self.archive.end()
            self.archive.add(self._failure(service).encode(), _("ERROR - this export is not whole.txt"))
        else:
            self.archive.add(self._manifest(), "manifest.json")
        self.archive.close()
        yield self.archive.take()

    async def _of(self, service: str) -> AsyncIterator[bytes]:
        """All records of a service: a file for each kind; then tables of some, and the files that they describe."""
        counts = self.counts.setdefault(service, {})
        # Where what is read a second time begins: nothing of it is kept in memory.
        again: dict[tuple[str, str], None] = {}
        kind = begins = ""
        async for token, page in self._pages(service, ""):
            for record in page.records:
                if record.kind != kind:
                    self._turn(service, kind, record.kind, record.content)
                    kind, begins = record.kind, token
                else:
                    self.archive.write(b",\n")
                self.archive.write(record.content.encode())
                counts[kind] = counts.get(kind, 0) + 1
                if record.HasField("file") or (service, kind) in TABLES:
                    again[kind, begins] = None
            yield self.archive.take()
        self._turn(service, kind, "")
        for name, start in again:
            read = self._table if (service, name) in TABLES else self._files
            async for piece in read(service, name, start):
                yield piece

    def _turn(self, service: str, before: str, kind: str, content: str = "") -> None:
        """From the file of a kind to that of the next, which begins with a record. A kind comes again for each
        organisation: its name tells the files apart.
        """
        if before:
            self.archive.write(b"\n]\n")
            self.archive.end()
        if kind:
            again = (service, kind) in self._begun
            place = self.places.get(str(json.loads(content).get("organisation_id", ""))) if again else None
            self._begun.add((service, kind))
            self.archive.begin(service, f"{kind} - {place}.json" if place else f"{kind}.json")
            self.archive.write(b"[\n")

    async def _pages(self, service: str, token: str) -> AsyncIterator[tuple[str, Page]]:
        page = self._first[service] if not token else await self.sources[service].page(token)
        yield token, page
        while token := page.next_page_token:
            page = await self.sources[service].page(token)
            yield token, page

    async def _again(self, service: str, kind: str, token: str) -> AsyncIterator[pb.Record]:
        """The records of a kind once more, from the page on which they begin."""
        begun = False
        async for _token, page in self._pages(service, token):
            if begun and (not page.records or page.records[0].kind != kind):
                return
            for record in page.records:
                if record.kind == kind:
                    begun = True
                    yield record
            if begun and page.records[-1].kind != kind:
                return

    async def _table(self, service: str, kind: str, begins: str) -> AsyncIterator[bytes]:
        out = io.StringIO()
        rows, columns = csv.writer(out, delimiter=_SEPARATORS[self.language]), list[str]()
        self.archive.begin(service, f"{kind}.csv")
        self.archive.write(b"\xef\xbb\xbf")
        async for record in self._again(service, kind, begins):
            told = json.loads(record.content, parse_float=str)
            if not columns:
                columns = list(told)
                rows.writerow(columns)
            rows.writerow([plain(_cell(told.get(column))) for column in columns])
            self.archive.write(out.getvalue().encode())
            out.seek(0)
            out.truncate()
            yield self.archive.take()
        self.archive.end()

    async def _files(self, service: str, kind: str, begins: str) -> AsyncIterator[bytes]:
        """The files that records describe, by the month in which they were filed."""
        _, archive = self.words, self.archive
        async for record in self._again(service, kind, begins):
            if not record.HasField("file"):
                continue
            month = str(json.loads(record.content).get("filed_at", ""))[:7]
            source, size, digest = self.sources[service], 0, hashlib.sha256()
            try:
                content = await source.piece(record.file.id, 0)
            except ServiceError as error:
                if error.kind is not Kind.NOT_FOUND:
                    raise
                self._miss(record, "deleted")
                continue
            archive.begin(service, _("files"), month, record.file.name)
            try:
                while content:
                    archive.write(content)
                    digest.update(content)
                    size += len(content)
                    yield archive.take()
                    content = await source.piece(record.file.id, size) if size < record.file.size else b""
            except ServiceError as error:
                if error.kind is not Kind.NOT_FOUND:
                    raise
                self._miss(record, "deleted")
            archive.end()
            if size == record.file.size and digest.hexdigest() != record.file.sha256:
                self._miss(record, "changed")

    def _miss(self, record: pb.Record, reason: str) -> None:
        self.missing.append({"name": record.file.name, "sha256": record.file.sha256, "reason": reason})

    def _readme(self) -> str:
        _ = self.words
        lines = [
            _(
                "What is kept about %(about)s, on %(day)s",
                about=self.about,
                day=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            ),
            "",
            _("One folder for each part of the portal:"),
            *(f"  {name}/  {_(label)}" for name, label in SERVICES.items()),
            "",
            _("Each kind of record is a JSON file: text that programs and people read. Moments are in universal time."),
            _("Clients and invoices are there a second time as tables (.csv) for a spreadsheet."),
            _("Files that were filed are in documents, by the month in which they came."),
            "",
            _("Not in this export: passwords and other secrets, which are kept as digests that nobody can read."),
            "",
            _("The last file, manifest.json, counts everything and gives the SHA-256 digest of every file."),
            _("If it is missing, the download was cut off: begin it again."),
        ]
        return "\r\n".join(lines) + "\r\n"

    def _failure(self, service: str) -> str:
        _ = self.words
        lines = [
            _("This export is not whole."),
            "",
            _("While it was written, this part of the portal stopped answering: %(part)s.", part=_(SERVICES[service])),
            _("What stands in the other files is right, and something is missing. Download it again later."),
        ]
        return "\r\n".join(lines) + "\r\n"

    def _manifest(self) -> bytes:
        told = {
            "about": self.about,
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "records": self.counts,
            "missing_files": self.missing,
            "files": [{"name": each.name, "size": each.size, "sha256": each.sha256} for each in self.archive.members],
        }
        return json.dumps(told, ensure_ascii=False, indent=1).encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
