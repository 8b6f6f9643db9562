"""Pure rules of notify: merge fields, what a template may say, whom a message goes to, when it is tried again."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from enum import StrEnum
from typing import Final
from uuid import UUID

LOCALES: Final = ("fr", "en")
MONTHS: Final[Mapping[str, Sequence[str]]] = {
    "fr": (
        "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
        "décembre",
    ),
    "en": (
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ),
}  # fmt: skip
LONGEST_SUBJECT: Final = 200
LONGEST_BODY: Final = 10_000
#: RFC 5321, section 4.5.3.1.3.
LONGEST_ADDRESS: Final = 254
#: Stands where the link goes in a composed text. A private character: `plain` takes it out of every value.
LINK: Final = "\ue000"
#: The organisation of mails that belong to no firm (the password of a personal account). No token names it.
NOBODY: Final = UUID(int=0)


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


class State(StrEnum):
    """States of a message; the last three are final."""

    PENDING = "pending"
    SENT = "sent"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Result(StrEnum):
    """How an attempt to send ended."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    #: We do not know: the attempt was cut between the server's acceptance and our record of it.
    INTERRUPTED = "interrupted"


#: The history says this about a message that was sent again after an interrupted attempt.
MAYBE_SENT_TWICE: Final = "maybe_sent_twice"


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


