"""Kinds of mail, and the merge fields of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

LOCALES: Final = ("fr", "en")


class Kind(StrEnum):
    """Kinds of mail."""

    MEMBER_INVITED = "member_invited"
    ACCESS_GRANTED = "access_granted"
    DOCUMENT_FILED = "document_filed"
    DEPOSIT_RECEIVED = "deposit_received"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - a kind of mail
    ACCOUNT_IMPORTED = "account_imported"
    ADDRESS_NEW = "address_new"
    ADDRESS_TAKEN = "address_taken"
    ADDRESS_ASKED = "address_asked"
    ADDRESS_CHANGED = "address_changed"
    ADDRESS_CORRECTED = "address_corrected"
    REQUEST_CONFIRMATION = "request_confirmation"
    REQUEST_RECEIVED = "request_received"
    REQUEST_ACCEPTED = "request_accepted"
    REQUEST_DECLINED = "request_declined"
    REQUEST_EXPIRED = "request_expired"
    REQUEST_ALREADY_MEMBER = "request_already_member"
    REQUEST_ACCESS_CUT = "request_access_cut"
    REQUEST_CLOSED = "request_closed"
    REQUEST_TOO_SOON = "request_too_soon"
    ACCOUNT_LINKED = "account_linked"
    ACCOUNT_UNLINKED = "account_unlinked"
    ACCOUNT_DIRECTORY_LINKED = "account_directory_linked"
    ACCOUNT_DIRECTORY_UNLINKED = "account_directory_unlinked"
    FACTOR_ADDED = "factor_added"
    FACTOR_REMOVED = "factor_removed"
    FACTOR_REFUSED = "factor_refused"
    FACTOR_RESET_ASKED = "factor_reset_asked"
    FACTOR_RESET_DONE = "factor_reset_done"
    RECOVERY_CODES_RENEWED = "recovery_codes_renewed"
    RECOVERY_CODE_USED = "recovery_code_used"
    PASSWORD_REPLACED = "password_replaced"  # noqa: S105 - a kind of mail
    DOMAIN_PROOF = "domain_proof"
    DOMAIN_LOST = "domain_lost"
    DOMAIN_OFF = "domain_off"
    DOMAIN_CLAIMED = "domain_claimed"
    DOMAIN_SHARED = "domain_shared"
    SIGN_IN_SUSPICIOUS = "sign_in_suspicious"
    DIRECTORY_DOOR = "directory_door"
    DIRECTORY_ADDED = "directory_added"
    DIRECTORY_CHANGED = "directory_changed"
    DIRECTORY_LIVE = "directory_live"
    DIRECTORY_OFF = "directory_off"
    DIRECTORY_DELETED = "directory_deleted"
    DIRECTORY_CERTIFICATE = "directory_certificate"
    DIRECTORY_TOKEN = "directory_token"  # noqa: S105 - a kind of mail
    DIRECTORY_ADDRESS_REFUSED = "directory_address_refused"
    DIRECTORY_LEAVER_KEPT = "directory_leaver_kept"
    ERASURE_ASKED = "erasure_asked"
    ERASURE_TAKEN_BACK = "erasure_taken_back"
    ERASURE_DONE = "erasure_done"
    ERASURE_WAITS = "erasure_waits"
    ORGANISATION_CLOSING = "organisation_closing"
    ORGANISATION_CLOSES_SOON = "organisation_closes_soon"
    ORGANISATION_REOPENED = "organisation_reopened"
    ORGANISATION_ERASED = "organisation_erased"
    ACCOUNT_IDLE = "account_idle"
    ACCOUNT_IDLE_KEPT = "account_idle_kept"


@dataclass(frozen=True)
class Field:
    """A merge field: `#name#` in a template, with or without accents."""

    name: str
    fr: str
    en: str
    required: bool = False

    def example(self, locale: str) -> str:
        """An example value for previews."""
        return self.en if locale == "en" else self.fr


LINK_FIELD = Field("lien", "https://portail.exemple.fr/acces", "https://portal.example.com/access", required=True)
_FIRM = Field("société", "Cabinet Armor Conseil", "Armor Conseil")
_DOMAIN = Field("domaine", "portail.exemple.fr", "portal.example.com")
_GIVEN = Field("prénom", "Claire", "Claire")
_FAMILY = Field("nom", "Le Goff", "Le Goff")
_CONTACT = Field("client", "Menuiserie Kerautret", "Kerautret Joinery")
_DOCUMENT = Field("document", "Facture F2026-00042", "Invoice F2026-00042")
_NEW_ADDRESS = Field("adresse", "claire.legoff@exemple.fr", "claire.legoff@example.com")
_DAY = Field("jour", "24 décembre 2026", "24 December 2026")
_FACTOR = Field("facteur", "clé d’accès", "passkey")
_DEVICE = Field("appareil", "Firefox, Windows", "Firefox, Windows")
_MAIL_DOMAIN = Field("messagerie", "armor-conseil.fr", "armor-conseil.com")
_DIRECTORY = Field("annuaire", "Annuaire Orsel", "Orsel directory")
_ACTOR = Field("auteur", "Claire Le Goff", "Claire Le Goff")
_FOLDER = Field("dossier", "Factures", "Invoices")

FIELDS: Final[Mapping[Kind, tuple[Field, ...]]] = {
    Kind.MEMBER_INVITED: (
        LINK_FIELD, _GIVEN, _FAMILY, _FIRM, _DOMAIN,
        Field("expéditeur", "Marc Tanguy", "Marc Tanguy"),
        Field("profil", "Conseiller", "Adviser"),
    ),
    Kind.ACCESS_GRANTED: (
        LINK_FIELD, Field("identifiant", "C0042", "C0042", required=True), _GIVEN, _FAMILY, _CONTACT, _FIRM, _DOMAIN,
    ),
    Kind.DOCUMENT_FILED: (
        LINK_FIELD, _DOCUMENT, _FOLDER, _CONTACT, _FIRM, _DOMAIN, Field("expéditeur", "Marc Tanguy", "Marc Tanguy"),
    ),
    Kind.DEPOSIT_RECEIVED: (
        LINK_FIELD,
        Field("document", "Relevé de novembre.pdf", "November statement.pdf"),
        _FOLDER, _CONTACT, _GIVEN, _FAMILY, _FIRM, _DOMAIN,
        Field("expéditeur", "Claire Le Goff", "Claire Le Goff"),
    ),
    Kind.PASSWORD_RESET: (LINK_FIELD, _GIVEN, _FAMILY, _DOMAIN),
    Kind.ACCOUNT_IMPORTED: (
        LINK_FIELD, Field("identifiant", "C0042", "C0042", required=True), _GIVEN, _FAMILY, _DOMAIN,
    ),
    Kind.ADDRESS_NEW: (LINK_FIELD, _NEW_ADDRESS, _GIVEN, _FAMILY, _DOMAIN),
    Kind.ADDRESS_TAKEN: (LINK_FIELD, _NEW_ADDRESS, _DOMAIN),
    Kind.ADDRESS_ASKED: (LINK_FIELD, _NEW_ADDRESS, _GIVEN, _FAMILY, _DOMAIN),
    Kind.ADDRESS_CHANGED: (LINK_FIELD, _NEW_ADDRESS, _GIVEN, _FAMILY, _DOMAIN),
    Kind.ADDRESS_CORRECTED: (
        LINK_FIELD, Field("identifiant", "C0042", "C0042"), _GIVEN, _FAMILY, _FIRM, _DOMAIN,
    ),
    Kind.REQUEST_RECEIVED: (
        LINK_FIELD, _GIVEN, _FIRM, _DOMAIN,
        Field("expéditeur", "Claire Le Goff", "Claire Le Goff"),
        Field("adresse", "claire@exemple.fr", "claire@example.com"),
    ),
    Kind.REQUEST_DECLINED: (
        LINK_FIELD, _GIVEN, _FIRM, _DOMAIN, _DAY, Field("motif", "Écrivez-nous d’abord.", "Write to us first."),
    ),
    Kind.REQUEST_TOO_SOON: (LINK_FIELD, _GIVEN, _FIRM, _DOMAIN, _DAY),
    Kind.FACTOR_ADDED: (LINK_FIELD, _FACTOR, _DEVICE, _GIVEN, _DOMAIN),
    Kind.FACTOR_REMOVED: (LINK_FIELD, _FACTOR, _DEVICE, _GIVEN, _DOMAIN),
    Kind.FACTOR_REFUSED: (LINK_FIELD, _DEVICE, _GIVEN, _DOMAIN),
    Kind.FACTOR_RESET_ASKED: (LINK_FIELD, _DAY, _GIVEN, _FIRM, _DOMAIN),
    Kind.FACTOR_RESET_DONE: (LINK_FIELD, _GIVEN, _FIRM, _DOMAIN),
    Kind.RECOVERY_CODES_RENEWED: (LINK_FIELD, _DEVICE, _GIVEN, _DOMAIN),
    Kind.RECOVERY_CODE_USED: (LINK_FIELD, Field("restants", "9", "9"), _DEVICE, _GIVEN, _DOMAIN),
    **dict.fromkeys(
        (Kind.ACCOUNT_LINKED, Kind.ACCOUNT_UNLINKED, Kind.PASSWORD_REPLACED),
        (LINK_FIELD, Field("identifiant", "C0042", "C0042"), _GIVEN, _FIRM, _DOMAIN),
    ),
    **dict.fromkeys(
        (Kind.ACCOUNT_DIRECTORY_LINKED, Kind.ACCOUNT_DIRECTORY_UNLINKED),
        (LINK_FIELD, _DIRECTORY, _GIVEN, _FIRM, _DOMAIN),
    ),
    Kind.SIGN_IN_SUSPICIOUS: (
        *(LINK_FIELD, _DIRECTORY),
        Field("contrôle", "signature_wrong", "signature_wrong"),
        *(Field("suite", "nonce_wrong (3)", "nonce_wrong (3)"), _GIVEN, _FIRM, _DOMAIN),
    ),
    Kind.DIRECTORY_DOOR: (LINK_FIELD, _GIVEN, _FAMILY, _DOMAIN),
    **dict.fromkeys(
        (
            Kind.DIRECTORY_ADDED, Kind.DIRECTORY_LIVE, Kind.DIRECTORY_OFF, Kind.DIRECTORY_DELETED,
            Kind.DIRECTORY_TOKEN,
        ),
        (LINK_FIELD, _DIRECTORY, _ACTOR, _GIVEN, _FIRM, _DOMAIN),
    ),
    Kind.DIRECTORY_CHANGED: (
        LINK_FIELD, _DIRECTORY, _ACTOR, Field("réglages", "secret, émetteur", "secret, issuer"), _GIVEN, _FIRM, _DOMAIN,
    ),
    Kind.DIRECTORY_CERTIFICATE: (LINK_FIELD, _DIRECTORY, _DAY, _GIVEN, _FIRM, _DOMAIN),
    Kind.DIRECTORY_ADDRESS_REFUSED: (LINK_FIELD, _DIRECTORY, _GIVEN, _FIRM, _DOMAIN),
    Kind.DIRECTORY_LEAVER_KEPT: (
        *(LINK_FIELD, Field("personne", "Claire Le Goff", "Claire Le Goff", required=True), _GIVEN, _FIRM, _DOMAIN),
    ),
    Kind.ERASURE_ASKED: (LINK_FIELD, _DAY, _GIVEN, _DOMAIN),
    Kind.ERASURE_WAITS: (LINK_FIELD, _GIVEN, _FIRM, _DOMAIN),
    **dict.fromkeys((Kind.ERASURE_TAKEN_BACK, Kind.ERASURE_DONE), (LINK_FIELD, _GIVEN, _DOMAIN)),
    **dict.fromkeys(
        (Kind.ORGANISATION_CLOSING, Kind.ORGANISATION_CLOSES_SOON, Kind.ORGANISATION_REOPENED),
        (LINK_FIELD, _DAY, _ACTOR, _GIVEN, _FIRM, _DOMAIN),
    ),
    Kind.ORGANISATION_ERASED: (LINK_FIELD, _GIVEN, _FIRM, _DOMAIN),
    Kind.ACCOUNT_IDLE: (LINK_FIELD, _DAY, _GIVEN, _FAMILY, _DOMAIN),
    Kind.ACCOUNT_IDLE_KEPT: (LINK_FIELD, _GIVEN, _FAMILY, _FIRM, _DOMAIN),
    Kind.DOMAIN_PROOF: (LINK_FIELD, _MAIL_DOMAIN, _FIRM, _DOMAIN),
    **dict.fromkeys(
        (Kind.DOMAIN_LOST, Kind.DOMAIN_OFF, Kind.DOMAIN_CLAIMED, Kind.DOMAIN_SHARED),
        (LINK_FIELD, _MAIL_DOMAIN, _DAY, _GIVEN, _FIRM, _DOMAIN),
    ),
    **dict.fromkeys(
        (
            Kind.REQUEST_CONFIRMATION, Kind.REQUEST_ACCEPTED, Kind.REQUEST_EXPIRED, Kind.REQUEST_ALREADY_MEMBER,
            Kind.REQUEST_ACCESS_CUT, Kind.REQUEST_CLOSED,
        ),
        (LINK_FIELD, _GIVEN, _FIRM, _DOMAIN),
    ),
}  # fmt: skip
#: Kinds whose mails somebody waits for: nothing is erased that its owner was not told of.
AWAITED: Final = frozenset({Kind.ACCOUNT_IDLE, Kind.ACCOUNT_IDLE_KEPT, Kind.ERASURE_WAITS})
#: Kinds that a firm may word itself. Mails about an account itself are the same for everybody.
CUSTOMISABLE: Final = frozenset({Kind.MEMBER_INVITED, Kind.ACCESS_GRANTED, Kind.DOCUMENT_FILED, Kind.DEPOSIT_RECEIVED})
