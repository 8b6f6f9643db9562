"""All templates: they compile, everything shown exists, nothing inline, every word in both languages."""

import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from parvis_ui import styleguide
from parvis_ui.translations import english, french, problems, sources, words

TEMPLATES = sorted(Path(str(files("parvis_ui"))).glob("templates/**/*.html"))
README = (Path(__file__).parents[1] / "README.md").read_text()
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
OPTIONAL = {"path", "circle", "rect", "use"}


class Outline(HTMLParser):
    """Collects what a page must not have: unclosed elements, ids used twice, references to nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.ids: list[str] = []
        self.references: set[str] = set()
        self.unnamed: list[str] = []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag not in VOID | OPTIONAL:
            self.open.append(tag)
        if "id" in found:
            self.ids.append(found["id"])
        for name in ("aria-labelledby", "aria-describedby", "for"):
            self.references.update((found.get(name) or "").split())
        self.wrong += [f"{tag} {name}" for name in found if name == "style" or name.startswith("on")]
        if tag == "script" and "src" not in found:
            self.wrong.append("inline script")
        if tag == "img" and "alt" not in found:
            self.wrong.append("img without alt")

    def handle_endtag(self, tag):
        if tag in VOID | OPTIONAL:
            return
        if not self.open or self.open[-1] != tag:
            self.wrong.append(f"</{tag}> closes {self.open[-3:]}")
        if tag in self.open:
            while self.open.pop() != tag:
                pass


def outline(html: str) -> Outline:
    read = Outline()
    read.feed(html)
    return read


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_style_nor_script_stands_in_a_template(path):
    text = re.sub(r"{#.*?#}", "", path.read_text(), flags=re.DOTALL)
    assert not re.search(r"\sstyle\s*=|\son\w+\s*=|<style|hx-on|javascript:", text)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("framed", [True, False])
def test_the_styleguide_is_sound_html(pages, ask, language, framed):
    request = ask("/styleguide?sort=-name", cookie=f"parvis_lang={language}")
    frame = styleguide.frame(language) if framed else None
    html = pages.text(request, "parvis_ui/styleguide.html", styleguide.context(request), frame=frame)
    read = outline(html)
    assert read.wrong == []
    assert read.open == []
    assert sorted({name for name in read.ids if read.ids.count(name) > 1}) == []
    assert read.references <= set(read.ids)


def test_every_icon_that_is_named_exists(pages, ask):
    request = ask("/styleguide")
    html = pages.text(request, "parvis_ui/styleguide.html", styleguide.context(request), frame=styleguide.frame())
    sprite = (pages.assets.folder / pages.assets.names["icons.svg"]).read_text()
    known = set(re.findall(r'<symbol id="([\w-]+)"', sprite))
    sources_text = "".join(path.read_text() for path in TEMPLATES)
    named = set(re.findall(r'icons-[^#"]+\.svg#([\w-]+)', html)) | set(
        re.findall(r'(?:glyph|icon)\("([\w-]+)"', sources_text)
    )
    assert named <= known


def test_what_is_missing_is_an_error(pages, ask):
    with pytest.raises(UndefinedError):
        pages.text(ask(), "parvis_ui/error.html", {"title": "x"})


def test_all_words_are_translated():
    assert problems("parvis_ui") == []


def test_french_has_its_typography_whatever_was_typed():
    assert (
        french("Ce lien a expiré : l'accès « Paul » est coupé !")
        == "Ce lien a expiré\u00a0: l’accès «\u00a0Paul\u00a0» est coupé\u00a0!"
    )
    assert french("http://exemple.fr et 43 %") == "http://exemple.fr et 43\u00a0%"
    assert english("Don't send the customers' files") == "Don’t send the customers’ files"


def test_no_translation_keeps_a_plain_apostrophe_or_space():
    for texts in words("fr", "parvis_ui").messages.values():
        for text in texts:
            assert not re.search(r"\w'\w| [;!?»]| :|« ", text)


def test_plurals_follow_each_language():
    fr, en = words("fr", "parvis_ui"), words("en", "parvis_ui")
    one, many = "One thing to correct", "%(num)s things to correct"
    assert fr.plural(one, many, 0) == fr.plural(one, many, 1) == "Un point à corriger"
    assert en.plural(one, many, 0) == "0 things to correct"
    assert fr.plural(one, many, 2) == "2 points à corriger"


def test_sources_are_found_in_templates_and_modules():
    assert ("", "Skip to the content") in sources("parvis_ui")
    assert ("", "We could not finish this") in sources("parvis_ui")


def test_the_readme_lists_every_macro_with_its_arguments(pages):
    environment = pages.environment("fr")
    internal = {
        "switcher",
        "nav_link",
        "tab_bar",
        "me",
        "flashes",
        "viewing_banner",
        "closing_banner",
        "field_label",
        "field_notes",
        "field_aria",
        "file_icon",
        "upload_row",
    }
    for name, macro in vars(environment.globals["ui"]).items():
        if name in internal:
            continue
        found = re.search(rf"`ui\.{name}\(([^`]*)\)`", README)
        assert found, name
        documented = [
            part.split("=")[0].strip()
            for part in re.sub(r"\([^()]*\)|\{[^{}]*\}", "", found[1]).split(",")
            if part.strip()
        ]
        assert documented == list(macro.arguments), name
