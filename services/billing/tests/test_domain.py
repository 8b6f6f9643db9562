"""Amounts, mentions, numbers and the chain, without a database."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parvis_billing import domain
from parvis_billing.domain import ClosedInvoice, Line, Party, missing_mentions, totals

SELLER = Party(
    "Cabinet Armor", "SAS", "10 000 €", "404833048", "RCS Nantes", "FR83404833048", ("12 quai", "44000 Nantes")
)
BUYER = Party("Kerautret", siren="552100554", address=("3 rue", "29000 Quimper"))
rates = st.sampled_from(domain.VAT_RATES)
quantities = st.decimals("-9999", "9999", places=4).filter(bool)
prices = st.decimals(0, 99999, places=6)
lines = st.builds(Line, st.just("x"), quantities, st.just("u"), prices, rates)
many = st.lists(lines, min_size=1, max_size=12)


def one(quantity="1", price="480", rate="20"):
    return Line("Tenue comptable", Decimal(quantity), "h", Decimal(price), Decimal(rate))


@given(many)
def test_totals_add_up(given_lines):
    sums = totals(given_lines)
    assert sums.net == sum(line.net for line in given_lines) == sum(tax.base for tax in sums.taxes)
    assert sums.tax == sum(tax.tax for tax in sums.taxes)
    assert sums.gross == sums.net + sums.tax


@given(many)
def test_tax_of_a_rate_is_within_half_a_cent(given_lines):
    for tax in totals(given_lines).taxes:
        assert abs(Decimal(tax.tax) - Decimal(tax.base) * tax.rate / 100) <= Decimal("0.5")


@given(many, st.randoms())
def test_order_of_lines_does_not_matter(given_lines, random):
    shuffled = list(given_lines)
    random.shuffle(shuffled)
    assert totals(shuffled) == totals(given_lines)


@given(many)
def test_reversed_quantities_reverse_every_amount(given_lines):
    sums = totals(given_lines)
    mirror = totals([replace(line, quantity=-line.quantity) for line in given_lines])
    assert (mirror.net, mirror.tax, mirror.gross) == (-sums.net, -sums.tax, -sums.gross)


def test_halves_are_rounded_away_from_zero():
    assert one("1", "0.125").net == 13
    assert one("-1", "0.125").net == -13


def test_tax_is_rounded_once_per_rate_not_per_line():
    assert totals([one(price="0.02")] * 3).tax == 1  # 20 % of 0,06 € is 0,012 €; by line it would be zero


def test_rates_written_differently_are_one_rate():
    [tax] = totals([one(rate="20"), one(rate="20.00")]).taxes
    assert (tax.base, tax.tax) == (96_000, 19_200)


@pytest.mark.parametrize(
    ("text", "value"), [("1 234,50", "1234.50"), ("1234.5", "1234.5"), ("-2", "-2"), ("1\u202f000", "1000")]
)
def test_decimals_as_people_write_them(text, value):
    assert domain.read_decimal(text, places=4) == Decimal(value)


@pytest.mark.parametrize("text", ["", "abc", "1e5", "NaN", "1.23456", "1,2,3", "٣", "9999999999"])
def test_what_is_no_decimal(text):
    assert domain.read_decimal(text, places=4) is None


@given(st.text(max_size=12))
def test_any_text_is_a_decimal_or_is_not(text):
    value = domain.read_decimal(text, places=4)
    assert value is None or abs(value) < domain.LARGEST


def test_line_says_each_thing_that_is_wrong():
    raw = {"description": " ", "quantity": "0", "unit": "", "unit_price": "-1", "vat_rate": "19.6"}
    found = {(problem.field, problem.reason) for problem in domain.read_line(2, raw)}
    assert found == {
        ("lines[2].description", "required"),
        ("lines[2].quantity", "not_a_quantity"),
        ("lines[2].unit_price", "negative"),
        ("lines[2].vat_rate", "unknown_rate"),
    }


def test_a_unit_that_is_too_long_is_refused_rather_than_cut():
    raw = {"description": "Visite", "quantity": "1", "unit": "kilomètre aller-retour", "unit_price": "1"}
    [problem] = domain.read_line(1, raw | {"vat_rate": "20"})
    assert (problem.field, problem.reason, problem.params) == ("lines[1].unit", "too_long", {"limit": "20"})


def test_complete_record_lacks_nothing():
    assert missing_mentions(SELLER, BUYER, [one()], "") == []


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("name", "legal_name"), ("legal_form", "legal_form"), ("capital", "capital"), ("siren", "siren"),
        ("registry", "registry"), ("vat_number", "vat_number"),
    ],
)  # fmt: skip
def test_each_mention_of_the_seller_is_asked_for(field, name):
    assert missing_mentions(replace(SELLER, **{field: ""}), BUYER, [one()], "") == [f"seller.{name}"]


def test_sole_trader_has_no_capital():
    assert missing_mentions(replace(SELLER, legal_form="EI", capital="", registry=""), BUYER, [one()], "") == []


def test_small_invoice_needs_no_vat_number():
    assert missing_mentions(replace(SELLER, vat_number=""), BUYER, [one(price="150")], "") == []


def test_seller_without_vat_says_why():
    seller, line = replace(SELLER, vat_number=""), one(rate="0")
    assert missing_mentions(seller, BUYER, [line], "") == ["exemption"]
    assert missing_mentions(seller, BUYER, [line], "TVA non applicable, art. 293 B du CGI") == []


def test_business_is_named_by_its_siren():
    assert missing_mentions(SELLER, replace(BUYER, siren="", vat_number="FR40303265045"), [one()], "") == [
        "buyer.siren"
    ]


def test_private_person_has_no_siren():
    assert missing_mentions(SELLER, replace(BUYER, siren=""), [one()], "") == []


def test_half_an_address_is_asked_for():
    assert missing_mentions(SELLER, replace(BUYER, address=()), [one()], "") == ["buyer.address"]


def test_invoice_is_not_dated_before_the_one_before():
    assert domain.issue_date(date(2026, 11, 20), date(2026, 11, 21)) == date(2026, 11, 21)


def test_number_fits_the_norm():
    assert domain.number_text("F", 2026, 42) == "F2026-00042"
    assert len(domain.number_text("F", 2026, 10**9)) <= 35


def closed(number, **changes):
    fields = {
        "id": f"id-{number}", "contact_id": "c", "number": domain.number_text("F", 2026, number),
        "issued": date(2026, 11, 21), "due": date(2026, 12, 21), "supplied": date(2026, 11, 21),
        "closed_at": "2026-11-21T09:00:00+00:00", "currency": "EUR", "purchase_order": "", "note": "", "exemption": "",
        "payment_days": 30, "seller": SELLER, "buyer": BUYER, "lines": (one(),),
    }  # fmt: skip
    return ClosedInvoice(**{**fields, **changes})


def series(length):
    previous, found = domain.GENESIS, []
    for number in range(1, length + 1):
        invoice = closed(number)
        previous = domain.chained_digest(invoice.content(), previous)
        found.append((invoice, previous))
    return found


def test_untouched_series_holds():
    assert domain.first_break(series(5), code="F", year=2026) is None


@given(st.integers(0, 4), st.sampled_from(["note", "exemption", "purchase_order", "currency"]), st.text(min_size=1))
def test_any_change_of_any_invoice_is_found(place, field, text):
    chain = series(5)
    invoice, digest = chain[place]
    if getattr(invoice, field) == text:
        return
    chain[place] = (replace(invoice, **{field: text}), digest)
    assert domain.first_break(chain, code="F", year=2026) == f"F2026-0000{place + 1}"


@given(st.integers(0, 3))
def test_a_removed_invoice_is_found(place):
    chain = series(5)
    del chain[place]
    assert domain.first_break(chain, code="F", year=2026) == f"F2026-0000{place + 1}"


def test_decimal_places_of_the_database_do_not_change_the_digest():
    wide = closed(1, lines=(one("1.0000", "480.000000", "20.00"),))
    assert domain.chained_digest(wide.content(), domain.GENESIS) == series(1)[0][1]
