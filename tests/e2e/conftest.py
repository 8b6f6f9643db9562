"""A browser for all, and people who each have their own window of it; their modules stand beside this file."""

import random
import sys
from io import BytesIO
from pathlib import Path

import pytest
from pikepdf import AttachedFileSpec, Pdf

from parvis_local.demo.papers import typeset
from parvis_local.demo.story import PROVIDER

sys.path.insert(0, str(Path(__file__).parent))

from browsing import browser, mails, person, reader_at, tag

__all__ = ["browser", "mails", "person", "reader_at", "real_pdf", "small_pdf", "tag"]


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
