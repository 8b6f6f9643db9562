"""A firm's mail domain, from the word to the proof: its postmaster confirms it, and its addresses lead to the firm's
directory; a second firm is refused it. In French at a desk, in English on a phone.
"""

import re
from dataclasses import replace

import pytest
from browsing import change
from firms import Firm, administrator_of, found
from people import DESK, HELENE, PHONE, STRANGER, Person
from playwright.sync_api import expect
from test_accessibility import problems, problems_of_colour

ENGLISH = replace(PHONE, locale="en-GB")
_LIVE = """
INSERT INTO sso_providers (id, organisation_id, organisation_slug, kind, template, name, state, position, issuer,
    client_id, sealed_secret, metadata_url, metadata_document, metadata_problem, claim_names, scope, accepts_amr,
    wants_encrypted, scim_match, forwards_logout, version, created_at, changed_at)
SELECT gen_random_uuid(), organisation_id, organisation_slug, 'oidc', 'oidc', 'Annuaire Kerjean', 'live', 0, '', '', '',
       '', '', '', '{}', '', false, false, '', true, 1, now(), now() FROM sso_domains WHERE domain = $1
"""


def is_for_everybody(someone: Person) -> None:
    """Nothing that axe finds, in light and dark, and nothing beside the edge."""
    assert not problems(someone) + problems_of_colour(someone)
    assert someone.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def at(person, seat) -> Person:
    """Somebody who is not signed in."""
    someone: Person = person(STRANGER, seat, signed_in=False)
    if seat is ENGLISH:
        someone.context.add_cookies([{"name": "parvis_lang", "value": "en", "url": someone.portal}])
    return someone


@pytest.fixture(scope="module")
def domain(tag) -> str:
    """A mail domain that nobody else has."""
    return f"kerjean-{tag}.example"


@pytest.fixture(scope="module")
def firm(person, mails, tag) -> Firm:
    """A firm that has nothing yet but its administrator."""
    solene = person(administrator_of(tag), DESK, signed_in=False)
    return found(person(HELENE), solene, mails, f"Cabinet Kerjean {tag}")


def test_what_is_everybodys_is_no_domain_of_a_firm(firm):
    solene = firm.administrator
    solene.open(f"{firm.sign_in}/domains")
    solene.sees("Aucun domaine de messagerie")
    is_for_everybody(solene)
    solene.follow("Ajouter un domaine")
    solene.write({"Domaine de messagerie": "solene.kerjean@orange.fr"})
    solene.press("Ajouter le domaine")
    solene.sees("Tout le monde peut y avoir une adresse")
    is_for_everybody(solene)


def test_the_postmaster_confirms_the_domain(firm, domain, person, mails):
    solene, since = firm.administrator, mails.now()
    solene.write({"Domaine de messagerie": domain})
    solene.press("Ajouter le domaine")
    solene.reads_title(domain)
    solene.sees(f"_parvis-challenge.{domain}")
    is_for_everybody(solene)
    solene.press("Envoyer le mail")
    solene.sees("En attente de la réponse")

    postmaster = at(person, DESK)
    postmaster.open(mails.wait(f"postmaster@{domain}", since=since).link("/sso/domains/"))
    postmaster.reads_title(f"{domain} est-il un domaine de {firm.name} ?")
    is_for_everybody(postmaster)
    postmaster.press("Confirmer le domaine")
    postmaster.reads_title(f"{domain} est confirmé")
    is_for_everybody(postmaster)
    solene.open(f"{firm.sign_in}/domains")
    expect(solene.row(domain)).to_contain_text("Prouvé")
    is_for_everybody(solene)


@pytest.mark.parametrize(
    ("seat", "words"),
    [
        (DESK, ("Adresse mail", "Continuer", "Continuer avec Annuaire Kerjean", "mon mot de passe", "Mot de passe")),
        (ENGLISH, ("Mail address", "Continue", "Continue with Annuaire Kerjean", "my password", "Password")),
    ],
    ids=["desk", "phone"],
)
def test_its_addresses_lead_to_the_firms_directory(firm, domain, person, suite, seat, words):
    if seat is DESK:
        assert change(suite.superuser_url("identity"), _LIVE, domain) == "INSERT 0 1"
    address, on, directory, own, password = words
    someone = at(person, seat)
    someone.open("/login")
    someone.page.get_by_label(address).fill(f"quelquun@{domain}")
    someone.press(on, exact=True)
    someone.reads_title(re.compile(firm.name))
    expect(someone.page.get_by_role("link", name=directory)).to_have_attribute(
        "href", re.compile(r"^/sso/[0-9a-f-]{36}/start\?")
    )
    is_for_everybody(someone)
    someone.follow(own)
    expect(someone.page.get_by_label(password, exact=True)).to_be_visible()
    expect(someone.page.get_by_label(address)).to_have_value(f"quelquun@{domain}")
    someone.open(f"/login/{firm.slug}")
    expect(someone.page.get_by_role("link", name=directory)).to_be_visible()
    is_for_everybody(someone)


def test_a_second_firm_is_refused_it_and_the_first_is_told(firm, domain, person, mails, tag):
    since = mails.now()
    other = person(administrator_of(f"{tag}b", "Maud"), DESK, signed_in=False)
    second = found(person(HELENE), other, mails, f"Cabinet Voisin {tag}")
    other.open(f"{second.sign_in}/domains/new")
    other.write({"Domaine de messagerie": domain})
    other.press("Ajouter le domaine")
    other.sees("Ce domaine est déjà prouvé par une autre organisation")
    is_for_everybody(other)
    told = mails.wait(firm.administrator.who.identifier, "Une autre organisation", since=since)
    assert domain in told.subject
    other.page.get_by_label("Il est aussi le nôtre").check()
    other.press("Ajouter le domaine")
    other.sees("À prouver")
    expect(other.page.get_by_role("button", name="Envoyer le mail")).to_have_count(0)
