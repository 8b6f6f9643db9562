"""What stands on the page of a closed invoice, in French: every figure and sentence as text, ready to be set.

The mentions and their sources are listed in the README.
"""

import json
import re
from datetime import date
from decimal import Decimal
from typing import Any, Final

from parvis_billing.domain import CENT, ClosedInvoice, Line, Party, decimal_text, totals

_MONTHS: Final = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
    "décembre",
)  # fmt: skip
_COLUMNS: Final = ("Désignation", "Quantité", "Prix unitaire HT", "TVA", "Total HT")
_DEFAULT_ACCENT: Final = "#0f5c5c"
_NBSP: Final = "\u00a0"
#: Code de commerce L441-10, II and D441-5: owed between businesses, and the invoice has to say so.
_LATE: Final = (
    "En cas de retard de paiement, une pénalité égale au taux de refinancement de la Banque centrale européenne"
    f" majoré de 10{_NBSP}points est exigible sans rappel, ainsi qu’une indemnité forfaitaire de 40{_NBSP}€ pour frais"
    " de recouvrement (Code de commerce, art. L441-10 et D441-5). Pas d’escompte pour paiement anticipé."
)


def euros(cents: int) -> str:
    """Cents as money: 123450 → "1 234,50 €" with spaces that do not break."""
    return f"{grouped(Decimal(cents) * CENT, places=2)}{_NBSP}€"


def grouped(value: Decimal, *, places: int) -> str:
    """A decimal as French text with at least `places` decimals: 1234.5 → "1 234,50"."""
    whole, _, fraction = decimal_text(abs(value)).partition(".")
    groups: list[str] = []
    while whole:
        whole, group = whole[:-3], whole[-3:]
        groups.insert(0, group)
    text = _NBSP.join(groups)
    fraction = fraction.ljust(places, "0")
    return ("-" if value < 0 else "") + (f"{text},{fraction}" if fraction else text)


def day(value: date) -> str:
    """21 novembre 2026; the first of a month is "1er"."""
    return f"{'1er' if value.day == 1 else value.day} {_MONTHS[value.month - 1]} {value.year}"


def siren(digits: str) -> str:
    """404833048 → "404 833 048"."""
    return _NBSP.join(digits[i : i + 3] for i in range(0, len(digits), 3))


def page(invoice: ClosedInvoice, accent: str) -> str:
    """JSON for `invoice.typ`."""
    return json.dumps(_page(invoice, accent), ensure_ascii=False, sort_keys=True)


def _page(invoice: ClosedInvoice, accent: str) -> dict[str, Any]:
    sums = totals(invoice.lines)
    facts = [
        ("Date d’émission", day(invoice.issued)),
        ("Date de prestation", day(invoice.supplied)),
        ("Échéance", day(invoice.due)),
    ]
    if invoice.purchase_order:
        facts.append(("Bon de commande", invoice.purchase_order))
    payment = [f"Au plus tard le {day(invoice.due)}"]
    if invoice.seller.iban:
        payment += ["Par virement bancaire", f"IBAN {_in_fours(invoice.seller.iban)}"]
    payment.append(f"Référence à rappeler{_NBSP}: {invoice.number}")
    mentions = [invoice.exemption] if invoice.exemption else []
    if invoice.buyer.is_business:
        mentions.append(_LATE)
    return {
        "title": f"Facture {invoice.number} – {invoice.seller.name}",
        "accent": accent if re.fullmatch(r"#[0-9a-fA-F]{6}", accent) else _DEFAULT_ACCENT,
        "number": invoice.number,
        "seller": {"name": invoice.seller.name, "rows": _rows(invoice.seller)},
        "buyer": {"name": invoice.buyer.name, "rows": _rows(invoice.buyer)},
        "facts": facts,
        "columns": _COLUMNS,
        "lines": [_row(line) for line in invoice.lines],
        "totals": [
            ("Total HT", euros(sums.net)),
            *((f"TVA {_percent(tax.rate)} sur {euros(tax.base)}", euros(tax.tax)) for tax in sums.taxes),
        ],
        "due_label": "Total TTC à payer" if sums.tax else "Total à payer",
        "due_amount": euros(sums.gross),
        "payment": payment,
        "notes": [invoice.note] if invoice.note else [],
        "mentions": mentions,
        "legal_line": legal_line(invoice.seller),
    }


def legal_line(seller: Party) -> str:
    """The seller at the foot of each page (Code de commerce R123-237 and R123-238)."""
    form = " ".join(part for part in (seller.legal_form, seller.capital and f"au capital de {seller.capital}") if part)
    parts = [
        ", ".join(part for part in (seller.name, form) if part),
        " ".join(part for part in (seller.registry or "SIREN", siren(seller.siren)) if part),
        f"TVA {seller.vat_number}" if seller.vat_number else "",
        ", ".join(seller.address),
        seller.telephone,
        seller.mail,
    ]
    return " – ".join(part for part in parts if part)


def _rows(party: Party) -> list[str]:
    rows = [*party.address, f"SIREN {siren(party.siren)}" if party.siren else ""]
    return [row for row in (*rows, f"TVA {party.vat_number}" if party.vat_number else "") if row]


def _row(line: Line) -> list[str]:
    unit = f"{_NBSP}{line.unit}" if line.unit else ""
    return [
        line.description,
        grouped(line.quantity, places=0) + unit,
        f"{grouped(line.unit_price, places=2)}{_NBSP}€",
        _percent(line.vat_rate),
        euros(line.net),
    ]


def _percent(rate: Decimal) -> str:
    return f"{grouped(rate, places=0)}{_NBSP}%"


def _in_fours(iban: str) -> str:
    compact = "".join(iban.split())
    return _NBSP.join(compact[i : i + 4] for i in range(0, len(compact), 4))
