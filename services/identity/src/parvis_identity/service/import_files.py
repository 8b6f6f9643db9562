"""Files of accounts to import, read line by line: CSV with a header, or a JSON object on each line. UTF-8.

One line is one account, whatever is wrong with the lines around it: a field has no line break in it, and a quote that
is not closed ends with its line. Nothing is kept of a line once it was read.
"""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import BinaryIO, Literal

Form = Literal["csv", "json"]
Parse = Callable[[str], dict[str, str]]

#: What an account of a file may say; see `service.imports`.
FIELDS = ("organisation", "identifier", "mail", "given_name", "family_name", "locale", "status", "password_hash")
#: Longer lines are refused (bytes).
LONGEST_LINE = 16 * 1024
_BEGINNING = "\ufeff"
_ENDINGS: dict[str, Form] = {".csv": "csv", ".json": "json", ".jsonl": "json", ".ndjson": "json"}


class UnreadableFile(Exception):
    """Nothing can be read of the file; the message says why and what to do, as `reason` does for pages."""

    def __init__(self, message: str, reason: str, **params: str) -> None:
        super().__init__(message)
        self.reason, self.params = reason, params


@dataclass(frozen=True, slots=True)
class Line:
    """What a line says, or why it cannot be read (`reason`, with `params`)."""

    number: int
    fields: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    params: dict[str, str] = field(default_factory=dict)


class _Broken(Exception):
    def __init__(self, reason: str, **params: str) -> None:
        super().__init__(reason)
        self.reason, self.params = reason, params


def form_of(name: str) -> Form:
    """The form of a file by the end of its name. Raises UnreadableFile."""
    found = _ENDINGS.get(PurePath(name).suffix.lower())
    if found is None:
        raise UnreadableFile(
            f"{name}: by its name this is neither CSV nor JSON lines. Say which: --format csv or json.", "name_unknown"
        )
    return found


def read(file: BinaryIO, form: Form) -> Iterator[Line]:
    """The lines of a file, empty ones left out. Raises UnreadableFile when there is no header, or one that names
    what no account has.
    """
    numbered = _numbered(file)
    if form == "json":
        yield from (_line(number, raw, _object) for number, raw in numbered)
        return
    _, first = next(numbered, (1, b""))
    try:
        header = _decoded(first or b"").removeprefix(_BEGINNING)
        delimiter = max(",;\t", key=header.count)
        names = [name.strip().lower() for name in _cells(header, delimiter)]
    except _Broken as error:
        raise UnreadableFile("The first line is no CSV in UTF-8: save the file as that.", "no_header") from error
    _check_header(names)
    yield from (_line(number, raw, lambda text: _record(text, names, delimiter)) for number, raw in numbered)


def _check_header(names: Sequence[str]) -> None:
    known = ", ".join(FIELDS)
    if not names or not {"mail", "identifier"} & set(names):
        raise UnreadableFile(
            f"The first line must name the columns, `mail` or `identifier` among them. Known: {known}.",
            "columns_missing",
            known=known,
        )
    if unknown := [name for name in names if name not in FIELDS]:
        columns = ", ".join(map(repr, unknown))
        message = f"No account has a column {columns}. Known: {known}."
        raise UnreadableFile(message, "column_unknown", columns=columns[:200], known=known)
    if len(set(names)) < len(names):
        raise UnreadableFile("The first line names a column twice.", "column_twice")


def _numbered(file: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Lines with their number from 1; None in place of one that is too long."""
    number = 0
    while raw := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(raw) > LONGEST_LINE:
            while raw and not raw.endswith(b"\n"):
                raw = file.readline(LONGEST_LINE)
            yield number, None
        elif raw.strip():
            yield number, raw.rstrip(b"\r\n")


def _line(number: int, raw: bytes | None, parse: Parse) -> Line:
    try:
        fields = parse(_decoded(raw))
        _check_texts(fields)
    except _Broken as error:
        return Line(number, reason=error.reason, params=error.params)
    return Line(number, {name: value.strip() for name, value in fields.items()})


def _check_texts(fields: dict[str, str]) -> None:
    for name, value in fields.items():
        # A lone surrogate (JSON can write one) is no text, and PostgreSQL stores no NUL.
        if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value):
            raise _Broken("not_text", field=name)


def _decoded(raw: bytes | None) -> str:
    if raw is None:
        raise _Broken("line_too_long", longest=str(LONGEST_LINE))
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise _Broken("not_utf8", column=str(error.start + 1)) from error


def _cells(text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise _Broken("quotes_wrong") from error


def _record(text: str, names: Sequence[str], delimiter: str) -> dict[str, str]:
    cells = _cells(text, delimiter)
    if len(cells) != len(names):
        raise _Broken("wrong_number_of_fields", found=str(len(cells)), wanted=str(len(names)))
    return dict(zip(names, cells, strict=True))


def _object(text: str) -> dict[str, str]:
    try:
        found = json.loads(text.removeprefix(_BEGINNING), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise _Broken("not_json") from error
    if not isinstance(found, dict):
        raise _Broken("not_an_object")
    for name, value in found.items():
        if name not in FIELDS:
            raise _Broken("field_unknown", field=name[:50])
        if not isinstance(value, str | None):
            raise _Broken("not_text", field=name)
    return {name: value or "" for name, value in found.items()}


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Broken("field_twice")
    return found
