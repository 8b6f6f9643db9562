"""Keys for sorting and searching."""

from uuid import RFC_4122

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parvis_kit.ids import uuid7
from parvis_kit.text import fold, like_pattern, reads_as_link, search_key


def test_accents_case_and_ligatures_do_not_matter():
    assert search_key("Élan & Cœur", "C0042") == search_key("ELAN coeur", "c0042") == "elan coeur c0042"


@given(st.text())
def test_folding_twice_is_folding_once(text):
    assert fold(fold(text)) == fold(text)


@given(st.text())
def test_a_search_has_no_wildcards_of_its_own(query):
    assert set(like_pattern(query)[1:-1]).isdisjoint("%_\\")


def test_identifiers_are_version_7_and_grow_with_time():
    ids = [uuid7() for _ in range(50)]
    assert all(made.version == 7 and made.variant == RFC_4122 for made in ids)
    assert [made.int >> 80 for made in ids] == sorted(made.int >> 80 for made in ids)


@pytest.mark.parametrize(
    "text", ["https://evil.example", "Prix : HTTP://x", "WWW.evil.example", "\uff57\uff57\uff57\uff0eevil.example"]
)
def test_what_mail_programs_make_a_link_of(text):
    assert reads_as_link(text)


@pytest.mark.parametrize("text", ["Anne-Lise", "d'Aubigné", "J. P.", "Awww", "C/O Martin : 3e étage", ""])
def test_a_name_is_no_link(text):
    assert not reads_as_link(text)
