"""Words: sources are good English, other languages come from `locale/<language>/*.po` of each package, read at start.

`python -m parvis_ui.translations check PACKAGE` prints what a package lacks, as entries ready to be filled in.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib.resources import files
from pathlib import Path

from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from parvis_ui.elision import elided
from parvis_ui.languages import LANGUAGES

KEYWORDS: Mapping[str, tuple[int | tuple[int, str], ...] | None] = {
    "_": None,
    "words": None,  # `visit.words("…")`, where one sentence does not deserve a `_`
    "gettext": None,
    "N_": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "plural": (1, 2),
}
_PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]")


def french(text: str) -> str:
    """French typography: no-break space before : ; ! ? % € and inside « », real apostrophes (see `formats.NBSP`)."""
    text = re.sub(r"(?<=\w)'(?=\w|%\(|«)", "’", text)
    text = re.sub(r" +([:;!?%€»])", "\u00a0\\1", text)
    return re.sub(r"« +", "«\u00a0", text)


def english(text: str) -> str:
    """English typography: real apostrophes and quotation marks are typed plainly in sources."""
    text = re.sub(r"(?<=\w)'(?=\w)|(?<=s)'(?=\s)", "’", text)
    return re.sub(r'(?<![\w=])"([^"<>=]+)"', "“\\1”", text)


_TYPOGRAPHY: Mapping[str, Callable[[str], str]] = {"fr": french, "en": english}


@dataclass(slots=True)
class Words:
    """All words of one language. Called with a source it answers in that language; what is missing stays English."""

    language: str
    messages: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    typographic: Callable[[str], str] = str

    def __post_init__(self) -> None:
        """Keeps the typography of sources that have no translation (all of English) for the life of the process."""
        self.typographic = lru_cache(maxsize=8192)(_TYPOGRAPHY[self.language])

    def __call__(self, message: str, /, **parameters: object) -> str:
        """The message with its `%(name)s` filled in."""
        text = self.gettext(message)
        return self.fitted(text, parameters) % parameters if parameters or "%%" in text else text

    def plural(self, singular: str, plural: str, number: int, /, **parameters: object) -> str:
        """The form for `number`, which is also `%(num)s`."""
        values = {"num": number, **parameters}
        return self.fitted(self.ngettext(singular, plural, number), values) % values

    def gettext(self, message: str) -> str:
        """The message, not filled in."""
        found = self.messages.get(("", message))
        return found[0] if found else self.typographic(message)

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        """The form for `number`: French has the singular for 0 and 1, English for 1."""
        many = number not in {0, 1} if self.language == "fr" else number != 1
        found = self.messages.get(("", singular))
        if found:
            return found[-1] if many else found[0]
        return self.typographic(plural if many else singular)

    def pgettext(self, context: str, message: str) -> str:
        """The message as it is said in that context."""
        found = self.messages.get((context, message))
        return found[0] if found else self.typographic(message)

    def fitted(self, text: str, values: Mapping[str, object]) -> str:
        """A text of this language as it reads with these values, which are still to be filled in."""
        return elided(text, values) if self.language == "fr" else text


def _catalogs(package: str, language: str) -> Iterator[Path]:
    folder = Path(str(files(package))) / "locale" / language
    yield from sorted(folder.glob("*.po"))


@cache
def words(language: str, *packages: str) -> Words:
    """The words of these packages, later ones winning; `parvis_ui` is always among them."""
    gathered = Words(language)
    typographic = _TYPOGRAPHY[language]
    for package in dict.fromkeys(("parvis_ui", *packages)):
        for key, texts in _written(package, language):
            gathered.messages[key] = tuple(map(typographic, texts))
    return gathered


def _written(package: str, language: str) -> Iterator[tuple[tuple[str, str], tuple[str, ...]]]:
    """The translations of a package as they stand in its files: (context, id) and the forms."""
    for path in _catalogs(package, language):
        with path.open("rb") as source:
            catalog = read_po(source, locale=language, ignore_obsolete=True)
        for message in catalog:
            ids = message.id if isinstance(message.id, (tuple, list)) else (message.id,)
            texts = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
            if ids[0] and all(texts) and not message.fuzzy:
                yield (message.context or "", ids[0]), tuple(str(text) for text in texts)


def sources(package: str) -> dict[tuple[str, str], tuple[str, ...]]:
    """Every message that templates and modules of a package use: (context, id) to its forms."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    extracted = extract_from_dir(
        str(files(package)),
        method_map=[("**.py", "python"), ("**/templates/**.html", "jinja2.ext:babel_extract")],
        options_map={"**/templates/**.html": {"newstyle_gettext": "true", "silent": "false"}},
        keywords=KEYWORDS,
    )
    for _, _, message, _, context in extracted:
        forms = tuple(str(form) for form in (message if isinstance(message, tuple) else (message,)) if form)
        if forms:
            found[context or "", forms[0]] = forms
    return found


def missing(package: str, language: str = "fr") -> dict[tuple[str, str], tuple[str, ...]]:
    """Messages of the package that have no translation in it nor in `parvis_ui`."""
    known = words(language, package).messages
    return {key: forms for key, forms in sources(package).items() if key not in known}


def problems(package: str) -> list[str]:
    """What is wrong with a package's words, one sentence each: missing, placeholders that differ, plain typography."""
    found = []
    for language in LANGUAGES:
        if language == "en":
            continue
        found += [f"{language}: no translation of {forms[0]!r}" for forms in missing(package, language).values()]
        found += [
            f"{language}: a typewriter's apostrophe in {text!r}"
            for _, texts in _written(package, language)
            for text in texts
            if "'" in text
        ]
        used = sources(package)
        known = words(language, package).messages
        for key, forms in used.items():
            wanted = set(_PLACEHOLDER.findall("".join(forms))) - {"num"}
            found += [
                f"{language}: other placeholders than {key[1]!r} in {text!r}"
                for text in known.get(key, ())
                if wanted - set(_PLACEHOLDER.findall(text)) and len(forms) == 1
            ]
    return found


def _as_entries(lacking: Mapping[tuple[str, str], tuple[str, ...]]) -> Iterator[str]:
    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'

    for (context, _), forms in lacking.items():
        yield ""
        if context:
            yield f"msgctxt {quoted(context)}"
        yield f"msgid {quoted(forms[0])}"
        if len(forms) > 1:
            yield f"msgid_plural {quoted(forms[1])}"
            yield 'msgstr[0] ""'
            yield 'msgstr[1] ""'
        else:
            yield 'msgstr ""'


def main(arguments: Iterable[str]) -> int:
    """`check PACKAGE…`: prints what is missing; exit code 1 when something is."""
    command, *packages = list(arguments) or [""]
    if command != "check" or not packages:
        sys.stderr.write("usage: python -m parvis_ui.translations check PACKAGE…\n")
        return 2
    wrong = 0
    for package in packages:
        lacking = missing(package)
        for line in _as_entries(lacking):
            sys.stdout.write(line + "\n")
        for problem in problems(package):
            if "no translation" not in problem:
                sys.stderr.write(f"{package}: {problem}\n")
                wrong += 1
        sys.stderr.write(f"{package}: {len(lacking)} messages lack a translation\n")
        wrong += len(lacking)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
