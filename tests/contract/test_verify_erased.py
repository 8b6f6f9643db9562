"""Of an erased act the script proves all but its details, and that somebody said that it was erased."""

import copy
import json
from hashlib import sha256

import pytest
from test_verify_trail import KEY, LINES, entries, exported, is_proven, place_of, read, verified

from parvis_kit import audit


def test_what_an_erased_act_was_is_proven():
    for name in ("act", "target_id", "account_id", "at", "actor", "target_kind"):
        lines = copy.deepcopy(LINES)
        each = lines[place_of(lines, "billing", 2)]
        content = json.loads(each["content"])
        assert content["details"] is None
        each["content"] = audit.canonical(content | {name: "other"}).decode()
        assert verified(lines) == ["billing: act 2 was changed"]


def test_an_act_that_was_erased_in_silence_is_found():
    lines = copy.deepcopy(LINES)
    each = lines[place_of(lines, "billing", 5)]
    each |= {"salt": None, "content": audit.canonical(json.loads(each["content"]) | {"details": None}).decode()}
    assert verified(lines) == ["billing: more acts were erased than acts say"]


@pytest.mark.parametrize("number", ["x", "-5", "²"])
def test_an_act_that_says_no_number_is_named_and_the_rest_is_read(number):
    lines = exported(erased={2}, witness={4: number})
    told = ["{0}: act 4 says no number of erased acts", "{0}: more acts were erased than acts say"]
    assert sorted(verified(lines)) == sorted(each.format(name) for each in told for name in ("billing", "tenancy"))


def test_an_act_that_says_that_others_were_erased_counts_once_it_is_anchored():
    lines = exported(erased={2, 3}, witness={7: 2}, days=((2, 0), (6, 5)))
    told = "billing: acts were erased, and no anchor covers the act that says so yet"
    assert (read(lines, [KEY]).problems, read(lines, [KEY]).doubts[:1]) == (
        ["tenancy: more acts were erased than acts say"], [told],
    )  # fmt: skip


def test_acts_that_an_older_release_sealed_verify_and_erased_ones_prove_nothing():
    older = exported(older=4)
    assert is_proven(older)
    erased = read(exported(older=4, erased={2}, witness={}), [KEY])
    assert erased.problems == []
    assert erased.doubts == ["2 acts were erased that an older release sealed: nothing proves what they were"]
    for place in entries(older, "billing")[:4]:
        lines = copy.deepcopy(older)
        lines[place]["content"] = lines[place]["content"].replace("note.written", "note.deleted")
        assert not is_proven(lines)


def test_an_act_sealed_in_two_parts_does_not_pass_for_one_of_an_older_release():
    lines = copy.deepcopy(LINES)
    each = lines[place_of(lines, "billing", 2)]
    apart = {name: told for name, told in json.loads(each["content"]).items() if name != "details"}
    each["content_digest"] = sha256(audit.canonical(apart)).hexdigest() + each["content_digest"]
    each["content"] = each["content"].replace("note.written", "note.deleted")
    assert "billing: act 2 was changed" in verified(lines)
