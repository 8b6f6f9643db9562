"""A root stands for all entries of a tree: a proof leads to it from its own entry at its place, from nothing else."""

import hashlib

from hypothesis import assume, given
from hypothesis import strategies as st

from parvis_trail.merkle import EMPTY, Tree, leaf, node, root_of

ENTRIES = st.lists(st.binary(max_size=8), min_size=1, max_size=70)


def by_definition(entries):
    """RFC 9162, section 2.1.1, word for word."""
    if not entries:
        return hashlib.sha256(b"").digest()
    if len(entries) == 1:
        return leaf(entries[0])
    split = 1
    while split * 2 < len(entries):
        split *= 2
    return node(by_definition(entries[:split]), by_definition(entries[split:]))


@given(st.lists(st.binary(max_size=8), max_size=70))
def test_the_root_is_that_of_the_definition(entries):
    assert Tree(entries).root == by_definition(entries)


def test_the_root_of_nothing_is_the_digest_of_nothing():
    assert Tree([]).root == EMPTY


@given(ENTRIES, st.data())
def test_a_proof_leads_to_the_root(entries, data):
    index = data.draw(st.integers(0, len(entries) - 1))
    tree = Tree(entries)
    assert root_of(entries[index], index, tree.size, tree.proof(index)) == tree.root


@given(ENTRIES, st.binary(max_size=8), st.data())
def test_a_proof_leads_there_from_no_other_entry(entries, other, data):
    index = data.draw(st.integers(0, len(entries) - 1))
    assume(other != entries[index])
    tree = Tree(entries)
    assert root_of(other, index, tree.size, tree.proof(index)) != tree.root


@given(st.lists(st.binary(min_size=1, max_size=8), min_size=2, max_size=70, unique=True), st.data())
def test_a_proof_leads_there_from_no_other_place(entries, data):
    index, other = data.draw(st.lists(st.integers(0, len(entries) - 1), min_size=2, max_size=2, unique=True))
    tree = Tree(entries)
    assert root_of(entries[index], other, tree.size, tree.proof(index)) != tree.root


@given(ENTRIES, st.data())
def test_a_proof_that_is_shortened_or_lengthened_leads_nowhere(entries, data):
    index = data.draw(st.integers(0, len(entries) - 1))
    tree = Tree(entries)
    path = tree.proof(index)
    assert root_of(entries[index], index, tree.size, [*path, EMPTY]) is None
    if path:
        assert root_of(entries[index], index, tree.size, path[:-1]) is None
    assert root_of(entries[index], tree.size, tree.size, path) is None
