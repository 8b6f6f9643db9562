"""What is no success, whatever its status says: one rule for all who count failures under load."""

import re

import httpx

#: A part of a page that could not be had, or is not for the reader, says so where it would stand (`unavailable` and
#: `refusal` of parvis_ui); a notice in the same colour has no role.
_MISSING = re.compile(r'<div class="notice tone-off" role="')
#: A form that was refused leads back to its page, which says why (`toast`).
_REFUSED = re.compile(r'<div class="toast tone-bad"')


def failure(answer: httpx.Response) -> str:
    """Why an answer counts as failed; empty when it is what was asked for."""
    if answer.is_error:
        return f"{answer.status_code} {answer.text[-300:]!r}"
    if found := _MISSING.search(answer.text):
        return f"a part is missing: {_words(answer.text[found.end() :])}"
    if found := _REFUSED.search(answer.text):
        return f"refused: {_words(answer.text[found.end() :])}"
    return ""


def _words(page: str) -> str:
    """The first words of what follows, without its marks."""
    return " ".join(re.sub(r"<[^>]*>?", " ", page.partition(">")[2][:2000]).split())[:120]
