"""What is kept about the reader, and about an organisation: where it is said, and the export of it."""

from datetime import UTC, datetime

from starlette.responses import Response, StreamingResponse

from parvis.identity.v1 import identity_pb2
from parvis_kit.caller import Acting
from parvis_web import trail_files
from parvis_web.access import ACCOUNT, Area, staff
from parvis_web.exports import Export, OrganisationSource, OwnSource
from parvis_web.navigation import settings_tabs
from parvis_web.sentences import N_
from parvis_web.visit import AccountVisit, OrganisationVisit

RIGHT = "organisation.manage"
pages = Area(
    "records",
    entry="settings.records",
    sentences={
        "export_incomplete": N_(
            "A part of the portal does not answer, and an export without it would not be whole. Nothing was begun: try"
            " again in a few minutes."
        ),
    },
)


@pages.get("/account/data", ACCOUNT, fresh=True)
async def mine(visit: AccountVisit) -> Response:
    """What the reader may do about what is kept about them."""
    return visit.bare("records/mine.html", {"privacy_mail": visit.portal.settings.legal.privacy_mail})


@pages.get("/account/data/export.zip", ACCOUNT, file=True)
async def export_mine(visit: AccountVisit) -> Response:
    """All that is kept about the reader."""
    account = await visit.clients.accounts.GetMyAccount(identity_pb2.GetMyAccountRequest())

    async def as_reader() -> Acting:
        return Acting((await visit.portal.sessions.token(visit.session)).value)

    export = Export(
        visit.words,
        visit.portal.pages.language(visit.request),
        f"{account.given_name} {account.family_name}".strip() or account.identifier,
        {name: OwnSource(stub, as_reader) for name, stub in visit.clients.records.items()},
        places={each.face.id: each.face.slug for each in await visit.organisations()},
    )
    return await _answer(export, visit.words("my-data"))


@pages.get("/o/{slug}/settings/data", staff(RIGHT), fresh=True)
async def of_organisation(visit: OrganisationVisit) -> Response:
    """What an administrator may do about what is kept for the organisation."""
    await visit.together()
    context = {
        "tabs": settings_tabs(visit),
        "organisation": visit.organisation.face.name,
        "with_trail": visit.may("audit.view"),
    }
    return visit.render("records/organisation.html", context)


@pages.get("/o/{slug}/settings/data/export.zip", staff(RIGHT), file=True)
async def export_organisation(visit: OrganisationVisit) -> Response:
    """All that is kept for the organisation."""
    await visit.together()

    async def as_reader() -> Acting:
        return await trail_files.as_reader(visit)

    export = Export(
        visit.words,
        visit.portal.pages.language(visit.request),
        visit.organisation.face.name,
        {name: OrganisationSource(stub, as_reader) for name, stub in visit.clients.records.items()},
        trail=(lambda: trail_files.proof(visit)) if visit.may("audit.view") else None,
    )
    return await _answer(export, visit.organisation.face.slug)


async def _answer(export: Export, name: str) -> Response:
    await export.begin()
    headers = {
        "Content-Disposition": f'attachment; filename="{name}-{datetime.now(UTC):%Y-%m-%d}.zip"',
        "Cache-Control": "no-store",
    }
    return StreamingResponse(export.pieces(), media_type="application/zip", headers=headers)
