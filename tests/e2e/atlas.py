"""Every page of the portal on the demonstration: who opens it, and how its address is found.

Tests that hold for all pages (accessibility, language, narrow screens, screenshots) walk through this list.
"""

from collections.abc import Callable
from dataclasses import dataclass

import httpx
from browsing import SHARED_DOMAIN
from compared import NAME as COMPARED
from compared import bring_other_keys
from letters import Mailbox
from people import ANNE, CLAIRE, HELENE, KARIM, SOPHIE, Identity, Person
from playwright.sync_api import Response

ORSEL = "/o/cabinet-orsel"
VALMER = "/o/valmer-patrimoine"
CADRANE = "/o/cadrane"
#: Nothing has this id.
NOBODYS = "00000000-0000-7000-8000-000000000000"

#: Finds an address by looking at pages, as a reader would.
Find = Callable[[Person], str]


@dataclass(frozen=True, slots=True)
class Place:
    """A page. `who` is None for who is not signed in. `act`: what leads from the address to the page, where that is the
    answer to a form. `status` is the answer that is expected.
    """

    name: str
    who: Identity | None
    address: str | Find
    status: int = 200
    act: Callable[[Person], Response] | None = None

    def find(self, reader: Person) -> str:
        """Where the page is."""
        return self.address if isinstance(self.address, str) else self.address(reader)

    def open(self, reader: Person, address: str = "") -> None:
        """Opens the page, found by the reader or where somebody else has found it."""
        address = address or self.find(reader)
        answer = reader.open(address)
        if self.act:
            answer = self.act(reader)
        assert answer.status == self.status, f"{self.name}: {address} answered {answer.status}"


def in_menu(listed: str | Find, link: str) -> Find:
    """The address of the first link called `link` in a closed menu of another page."""

    def find(reader: Person) -> str:
        reader.open(listed if isinstance(listed, str) else listed(reader))
        found = reader.page.locator(".menu-list a").filter(has_text=link).first.get_attribute("href")
        assert found
        return found

    return find


def behind(listed: str | Find, link: str, suffix: str = "") -> Find:
    """The address of the link called `link` on another page (or the first that contains it), with something added."""

    def find(reader: Person) -> str:
        reader.open(listed if isinstance(listed, str) else listed(reader))
        links = reader.page.get_by_role("main").get_by_role("link", name=link, exact=True)
        if not links.count():
            links = reader.page.get_by_role("main").get_by_role("link", name=link)
        found = links.first.get_attribute("href")
        assert found
        return found + suffix

    return find


_CLIENT = behind(f"{ORSEL}/contacts", "Boulangerie Le Goff")
_OTHER_CLIENT = behind(f"{ORSEL}/contacts", "Librairie L’Encrier")
_COLLEAGUE = behind(f"{ORSEL}/settings/people", "Lucie Tanguy")
_APPLICATION = behind(f"{ORSEL}/settings/applications", "Fiduvia")
_CUSTOMER = behind(f"{CADRANE}/customers", "Cabinet Orsel")
_DIRECTORY = behind(f"{CADRANE}/settings/sign-in/directories", COMPARED)
_DRAFT = behind(f"{ORSEL}/invoices?state=draft", "Brouillon")


def _an_act(reader: Person) -> str:
    """The newest act of the trail."""
    reader.open(f"{ORSEL}/settings/audit?kind=people")
    found = reader.page.locator(".timeline-list a").first.get_attribute("href")
    assert found
    return found


def _view_of(reader: Person) -> str:
    """Where the portal as a client sees it begins: behind a menu of the record."""
    reader.open(_CLIENT(reader))
    found = reader.page.locator("main a[href$='/view']").first.get_attribute("href")
    assert found
    return found


