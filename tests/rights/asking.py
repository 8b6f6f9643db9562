"""Questions as the evaluators are asked them: of a few moments, since facts are read once for each, by everybody."""

from dataclasses import replace
from itertools import islice

import reference
from facts import Facts, Question
from generator import questions

DRAWN = 24
MOMENTS = 3


def asked(facts: Facts, seed: int) -> list[Question]:
    """Questions of a few moments, each put to everybody."""
    drawn = list(islice(questions(facts, seed), 10 * DRAWN))
    moments = {each.at for each in drawn[:MOMENTS]}
    chosen = [each for each in drawn if each.at in moments][:DRAWN]
    everybody = [
        replace(each, kind=kind, who=who)
        for each in chosen
        if each.target in {"contact", ""}
        for kind, who in reference.everybody(facts)
    ]
    return list(dict.fromkeys([*chosen, *everybody]))
