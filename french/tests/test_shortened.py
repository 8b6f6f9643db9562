"""« de » and « que » before a name."""

from hypothesis import given
from hypothesis import strategies as st

from parvis_french import elides, shortened

LETTERS = st.text(st.characters(categories=("L",)), max_size=8)


@given(first=st.sampled_from("aeiouAEIOUéèêëàâîïôöùûüÉÈÊËÀÂÎÏÔÖÙÛÜ"), rest=LETTERS)
def test_every_first_vowel_counts_with_and_without_its_accent(first, rest):
    assert elides(f"{first}l{rest}")


@given(first=st.sampled_from("bcdfgjklmnpqrstvwxzBCDFGJKLMNPQRSTVWXZçÇ0123456789"), rest=LETTERS)
def test_no_consonant_and_no_figure_does(first, rest):
    assert not elides(first + rest)


@given(word=st.sampled_from(("de", "De", "que", "Que")), space=st.sampled_from((" ", "\u00a0")), name=st.text())
def test_a_word_is_whole_with_its_space_or_has_an_apostrophe_instead_of_its_e(word, space, name):
    assert shortened(word, space, name) == (f"{word[:-1]}’" if elides(name) else word + space)


def test_a_word_that_begins_a_sentence_is_shortened_too():
    assert shortened("Que", " ", "Élodie") == "Qu’"
    assert shortened("Que", " ", "Yann") == "Que "