OUTSIDE = (
    Place("connexion", None, "/login"),
    Place("connexion-mot-de-passe", None, "/login?step=password"),
    Place("domaine-lien-inconnu", None, "/sso/domains/ceci-n-est-pas-un-lien", 404),
    Place("connexion-cabinet", None, "/login/cabinet-orsel"),
    Place("mot-de-passe-oublie", None, "/reset"),
    Place("premiere-visite", None, "/reset?first=1"),
    Place("ancien-portail", None, "/activate"),
    Place("ancien-portail-lien-inconnu", None, "/activate?step=elsewhere", 404),
    Place("deconnecte", None, "/signed-out"),
    Place("lien-inconnu", None, "/activate/ceci-n-est-pas-un-lien", 404),
    Place("nouveau-mot-de-passe-lien-inconnu", None, "/renew/ceci-n-est-pas-un-lien", 404),
    Place("adresse-lien-inconnu", None, "/address/old/ceci-n-est-pas-un-lien", 404),
    Place("nouvelle-adresse-lien-inconnu", None, "/address/new/ceci-n-est-pas-un-lien", 404),
    Place("demande-acces", None, "/join/cadrane"),
    Place("demande-acces-fermee", None, "/join/cabinet-orsel", 410),
    Place("demande-acces-lien-inconnu", None, "/join/cadrane/ceci-n-est-pas-un-lien", 404),
    Place("confirmation-terminee", None, "/factor", 410),
    Place("reinitialisation-lien-inconnu", None, "/factors/stop/ceci-n-est-pas-un-lien", 404),
    Place("connexion-annuaire-terminee", None, "/sso/finish/ceci-n-est-pas-une-connexion", 410),
    Place("connexion-choix-organisation", None, f"/sso/choose?domain={SHARED_DOMAIN}&login_hint=ines@{SHARED_DOMAIN}"),
    Place("relier-annuaire-terminee", None, "/sso/link/ceci-n-est-pas-un-lien", 410),
    Place("mentions-legales", None, "/legal"),
    Place("premier-demarrage", None, "/setup?token=exemple"),
    Place("premier-demarrage-sans-lien", None, "/setup"),
)

