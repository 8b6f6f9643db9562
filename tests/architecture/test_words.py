"""One thing has one name, in each language, wherever people read it."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: What is said otherwise → how: in the sentences of pages, and in the mails.
OTHERWISE = {
    "second facteur": "double authentification; each of its means is a « moyen de confirmation »",
    "seconds facteurs": "double authentification",
    "deuxième facteur": "double authentification",
    "two-step": "second factor",
    "two-factor": "second factor",
    "2fa": "second factor",
}
SENTENCES = sorted(
    path
    for pattern in ("*/*/src/*/locale/fr/*.po", "services/notify/src/parvis_notify/**/*.toml")
    for path in ROOT.glob(pattern)
)


def test_sentences_are_found():
    assert len(SENTENCES) > 40


@pytest.mark.parametrize("path", SENTENCES, ids=lambda path: f"{path.parents[3].name}/{path.name}")
def test_a_second_factor_has_one_name(path):
    text = path.read_text().lower()
    assert {said: better for said, better in OTHERWISE.items() if said in text} == {}
