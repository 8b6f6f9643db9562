"""« de » and « que » before what is filled in."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup, escape

from parvis_ui.translations import Words, words

ACCESS, SEEN = "Access of %(name)s", "What %(name)s sees"
FRENCH = {("", ACCESS): ("L’accès de %(name)s",), ("", SEEN): ("Ce que %(name)s voit",)}


@pytest.fixture(scope="module")
def french() -> Words:
    return Words("fr", FRENCH)


@pytest.mark.parametrize(
    "name",
    [
        "Anne", "Élodie", "E\u0301lodie", "Île-de-France", "œuvre", "Hélène Roy", "HERVÉ", "Yves", "ARMOR",
        "ulysse@a.example", "Hôtel d’Arvor",
    ],
)  # fmt: skip
def test_de_and_que_are_shortened_before_a_vowel_and_a_mute_h(french, name):
    assert french(ACCESS, name=name) == f"L’accès d’{name}"
    assert french(SEEN, name=name) == f"Ce qu’{name} voit"


@pytest.mark.parametrize(
    "name", ["Paul", "Hugo", "Hamid", "Yann", "Y", "1 100 €", "«\u00a0Anne\u00a0»", "Onze", "", "…"]
)
def test_they_stay_whole_before_anything_else(french, name):
    assert french(ACCESS, name=name) == f"L’accès de {name}"


@given(st.text())
def test_what_is_filled_in_is_never_changed(name):
    assert Words("fr", FRENCH)(ACCESS, name=name) in {f"L’accès de {name}", f"L’accès d’{name}"}


@given(st.text())
def test_english_has_no_such_rule(name):
    assert Words("en")("More de %(name)s", name=name) == f"More de {name}"


def test_a_count_is_shortened_before_too():
    said = Words("fr", {("", "one"): ("un fichier de %(name)s", "%(num)s fichiers de %(name)s")})
    assert said.plural("one", "many", 2, name="Anne") == "2 fichiers d’Anne"


def test_words_that_end_alike_are_not_shortened():
    assert Words("fr", {("", "x"): ("la rade %(name)s",)})("x", name="Anne") == "la rade Anne"


@settings(deadline=None)  # the first example makes the environment
@given(st.text())
def test_a_template_says_what_a_module_does_and_escapes(pages, name):
    environment = pages.environment("fr")
    template = environment.from_string('{{ _("larger than %(limit)s", limit=name) }}')
    said = words("fr")("larger than %(limit)s", limit=name)
    assert template.render(name=name) == str(escape(said))


def test_the_name_inside_an_element_is_what_is_read(pages):
    template = pages.environment("fr").from_string('{{ _("larger than %(limit)s", limit=name) }}')
    assert template.render(name=Markup("<strong>Anne</strong>")).endswith(" d’<strong>Anne</strong>")
