"""Every component in every state, with invented content: `context()` for the page that web mounts, and a server for whoever works on the design.

`python -m parvis_ui.styleguide [PORT]` serves it alone; uploads go to a stand-in that answers as the documented endpoints do.
"""

import sys
from datetime import UTC, date, datetime, timedelta

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from parvis_ui.forms import Errors, Rule
from parvis_ui.frame import Entry, Flash, Frame, Group, Organisation, Person
from parvis_ui.lists import Chip, Event, Task, sorted_columns
from parvis_ui.pages import Pages

PORT = 8699
ACCENTS = ("", "#7a1f3d", "#f2b705", "#1d4ed8")
_PART = 5 * 1024 * 1024


def frame(language: str = "fr") -> Frame:
    """A frame with everything in it."""
    fr = language == "fr"
    here = Organisation("Cabinet Durand", "/styleguide", "Expertise comptable, Lyon" if fr else "Accountants, Lyon", current=True)
    return Frame(
        here,
        (
            Group(
                (
                    Entry("Accueil" if fr else "Home", "/styleguide", "home", 3, current=True),
                    Entry("Applications", "/styleguide?2", "applications"),
                    Entry("Documents", "/styleguide?3", "documents", 12),
                    Entry("Clients", "/styleguide?4", "clients"),
                    Entry("Factures" if fr else "Invoices", "/styleguide?5", "invoice"),
                ),
            ),
            Group(
                (
                    Entry("Équipe" if fr else "Team", "/styleguide?6", "people"),
                    Entry("Cabinet" if fr else "Firm", "/styleguide?7", "firm"),
                ),
                "Administration",
            ),
        ),
        Person("Claire Martin", "claire.martin@cabinet-durand.example", "/styleguide", "/styleguide"),
        organisations=(
            here,
            Organisation("Boulangerie Lenoir", "/styleguide?o", "Cliente" if fr else "Client"),
            Organisation("Fiduciaire du Rhône", "/styleguide?p"),
        ),
        search_href="/styleguide",
        inbox_href="/styleguide",
        inbox_count=4,
        help_href="/styleguide",
    )


def context(request: Request) -> dict[str, object]:
    """What `parvis_ui/styleguide.html` shows. Content is invented; only the components' own words are translated."""
    now = datetime.now(UTC)
    clients = [
        {"id": 1, "name": "Boulangerie Lenoir", "code": "C-0412", "adviser": "Claire Martin", "state": ("Actif", "ok"), "total": 1284250},
        {"id": 2, "name": "Garage des Alpes", "code": "C-0413", "adviser": "Hugo Petit", "state": ("Invitation envoyée", "wait"), "total": 0},
        {"id": 3, "name": "Maison d’Édition L’Écluse", "code": "C-0420", "adviser": "Claire Martin", "state": ("Accès coupé", "off"), "total": 98000},
        {"id": 4, "name": "SCI Les Tilleuls", "code": "C-0431", "adviser": "Inès Roux", "state": ("Mail refusé", "bad"), "total": -12050},
    ]
    columns = sorted_columns(
        str(request.url),
        (("Client", "name"), ("Référent", "adviser", "wide"), ("État", ""), ("Facturé en 2026", "total", "end")),
        request.query_params.get("sort", "name"),
    )
    return {
        "clients": clients,
        "columns": columns,
        "accents": ACCENTS,
        "swatches": (
            "surface sunken raised hover press ink ink-muted line edge accent accent-strong accent-soft ok ok-soft warn warn-soft "
            "bad bad-soft info info-soft"
        ).split(),
        "tasks": (
            Task("Signer « Contrat 2027 »", "#", "avant le 30 novembre", "signature", detail="Boulangerie Lenoir"),
            Task("Valider la demande d’accès de Hugo Petit", "#", "depuis 2 jours", "person-plus"),
            Task("Lire 2 nouveaux documents", "#", "", "documents"),
            Task("Compléter la fiche de SCI Les Tilleuls", "#", "il y a 3 semaines", "clients", late=True),
        ),
        "events": (
            Event(now - timedelta(minutes=12), "Document ouvert", "Facture 2026-0117.pdf", "Paul Lenoir", "eye", "ok", "#"),
            Event(now - timedelta(minutes=44), "Notification envoyée à paul@lenoir.example", "", "Claire Martin", "mail", "info"),
            Event(now - timedelta(days=1, hours=2), "Envoi refusé par le serveur du destinataire", "Boîte pleine (552).", "", "", "bad"),
            Event(now - timedelta(days=6), "Dossier « Factures » créé", "", "Claire Martin", "folder-plus"),
        ),
        "chips": (Chip("Tous", "?", active=True, count=128), Chip("Actifs", "?state=on", count=117), Chip("Sans accès", "?state=off", count=11)),
        "form_errors": Errors({"mail": "Indiquez une adresse comme prenom.nom@exemple.fr.", "amount": "Le montant a au plus deux décimales."}),
        "no_errors": Errors(),
        "rules": (
            Rule("12 caractères au moins", minimum=12),
            Rule("Une majuscule et une minuscule", pattern=r"(?=.*\p{Lu})(?=.*\p{Ll})"),
            Rule("Un chiffre ou un signe", pattern=r"[^\p{L}]"),
            Rule("Sans votre adresse mail", avoids="mail"),
        ),
        "merge_fields": (
            ("{{ contact.first_name }}", "Prénom", "Paul"),
            ("{{ document.name }}", "Nom du document", "Facture 2026-0117.pdf"),
            ("{{ link }}", "Lien vers le document", "https://…"),
        ),
        "profiles": (("1", "Administratrice"), ("2", "Collaborateur"), ("3", "Assistante")),
        "groups": (
            (
                "Clients",
                (
                    ("contacts.read", "Voir les clients et leurs contacts", {"1": "granted", "2": "granted", "3": "inherited"}),
                    ("contacts.edit", "Créer et modifier un client", {"1": "granted", "2": "inherited", "3": "none"}),
                    ("accesses.manage", "Donner, couper et rouvrir un accès", {"1": "granted", "2": "none", "3": "none"}),
                ),
            ),
            (
                "Documents",
                (
                    ("documents.read", "Lire les documents des clients", {"1": "granted", "2": "granted", "3": "granted"}),
                    ("folders.configure", "Régler les dossiers et leurs notifications", {"1": "granted", "2": "none", "3": "none"}),
                ),
            ),
        ),
        "today": date(2026, 11, 21),
        "moment": now - timedelta(days=2),
    }


