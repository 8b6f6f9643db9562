"""The main job by keyboard alone, steps 1 and 2: signing in, a product, and a colleague who is let in."""

import re

import pytest
from keys import Keyboard
from people import CLAIRE, LUCIE, Identity, field_of, until
from playwright.sync_api import expect

NEW_PASSWORD = "Tilleul?4812"


@pytest.fixture(scope="module")
def claire(person) -> Keyboard:
    return Keyboard(person(CLAIRE, signed_in=False))


# Step 1: sign-in, home, product


def test_claire_signs_in_and_may_look_at_her_password(claire):
    claire.person.open("/")
    claire.write({"Adresse mail": CLAIRE.identifier})
    claire.send("Continuer")
    claire.is_on("Mot de passe", "textbox")
    claire.write({"Mot de passe": CLAIRE.password})
    claire.enter("Afficher le mot de passe", "button", key="Space")
    expect(field_of(claire.page, "Mot de passe")).to_have_attribute("type", "text")
    claire.is_on("Mot de passe", "textbox")
    claire.send("Se connecter")
    claire.person.reads_title("Bonjour Claire")


def test_what_awaits_her_comes_first_after_the_navigation(claire):
    claire.skip_to_content()
    claire.tab()
    todo = claire.person.section("À faire")
    expect(todo.get_by_role("link").first).to_be_focused()
    claire.reach(re.compile("^Terminer .*factures? en brouillon"), "link")
    assert claire.is_within(todo)


def test_demarrer_opens_the_product_signed_in(claire):
    claire.follow("Démarrer Patrimonia")
    claire.person.sees("Bonjour Claire Orsel")
    claire.follow("Retour au portail")
    claire.person.reads_title("Bonjour Claire")


def test_a_product_that_is_not_hers_leads_to_where_she_assigns_it(person, suite):
    lucie = Keyboard(person(LUCIE, signed_in=False))
    lucie.sign_in()
    lucie.person.open(f"{suite.addresses['product']}/start?organisation=cabinet-orsel")
    lucie.person.reads_title("Patrimonia ne vous est pas attribué")
    lucie.follow("Voir les applications")
    lucie.person.reads_title("Applications")


# Step 2: a colleague


@pytest.fixture(scope="module")
def maelle(person, tag) -> Keyboard:
    who = Identity("Maëlle Riou", f"maelle.riou.{tag}@orsel.example", password=NEW_PASSWORD)
    return Keyboard(person(who, signed_in=False))


def invite(claire: Keyboard, who: Identity, profile: str) -> None:
    given, _, family = who.name.partition(" ")
    claire.follow("Cabinet")
    claire.skip_to_content()
    claire.follow("Inviter un collaborateur")
    claire.skip_to_content()
    claire.write({"Prénom": given, "Nom de famille": family, "Adresse mail professionnelle": who.identifier})
    claire.choose("Profil", profile)
    claire.send("Envoyer l’invitation")
    claire.person.is_told(f"L’invitation de {who.name} est en route")


def open_colleague(claire: Keyboard, who: Identity) -> None:
    """Finds a colleague with the search, and opens their page from the panel at the side."""
    claire.follow("Cabinet")
    claire.page.keyboard.press("/")
    claire.is_on("Nom, mail ou fonction", "searchbox")
    claire.page.keyboard.type(who.identifier)
    claire.go("Enter")
    claire.skip_to_content()
    claire.open_row(re.compile(f"^{who.name}"))
    claire.person.reads_title(who.name)


@pytest.fixture(scope="module")
def welcome(claire, maelle, mails):
    """The mail that the invitation brings."""
    since = mails.now()
    invite(claire, maelle.person.who, "Conseiller junior")
    return mails.wait(maelle.person.who.identifier, since=since)


def test_errors_of_a_form_take_the_focus_and_lead_to_their_fields(claire):
    claire.follow("Cabinet")
    claire.follow("Inviter un collaborateur")
    claire.send("Envoyer l’invitation")
    expect(claire.page.get_by_role("alert")).to_be_focused()
    expect(claire.page.get_by_role("alert")).to_contain_text("Prénom : Ce champ est nécessaire")
    assert claire.tab().role == "link"
    claire.page.keyboard.press("Enter")
    claire.is_on("Prénom", "textbox")


def test_a_colleague_chooses_a_password_and_arrives(maelle, welcome):
    maelle.person.open(welcome.link("/activate/"))
    maelle.reach("Mot de passe", "textbox")
    rules = maelle.page.get_by_role("list", name="Règles du mot de passe").get_by_role("listitem")
    maelle.page.keyboard.type("tilleul?")
    expect(rules.filter(has_text="Un chiffre")).to_contain_text("pas encore respectée")
    maelle.page.keyboard.type("4812")
    expect(rules.filter(has_text="Un chiffre")).not_to_contain_text("pas encore")
    maelle.go("Enter")
    expect(maelle.page.get_by_role("alert")).to_be_focused()
    maelle.write({"Mot de passe": NEW_PASSWORD})
    maelle.send("Activer mon accès")
    maelle.person.reads_title("Bonjour Maëlle")


def test_the_row_of_a_list_opens_at_the_side_and_gives_the_focus_back(claire, maelle, welcome):
    claire.follow("Cabinet")
    claire.skip_to_content()
    row = claire.enter(re.compile(f"^{maelle.person.who.name}"), "link")
    panel = claire.page.get_by_role("complementary", name=maelle.person.who.name)
    expect(panel.get_by_role("heading", level=1, name=maelle.person.who.name)).to_be_visible()
    claire.tab()
    expect(panel).to_contain_text("Profil")
    assert claire.is_within(panel), f"after opening, Tab leads to {claire.focus()}"
    claire.page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    claire.is_on(row.name, "link")


def test_cut_and_reopened(claire, maelle, welcome):
    who = maelle.person.who
    open_colleague(claire, who)
    claire.reach("Couper l’accès", "button")
    claire.open_dialog(re.compile(f"Couper l’accès de {who.name}"))
    claire.send("Couper l’accès")
    claire.person.is_told(f"L’accès de {who.name} est coupé")
    maelle.follow("Accueil")
    maelle.person.reads_title("Votre accès à Cabinet Orsel a pris fin")
    claire.send("Rouvrir l’accès", key="Space")
    claire.person.is_told(f"L’accès de {who.name} est rouvert")

    def back() -> bool:
        return "/login" not in maelle.person.open("/o/cabinet-orsel/").url

    # Tokens of the second of the cut stay refused: the margin of a revocation.
    until(back, "reopening")
    maelle.person.reads_title("Bonjour Maëlle")


def test_an_invitation_is_sent_again_and_withdrawn(claire, mails, tag):
    who = Identity("Basile Kerlan", f"basile.kerlan.{tag}@orsel.example")
    invite(claire, who, "Back-office")
    open_colleague(claire, who)
    since = mails.now()
    claire.send("Renvoyer l’invitation")
    claire.person.is_told("Une nouvelle invitation est en route")
    assert mails.wait(who.identifier, since=since).link("/activate/")
    claire.reach("Retirer", "button")
    claire.open_dialog(re.compile("Retirer l’invitation"))
    claire.send("Retirer l’invitation", key="Space")
    claire.person.is_told(re.compile("est retirée"))
