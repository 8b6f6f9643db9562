"""Accounts from another platform, for the provider: a file is checked, then imported, with a report."""

import csv
import io

from starlette.responses import Response

from parvis.identity.v1 import identity_pb2 as pb
from parvis_kit.errors import ServiceError
from parvis_ui.forms import Errors
from parvis_ui.lists import Column
from parvis_ui.translations import Words
from parvis_web.access import Area, staff
from parvis_web.navigation import settings_tabs
from parvis_web.pages.import_words import cause, explained, state
from parvis_web.sentences import N_
from parvis_web.visit import OrganisationVisit

RIGHT = "organisations.manage"
LARGEST_FILE = 32 * 1024 * 1024
_PART = 512 * 1024
#: Lines of the report that a page shows; the file has them all.
_SHOWN = 200
_AT_ONCE = 1000
_RUNNING = {pb.IMPORT_STATE_RECEIVING, pb.IMPORT_STATE_CHECKING, pb.IMPORT_STATE_IMPORTING}

pages = Area(
    "imports",
    entry="settings.imports",
    sentences={
        "name_unknown": N_("Choose a file whose name ends in .csv, .json, .jsonl or .ndjson."),
        "file_empty": N_("This file is empty."),
        "file_too_large": N_("A file has at most 32 MB. Cut this one in two."),
        "too_many_imports": N_("Many imports wait for an end. Finish or discard one first."),
        "import_closed": N_("This import is over. Start another one."),
        "import_not_checked": N_("The file is still being checked. Wait for the report."),
        "import_not_found": N_("This import is gone."),
    },
)


@pages.get("/o/{slug}/settings/imports", staff(RIGHT))
async def imports(visit: OrganisationVisit) -> Response:
    """The form for a file, and earlier imports."""
    return await _list(visit, Errors())


async def _list(visit: OrganisationVisit, errors: Errors, status: int = 200) -> Response:
    _ = visit.words
    _frame, found = await visit.together(visit.clients.imports.ListImports(pb.ListImportsRequest()))
    context = {
        "tabs": settings_tabs(visit),
        "imports": found.imports,
        "columns": [Column(_("File")), Column(_("When")), Column(_("Accounts created"), end=True), Column(_("State"))],
        "state_of": lambda each: state(_, each),
        "errors": errors,
    }
    return visit.render("imports/list.html", context, status=status)


@pages.post("/o/{slug}/settings/imports", staff(RIGHT), largest_file=LARGEST_FILE)
async def upload(visit: OrganisationVisit) -> Response:
    """Takes a file and lets it be checked."""
    _, sent, calls = visit.words, visit.form.file("file"), visit.clients.imports
    if sent is None or not sent.filename:
        return await _list(visit, Errors({"file": _("Choose a file.")}), status=422)
    try:
        started = await calls.StartImport(pb.StartImportRequest(name=sent.filename, size=sent.size or 0))
    except ServiceError as error:
        return await _list(visit, visit.errors(error, "file", too_many_imports="file"), status=422)
    offset = 0
    while part := await sent.read(_PART):
        await calls.AppendImport(pb.AppendImportRequest(id=started.id, offset=offset, part=part))
        offset += len(part)
    await sent.close()
    await calls.RunImport(pb.RunImportRequest(id=started.id, dry=True))
    return visit.redirect(f"{visit.address}/{started.id}")


@pages.get("/o/{slug}/settings/imports/{id}", staff(RIGHT))
async def one(visit: OrganisationVisit) -> Response:
    """How far an import is, and what became of the lines."""
    _, import_id, calls = visit.words, visit.request.path_params["id"], visit.clients.imports
    _frame, found, noted = await visit.together(
        calls.GetImport(pb.GetImportRequest(id=import_id)),
        calls.ListImportLines(pb.ListImportLinesRequest(id=import_id, notable=True, limit=_SHOWN)),
    )
    context = {
        "found": found,
        "here": f"{visit.base}/settings/imports/{import_id}",
        "done": found.created + found.unchanged + found.refused,
        "running": found.state in _RUNNING,
        "checked": found.state == pb.IMPORT_STATE_CHECKED,
        "dry": found.state in {pb.IMPORT_STATE_CHECKING, pb.IMPORT_STATE_CHECKED},
        "over": found.state == pb.IMPORT_STATE_DONE,
        "failed": cause(_, found),
        "state": state(_, found),
        "lines": [(each, _outcome(_, each), explained(_, each)) for each in noted.lines],
        "more": len(noted.lines) == _SHOWN,
        "columns": [Column(_("Line")), Column(_("Account")), Column(_("Result")), Column(_("What to do"))],
    }
    return visit.render("imports/one.html", context, blocks=("progress",))


def _outcome(_: Words, line: pb.ImportLine) -> tuple[str, str]:
    return {
        "created": (_("Created"), "ok"),
        "unchanged": (_("Already there"), "off"),
        "refused": (_("Refused"), "bad"),
    }.get(line.outcome, (line.outcome, "off"))


@pages.post("/o/{slug}/settings/imports/{id}/run", staff(RIGHT))
async def run(visit: OrganisationVisit) -> Response:
    """Imports the file that was checked."""
    import_id = visit.request.path_params["id"]
    await visit.clients.imports.RunImport(pb.RunImportRequest(id=import_id, mail=bool(visit.form["mail"])))
    return visit.redirect(f"{visit.base}/settings/imports/{import_id}")


@pages.post("/o/{slug}/settings/imports/{id}/discard", staff(RIGHT))
async def discard(visit: OrganisationVisit) -> Response:
    """Stops an import and deletes its file."""
    _ = visit.words
    await visit.clients.imports.DiscardImport(pb.DiscardImportRequest(id=visit.request.path_params["id"]))
    return visit.redirect(f"{visit.base}/settings/imports", _("The import is discarded and its file deleted."))


@pages.get("/o/{slug}/settings/imports/{id}/report", staff(RIGHT))
async def report(visit: OrganisationVisit) -> Response:
    """What became of every line, as CSV."""
    _, import_id, calls = visit.words, visit.request.path_params["id"], visit.clients.imports
    out, after = io.StringIO(), 0
    rows = csv.writer(out, delimiter=";")
    rows.writerow([_("Line"), _("Organisation"), _("Identifier"), _("Result"), _("What to do")])
    while True:
        request = pb.ListImportLinesRequest(id=import_id, after=after, limit=_AT_ONCE)
        lines = (await calls.ListImportLines(request)).lines
        for each in lines:
            said = (each.organisation, each.identifier, _outcome(_, each)[0], explained(_, each))
            rows.writerow([each.line, *map(_safe, said)])
        if len(lines) < _AT_ONCE:
            break
        after = lines[-1].line
    content = "\ufeff" + out.getvalue()
    headers = {"Content-Disposition": 'attachment; filename="import.csv"', "Cache-Control": "no-store"}
    return Response(content, media_type="text/csv; charset=utf-8", headers=headers)


def _safe(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t"} else text
