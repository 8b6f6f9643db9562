"""What a template may say, and what becomes of it: merge fields, paragraphs, days in words."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from typing import Final

from parvis_french import SHORTENED, shortened
from parvis_notify.domain.kinds import FIELDS, LINK_FIELD, LOCALES, Kind

MONTHS: Final[Mapping[str, Sequence[str]]] = {
    "fr": (
        "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
        "décembre",
    ),
    "en": (
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ),
}  # fmt: skip
LONGEST_SUBJECT: Final = 200
LONGEST_BODY: Final = 10_000
#: Stands where the link goes in a composed text. A private character: `plain` takes it out of every value.
LINK: Final = "\ue000"


@dataclass(frozen=True)
class Problem:
    """Why a template cannot be saved: the field of the request, a stable reason, the values of the sentence."""

    field: str
    reason: str
    params: Mapping[str, str]


_FIELD = r"#(?P<name>[^#\s]{1,40})#"
_MERGE = re.compile(r"(?P<space>[ \u00a0\u202f]?)" + _FIELD)
_AFTER_SHORTENED = re.compile(SHORTENED + _FIELD)


def field_key(name: str) -> str:
    """What a merge field is known by: without case and accents, "Prénom" → "prenom"."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


_EVERYWHERE = {field_key(field.name): field.name for fields in FIELDS.values() for field in fields}


def template_problems(kind: Kind, subject: str, body: str) -> list[Problem]:
    """Everything that stops a template from being saved; empty when it may be.

    Reasons: required, single_line, too_long, merge_field_unknown (with `field` and `nearest`, a valid one),
    merge_field_unresolvable (it exists, but not for this kind of mail), merge_field_not_closed, merge_field_missing,
    merge_field_not_in_subject.
    """
    problems = []
    for where, text, longest in (("subject", subject, LONGEST_SUBJECT), ("body", body, LONGEST_BODY)):
        if not text.strip():
            problems.append(Problem(where, "required", {}))
        if len(text) > longest:
            problems.append(Problem(where, "too_long", {"limit": str(longest)}))
        problems += _field_problems(kind, where, text)
    if re.search(r"[\r\n\u2028\u2029]", subject.strip()):
        problems.append(Problem("subject", "single_line", {}))
    # A link in a subject line cannot be followed, and would show a one-time secret in every list of mails.
    if LINK_FIELD.name in {_EVERYWHERE.get(field_key(found["name"])) for found in _MERGE.finditer(subject)}:
        problems.append(Problem("subject", "merge_field_not_in_subject", {"field": LINK_FIELD.name}))
    used = {field_key(found["name"]) for found in _MERGE.finditer(body)}
    problems += [
        Problem("body", "merge_field_missing", {"field": field.name})
        for field in FIELDS[kind]
        if field.required and field_key(field.name) not in used
    ]
    return problems


def _field_problems(kind: Kind, where: str, text: str) -> list[Problem]:
    valid = {field_key(field.name): field.name for field in FIELDS[kind]}
    problems = []
    for name in dict.fromkeys(found["name"] for found in _MERGE.finditer(text)):
        key = field_key(name)
        if key not in valid:
            near = get_close_matches(key, valid, n=1, cutoff=0.0)
            reason = "merge_field_unresolvable" if key in _EVERYWHERE else "merge_field_unknown"
            problems.append(Problem(where, reason, {"field": name, "nearest": valid[near[0]] if near else ""}))
    rest = _MERGE.sub(" ", text)
    opened = dict.fromkeys(re.findall(r"#([^\W\d_]+)", rest))
    return problems + [
        Problem(where, "merge_field_not_closed", {"field": word}) for word in opened if field_key(word) in valid
    ]


def plain(value: str) -> str:
    """A value as it may stand in a header or a paragraph: one line, no control, private or direction-turning sign."""
    kept = "".join(c if unicodedata.category(c)[0] != "C" else " " if c in "\t\r\n\v\f\x85" else "" for c in value)
    return " ".join(kept.split())


