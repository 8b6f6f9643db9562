"""Passwords that somebody who guesses tries first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parvis_identity.domain.familiar import context_words, holds_one, is_common
from parvis_identity.service.mail_domains import own_label
from parvis_identity.service.refused_passwords import commonest

SIGNS = "$?!&%*@-_.0123456789"
FEW = frozenset({"azerty", "password", "abcd1234", "qwertyuiop"})


def test_the_commonest_three_thousand_ship_and_are_small_letters():
    assert len(commonest()) >= 3_000
    assert {"123456", "password", "azerty", "motdepasse", "iloveyou"} <= commonest()
    assert all(each == each.casefold() for each in commonest())


@given(
    st.sampled_from(["azerty", "password", "qwertyuiop"]),
    st.text(SIGNS, max_size=3),
    st.text(SIGNS, max_size=3),
    st.booleans(),
)
def test_a_common_one_stays_common_with_capitals_and_a_few_signs_around_it(word, before, after, capital):
    assert is_common(before + (word.capitalize() if capital else word.upper()) + after, FEW)


@pytest.mark.parametrize("password", ["P@ssw0rd", "Pa$$word-2026", "Abcd-1234!", "PASS.WORD", "Qwert.Yuiop1"])
def test_signs_for_letters_and_between_them_hide_nothing(password):
    assert is_common(password, FEW)


@pytest.mark.parametrize("password", ["", "Portail-2026!", "azerty-74190538", "un azerty et deux mots", "!2026!"])
def test_what_holds_more_than_a_common_one_is_none(password):
    assert not is_common(password, FEW)


@pytest.mark.parametrize("password", ["Dupont-2026!", "du.PONT2026$", "Associes1!", "Été-Dupônt9!"])
def test_words_of_a_name_are_found_whatever_stands_between_their_letters(password):
    assert holds_one(password, context_words(["Cabinet Dupont & associés", "cabinet-dupont"]))


def test_short_words_and_others_are_no_names():
    assert not holds_one("Les-portes-2026!", context_words(["Les amis du bois", ""]))


@pytest.mark.parametrize(
    ("host", "label"),
    [("portal.dupont.example", "dupont"), ("espace.dupont.co.uk", "dupont"), ("localhost", "")],
)
def test_what_somebody_registered_of_a_host(host, label):
    assert own_label(host) == label
