"""Lines of a draft as they are typed: read, shown again, sent to billing, which decides about every amount."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from parvis.billing.v1 import billing_pb2
from parvis_ui.forms import ungrouped
from parvis_web.visit import Form

COLUMNS = ("description", "quantity", "unit", "unit_price", "vat_rate")
VAT_RATES = ("20", "10", "5.5", "2.1", "0")
MOST = 100
#: Empty lines under those that have something.
SPARE = 1
_LARGEST = Decimal(10) ** 9


def empty() -> dict[str, str]:
    """A line with nothing typed yet."""
    return {"description": "", "quantity": "1", "unit": "", "unit_price": "", "vat_rate": "20"}


def typed(form: Form) -> list[dict[str, str]]:
    """The lines of the form in their order, also empty ones: their place is the one that errors name."""
    found = []
    for place in range(1, MOST + 1):
        if f"lines[{place}].description" not in form:
            break
        found.append({name: form[f"lines[{place}].{name}"] for name in COLUMNS})
    return found


def is_empty(line: Mapping[str, str]) -> bool:
    """Whether nothing was typed in it that says something."""
    return not line["description"] and not line["unit_price"]


def of_invoice(invoice: billing_pb2.Invoice) -> list[dict[str, str]]:
    """The lines of a saved draft as they stand in the form, in the French way of writing decimals."""
    return [
        {
            "description": line.description,
            "quantity": line.quantity.replace(".", ","),
            "unit": line.unit,
            "unit_price": line.unit_price.replace(".", ","),
            "vat_rate": line.vat_rate,
        }
        for line in invoice.lines
    ]


def read_decimal(text: str) -> Decimal | None:
    """A number as people write or paste it ("1 234,50 €", "1.234,50", "1234.5"); None when it is none."""
    written = ungrouped(text).replace(",", ".")
    # Digits and one point: an exponent ("1e-999999999") is a number that nobody types and a gigabyte of digits.
    if not written.isascii() or not written.replace(".", "", 1).removeprefix("-").isdecimal():
        return None
    try:
        value = Decimal(written)
    except InvalidOperation:
        return None
    return value if value.is_finite() and abs(value) < _LARGEST else None


def as_sent(text: str) -> str:
    """A number as billing takes it; what is no number goes as it was typed, and is refused there."""
    value = read_decimal(text)
    return text if value is None else format(value, "f")


def as_message(line: Mapping[str, str]) -> billing_pb2.Line:
    """A line as billing takes it."""
    return billing_pb2.Line(
        description=line["description"],
        quantity=as_sent(line["quantity"]),
        unit=line["unit"],
        unit_price=as_sent(line["unit_price"]),
        vat_rate=line["vat_rate"],
    )
