"""The erasure of an organisation leaves nothing of it in any column of any table but what a law keeps, and touches no
other organisation.

Each table of each service gets rows made of what its columns can hold: of two members of a firm, and of its neighbour.
"""

import hashlib
import json

import pytest
from test_erasure import ASIDE, Somebody, fill, insert, rows
from test_erasure import base as base  # noqa: PLC0414 - the fixture

from parvis_kit import audit
from parvis_kit.caller import Caller
from parvis_kit.ids import uuid7
from parvis_records import closing
from parvis_records.map import Until

FIRST = {"tenancy": ("rights_revisions",), "notify": ("mail_queue",)}
ACTS = {"billing": "target_kind = 'invoice'"}


class OfFirm(Somebody):
    """Somebody whose rows say the name and the short name of their firm."""

    def __init__(self, organisation, word, firm):
        super().__init__(organisation, word)
        self.firm = firm

    def value(self, table, name, kind):
        if (table, name) in {("invoices", "state"), ("lines", "invoice_id")}:
            return {"state": "closed", "invoice_id": self.invoice}[name]
        return super().value(table, name, kind)

    @property
    def invoice(self):
        return self.message

    def words(self, table, name):
        return f"{self.firm} {self.word}" if "organisation" in name or "slug" in name else super().words(table, name)

    def identifier(self, table, name):
        of_firm = {("organisations", "id"): self.organisation, ("entitlements", "customer_id"): self.organisation}
        if table in {"closings", "closing_answers"}:
            return uuid7()
        if table in {"products", "product_rights"} and name == "provider_id":
            return self.organisation
        if (table, name) in {("sso_providers", "id"), ("sso_keys", "provider_id")}:
            return self.grant
        if (table, name) == ("invoices", "id"):
            return self.invoice
        if (table, name) == ("mail_queue", "message_id"):
            return self.message
        return of_firm.get((table, name)) or super().identifier(table, name)


async def digests(base, but=()):
    """Each table's rows as one digest, without those that say one of some words."""
    found = {}
    for table in base.holdings:
        if table.name not in ASIDE:
            lines = [line for line in await rows(base, table.name) if not any(word in line for word in but)]
            found[table.name] = (len(lines), hashlib.sha256("\n".join(lines).encode()).hexdigest())
    return found


async def close(base, organisation):
    name = base.holdings.service
    async with base.database.begin(Caller(name), organisation_id=organisation) as unit:
        return await closing.erase_all(unit, base.holdings, first=FIRST.get(name, ()), acts=ACTS.get(name, ""))


async def filled(base):
    firm, other = uuid7(), uuid7()
    mine = [OfFirm(firm, "zoe", "Kerlann"), OfFirm(firm, "yann", "Kerlann")]
    neighbour = OfFirm(other, "xavier", "Trevarez")
    await base.connection.execute("TRUNCATE rights_revisions" if base.holdings.service == "tenancy" else "SELECT 1")
    for each in (neighbour, *mine):
        await fill(base, each)
    return firm, mine, neighbour


async def test_nothing_of_an_organisation_stays_that_no_law_keeps(base):
    firm, mine, _ = await filled(base)
    done = await close(base, firm)
    kept = {table.name for table in base.holdings if table.keep.until in {Until.LAW, Until.INSTALLATION}}
    for table in base.holdings:
        if table.name in ASIDE:
            continue
        lines = await rows(base, table.name)
        left = [line for line in lines if str(firm) in line or "Kerlann" in line]
        # Links go with the firm's accounts, proofs with their session; a line of a file is the provider's, for a year.
        if table.name in kept or table.name in {"account_links", "session_proofs", "import_lines"}:
            continue
        assert (table.name, left) == (table.name, [])
        if table.organisation and table.name != "accounts":  # personal ones stay
            assert [line for line in lines if mine[0].word in line or mine[1].word in line] == [], table.name
    assert done.erased.total() > 0
    if base.holdings.service == "billing":
        assert (done.kept["invoices"], done.kept["lines"], done.kept["series"]) == (2, 2, 2)


async def test_no_row_of_a_neighbour_is_another_one_than_it_was(base):
    firm, mine, _ = await filled(base)
    own = [str(firm), "zoe", "yann"]
    own += [str(value) for each in mine for value in (each.account, each.membership, each.message)]
    before = await digests(base, own)
    await close(base, firm)
    after = await digests(base, own)
    assert after == before


async def test_a_second_time_finds_nothing(base):
    firm, _, _ = await filled(base)
    await close(base, firm)
    before = await digests(base)
    again = await close(base, firm)
    assert again.erased.total() == 0
    assert await digests(base) == before


@pytest.mark.parametrize("base", ["billing"], indirect=True)
async def test_drafts_are_no_accounting_papers(base):
    firm, mine, _ = await filled(base)
    await insert(base.connection, "UPDATE invoices SET state = 'draft' WHERE id = $1", mine[0].invoice)
    done = await close(base, firm)
    assert (done.erased["invoices"], done.kept["invoices"]) == (1, 1)
    left = [json.loads(line) for line in await rows(base, "lines")]
    assert str(mine[0].invoice) not in {line["invoice_id"] for line in left}


async def test_acts_say_nothing_any_more_and_the_chain_holds(base):
    firm = uuid7()
    async with base.database.begin(Caller(base.holdings.service), organisation_id=firm) as unit:
        unit.record("contact.created", target_kind="contact", target_id=uuid7(), name="Menuiserie Kerlann")
        unit.record("invoice.closed", target_kind="invoice", target_id=uuid7(), number="F2026-1")
    await audit.seal(base.connection)
    for _ in range(2):  # a second time finds nothing, and says nothing more
        await close(base, firm)
        await audit.seal(base.connection)
    said = await base.connection.fetch(
        "SELECT target_kind, target_id, details FROM audit WHERE organisation_id = $1", firm
    )
    keeps = {"invoice"} if base.holdings.service == "billing" else set()
    assert {row["target_kind"] for row in said if row["details"] is not None} == keeps | {"acts"}
    assert [row["target_id"] for row in said if row["target_kind"] == "acts"] == [str(2 - len(keeps))]
    chain = await audit.verify(base.connection, firm)
    assert (chain.problem, chain.seq, chain.erased) == ("", 3, 2 - len(keeps))
