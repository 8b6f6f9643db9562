"""`python -m parvis_billing.typesetting TIME`: JSON of an invoice on standard input, its PDF on standard output.
`python -m parvis_billing.typesetting signs`: a text on standard input, JSON of its signs that no font has on output.

A process of its own for each document: typesetting holds the interpreter for its whole time, and what it does to a
process (memory, a crash) ends with it. It imports nothing else of ours and starts in a tenth of a second.

PDF/A forbids signs that no font has, and typst then makes no document at all. A closed invoice must become one,
whatever was typed: such signs are set as their plain form (㎡ → m2), else as the replacement sign. Closing refuses what
would become the replacement sign; an invoice that was closed by an older release is set all the same.
"""

import json
import sys
import unicodedata
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import typst

_PROBE: Final = b'#set document(title: "x")\n#set text(font: "Libertinus Serif")\n#sys.inputs.text'
_REPLACEMENT: Final = "\ufffd"


def typeset(invoice: str, made_at: datetime) -> bytes:
    """The PDF. The same text and time give the same bytes; only the fonts inside typst are used."""
    try:
        return _compile(invoice, made_at)
    except typst.TypstError:
        return _compile(settable(invoice), made_at)


def settable(invoice: str) -> str:
    """The invoice with every sign that cannot be set replaced by one that can."""
    content = json.loads(invoice)
    signs = sorted({sign for text in _texts(content) for sign in text if not sign.isspace()})
    table = {ord(sign): _instead(sign) for sign in _unsettable(signs)}
    return json.dumps(_translated(content, table), ensure_ascii=False, sort_keys=True)


def unprintable(text: str) -> list[str]:
    """The signs of a text that could only be set as the replacement sign, in their order by code point."""
    signs = sorted({sign for sign in text if not sign.isspace()})
    return [sign for sign in _unsettable(signs) if _instead(sign) == _REPLACEMENT]


def _compile(invoice: str, made_at: datetime) -> bytes:
    return typst.compile(
        Path(__file__).with_name("invoice.typ"),
        sys_inputs={"invoice": invoice},
        pdf_standards=["a-3a", "ua-1"],  # ISO 19005-3 for keeping, ISO 14289-1 for screen readers
        timestamp=made_at.replace(microsecond=0),
        ignore_system_fonts=True,
    )


def _unsettable(signs: list[str]) -> list[str]:
    """Those that cannot be set. All are tried at once, then halves: typst names only the first."""
    # Alone and inside a word: some signs are lost at a word's edge and asked of the font in its middle.
    if not signs or _can_be_set(" ".join(f"{sign} a{sign}b" for sign in signs)):
        return []
    if len(signs) == 1:
        return signs
    middle = len(signs) // 2
    return _unsettable(signs[:middle]) + _unsettable(signs[middle:])


def _instead(sign: str) -> str:
    if unicodedata.category(sign) in {"Cf", "Cc"}:
        return ""  # nobody sees it, nobody misses it
    plain = unicodedata.normalize("NFKC", sign)
    return plain if plain != sign and _can_be_set(plain) else _REPLACEMENT


def _can_be_set(text: str) -> bool:
    try:
        typst.compile(_PROBE, sys_inputs={"text": text}, pdf_standards=["a-3a", "ua-1"], ignore_system_fonts=True)
    except typst.TypstError:
        return False
    return True


def _texts(content: Any) -> list[str]:
    if isinstance(content, str):
        return [content]
    parts = content.values() if isinstance(content, dict) else content
    return [text for part in parts for text in _texts(part)]


def _translated(content: Any, table: dict[int, str]) -> Any:
    if isinstance(content, str):
        return content.translate(table)
    if isinstance(content, dict):
        return {name: _translated(part, table) for name, part in content.items()}
    return [_translated(part, table) for part in content]


if __name__ == "__main__":
    if sys.argv[1] == "signs":
        sys.stdout.write(json.dumps(unprintable(sys.stdin.buffer.read().decode())))
        sys.exit()
    sys.stdout.buffer.write(typeset(sys.stdin.buffer.read().decode(), datetime.fromisoformat(sys.argv[1])))
