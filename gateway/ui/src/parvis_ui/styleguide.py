"""Every component in every state, with invented content: `context()` is for `parvis_ui/styleguide.html`.

`python -m parvis_ui.styleguide [PORT]` serves it alone (see `preview.py`).
"""

import sys
from datetime import UTC, date, datetime, timedelta

from starlette.requests import Request

from parvis_ui.forms import Errors, Meter, Rule
from parvis_ui.frame import Entry, Frame, Group, Organisation, Person
from parvis_ui.lists import Chip, Event, Task, sorted_columns

ACCENTS = ("", "#7a1f3d", "#f2b705", "#1d4ed8")


def frame(language: str = "fr") -> Frame:
    """A frame with everything in it."""
    fr = language == "fr"
    here = Organisation(
        "Cabinet Durand", "/styleguide", "Expertise comptable, Lyon" if fr else "Accountants, Lyon", current=True
    )
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
        {
            "id": 1,
            "name": "Boulangerie Lenoir",
            "code": "C-0412",
            "adviser": "Claire Martin",
            "state": ("Actif", "ok"),
            "total": 1284250,
        },
        {
            "id": 2,
            "name": "Garage des Alpes",
            "code": "C-0413",
            "adviser": "Hugo Petit",
            "state": ("Invitation envoyée", "wait"),
            "total": 0,
        },
        {
            "id": 3,
            "name": "Maison d’Édition L’Écluse",
            "code": "C-0420",
            "adviser": "Claire Martin",
            "state": ("Accès coupé", "off"),
            "total": 98000,
        },
        {
            "id": 4,
            "name": "SCI Les Tilleuls",
            "code": "C-0431",
            "adviser": "Inès Roux",
            "state": ("Mail refusé", "bad"),
            "total": -12050,
        },
    ]
    columns = sorted_columns(
        str(request.url),
        (("Client", "name"), ("Référent", "adviser"), ("État", ""), ("Facturé en 2026", "total", "end")),
        request.query_params.get("sort", "name"),
    )
    return {
        "clients": clients,
        "columns": columns,
        "accents": ACCENTS,
        "swatches": [
            "surface",
            "sunken",
            "raised",
            "hover",
            "press",
            "ink",
            "ink-muted",
            "line",
            "edge",
            "accent",
            "accent-strong",
            "accent-soft",
            "ok",
            "ok-soft",
            "warn",
            "warn-soft",
            "bad",
            "bad-soft",
            "info",
            "info-soft",
        ],
        "tasks": (
            Task("Signer « Contrat 2027 »", "#", "avant le 30 novembre", "signature", detail="Boulangerie Lenoir"),
            Task("Valider la demande d’accès de Hugo Petit", "#", "depuis 2 jours", "person-plus"),
            Task("Lire 2 nouveaux documents", "#", "", "documents"),
            Task("Compléter la fiche de SCI Les Tilleuls", "#", "il y a 3 semaines", "clients", late=True),
        ),
        "events": (
            Event(
                now - timedelta(minutes=12), "Document ouvert", "Facture 2026-0117.pdf", "Paul Lenoir", "eye", "ok", "#"
            ),
            Event(
                now - timedelta(minutes=44),
                "Notification envoyée à paul@lenoir.example",
                "",
                "Claire Martin",
                "mail",
                "info",
            ),
            Event(
                now - timedelta(days=1, hours=2),
                "Envoi refusé par le serveur du destinataire",
                "Boîte pleine (552).",
                "",
                "",
                "bad",
            ),
            Event(now - timedelta(days=6), "Dossier « Factures » créé", "", "Claire Martin", "folder-plus"),
        ),
        "chips": (
            Chip("Tous", "?", active=True, count=128),
            Chip("Actifs", "?state=on", count=117),
            Chip("Sans accès", "?state=off", count=11),
        ),
        "form_errors": Errors(
            {
                "mail": "Indiquez une adresse comme prenom.nom@exemple.fr.",
                "amount": "Le montant a au plus deux décimales.",
            }
        ),
        "no_errors": Errors(),
        "meter": Meter(level=3),
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
                    (
                        "contacts.read",
                        "Voir les clients et leurs contacts",
                        {"1": "granted", "2": "granted", "3": "inherited"},
                    ),
                    ("contacts.edit", "Créer et modifier un client", {"1": "granted", "2": "inherited", "3": "none"}),
                    (
                        "accesses.manage",
                        "Donner, couper et rouvrir un accès",
                        {"1": "granted", "2": "none", "3": "none"},
                    ),
                ),
            ),
            (
                "Documents",
                (
                    (
                        "documents.read",
                        "Lire les documents des clients",
                        {"1": "granted", "2": "granted", "3": "granted"},
                    ),
                    (
                        "folders.configure",
                        "Régler les dossiers et leurs notifications",
                        {"1": "granted", "2": "none", "3": "none"},
                    ),
                ),
            ),
        ),
        "today": date(2026, 11, 21),
        "moment": now - timedelta(days=2),
    }


if __name__ == "__main__":
    from parvis_ui.preview import main

    main(sys.argv[1:])
