"""The map of data as a page to read: docs/data.md. A test compares it, and says how it is written anew."""

from collections.abc import Iterable

from parvis_records.map import Erasure, Keep, Map, Table, Until

_ENDS = {
    Until.ACCOUNT: "until the account is erased",
    Until.MEMBERSHIP: "with the membership's history",
    Until.CONTACT: "until the firm erases the contact",
    Until.ORGANISATION: "until the organisation is erased",
    Until.REPLACED: "until it is taken away or replaced",
    Until.INSTALLATION: "with the installation",
}
_ERASED = {
    Erasure.DELETED: "deleted",
    Erasure.BLANKED: "what names them is taken out",
    Erasure.KEPT: "stays",
    Erasure.NOTHING: "–",
}
_HEAD = """# What is kept, about whom, how long

Written from the map of data that every service declares beside its tables (`holdings.py`, docs/adr/0031); a test
compares both. Days are those of the defaults: where a setting is named, it may say otherwise. *Erased* says what the
erasure of a person is to do to the rows about them; rows of an organisation go with it, except those that a law keeps.
Columns that an export never says (digests, keys, sealed values) and those of no use to a reader (keys of sorting,
versions) are left out of *Export says*.
"""
_COLUMNS = "| Table | What it is | About | Kept | Erased | Export says |\n|---|---|---|---|---|---|\n"


def document(maps: Iterable[Map]) -> str:
    """The whole page, in Markdown."""
    return _HEAD + "".join(map(_service, maps))


def _service(told: Map) -> str:
    rows = "".join(map(_row, sorted(told, key=lambda table: table.name)))
    return f"\n## {told.service}\n\n{_COLUMNS}{rows}"


def _row(table: Table) -> str:
    erased = _ERASED[table.erase] + (f": {table.because}" if table.because else "")
    about = ", ".join(each.value for each in table.about)
    said = ", ".join(table.exported) or "–"
    return f"| `{table.name}` | {table.holds} | {about} | {_kept(table.keep)} | {erased} | {said} |\n"


def _kept(keep: Keep) -> str:
    if keep.until is Until.LAW:
        return f"{keep.days // 365} years: {keep.law}"
    if keep.until is Until.AGE:
        named = f" (`PARVIS_{keep.setting.upper()}`)" if keep.setting else ""
        return f"{keep.days} day{'s' if keep.days > 1 else ''}{named}"
    if keep.until is Until.ACCOUNT and keep.days:
        return f"{_ENDS[keep.until]}; it is, {keep.days} days after its last use (`PARVIS_{keep.setting.upper()}`)"
    return _ENDS[keep.until]
