"""The main job, steps 1 and 2: an administrator signs in, opens a product, and lets a colleague in."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from acts import invite
from people import CLAIRE, KARIM, LUCIE, Identity, Person, until
from playwright.sync_api import expect
from test_accessibility import problems, problems_of_colour

HOME = "/o/cabinet-orsel/"
PEOPLE = "/o/cabinet-orsel/settings/people"
NEW_PASSWORD = "Tilleul?4812"


@pytest.fixture(scope="module")
def claire(person) -> Person:
    return person(CLAIRE)


# Step 1: sign-in, home, product


def test_claire_signs_in_by_the_code_flow_with_pkce(person):
    claire = person(CLAIRE, signed_in=False)
    with claire.watching() as seen:
        claire.sign_in()
    asked = [parse_qs(urlsplit(each.url).query) for each in seen if "/oauth2/authorize" in each.url]
    assert asked, "the browser never came to the authorization endpoint"
    assert asked[0]["response_type"] == ["code"]
    assert asked[0]["code_challenge_method"] == ["S256"]
    assert len(asked[0]["code_challenge"][0]) == 43
    assert any("/auth/callback?" in each.url and "code=" in each.url for each in seen)
    assert urlsplit(claire.page.url).path == HOME


def test_home_shows_what_awaits_her(claire):
    claire.reads_title("Bonjour Claire")
    todo = claire.section("À faire")
    claire.sees(re.compile("Terminer .*factures? en brouillon"), within=todo)
    claire.sees(re.compile("Relancer .*invitations? sans réponse"), within=todo)


def test_demarrer_opens_the_product_signed_in(claire):
    with claire.watching() as seen:
        claire.follow("Démarrer Patrimonia")
    claire.sees("Bonjour Claire Orsel")
    claire.sees("Cabinet Orsel")
    assert not [each.url for each in seen if "/login" in each.url], "a second password was asked for"
    claire.follow("Retour au portail")
    claire.reads_title("Bonjour Claire")


@pytest.fixture(scope="module")
def karim(person) -> Person:
    return person(KARIM)


def test_who_has_no_assignment_reads_who_can_assign_it(karim):
    karim.open(HOME)
    fiduvia = karim.page.get_by_role("article").filter(has_text="Fiduvia")
    karim.sees("Non attribuée. Demandez à Claire Orsel ou Lucie Tanguy.", within=fiduvia)
    expect(fiduvia.get_by_role("link", name="Démarrer")).to_have_count(0)
    expect(karim.page.get_by_role("link", name="Démarrer Patrimonia")).to_be_visible()


def test_a_product_opened_by_its_own_door_leads_whoever_may_assign_it_to_do_so(person, suite):
    lucie = person(LUCIE)
    lucie.open(f"{suite.addresses['product']}/start?organisation=cabinet-orsel")
    lucie.reads_title("Patrimonia ne vous est pas attribué")
    lucie.sees("Vous pouvez vous l’attribuer vous-même, sur la page des applications de Cabinet Orsel.")
    assert not problems(lucie) + problems_of_colour(lucie)
    lucie.follow("Voir les applications")
    patrimonia = lucie.page.get_by_role("article").filter(has_text="Patrimonia")
    expect(patrimonia.get_by_role("button", name="M’attribuer l’application")).to_be_visible()


# Step 2: a colleague


@pytest.fixture(scope="module")
def maelle(person, tag) -> Person:
    return person(Identity("Maëlle Robin", f"maelle.{tag}@orsel.example", password=NEW_PASSWORD), signed_in=False)


def open_person(claire: Person, who: Identity) -> None:
    """The page of a colleague, found through the list."""
    claire.open(PEOPLE)
    claire.page.get_by_role("searchbox", name="Nom, mail ou fonction").fill(who.identifier)
    claire.page.keyboard.press("Enter")
    claire.page.wait_for_url(re.compile("q="))
    claire.page.get_by_role("link", name=who.name).first.click()
    claire.follow("Ouvrir la page")
    claire.reads_title(who.name)


@pytest.fixture(scope="module")
def welcome(claire, maelle, mails):
    """The mail that the invitation brings."""
    since = mails.now()
    invite(claire, maelle.who, "Conseiller junior")
    return mails.wait(maelle.who.identifier, since=since)


def test_the_welcome_mail_names_who_invites_and_where(welcome):
    assert "Claire Orsel" in welcome.subject
    assert "Cabinet Orsel" in welcome.subject
    assert "{" not in welcome.text, "a merge field was left as it is"
    assert "/activate/" in welcome.link("/activate/")


def test_activation_shows_the_rules_as_they_are_met(maelle, welcome):
    maelle.open(welcome.link("/activate/"))
    maelle.reads_title("Choisissez votre mot de passe")
    rules = maelle.page.get_by_role("list", name="Règles du mot de passe")
    password = maelle.page.get_by_label("Mot de passe", exact=True)
    password.press_sequentially("tilleul")
    expect(rules.get_by_role("listitem").filter(has_text="Au moins")).to_contain_text("pas encore respectée")
    expect(rules.get_by_role("listitem").filter(has_text="Un chiffre")).to_contain_text("pas encore respectée")
    password.press_sequentially("4812")
    expect(rules.get_by_role("listitem").filter(has_text="Un chiffre")).not_to_contain_text("pas encore")
    expect(rules.get_by_role("listitem").filter(has_text="Une majuscule")).to_contain_text("pas encore respectée")


def test_a_password_that_breaks_a_rule_is_refused_with_the_rule(maelle, welcome):
    maelle.open(welcome.link("/activate/"))
    maelle.page.get_by_label("Mot de passe", exact=True).fill("tilleul?4812")
    maelle.press("Activer mon accès")
    maelle.sees(re.compile("une majuscule"), within=maelle.page.get_by_role("alert"))


def test_activation_leads_to_her_own_home_with_fewer_entries(maelle, claire):
    maelle.page.get_by_label("Mot de passe", exact=True).fill(NEW_PASSWORD)
    maelle.press("Activer mon accès")
    maelle.reads_title("Bonjour Maëlle")
    claire.open(HOME)
    hers = maelle.main_navigation.get_by_role("link").all_inner_texts()
    all_entries = claire.main_navigation.get_by_role("link").all_inner_texts()
    assert set(hers) < set(all_entries)


def test_what_she_may_not_do_names_the_right_and_who_gives_it(maelle):
    answer = maelle.open(f"{PEOPLE}/invite")
    assert answer.status == 403
    maelle.reads_title("Il vous manque un droit pour cette page")
    maelle.sees("Inviter des collaborateurs")
    maelle.sees(re.compile("adressez-vous à.*Claire Orsel"))
    expect(maelle.page.get_by_role("link", name="Demander par mail")).to_be_visible()


def test_the_used_link_says_so(person, maelle, welcome):
    stranger = person(maelle.who, signed_in=False)
    stranger.open(welcome.link("/activate/"))
    stranger.reads_title("Ce lien a déjà servi")


def test_cut_is_felt_at_the_next_click_and_reopened_too(claire, maelle):
    maelle.open(HOME)
    open_person(claire, maelle.who)
    claire.press("Couper l’accès")
    claire.press("Couper l’accès", within=claire.page.get_by_role("dialog"))
    claire.is_told("L’accès de Maëlle Robin est coupé")
    maelle.go_to("Accueil")
    maelle.reads_title("Votre accès à Cabinet Orsel a pris fin")

    claire.press("Rouvrir l’accès")
    claire.is_told("L’accès de Maëlle Robin est rouvert")
    # Tokens of the second of the cut stay refused: the margin of a revocation.
    until(lambda: "/login" not in (maelle.open(HOME).url), "reopening")
    maelle.reads_title("Bonjour Maëlle")


@pytest.fixture(scope="module")
def basile(tag) -> Identity:
    return Identity("Basile Moreau", f"basile.{tag}@orsel.example")


@pytest.fixture(scope="module")
def first_link(claire, basile, mails) -> str:
    since = mails.now()
    invite(claire, basile, "Back-office")
    return mails.wait(basile.identifier, since=since).link("/activate/")


@pytest.fixture(scope="module")
def second_link(claire, basile, first_link, mails) -> str:
    since = mails.now()
    open_person(claire, basile)
    claire.press("Renvoyer l’invitation")
    claire.is_told("Une nouvelle invitation est en route")
    return mails.wait(basile.identifier, since=since).link("/activate/")


def test_an_invitation_sent_again_replaces_the_earlier_link(person, basile, first_link, second_link):
    assert first_link != second_link
    reader = person(basile, signed_in=False)
    reader.open(first_link)
    reader.reads_title("Ce lien a été remplacé ou retiré")
    reader.open(second_link)
    reader.reads_title("Choisissez votre mot de passe")


def test_a_withdrawn_invitation_no_longer_works(claire, person, basile, second_link):
    open_person(claire, basile)
    claire.press("Retirer", exact=True)
    claire.press("Retirer l’invitation", within=claire.page.get_by_role("dialog"))
    claire.is_told(re.compile("est retirée"))
    reader = person(basile, signed_in=False)
    reader.open(second_link)
    reader.reads_title("Ce lien a été remplacé ou retiré")
