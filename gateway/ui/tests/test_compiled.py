"""Templates are compiled once, for all processes that follow, and anew when anything changed."""

import importlib
import sys

import pytest
from jinja2 import Environment

from parvis_ui import compiled
from parvis_ui.languages import LANGUAGES
from parvis_ui.pages import Pages

PAGE = '{% extends "parvis_ui/bare.html" %}{% block main %}<p>FIRST {{ 1234|number }}</p>{% endblock %}'


@pytest.fixture
def templates(tmp_path, monkeypatch):
    """The templates of a package of its own, with one page."""
    folder = tmp_path / "paged" / "templates"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "page.html").write_text(PAGE)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    yield folder
    sys.modules.pop("paged", None)


@pytest.fixture
def made(monkeypatch):
    """Names of the templates that are compiled from now on."""
    names = []
    compile_ = Environment.compile

    def counted(self, source, name=None, *more, **others):
        names.append(name)
        return compile_(self, source, name, *more, **others)

    monkeypatch.setattr(Environment, "compile", counted)
    return names


def test_a_process_compiles_nothing_that_one_before_it_has(templates, made):
    assert Pages("paged").warm() == len(made)
    made.clear()
    assert Pages("paged").warm() > 0
    assert made == []


def test_each_language_has_its_own(templates, ask):
    Pages("paged").warm()
    again = Pages("paged")
    shown = {each: again.text(ask("/"), "page.html", language=each, block="main") for each in LANGUAGES}
    assert "1 234" in shown["fr"].replace("\u202f", " ").replace("\u00a0", " ")
    assert "1,234" in shown["en"]


def test_what_changed_is_compiled_anew(templates, made, ask):
    Pages("paged").warm()
    made.clear()
    (templates / "page.html").write_text(PAGE.replace("FIRST", "SECOND"))
    again = Pages("paged")
    assert "SECOND" in again.text(ask("/"), "page.html", block="main")
    again.warm()
    assert set(made) == {"page.html"}


def test_what_other_code_made_is_not_believed(templates, made, monkeypatch):
    Pages("paged").warm()
    made.clear()
    monkeypatch.setattr(compiled, "_made_by", lambda: "another release")
    assert Pages("paged").warm() == len(made)


def test_a_file_cut_short_and_a_folder_that_nobody_may_write_do_no_harm(templates, made):
    Pages("paged").warm()
    kept = templates / "__pycache__" / "fr.jinja"
    kept.write_bytes(kept.read_bytes()[:1000])
    made.clear()
    assert Pages("paged").warm() > len(made) > 0
    for file in (templates / "__pycache__").iterdir():
        file.unlink()
    (templates / "__pycache__").rmdir()
    (templates / "__pycache__").touch()  # root may write anywhere: here nobody can
    assert Pages("paged").warm() > 0
