"""Cursors of lists."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parvis_kit import paging
from parvis_kit.errors import Kind, ServiceError

LAST = UUID(int=7)


@given(st.text(max_size=40), st.uuids(), st.integers(0, 2**62))
def test_a_cursor_comes_back_as_it_went(key, identifier, total):
    key = key.replace("\0", "").encode("utf-8", "replace").decode()
    cursor = paging.Cursor(key, identifier, total)
    assert paging.cursor(str(cursor)) == cursor


@given(st.text(min_size=1, max_size=60) | st.binary(min_size=1).map(lambda raw: raw.hex()))
def test_what_is_no_cursor_is_refused_and_nothing_else_happens(token):
    try:
        assert isinstance(paging.cursor(token), paging.Cursor)
    except ServiceError as error:
        assert error.kind is Kind.INVALID  # noqa: PT017 - some text is a cursor by chance


@pytest.mark.parametrize(("key", "total"), [("a\0b", 0), ("", -1), ("", 2**63)])
def test_a_cursor_that_no_database_could_use_is_refused(key, total):
    with pytest.raises(ServiceError) as caught:
        paging.cursor(str(paging.Cursor(key, LAST, total)))
    assert [violation.field for violation in caught.value.violations] == ["page_token"]


def test_the_first_page_has_no_cursor():
    assert paging.cursor("") is None


def test_pages_have_a_size_between_one_and_two_hundred():
    assert [paging.size(asked) for asked in (-1, 0, 1, 200, 10**9)] == [50, 50, 1, 200, 200]


def test_a_page_is_cut_before_the_row_that_says_there_are_more():
    rows, token = paging.cut(["a", "b", "c"], 2, lambda row: paging.Cursor(row, LAST, 9))
    assert (rows, paging.cursor(token)) == (["a", "b"], paging.Cursor("b", LAST, 9))


def test_the_last_page_leads_nowhere():
    assert paging.cut(["a", "b"], 2, lambda row: paging.Cursor(row, LAST, 2)) == (["a", "b"], "")
