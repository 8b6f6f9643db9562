"""Pure rules of invoices: amounts, what may be written, what must stand on them, their numbers and their chain.

Amounts (EN 16931): a line's net amount is quantity × price, rounded to cents (BT-131); the base of a rate is the sum of
its lines (BR-S-08); its tax is base × rate, rounded to cents once per rate (BR-CO-17), halves away from zero; totals
are sums of those (BR-CO-10, -13, -14, -15). No amount is ever a float.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final
from unicodedata import category

CENT: Final = Decimal("0.01")
#: Rates of mainland France (CGI 278, 278-0 bis, 279, 281 quater and following), and zero where a text exempts.
VAT_RATES: Final = (Decimal(20), Decimal(10), Decimal("5.5"), Decimal("2.1"), Decimal(0))
#: Code de commerce L441-10, I.
DEFAULT_PAYMENT_DAYS: Final = 30
LONGEST_PAYMENT_DAYS: Final = 60
#: CGI annex II, 242 nonies A, I, 2°: at or under this net amount in cents, the seller's VAT number may be left out.
SMALL_INVOICE: Final = 15_000
MOST_LINES: Final = 500
LONGEST_TEXT: Final = 2000
LONGEST_UNIT: Final = 20
#: BR-FR: BT-1 has at most 35 characters; BT-13 is held to the same.
LONGEST_REFERENCE: Final = 35
LARGEST: Final = Decimal(10) ** 9
QUANTITY_PLACES: Final = 4
PRICE_PLACES: Final = 6
#: Legal forms of sellers without share capital, and often without an entry in the register (Code de commerce R123-238).
WITHOUT_CAPITAL: Final = frozenset({"EI", "EIRL", "ASSOCIATION", "AARPI", "GIE"})
GENESIS: Final = "0" * 64
#: Signs that turn the direction of writing (Unicode TR 9): what is read would not be what is written.
_TURNING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class State(StrEnum):
    """States of an invoice; only a draft can change."""

    DRAFT = "draft"
    CLOSED = "closed"
    FILED = "filed"


@dataclass(frozen=True)
class Line:
    """A line: what, how much, at which price before tax, under which rate in percent."""

    description: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    vat_rate: Decimal

    @property
    def net(self) -> int:
        """Net amount in cents (BT-131)."""
        return cents(self.quantity * self.unit_price)


@dataclass(frozen=True)
class TaxTotal:
    """The tax of one rate, in cents."""

    rate: Decimal
    base: int
    tax: int


@dataclass(frozen=True)
class Totals:
    """Totals of an invoice in cents, the rates from high to low."""

    net: int
    tax: int
    gross: int
    taxes: tuple[TaxTotal, ...]


@dataclass(frozen=True)
class Party:
    """Seller or buyer, as it is written on the invoice."""

    name: str = ""
    legal_form: str = ""
    capital: str = ""
    siren: str = ""
    registry: str = ""
    vat_number: str = ""
    address: tuple[str, ...] = ()
    mail: str = ""
    telephone: str = ""
    iban: str = ""

    @property
    def is_business(self) -> bool:
        """Whether it is a company as far as its record tells: individuals have neither number."""
        return bool(self.siren or self.vat_number)


@dataclass(frozen=True)
class Problem:
    """A field that cannot be accepted and why."""

    field: str
    reason: str
    params: Mapping[str, str] = dataclasses.field(default_factory=dict)


def cents(amount: Decimal) -> int:
    """Euros as cents, halves away from zero."""
    return int((amount / CENT).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def totals(lines: Iterable[Line]) -> Totals:
    """Totals by the rules of the module."""
    bases: dict[Decimal, int] = {}
    for line in lines:
        rate = line.vat_rate.normalize()
        bases[rate] = bases.get(rate, 0) + line.net
    taxes = tuple(
        TaxTotal(rate, bases[rate], cents(Decimal(bases[rate]) * CENT * rate / 100))
        for rate in sorted(bases, reverse=True)
    )
    net, tax = sum(bases.values()), sum(each.tax for each in taxes)
    return Totals(net, tax, net + tax, taxes)


def read_decimal(text: str, *, places: int) -> Decimal | None:
    """A decimal as people and programs write it ("1 234,50", "1234.5"); None when it is none, too fine or too large."""
    written = "".join(text.split()).replace(",", ".")
    if not written.replace(".", "", 1).removeprefix("-").isdecimal() or not written.isascii():
        return None
    try:
        value = Decimal(written)
    except InvalidOperation:
        return None
    exponent = value.normalize().as_tuple().exponent
    if not isinstance(exponent, int) or -exponent > places or abs(value) >= LARGEST:
        return None
    return value


def read_line(number: int, raw: Mapping[str, str]) -> Line | list[Problem]:
    """A line as it was typed, or what is wrong with it. `number` counts from 1: fields are "lines[1].unit_price"."""
    problems: list[Problem] = []

    def wrong(name: str, reason: str, **params: str) -> None:
        problems.append(Problem(f"lines[{number}].{name}", reason, params))

    description, unit = raw["description"].strip(), raw["unit"].strip()
    if not description:
        wrong("description", "required")
    problems += _text_problems(f"lines[{number}].description", description, longest=LONGEST_TEXT)
    problems += _text_problems(f"lines[{number}].unit", unit, longest=LONGEST_UNIT, one_line=True)
    quantity = read_decimal(raw["quantity"], places=QUANTITY_PLACES)
    if quantity is None or quantity == 0:
        wrong("quantity", "not_a_quantity", places=str(QUANTITY_PLACES))
    price = read_decimal(raw["unit_price"], places=PRICE_PLACES)
    if price is None:
        wrong("unit_price", "not_an_amount", places=str(PRICE_PLACES))
    elif price < 0:  # BR-27
        wrong("unit_price", "negative")
    rate = read_decimal(raw["vat_rate"], places=2)
    if rate not in VAT_RATES:
        wrong("vat_rate", "unknown_rate", rates=", ".join(map(decimal_text, VAT_RATES)))
    if quantity is not None and price is not None and abs(quantity * price) >= LARGEST:
        wrong("unit_price", "too_large", limit=decimal_text(LARGEST))
    if problems or quantity is None or price is None or rate is None:
        return problems
    return Line(description, quantity, unit, price, rate)


def read_amounts(raw: Mapping[str, str]) -> Line | None:
    """A line that is being typed, as far as amounts go; None while quantity, price or rate cannot be read."""
    quantity = read_decimal(raw["quantity"], places=QUANTITY_PLACES)
    price = read_decimal(raw["unit_price"], places=PRICE_PLACES)
    rate = read_decimal(raw["vat_rate"], places=2)
    if quantity is None or price is None or rate not in VAT_RATES or abs(quantity * price) >= LARGEST:
        return None
    return Line("", quantity, "", price, rate)


def header_problems(*, purchase_order: str, note: str, exemption: str, payment_days: int) -> list[Problem]:
    """What is wrong beside the lines."""
    problems = _text_problems("purchase_order", purchase_order.strip(), longest=LONGEST_REFERENCE, one_line=True)
    for name, text in (("note", note), ("exemption", exemption)):
        problems += _text_problems(name, text, longest=LONGEST_TEXT)
    if not 0 <= payment_days <= LONGEST_PAYMENT_DAYS:
        problems.append(Problem("payment_days", "too_long", {"limit": str(LONGEST_PAYMENT_DAYS)}))
    return problems


def has_control_characters(text: str, *, one_line: bool = False) -> bool:
    """Whether there is a sign that a keyboard does not type and a reader does not see (Unicode category Cc), or one
    that turns the direction of what follows; lines and tabs are allowed unless it is `one_line`.
    """
    allowed = "" if one_line else "\n\r\t"
    return any((category(sign) == "Cc" and sign not in allowed) or sign in _TURNING for sign in text)


def _text_problems(field: str, text: str, *, longest: int | None = None, one_line: bool = False) -> list[Problem]:
    problems = []
    if longest is not None and len(text) > longest:
        problems.append(Problem(field, "too_long", {"limit": str(longest)}))
    if has_control_characters(text, one_line=one_line):
        problems.append(Problem(field, "control_characters"))
    return problems


def printed_texts(
    seller: Party, buyer: Party, lines: Sequence[Line], *, purchase_order: str, note: str, exemption: str
) -> dict[str, str]:
    """Every text of an invoice that people wrote, by field as `missing_mentions` and `read_line` name them."""
    texts = {}
    for side, party in (("seller", seller), ("buyer", buyer)):
        for name, value in asdict(party).items():
            field = "legal_name" if (side, name) == ("seller", "name") else name
            texts[f"{side}.{field}"] = "\n".join(value) if isinstance(value, tuple) else value
    for number, line in enumerate(lines, start=1):
        texts |= {f"lines[{number}].description": line.description, f"lines[{number}].unit": line.unit}
    return texts | {"purchase_order": purchase_order, "note": note, "exemption": exemption}


def read_date(text: str) -> date | None:
    """An ISO 8601 date between 2000 and 2099 (BR-FR); None when it is none."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 2000 <= found.year <= 2099 else None  # noqa: PLR2004 - the rule's own years


