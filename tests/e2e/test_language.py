"""Every page in each language says nothing in the other one: compared with the catalogues that translate them."""

import re
from functools import cache
from pathlib import Path

import pytest
from atlas import PLACES
from babel.messages.pofile import read_po
from people import KARIM, STRANGER

ROOT = Path(__file__).parents[2]
CATALOGUES = sorted(ROOT.glob("*/*/src/*/locale/fr/*.po"))
#: Data of the demonstration, the same in both languages: folders, profiles, lines of invoices, subjects of mails.
NAMES = {
    "Contrats", "Contrats à signer", "Devis", "Devis à signer", "Factures", "Facture", "Administrateur", "Conseiller",
    "Manager", "Back-office", "Français", "English", "Clients", "Bulletins de paie", "Choose a new password",
    "Choisissez un nouveau mot de passe",
}  # fmt: skip
#: The samples of the components are one firm's data, in French.
TRANSLATED = [place for place in PLACES if place.name != "composants"]
#: Text that can be read or is read out, of elements that are there.
TEXTS = """() => {
  const elsewhere = 'script, style, template, noscript, [lang]:not(html), .letter, textarea, .textLayer';
  const found = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    if (!walk.currentNode.parentElement.closest(elsewhere)) found.add(walk.currentNode.data);
  }
  for (const each of document.querySelectorAll('[aria-label], [title], [placeholder]'))
    for (const name of ['aria-label', 'title', 'placeholder']) found.add(each.getAttribute(name) ?? '');
  found.add(document.title);
  return [...found];
}"""


def plain(text: str) -> str:
    """One kind of space, one kind of apostrophe."""
    return re.sub(r"\s+", " ", text).replace("’", "'").strip()


@cache
def sentences() -> list[tuple[str, str]]:
    """English and French of everything that is translated."""
    found = []
    for file in CATALOGUES:
        with file.open("rb") as catalogue:
            for message in read_po(catalogue, locale="fr"):
                if message.id:
                    english = message.id if isinstance(message.id, tuple) else (message.id,)
                    french = message.string if isinstance(message.string, tuple) else (message.string,)
                    found += [(plain(one), plain(other)) for one, other in zip(english, french, strict=False)]
    assert len(found) > 300, CATALOGUES
    return found


@cache
def only_in(language: str) -> re.Pattern[str]:
    """Matches a text that is written in this language and in the other one differently."""
    english = {one for one, _ in sentences()}
    french = {other for _, other in sentences()}
    mine, theirs = (english, french) if language == "en" else (french, english)
    words = []
    for text in mine - theirs - NAMES:
        fixed = len(re.sub(r"%\(\w+\)s|\W", "", text))
        # "Facture %(number)s" would find every document of that name: a text with gaps says more around them.
        if fixed > (15 if "%(" in text else 3):
            words.append(re.sub(r"%\\\(\w+\\\)s", ".+", re.escape(text)))
    return re.compile("|".join(words))


def left_over(someone, language: str) -> list[str]:
    texts = {plain(text) for text in someone.page.evaluate(TEXTS)}
    pattern = only_in(language)
    return sorted(text for text in texts if text and pattern.fullmatch(text))


@pytest.mark.parametrize("place", TRANSLATED, ids=lambda place: place.name)
def test_french_page_has_no_english_words(reader_at, place):
    someone = reader_at(place.who)
    place.open(someone)
    assert someone.page.locator("html").get_attribute("lang") == "fr"
    assert left_over(someone, "en") == []


@pytest.fixture(scope="module")
def english_reader_at(person):
    """The same people, who have chosen English in their menu."""
    there = {}

    def of(who):
        if who not in there:
            there[who] = person(who or STRANGER, signed_in=who is not None)
            there[who].context.add_cookies([{"name": "parvis_lang", "value": "en", "url": there[who].portal}])
        return there[who]

    return of


@pytest.mark.parametrize("place", TRANSLATED, ids=lambda place: place.name)
def test_english_page_has_no_french_words(reader_at, english_reader_at, place):
    someone = english_reader_at(place.who)
    place.open(someone, place.find(reader_at(place.who)))
    assert someone.page.locator("html").get_attribute("lang") == "en"
    assert left_over(someone, "fr") == []


def test_the_language_is_chosen_in_ones_own_menu_and_kept(person):
    karim = person(KARIM)
    karim.open("/o/cabinet-orsel/applications")
    karim.open_menu()
    karim.press("English")
    karim.reads_title("Applications")
    karim.sees("One sign-in opens them all.")
    karim.follow("Home")
    assert karim.page.locator("html").get_attribute("lang") == "en"