STAFF = (
    Place("accueil-cabinet", CLAIRE, f"{ORSEL}/"),
    Place("applications", CLAIRE, f"{ORSEL}/applications"),
    Place("collaborateurs", CLAIRE, f"{ORSEL}/settings/people"),
    Place("collaborateurs-recherche-vide", CLAIRE, f"{ORSEL}/settings/people?q=zzz"),
    Place("inviter", CLAIRE, f"{ORSEL}/settings/people/invite"),
    Place("collaborateur", CLAIRE, _COLLEAGUE),
    Place("collaborateur-invite", CLAIRE, behind(f"{ORSEL}/settings/people", "Nadia Ferrand")),
    Place("collaborateur-voir-comme", CLAIRE, lambda reader: _COLLEAGUE(reader) + "/view"),
    Place("demandes-acces", CLAIRE, f"{ORSEL}/settings/people/requests"),
    Place("demande-acces-terminee", CLAIRE, f"{ORSEL}/settings/people/requests/{NOBODYS}", 404),
    Place("comptes-relies", CLAIRE, "/links"),
    Place("double-authentification", CLAIRE, "/factors"),
    Place("double-authentification-choix", CLAIRE, "/factors/enrol?organisation=cabinet-orsel"),
    Place("application-authentification", CLAIRE, "/factors/application"),
    Place("cle-acces", CLAIRE, "/factors/passkey"),
    Place("collaborateur-double-authentification", CLAIRE, lambda reader: _COLLEAGUE(reader) + "/factors"),
    Place(
        "droits-collaborateur",
        CLAIRE,
        behind(f"{ORSEL}/settings/people", "Lucie Tanguy", "/why?right=invoices.close&q=Boulangerie"),
    ),
    Place("droits-personnels", CLAIRE, behind(f"{ORSEL}/settings/people", "Lucie Tanguy", "/rights")),
    Place("rattacher", CLAIRE, behind(f"{ORSEL}/settings/people", "Lucie Tanguy", "/superior?manager=&see=1")),
    Place("droits-client", CLAIRE, behind(f"{ORSEL}/contacts", "Boulangerie Le Goff", "/rights")),
    Place("profils", CLAIRE, f"{ORSEL}/settings/profiles"),
    Place("profil", CLAIRE, behind(f"{ORSEL}/settings/profiles", "Conseiller")),
    Place("profil-administrateur", CLAIRE, behind(f"{ORSEL}/settings/profiles", "Administrateur")),
    Place("profil-nouveau", CLAIRE, f"{ORSEL}/settings/profiles/new"),
    Place("fiche-cabinet", CLAIRE, f"{ORSEL}/settings/organisation"),
    Place("connexion-reglages", CLAIRE, f"{ORSEL}/settings/sign-in"),
    Place("annuaires", CLAIRE, f"{ORSEL}/settings/sign-in/directories"),
    Place("annuaire-nouveau", CLAIRE, f"{ORSEL}/settings/sign-in/directories/new"),
    Place("annuaire-inconnu", CLAIRE, f"{ORSEL}/settings/sign-in/directories/{NOBODYS}", 404),
    Place("connexion-synchronisation", CLAIRE, f"{ORSEL}/settings/sign-in/scim"),
    Place("connexion-jeton", CLAIRE, f"{ORSEL}/settings/sign-in/scim/tokens/new"),
    Place("connexion-domaines", CLAIRE, f"{ORSEL}/settings/sign-in/domains"),
    Place("connexion-domaine-nouveau", CLAIRE, f"{ORSEL}/settings/sign-in/domains/new"),
    Place("connexion-exigences", CLAIRE, f"{ORSEL}/settings/sign-in/policy"),
    Place("groupes-et-profils", CLAIRE, f"{ORSEL}/settings/sign-in/mapping"),
    Place("groupe-regle", CLAIRE, f"{ORSEL}/settings/sign-in/mapping/rules/new"),
    Place("mots-de-passe-clients", CLAIRE, f"{ORSEL}/settings/passwords"),
    Place("journal", CLAIRE, f"{ORSEL}/settings/audit"),
    Place("journal-recherche", CLAIRE, f"{ORSEL}/settings/audit?q=rien+de+tel&since=2026-01-01"),
    Place("journal-acte", CLAIRE, _an_act),
    Place("journal-acte-inconnu", CLAIRE, f"{ORSEL}/settings/audit/tenancy/{NOBODYS}", 404),
    Place("journal-export", CLAIRE, f"{ORSEL}/settings/audit/export"),
    Place("donnees-cabinet", CLAIRE, f"{ORSEL}/settings/data"),
    Place("fermeture", CLAIRE, f"{ORSEL}/settings/data/closing"),
    Place("fermeture-pas-administrateur", KARIM, f"{ORSEL}/settings/data/closing"),
    Place("fermeture-exploitant", HELENE, f"{CADRANE}/settings/data/closing"),
    Place("donnees-moi", CLAIRE, "/account/data"),
    Place("effacer-mon-compte", KARIM, "/account/data/erase"),
    Place("effacer-dernier-administrateur", SOPHIE, "/account/data/erase"),
    Place("effacer-compte-du-cabinet", ANNE, "/account/data/erase"),
    Place("compte-effacement-demande", None, "/account/erased?day=2026-12-07"),
    Place("structures", CLAIRE, f"{ORSEL}/settings/structures"),
    Place("structure", CLAIRE, behind(f"{ORSEL}/settings/structures", "Siège de Nantes")),
    Place("applications-reglages", CLAIRE, f"{ORSEL}/settings/applications"),
    Place("application-reglages", CLAIRE, behind(f"{ORSEL}/settings/applications", "Fiduvia")),
    Place("application-structure", CLAIRE, behind(_APPLICATION, "Siège de Nantes")),
    Place("referents", CLAIRE, f"{ORSEL}/settings/referents"),
    Place("referents-comptabilite", CLAIRE, f"{ORSEL}/settings/referents/accounting"),
    Place("referents-technique", CLAIRE, f"{ORSEL}/settings/referents/technical"),
    Place("dossiers-reglages", CLAIRE, f"{ORSEL}/settings/folders"),
    Place("dossier-reglages", CLAIRE, behind(f"{ORSEL}/settings/folders", "Factures CLIENTS/Factures")),
    Place("dossier-nouveau", CLAIRE, f"{ORSEL}/settings/folders/new"),
    Place("modeles", CLAIRE, f"{ORSEL}/settings/templates"),
    Place("modele", CLAIRE, f"{ORSEL}/settings/templates/document-filed/fr"),
    Place("clients", CLAIRE, f"{ORSEL}/contacts"),
    Place("clients-recherche-vide", CLAIRE, f"{ORSEL}/contacts?q=zzz"),
    Place("client", CLAIRE, _CLIENT),
    Place("client-nouveau", CLAIRE, f"{ORSEL}/contacts/new"),
    Place("client-modifier", CLAIRE, behind(_CLIENT, "Modifier")),
    Place("client-effacer", CLAIRE, lambda reader: _CLIENT(reader) + "/erase"),
    Place("client-responsables", CLAIRE, lambda reader: _CLIENT(reader) + "/advisers"),
    Place("client-personne", CLAIRE, behind(_CLIENT, "Yann Le Goff")),
    Place("client-personne-nouvelle", CLAIRE, behind(_CLIENT, "Ajouter une personne")),
    Place("client-acces", CLAIRE, behind(_OTHER_CLIENT, "Donner accès")),
    Place("client-acces-provisoire", CLAIRE, in_menu(_CLIENT, "Nouveau mot de passe provisoire")),
    Place("client-acces-adresse", CLAIRE, in_menu(_CLIENT, "Corriger l’adresse mail")),
    Place("client-voir-comme", CLAIRE, _view_of),
    Place("client-dossier", CLAIRE, behind(_CLIENT, "Contrats", "")),
    Place("client-dossier-vide", CLAIRE, behind(_OTHER_CLIENT, "Factures")),
    Place("documents", CLAIRE, f"{ORSEL}/documents"),
    Place("documents-client", CLAIRE, behind(_CLIENT, "Tous les documents")),
    Place("document", CLAIRE, behind(f"{ORSEL}/documents", "Lettre de mission")),
    Place("factures", CLAIRE, f"{ORSEL}/invoices"),
    Place("facture-pour-qui", CLAIRE, f"{ORSEL}/invoices/new"),
    Place("facture-nouvelle", CLAIRE, behind(_CLIENT, "Nouvelle facture")),
    Place("facture-brouillon", CLAIRE, _DRAFT),
    Place("facture-brouillon-modifier", CLAIRE, behind(_DRAFT, "Modifier")),
    Place("facture-cloturee", CLAIRE, behind(f"{ORSEL}/invoices?q=F2026-00001", "F2026-00001")),
    Place("notifications", CLAIRE, f"{ORSEL}/notifications"),
    Place("message", CLAIRE, behind(f"{ORSEL}/notifications?q=Lettre", "Boulangerie Le Goff")),
    Place("compte", CLAIRE, f"{ORSEL}/account"),
    Place("mot-de-passe", CLAIRE, "/password"),
    Place("appareil", CLAIRE, "/device"),
    Place("adresse", CLAIRE, "/address"),
    Place("introuvable", CLAIRE, f"{ORSEL}/nulle-part", 404),
    Place("composants", CLAIRE, "/styleguide"),
    Place("organisations", KARIM, "/organisations"),
    Place("compte-seul", KARIM, "/account"),
    Place("droit-manquant", KARIM, f"{ORSEL}/settings/folders", 403),
    Place("accueil-conseiller", KARIM, f"{VALMER}/"),
    Place("accueil-autre-cabinet", SOPHIE, f"{VALMER}/"),
    Place("factures-vide", SOPHIE, f"{VALMER}/invoices"),
    Place("client-sans-personne", SOPHIE, behind(f"{VALMER}/contacts", "Famille Rochebrune")),
)

