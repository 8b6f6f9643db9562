"""Files that people send."""

import random
from io import BytesIO
from pathlib import Path

import pytest
from pikepdf import AttachedFileSpec, Pdf

from parvis_local.demo.papers import typeset
from parvis_local.demo.story import PROVIDER


@pytest.fixture(scope="session")
def real_pdf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A letter as firms send them, set with Typst, with an attachment of 10 MB inside: two parts on its way."""
    firm = PROVIDER.customers[0]
    file = tmp_path_factory.mktemp("papers") / "Honoraires de novembre.pdf"
    with Pdf.open(BytesIO(typeset(firm, firm.contacts[0], firm.contacts[0].papers[0]))) as pdf:
        pdf.attachments["annexes.bin"] = AttachedFileSpec(pdf, random.Random(2026).randbytes(10_000_000))
        pdf.save(file)
    return file


@pytest.fixture(scope="session")
def small_pdf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A letter of one page."""
    firm = PROVIDER.customers[0]
    file = tmp_path_factory.mktemp("papers") / "Relevé bancaire.pdf"
    file.write_bytes(typeset(firm, firm.contacts[1], firm.contacts[1].papers[0]))
    return file