def missing_mentions(seller: Party, buyer: Party, lines: Sequence[Line], exemption: str) -> list[str]:
    """Names of the fields without which the invoice cannot be closed, "seller.siren"; the law stands in the README.

    The buyer's VAT number is not among them: the law asks for it where the buyer owes the tax, which no line here says.
    """
    wanted: dict[str, object] = {
        "legal_name": seller.name,
        "legal_form": seller.legal_form,
        "address": seller.address,
        "siren": seller.siren,
    }
    if seller.legal_form.upper() not in WITHOUT_CAPITAL:
        wanted |= {"capital": seller.capital, "registry": seller.registry}
    missing = [f"seller.{name}" for name, value in wanted.items() if not value]
    taxed = any(line.vat_rate != 0 for line in lines)
    small = abs(totals(lines).net) <= SMALL_INVOICE
    if not seller.vat_number and taxed and not small:
        missing.append("seller.vat_number")
    if not buyer.name:
        missing.append("buyer.name")
    if not buyer.address:
        missing.append("buyer.address")
    if buyer.vat_number and not buyer.siren and buyer.vat_number.upper().startswith("FR"):
        missing.append("buyer.siren")
    if any(line.vat_rate == 0 for line in lines) and not exemption.strip():
        missing.append("exemption")
    return missing


