"""How far a copy is never says more than it has seen, in whatever order."""

from hypothesis import given
from hypothesis import strategies as st

from parvis_advisers import advance

CHAINS = st.sets(st.integers(1, 10_000), min_size=1, max_size=40).map(sorted)


def seen_in(chain, order):
    """What a copy says after each change it saw, the changes of a chain being seen in this order."""
    links = list(zip([0, *chain], chain, strict=False))
    reached, ahead, told = 0, {}, []
    for place in order:
        previous, revision = links[place]
        reached, ahead = advance(reached, {**ahead, previous: revision})
        told.append(reached)
    return told, ahead


@given(CHAINS, st.data())
def test_it_is_the_last_change_up_to_which_all_were_seen(chain, data):
    order = data.draw(st.lists(st.integers(0, len(chain) - 1), max_size=80))
    told, _ = seen_in(chain, order)
    for count, reached in enumerate(told, 1):
        seen = set(order[:count])
        contiguous = next((place for place in range(len(chain)) if place not in seen), len(chain))
        assert reached == (chain[contiguous - 1] if contiguous else 0)


@given(CHAINS, st.randoms())
def test_once_all_were_seen_it_is_at_the_end_and_nothing_is_kept(chain, chance):
    order = [place for place in range(len(chain)) for _ in range(2)]
    chance.shuffle(order)
    told, ahead = seen_in(chain, order)
    assert (told[-1], ahead) == (chain[-1], {})


@given(CHAINS, st.data())
def test_a_leap_over_what_is_missing_drops_what_lies_before_and_goes_on(chain, data):
    links = dict(zip([0, *chain], chain, strict=False))
    missing = data.draw(st.sets(st.sampled_from(sorted(links))))
    leap = data.draw(st.sampled_from([0, *chain]))
    reached, ahead = advance(leap, {previous: links[previous] for previous in links if previous not in missing})
    assert reached >= leap
    assert all(previous > reached for previous in ahead)
    assert reached not in links or reached in missing
