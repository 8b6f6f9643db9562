"""`python -m parvis_billing.typesetting`: JSON of an invoice on standard input, its PDF on standard output.

A process of its own for each document: typesetting holds the interpreter for its whole time, and what it does to a
process (memory, a crash) ends with it. It imports nothing else of ours and starts in a tenth of a second.
"""

import sys
from datetime import datetime
from pathlib import Path

import typst


def typeset(invoice: str, made_at: datetime) -> bytes:
    """The PDF. The same text and time give the same bytes; only the fonts inside typst are used."""
    return typst.compile(
        Path(__file__).with_name("invoice.typ"),
        sys_inputs={"invoice": invoice},
        pdf_standards=["a-3a", "ua-1"],  # ISO 19005-3 for keeping, ISO 14289-1 for screen readers
        timestamp=made_at.replace(microsecond=0),
        ignore_system_fonts=True,
    )


if __name__ == "__main__":
    sys.stdout.buffer.write(typeset(sys.stdin.buffer.read().decode(), datetime.fromisoformat(sys.argv[1])))