_LINK = Field("lien", "https://portail.exemple.fr/acces", "https://portal.example.com/access", required=True)
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
        _LINK, _GIVEN, _FAMILY, _FIRM, _DOMAIN,
        Field("expéditeur", "Marc Tanguy", "Marc Tanguy"),
        Field("profil", "Conseiller", "Adviser"),
    ),
    Kind.ACCESS_GRANTED: (
        _LINK, Field("identifiant", "C0042", "C0042", required=True), _GIVEN, _FAMILY, _CONTACT, _FIRM, _DOMAIN,
    ),
    Kind.DOCUMENT_FILED: (
        _LINK, _DOCUMENT, _FOLDER, _CONTACT, _FIRM, _DOMAIN, Field("expéditeur", "Marc Tanguy", "Marc Tanguy"),
    ),
    Kind.DEPOSIT_RECEIVED: (
        _LINK,
        Field("document", "Relevé de novembre.pdf", "November statement.pdf"),
        _FOLDER, _CONTACT, _GIVEN, _FAMILY, _FIRM, _DOMAIN,
        Field("expéditeur", "Claire Le Goff", "Claire Le Goff"),
    ),
    Kind.PASSWORD_RESET: (_LINK, _GIVEN, _FAMILY, _DOMAIN),
    Kind.ACCOUNT_IMPORTED: (
        _LINK, Field("identifiant", "C0042", "C0042", required=True), _GIVEN, _FAMILY, _DOMAIN,
    ),
    Kind.ADDRESS_NEW: (_LINK, _NEW_ADDRESS, _GIVEN, _FAMILY, _DOMAIN),
    Kind.ADDRESS_TAKEN: (_LINK, _NEW_ADDRESS, _DOMAIN),
    Kind.ADDRESS_ASKED: (_LINK, _NEW_ADDRESS, _GIVEN, _FAMILY, _DOMAIN),
    Kind.ADDRESS_CHANGED: (_LINK, _NEW_ADDRESS, _GIVEN, _FAMILY, _DOMAIN),
    Kind.ADDRESS_CORRECTED: (
        _LINK, Field("identifiant", "C0042", "C0042"), _GIVEN, _FAMILY, _FIRM, _DOMAIN,
    ),
    Kind.REQUEST_RECEIVED: (
        _LINK, _GIVEN, _FIRM, _DOMAIN,
        Field("expéditeur", "Claire Le Goff", "Claire Le Goff"),
        Field("adresse", "claire@exemple.fr", "claire@example.com"),
    ),
    Kind.REQUEST_DECLINED: (
        _LINK, _GIVEN, _FIRM, _DOMAIN, _DAY, Field("motif", "Écrivez-nous d’abord.", "Write to us first."),
    ),
    Kind.REQUEST_TOO_SOON: (_LINK, _GIVEN, _FIRM, _DOMAIN, _DAY),
    Kind.FACTOR_ADDED: (_LINK, _FACTOR, _DEVICE, _GIVEN, _DOMAIN),
    Kind.FACTOR_REMOVED: (_LINK, _FACTOR, _DEVICE, _GIVEN, _DOMAIN),
    Kind.FACTOR_REFUSED: (_LINK, _DEVICE, _GIVEN, _DOMAIN),
    Kind.FACTOR_RESET_ASKED: (_LINK, _DAY, _GIVEN, _FIRM, _DOMAIN),
    Kind.FACTOR_RESET_DONE: (_LINK, _GIVEN, _FIRM, _DOMAIN),
    Kind.RECOVERY_CODES_RENEWED: (_LINK, _DEVICE, _GIVEN, _DOMAIN),
    Kind.RECOVERY_CODE_USED: (_LINK, Field("restants", "9", "9"), _DEVICE, _GIVEN, _DOMAIN),
    **dict.fromkeys(
        (Kind.ACCOUNT_LINKED, Kind.ACCOUNT_UNLINKED, Kind.PASSWORD_REPLACED),
        (_LINK, Field("identifiant", "C0042", "C0042"), _GIVEN, _FIRM, _DOMAIN),
    ),
    **dict.fromkeys(
        (Kind.ACCOUNT_DIRECTORY_LINKED, Kind.ACCOUNT_DIRECTORY_UNLINKED),
        (_LINK, _DIRECTORY, _GIVEN, _FIRM, _DOMAIN),
    ),
    Kind.SIGN_IN_SUSPICIOUS: (
        *(_LINK, _DIRECTORY),
        Field("contrôle", "signature_wrong", "signature_wrong"),
        *(Field("suite", "nonce_wrong (3)", "nonce_wrong (3)"), _GIVEN, _FIRM, _DOMAIN),
    ),
    Kind.DIRECTORY_DOOR: (_LINK, _GIVEN, _FAMILY, _DOMAIN),
    **dict.fromkeys(
        (
            Kind.DIRECTORY_ADDED, Kind.DIRECTORY_LIVE, Kind.DIRECTORY_OFF, Kind.DIRECTORY_DELETED,
            Kind.DIRECTORY_TOKEN,
        ),
        (_LINK, _DIRECTORY, _ACTOR, _GIVEN, _FIRM, _DOMAIN),
    ),
    Kind.DIRECTORY_CHANGED: (
        *(_LINK, _DIRECTORY, _ACTOR, Field("réglages", "secret, émetteur", "secret, issuer"), _GIVEN, _FIRM, _DOMAIN),
    ),
    Kind.DIRECTORY_CERTIFICATE: (_LINK, _DIRECTORY, _DAY, _GIVEN, _FIRM, _DOMAIN),
    Kind.DIRECTORY_ADDRESS_REFUSED: (_LINK, _DIRECTORY, _GIVEN, _FIRM, _DOMAIN),
    Kind.DIRECTORY_LEAVER_KEPT: (
        *(_LINK, Field("personne", "Claire Le Goff", "Claire Le Goff", required=True), _GIVEN, _FIRM, _DOMAIN),
    ),
    Kind.ERASURE_ASKED: (_LINK, _DAY, _GIVEN, _DOMAIN),
    Kind.ERASURE_WAITS: (_LINK, _GIVEN, _FIRM, _DOMAIN),
    **dict.fromkeys((Kind.ERASURE_TAKEN_BACK, Kind.ERASURE_DONE), (_LINK, _GIVEN, _DOMAIN)),
    **dict.fromkeys(
        (Kind.ORGANISATION_CLOSING, Kind.ORGANISATION_CLOSES_SOON, Kind.ORGANISATION_REOPENED),
        (_LINK, _DAY, _ACTOR, _GIVEN, _FIRM, _DOMAIN),
    ),
    Kind.ORGANISATION_ERASED: (_LINK, _GIVEN, _FIRM, _DOMAIN),
    Kind.ACCOUNT_IDLE: (_LINK, _DAY, _GIVEN, _FAMILY, _DOMAIN),
    Kind.ACCOUNT_IDLE_KEPT: (_LINK, _GIVEN, _FAMILY, _FIRM, _DOMAIN),
    Kind.DOMAIN_PROOF: (_LINK, _MAIL_DOMAIN, _FIRM, _DOMAIN),
    **dict.fromkeys(
        (Kind.DOMAIN_LOST, Kind.DOMAIN_OFF, Kind.DOMAIN_CLAIMED, Kind.DOMAIN_SHARED),
        (_LINK, _MAIL_DOMAIN, _DAY, _GIVEN, _FIRM, _DOMAIN),
    ),
    **dict.fromkeys(
        (
            Kind.REQUEST_CONFIRMATION, Kind.REQUEST_ACCEPTED, Kind.REQUEST_EXPIRED, Kind.REQUEST_ALREADY_MEMBER,
            Kind.REQUEST_ACCESS_CUT, Kind.REQUEST_CLOSED,
        ),
        (_LINK, _GIVEN, _FIRM, _DOMAIN),
    ),
}  # fmt: skip
#: Kinds whose mails somebody waits for: nothing is erased that its owner was not told of.
AWAITED: Final = frozenset({Kind.ACCOUNT_IDLE, Kind.ACCOUNT_IDLE_KEPT, Kind.ERASURE_WAITS})
#: Kinds that a firm may word itself. Mails about an account itself are the same for everybody.
CUSTOMISABLE: Final = frozenset({Kind.MEMBER_INVITED, Kind.ACCESS_GRANTED, Kind.DOCUMENT_FILED, Kind.DEPOSIT_RECEIVED})


