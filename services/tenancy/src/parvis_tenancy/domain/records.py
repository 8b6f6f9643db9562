"""What a record may contain: slugs, codes, registration numbers, mail addresses, colours, time zones."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from types import MappingProxyType
from zoneinfo import available_timezones

from stdnum import iban as stdnum_iban
from stdnum.eu import vat as stdnum_vat
from stdnum.exceptions import ValidationError
from stdnum.fr import siren as stdnum_siren

from parvis_tenancy.domain.states import ContactKind

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?")
# Words that stand in addresses of the portal, or that a reader could take for the portal itself.
RESERVED_SLUGS = frozenset({
    "account", "activate", "admin", "api", "assets", "auth", "login", "logout", "o", "oauth2", "organisations",
    "parvis", "portal", "reset", "setup", "signed-out", "www",
})  # fmt: skip
CODE = re.compile(r"[A-Z0-9][A-Z0-9._-]{0,31}")
IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{1,63}")
# Good enough to catch what was mistyped; the mail that arrives is the proof.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
MAIL = re.compile(rf"[^@\s,;:<>\"()\[\]\\\x00-\x1f]{{1,64}}@(?:{_LABEL}\.)+[A-Za-z0-9-]{{2,63}}")
ACCENT = re.compile(r"#[0-9a-f]{6}")
COUNTRY = re.compile(r"[A-Z]{2}")
MAIL_LENGTH = 254  # RFC 5321, section 4.5.3.1.3, less the angle brackets
LOCALES = ("fr", "en")

# The letter that a code begins with: client, salarié, fournisseur.
CODE_PREFIXES: Mapping[int, str] = MappingProxyType(
    {ContactKind.CLIENT: "C", ContactKind.EMPLOYEE: "S", ContactKind.SUPPLIER: "F"}
)

# Companies state their capital and register (Code de commerce R123-238); these forms have neither.
_WITHOUT_CAPITAL = frozenset({"EI", "EIRL", "ASSOCIATION", "AARPI", "GIE"})


def slug_of(name: str) -> str:
    """A slug for a name: "Cabinet Élan & Fils" → "cabinet-elan-fils". Empty when no letter is left."""
    spelled = unicodedata.normalize("NFKD", name.casefold().replace("œ", "oe").replace("æ", "ae"))
    return re.sub(r"[^a-z0-9]+", "-", spelled.encode("ascii", "ignore").decode()).strip("-")[:40].strip("-")


def slug_is_right(slug: str) -> bool:
    """Lower-case letters, digits, single inner hyphens, at most 48, and not a word of the portal's addresses."""
    return SLUG.fullmatch(slug) is not None and "--" not in slug and slug not in RESERVED_SLUGS


def slugs_from(name: str) -> Iterator[str]:
    """Slugs to try for a name, best first and without end: "elan", "elan-2", "elan-3"."""
    base = slug_of(name) or "organisation"
    if slug_is_right(base):
        yield base
    yield from (f"{base}-{number}" for number in count(2))


def siren(text: str) -> str | None:
    """Nine digits whose key is right (Luhn), or None."""
    return _valid(stdnum_siren, text)


def vat_number(text: str) -> str | None:
    """A VAT number of the Union in its compact form ("FR83404833048"), or None."""
    return _valid(stdnum_vat, text)


def iban(text: str) -> str | None:
    """An IBAN (ISO 13616) in its compact form, or None."""
    return _valid(stdnum_iban, text)


def _valid(kind: object, text: str) -> str | None:
    try:
        return str(kind.validate(text))  # type: ignore[attr-defined]
    except ValidationError:
        return None


def mail(text: str) -> str | None:
    """The address with its domain in lower case, or None when it cannot be one."""
    address = text.strip()
    if len(address) > MAIL_LENGTH or MAIL.fullmatch(address) is None:
        return None
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.lower()}"


def time_zone_exists(name: str) -> bool:
    """Whether the IANA database has the name."""
    return name in available_timezones()


def contact_code(kind: int, number: int) -> str:
    """The code of the contact with this number: "C0042"; wider from the ten-thousandth on."""
    return f"{CODE_PREFIXES[kind]}{number:04d}"


def access_identifier(code: str, earlier: int) -> str:
    """What is typed at sign-in: the contact's code, with a suffix for every access but the first ("C0042-2")."""
    return code if earlier == 0 else f"{code}-{earlier + 1}"


@dataclass(frozen=True, slots=True)
class LegalRecord:
    """What an organisation's record says of itself, as far as an invoice must repeat it."""

    legal_name: str
    legal_form: str
    capital: str
    siren: str
    registry: str
    vat_number: str
    address_complete: bool


def missing_mentions(record: LegalRecord) -> tuple[str, ...]:
    """Fields without which no invoice can be closed.

    Code de commerce L441-9, R123-237 and R123-238; CGI, annexe II, 242 nonies A.
    """
    wanted = {
        "legal_name": record.legal_name,
        "legal_form": record.legal_form,
        "siren": record.siren,
        "vat_number": record.vat_number,
        "address": record.address_complete,
    }
    if record.legal_form.upper() not in _WITHOUT_CAPITAL:
        wanted |= {"capital": record.capital, "registry": record.registry}
    return tuple(name for name, value in wanted.items() if not value)