PROVIDER = (
    Place("accueil-editeur", HELENE, f"{CADRANE}/"),
    Place("applications-editeur", HELENE, f"{CADRANE}/applications"),
    Place("organisations-clientes", HELENE, f"{CADRANE}/customers"),
    Place("reinitialiser-double-authentification", HELENE, f"{CADRANE}/customers/factors"),
    Place("organisation-nouvelle", HELENE, f"{CADRANE}/customers/new"),
    Place("organisation-logiciels", HELENE, _CUSTOMER),
    Place("organisation-logiciel", HELENE, behind(_CUSTOMER, "Modifier : Fiduvia")),
    Place("applications-editeur-vide", HELENE, f"{CADRANE}/settings/applications"),
    Place("logiciels", HELENE, f"{CADRANE}/settings/products"),
    Place("logiciel-nouveau", HELENE, f"{CADRANE}/settings/products/new"),
    Place("logiciel", HELENE, behind(f"{CADRANE}/settings/products", "Patrimonia")),
    Place("logiciel-modifier", HELENE, behind(f"{CADRANE}/settings/products", "Patrimonia", "/edit")),
    Place("droit-nouveau", HELENE, behind(f"{CADRANE}/settings/products", "Patrimonia", "/rights/new")),
    Place("droit", HELENE, behind(f"{CADRANE}/settings/products", "Patrimonia", "/rights/portfolios.read")),
    Place("logiciel-sans-droit", HELENE, behind(f"{CADRANE}/settings/products", "Actalis")),
    Place("imports", HELENE, f"{CADRANE}/settings/imports"),
    Place("demandes-acces-ouvertes", HELENE, f"{CADRANE}/settings/people/requests"),
    Place("fiche-editeur", HELENE, f"{CADRANE}/settings/organisation"),
    Place("structures-vide", HELENE, f"{CADRANE}/settings/structures"),
    Place("annuaire-en-service", HELENE, _DIRECTORY),
    Place("annuaire-reglages", HELENE, lambda reader: _DIRECTORY(reader) + "/here"),
    Place("annuaire-champs", HELENE, lambda reader: _DIRECTORY(reader) + "/claims"),
    Place("annuaire-cles", HELENE, lambda reader: _DIRECTORY(reader) + "/here", 409, bring_other_keys),
)