@dataclass(frozen=True)
class Problem:
    """Why a template cannot be saved: the field of the request, a stable reason, the values of the sentence."""

    field: str
    reason: str
    params: Mapping[str, str]


_MERGE = re.compile(r"(?P<space>[ \u00a0\u202f]?)#(?P<name>[^#\s]{1,40})#")


def field_key(name: str) -> str:
    """What a merge field is known by: without case and accents, "Prénom" → "prenom"."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


_EVERYWHERE = {field_key(field.name): field.name for fields in FIELDS.values() for field in fields}


def template_problems(kind: Kind, subject: str, body: str) -> list[Problem]:
    """Everything that stops a template from being saved; empty when it may be.

    Reasons: required, single_line, too_long, merge_field_unknown (with `field` and `nearest`, a valid one),
    merge_field_unresolvable (it exists, but not for this kind of mail), merge_field_not_closed, merge_field_missing,
    merge_field_not_in_subject.
    """
    problems = []
    for where, text, longest in (("subject", subject, LONGEST_SUBJECT), ("body", body, LONGEST_BODY)):
        if not text.strip():
            problems.append(Problem(where, "required", {}))
        if len(text) > longest:
            problems.append(Problem(where, "too_long", {"limit": str(longest)}))
        problems += _field_problems(kind, where, text)
    if re.search(r"[\r\n\u2028\u2029]", subject.strip()):
        problems.append(Problem("subject", "single_line", {}))
    # A link in a subject line cannot be followed, and would show a one-time secret in every list of mails.
    if _LINK.name in {_EVERYWHERE.get(field_key(found["name"])) for found in _MERGE.finditer(subject)}:
        problems.append(Problem("subject", "merge_field_not_in_subject", {"field": _LINK.name}))
    used = {field_key(found["name"]) for found in _MERGE.finditer(body)}
    problems += [
        Problem("body", "merge_field_missing", {"field": field.name})
        for field in FIELDS[kind]
        if field.required and field_key(field.name) not in used
    ]
    return problems


def _field_problems(kind: Kind, where: str, text: str) -> list[Problem]:
    valid = {field_key(field.name): field.name for field in FIELDS[kind]}
    problems = []
    for name in dict.fromkeys(found["name"] for found in _MERGE.finditer(text)):
        key = field_key(name)
        if key not in valid:
            near = get_close_matches(key, valid, n=1, cutoff=0.0)
            reason = "merge_field_unresolvable" if key in _EVERYWHERE else "merge_field_unknown"
            problems.append(Problem(where, reason, {"field": name, "nearest": valid[near[0]] if near else ""}))
    rest = _MERGE.sub(" ", text)
    opened = dict.fromkeys(re.findall(r"#([^\W\d_]+)", rest))
    return problems + [
        Problem(where, "merge_field_not_closed", {"field": word}) for word in opened if field_key(word) in valid
    ]


def plain(value: str) -> str:
    """A value as it may stand in a header or a paragraph: one line, no control, private or direction-turning sign."""
    kept = "".join(c if unicodedata.category(c)[0] != "C" else " " if c in "\t\r\n\v\f\x85" else "" for c in value)
    return " ".join(kept.split())


def merge(text: str, values: Mapping[str, str]) -> str:
    """`text` with its merge fields replaced, in one pass: a value that looks like a field stays as it is.

    `values` go by `field_key`. An empty value takes the space before it along: "Bonjour #prénom#," becomes "Bonjour,".
    """

    def value_of(found: re.Match[str]) -> str:
        value = values.get(field_key(found["name"]), "")
        return found["space"] + value if value else ""

    return _MERGE.sub(value_of, text)


def values_for(kind: Kind, values: Mapping[str, str]) -> dict[str, str]:
    """Every merge field of the kind: `values` (by name) made plain, the link as its sign, what is not given empty."""
    given = {field_key(name): plain(value) for name, value in values.items()}
    merged = {field_key(field.name): given.get(field_key(field.name), "") for field in FIELDS[kind]}
    return {**merged, field_key(_LINK.name): LINK}


def paragraphs(text: str) -> list[str]:
    """Parts of a text that blank lines separate, without blanks around them."""
    return [part.strip() for part in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n")) if part.strip()]


_FACT = re.compile(r"([^:.,;!?\n]{1,40}?[ \u00a0]?:) (\S.*)")


def facts(paragraph: str) -> list[tuple[str, str]]:
    """Labels and values of a paragraph whose every line is "Label : value"; empty for any other paragraph."""
    found = [_FACT.fullmatch(line.strip()) for line in paragraph.split("\n") if LINK not in paragraph]
    return [(match[1], match[2]) for match in found if match] if all(found) else []


def spaced(text: str, locale: str) -> str:
    """French words with the spaces before `: ; ! ? »` and after `«` that do not break; other languages as they are."""
    if locale != "fr":
        return text
    return re.sub(r" (?=[:;!?»](?:\s|$))|(?<=«) ", "\u00a0", text)


_FACT_OF_FIELD = re.compile(r"[^#:]{1,40}?[ \u00a0]?:[ \u00a0]#(?P<name>[^#\s]{1,40})#")


def _given(part: str, values: Mapping[str, str]) -> str:
    """A paragraph without the lines "Label : #field#" that would say nothing."""
    lines = [(line, _FACT_OF_FIELD.fullmatch(line.strip())) for line in part.split("\n")]
    return "\n".join(line for line, fact in lines if fact is None or values.get(field_key(fact["name"]), ""))


def compose(locale: str, subject: str, body: str, values: Mapping[str, str]) -> tuple[str, str]:
    """Subject and text of a message; the text has `LINK` where its link goes. `values` as `values_for` makes them."""
    parts = (_given(part, values) for part in paragraphs(body))
    text = "\n\n".join(merge(spaced(part, locale), values) for part in parts if part)
    return merge(spaced(plain(subject), locale), values).replace(LINK, "").strip()[:LONGEST_SUBJECT], text


def derived_id(event_id: UUID, recipient: str) -> UUID:
    """The id of the message that an event makes for a recipient: always the same one, a UUIDv7 of the event's time."""
    digest = hashlib.sha256(f"{event_id}:{recipient}".encode()).digest()
    value = event_id.int >> 80 << 80 | int.from_bytes(digest[:10])
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0b11 << 62) | 0b10 << 62)