def merge(text: str, values: Mapping[str, str]) -> str:
    """`text` with its merge fields replaced, in one pass: a value that looks like a field stays as it is.

    `values` go by `field_key`. An empty value takes the space before it along: "Bonjour #prénom#," becomes "Bonjour,".
    """

    def value_of(found: re.Match[str]) -> str:
        value = values.get(field_key(found["name"]), "")
        return found["space"] + value if value else ""

    return _MERGE.sub(value_of, text)


def _elided(text: str, values: Mapping[str, str]) -> str:
    """A French text before `merge`, with « d’ » and « qu’ » where the values want them."""

    def chosen(found: re.Match[str]) -> str:
        value = values.get(field_key(found["name"]), "")
        return shortened(found["word"], found["space"], value) + f"#{found['name']}#"

    return _AFTER_SHORTENED.sub(chosen, text)


def values_for(kind: Kind, values: Mapping[str, str]) -> dict[str, str]:
    """Every merge field of the kind: `values` (by name) made plain, the link as its sign, what is not given empty."""
    given = {field_key(name): plain(value) for name, value in values.items()}
    merged = {field_key(field.name): given.get(field_key(field.name), "") for field in FIELDS[kind]}
    return {**merged, field_key(LINK_FIELD.name): LINK}


def paragraphs(text: str) -> list[str]:
    """Parts of a text that blank lines separate, without blanks around them."""
    return [part.strip() for part in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n")) if part.strip()]


_FACT = re.compile(r"([^:.,;!?\n]{1,40}?[ \u00a0]?:) (\S.*)")


def facts(paragraph: str) -> list[tuple[str, str]]:
    """Labels and values of a paragraph whose every line is "Label : value"; empty for any other paragraph."""
    found = [_FACT.fullmatch(line.strip()) for line in paragraph.split("\n") if LINK not in paragraph]
    return [(match[1], match[2]) for match in found if match] if all(found) else []


def spaced(text: str) -> str:
    """French words with the spaces before `: ; ! ? »` and after `«` that do not break."""
    return re.sub(r" (?=[:;!?»](?:\s|$))|(?<=«) ", "\u00a0", text)


_FACT_OF_FIELD = re.compile(r"[^#:]{1,40}?[ \u00a0]?:[ \u00a0]#(?P<name>[^#\s]{1,40})#")


def _given(part: str, values: Mapping[str, str]) -> str:
    """A paragraph without the lines "Label : #field#" that would say nothing."""
    lines = [(line, _FACT_OF_FIELD.fullmatch(line.strip())) for line in part.split("\n")]
    return "\n".join(line for line, fact in lines if fact is None or values.get(field_key(fact["name"]), ""))


def _said(text: str, locale: str, values: Mapping[str, str]) -> str:
    return merge(_elided(spaced(text), values) if locale == "fr" else text, values)


def compose(locale: str, subject: str, body: str, values: Mapping[str, str]) -> tuple[str, str]:
    """Subject and text of a message; the text has `LINK` where its link goes. `values` as `values_for` makes them."""
    parts = (_given(part, values) for part in paragraphs(body))
    text = "\n\n".join(_said(part, locale, values) for part in parts if part)
    return _said(plain(subject), locale, values).replace(LINK, "").strip()[:LONGEST_SUBJECT], text


def day(iso: str, locale: str) -> str:
    """A day in words: "24 décembre 2026", "1er janvier 2027"; empty for none."""
    if not iso:
        return ""
    found = date.fromisoformat(iso)
    number = "1er" if (locale, found.day) == ("fr", 1) else found.day
    return f"{number} {MONTHS[locale][found.month - 1]} {found.year}"


def given_locale(wanted: Iterable[str]) -> str:
    """The first language among `wanted` ("en", "fr-FR", "") in which there are texts; French when there is none."""
    return next((locale[:2].lower() for locale in wanted if locale[:2].lower() in LOCALES), "fr")
