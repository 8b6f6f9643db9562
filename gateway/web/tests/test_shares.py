"""How much one account has at once."""

from uuid import UUID

import pytest

from parvis_kit.errors import Kind, ServiceError
from parvis_web import shares

ANNE, MARC = UUID(int=1), UUID(int=2)


def test_one_account_has_so_many_requests_at_once_and_others_theirs():
    portal = shares.Shares()
    open_ones = [portal.taken(ANNE) for _ in range(shares.REQUESTS)]
    for each in open_ones:
        each.__enter__()
    with pytest.raises(ServiceError) as refused, portal.taken(ANNE):
        pass
    assert (refused.value.kind, refused.value.reason) == (Kind.LIMIT, "too_much_at_once")
    with portal.taken(MARC):
        pass
    open_ones[0].__exit__(None, None, None)
    with portal.taken(ANNE):
        pass


def test_two_files_are_made_at_once_and_pages_go_on():
    portal = shares.Shares()
    with portal.taken(ANNE, file=True), portal.taken(ANNE, file=True):
        with pytest.raises(ServiceError) as refused, portal.taken(ANNE, file=True):
            pass
        assert refused.value.reason == "files_at_once"
        with portal.taken(ANNE), portal.taken(MARC, file=True):
            pass
    with portal.taken(ANNE, file=True):
        pass
    assert not portal._requests  # nothing is remembered of whoever has nothing left
    assert not portal._files