def day(iso: str, locale: str) -> str:
    """A day in words: "24 décembre 2026", "1er janvier 2027"; empty for none."""
    if not iso:
        return ""
    found = date.fromisoformat(iso)
    number = "1er" if (locale, found.day) == ("fr", 1) else found.day
    return f"{number} {MONTHS[locale][found.month - 1]} {found.year}"


def address_for(use: str, addresses: Mapping[str, str]) -> str:
    """The address of a contact's record for a use ("billing" …), the main one when it has none; may be empty."""
    return addresses.get(use) or addresses.get("main", "")


_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\\\"]+@[^\s@<>()\[\],;:\\\"]+")


def is_address(mail: str) -> bool:
    """Whether this can be a recipient. Loose on purpose: only the server that owns the domain knows."""
    return len(mail) <= LONGEST_ADDRESS and bool(_ADDRESS.fullmatch(mail)) and plain(mail) == mail


#: Seconds before the next attempt, by how many were made; after the last one (two days and a half) no more.
DELAYS: Final[Sequence[float]] = (2, 15, 60, 300, 900, 3600, 3 * 3600, 8 * 3600, 16 * 3600, 30 * 3600)


def delay_after(attempts: int) -> float | None:
    """Seconds until the next attempt once `attempts` ≥ 1 have failed for now; None: give the message up."""
    return DELAYS[attempts - 1] if attempts <= len(DELAYS) else None


def given_locale(wanted: Iterable[str]) -> str:
    """The first language among `wanted` ("en", "fr-FR", "") in which there are texts; French when there is none."""
    return next((locale[:2].lower() for locale in wanted if locale[:2].lower() in LOCALES), "fr")


INK: Final = "#1b2430"
PAPER: Final = "#ffffff"
DEFAULT_ACCENT: Final = "#0f5c5c"
#: WCAG 2.2, success criterion 1.4.3.
CONTRAST: Final = 4.5


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2) of "#rrggbb", 0 to 1."""
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - the definition's own figures
        for c in (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio (WCAG 2.2) of two colours, 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def accent_shades(accent: str) -> tuple[str, str]:
    """The firm's accent as it can be read on white, and lightened as it can be read on a dark ground."""
    colour = accent.lower() if re.fullmatch(r"#[0-9a-fA-F]{6}", accent) else DEFAULT_ACCENT
    return _mixed(colour, 0.0, PAPER), _mixed(colour, 1.0, INK)


def _mixed(colour: str, towards: float, ground: str) -> str:
    """`colour` mixed with black (0) or white (1), in steps, until it stands out from `ground`."""
    parts = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    for step in range(21):
        mixed = "#" + "".join(f"{round(c + (255 * towards - c) * step / 20):02x}" for c in parts)
        if contrast(mixed, ground) >= CONTRAST:
            return mixed
    raise AssertionError("black stands out from white")
