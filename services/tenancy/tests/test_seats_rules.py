"""The rules of seats, without any server: no act brings more holders into a pool than it has seats."""

from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from parvis_tenancy.domain.seats import Seats

STRUCTURES = [UUID(int=number) for number in range(1, 7)]
PLACES = [None, *STRUCTURES]
#: 1 ─ 2 ─ 3, 1 ─ 4, 5, 6 (below 5).
PARENTS = dict(zip(STRUCTURES, (None, *(STRUCTURES[at] for at in (0, 1, 0)), None, STRUCTURES[4]), strict=True))

acts = st.lists(
    st.one_of(
        st.tuples(st.just("assign"), st.sampled_from(PLACES), st.integers(1, 3)),
        st.tuples(st.just("give back"), st.sampled_from(PLACES), st.just(1)),
        st.tuples(st.just("reserve"), st.sampled_from(STRUCTURES), st.integers(0, 8)),
        st.tuples(st.just("release"), st.sampled_from(STRUCTURES), st.just(0)),
    ),
    max_size=40,
)


def above(place):
    """A place and what it lies in, written for the test alone."""
    found = set()
    while place is not None:
        found.add(place)
        place = PARENTS[place]
    return found


def keeps_its_word(seats):
    """What is written: never more than bought, never more than a part, others share what is not reserved."""
    roots = [each for each in seats.reserved if not (above(each) - {each}) & seats.reserved.keys()]
    outside = sum(count for place, count in seats.held.items() if not above(place) & seats.reserved.keys())
    parts = all(
        sum(count for place, count in seats.held.items() if structure in above(place)) <= part
        for structure, part in seats.reserved.items()
    )
    whole = seats.bought is None or (
        sum(seats.held.values()) <= seats.bought
        and sum(seats.reserved[each] for each in roots) <= seats.bought
        and outside <= seats.bought - sum(seats.reserved[each] for each in roots)
    )
    return parts and whole


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.none(), st.integers(0, 12)), acts)
def test_no_sequence_of_acts_exceeds_what_is_bought_or_reserved(bought, done):
    seats = Seats(bought, {}, PARENTS, {})
    for act, place, count in done:
        held, reserved = dict(seats.held), dict(seats.reserved)
        if act == "assign" and seats.shortage({place: count}) is None:
            held[place] = held.get(place, 0) + count
        elif act == "give back" and held.get(place):
            held[place] -= 1
        elif act == "reserve" and seats.against(place, count) is None:
            reserved[place] = count
        elif act == "release" and place in reserved:
            del reserved[place]
        seats = Seats(bought, reserved, PARENTS, held)
        assert keeps_its_word(seats)
        assert not seats.over


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.sampled_from(STRUCTURES), st.integers(0, 5)),
    st.dictionaries(st.sampled_from(PLACES), st.integers(0, 4)),
    st.integers(0, 12),
    st.sampled_from(PLACES),
)
def test_after_a_reduction_nobody_is_assigned_until_there_are_fewer_than_seats(reserved, held, bought, place):
    seats = Seats(bought, reserved, PARENTS, held)
    if seats.shortage({place: 1}) is None:
        assert sum(held.values()) < bought
        for each in above(place) & reserved.keys():
            assert sum(count for where, count in held.items() if each in above(where)) < reserved[each]


@given(st.dictionaries(st.sampled_from(PLACES), st.integers(0, 50)), st.sampled_from(PLACES))
def test_without_a_number_there_is_no_end(held, place):
    assert Seats(None, {}, PARENTS, held).shortage({place: 1000}) is None


def test_the_last_seat_is_given_and_the_next_is_missing():
    assert Seats(3, {}, {}, {None: 2}).shortage({None: 1}) is None
    short = Seats(3, {}, {}, {None: 2}).shortage({None: 3})
    assert (short.seats, short.used, short.missing) == (3, 2, 2)


def test_a_part_within_a_part_comes_out_of_it():
    outer, inner = STRUCTURES[0], STRUCTURES[1]
    seats = Seats(10, {outer: 4, inner: 3}, PARENTS, {outer: 1})
    assert seats.shortage({outer: 1}).structure_id == outer
    assert seats.shortage({inner: 3}) is None
    assert seats.shortage({None: 6}) is None
    assert seats.shortage({None: 7}).seats == 6