def _sample_pdf(count: int = 3) -> bytes:
    """A PDF (ISO 32000-1, 7.5) of a few lines a page in a standard font, made by hand: this package needs no library for it."""
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"", b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"]
    kids = []
    for page in range(1, count + 1):
        lines = "".join(f"0 -24 Td (Ligne {line} de la page {page}) Tj " for line in range(1, 25))
        stream = f"BT /F1 24 Tf 72 760 Td (Page {page}) Tj /F1 13 Tf {lines}ET".encode()
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream))
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 3 0 R>>>>/Contents %d 0 R>>" % len(objects),
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<</Type/Pages/Count %d/Kids[%s]>>" % (count, b" ".join(kids))
    out = bytearray(b"%PDF-1.7\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + b"".join(b"%010d 00000 n \n" % place for place in places)
    return bytes(out + b"trailer<</Size %d/Root 1 0 R>>startxref\n%d\n%%%%EOF" % (len(objects) + 1, start))


def _serve() -> Starlette:
    pages = Pages("parvis_ui")
    uploads: dict[str, int] = {}

    async def guide(request: Request) -> Response:
        language = pages.language(request)
        return pages.render(
            request,
            "parvis_ui/styleguide.html",
            context(request),
            frame=frame(language),
            flash=(Flash("ok", "Invitation envoyée à Hugo Petit."),) if "flash" in request.query_params else (),
            accent=request.query_params.get("accent", ""),
        )

    async def bare(request: Request) -> Response:
        return pages.render(request, "parvis_ui/styleguide_bare.html", context(request))

    async def reading(request: Request) -> Response:
        return pages.render(request, "parvis_ui/styleguide_reading.html", frame=frame(pages.language(request)))

    async def sample(request: Request) -> Response:
        del request
        return Response(_sample_pdf(), media_type="application/pdf")

    async def failing(request: Request) -> Response:
        _ = pages.translator(request)
        return pages.error(
            request,
            500,
            _("We could not finish this"),
            _("Something failed on our side. What you had saved is kept; what you were sending was not saved."),
            reference="0193f2c1-7e4b",
            frame=frame(pages.language(request)) if "framed" in request.query_params else None,
            actions=((_("Try again"), "/error"), (_("Back to the home page"), "/styleguide")),
        )

    async def start(request: Request) -> Response:
        sent = await request.json()
        if sent["name"].endswith(".exe"):
            return JSONResponse({"detail": "ce dossier n’accepte pas les programmes."}, 422)
        identifier = f"u{len(uploads) + 1}"
        uploads[identifier] = 0
        count = max(1, -(-int(sent["size"]) // _PART))
        parts = [{"number": n, "url": f"/store/{identifier}/{n}"} for n in range(1, count + 1)]
        return JSONResponse({"upload_id": identifier, "part_size": _PART, "parts": parts}, 201)

    async def store(request: Request) -> Response:
        uploads[request.path_params["upload"]] += len(await request.body())
        return Response(headers={"ETag": '"x"'})

    async def state(request: Request) -> Response:
        known = uploads.get(request.path_params["upload"])
        if known is None:
            return JSONResponse({"detail": "inconnu"}, 404)
        return JSONResponse({"state": "checking" if request.method == "POST" else "filed", "href": "/styleguide"})

    return Starlette(
        routes=[
            Route("/styleguide", guide),
            Route("/bare", bare, methods=["GET", "POST"]),
            Route("/reading", reading),
            Route("/sample.pdf", sample),
            Route("/error", failing),
            Route("/preferences", pages.preferences, methods=["POST"]),
            Route("/uploads", start, methods=["POST"]),
            Route("/store/{upload}/{number}", store, methods=["PUT"]),
            Route("/uploads/{upload}", state, methods=["GET", "DELETE"]),
            Route("/uploads/{upload}/complete", state, methods=["POST"]),
            Mount("/assets", pages.assets),
        ],
    )


def main(arguments: list[str]) -> None:
    """Serves the styleguide on 127.0.0.1."""
    import uvicorn  # noqa: PLC0415 - only this development server needs it

    uvicorn.run(_serve(), host="127.0.0.1", port=int(arguments[0]) if arguments else PORT, log_level="warning")


if __name__ == "__main__":
    main(sys.argv[1:])