PORTAL = (
    Place("espace-accueil", ANNE, f"{ORSEL}/"),
    Place("espace-documents", ANNE, f"{ORSEL}/documents"),
    Place("espace-dossier", ANNE, behind(f"{ORSEL}/documents", "Contrats")),
    Place("espace-depot", ANNE, behind(f"{ORSEL}/documents", "Pièces à nous transmettre")),
    Place("espace-document", ANNE, behind(f"{ORSEL}/documents", "Bilan 2025")),
    Place("espace-factures", ANNE, f"{ORSEL}/invoices"),
    Place("espace-facture", ANNE, behind(f"{ORSEL}/invoices", "F2026-00001")),
    Place("espace-compte", ANNE, f"{ORSEL}/account"),
    Place("espace-comptes-relies", ANNE, "/links"),
)

PLACES = (*OUTSIDE, *STAFF, *PROVIDER, *PORTAL)


def activation(mails: Mailbox, portal: str) -> Place:
    """The page of an invitation that nobody has answered: in the demonstration, Paul Guérin's."""
    for mail in reversed(mails.all("paul.guerin@orsel.example")):
        for link in mail.links:
            if "/activate/" in link and httpx.get(link, trust_env=False).status_code == httpx.codes.OK:
                return Place("activation", None, link.removeprefix(portal))
    raise AssertionError("Paul Guérin's invitation is gone from the sink")