def due_on(issued: date, payment_days: int) -> date:
    """The due date (BT-9)."""
    return issued + timedelta(days=payment_days)


def number_text(code: str, year: int, number: int) -> str:
    """BT-1: "F2026-00042", at most 35 characters of what BR-FR allows."""
    return f"{code}{year}-{number:05d}"


def issue_date(today: date, last: date | None) -> date:
    """Numbers follow the calendar: a machine whose clock is behind does not issue before the invoice before."""
    return today if last is None else max(today, last)


def decimal_text(value: Decimal) -> str:
    """A decimal without exponent and without trailing zeros: 120, 5.5."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def canonical(content: Mapping[str, Any]) -> bytes:
    """Content as the digest reads it: JSON with sorted keys, no spaces, UTF-8."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(frozen=True)
class ClosedInvoice:
    """Everything that a closed invoice says. Identifiers and `closed_at` (RFC 3339, UTC) as text."""

    id: str
    contact_id: str
    number: str
    issued: date
    due: date
    supplied: date
    closed_at: str
    currency: str
    purchase_order: str
    note: str
    exemption: str
    payment_days: int
    seller: Party
    buyer: Party
    lines: tuple[Line, ...]

    def content(self) -> dict[str, Any]:
        """The same as text and integers only, so that its digest is the same on every machine; amounts are in cents."""
        sums = totals(self.lines)
        return {
            **{name: getattr(self, name) for name in _TEXTS},
            "payment_days": self.payment_days,
            "issued": self.issued.isoformat(),
            "due": self.due.isoformat(),
            "supplied": self.supplied.isoformat(),
            "seller": party_content(self.seller),
            "buyer": party_content(self.buyer),
            "lines": [
                {
                    "description": line.description,
                    "quantity": decimal_text(line.quantity),
                    "unit": line.unit,
                    "unit_price": decimal_text(line.unit_price),
                    "vat_rate": decimal_text(line.vat_rate),
                    "total": line.net,
                }
                for line in self.lines
            ],
            "taxes": [{"rate": decimal_text(t.rate), "base": t.base, "tax": t.tax} for t in sums.taxes],
            "net": sums.net,
            "tax": sums.tax,
            "gross": sums.gross,
        }


_TEXTS = ("id", "contact_id", "number", "closed_at", "currency", "purchase_order", "note", "exemption")


def party_content(party: Party) -> dict[str, Any]:
    """A party as JSON keeps it."""
    return {**asdict(party), "address": list(party.address)}


def read_party(content: Mapping[str, Any]) -> Party:
    """The reverse of `party_content`."""
    return Party(**{**content, "address": tuple(content["address"])})


def chained_digest(content: Mapping[str, Any], previous: str) -> str:
    """SHA-256 in hexadecimal over the digest before and the canonical content."""
    return hashlib.sha256(bytes.fromhex(previous) + canonical(content)).hexdigest()


def first_break(series: Iterable[tuple[ClosedInvoice, str]], *, code: str, year: int) -> str | None:
    """Number of the first invoice of a series that is missing or whose digest does not follow; None when all holds."""
    previous = GENESIS
    for place, (invoice, digest) in enumerate(series, start=1):
        expected = number_text(code, year, place)
        if invoice.number != expected or chained_digest(invoice.content(), previous) != digest:
            return expected
        previous = digest
    return None
