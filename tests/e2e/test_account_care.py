"""What people do about their own account: another address, confirmed at both ends and taken back from the old one."""

import re

import pytest
from acts import ORSEL, create_client, give_access, invite, mails_about, open_record
from people import CLAIRE, PHONE, SOPHIE, Identity, Person, Seat, field_of
from playwright.sync_api import expect
from test_accessibility import problems, problems_of_colour

PASSWORD = "Corsaire&2026"


@pytest.fixture(scope="module")
def claire(person) -> Person:
    return person(CLAIRE)


@pytest.fixture
def colleague(person, claire, mails):
    """Makes a colleague who has just activated their account, French at a desk or English at a phone."""

    def made(name: str, mail: str, seat: Seat) -> Person:
        who = Identity(name, mail, password=PASSWORD)
        since = mails.now()
        invite(claire, who, "Conseiller junior")
        someone = person(who, seat, signed_in=False)
        someone.open(mails.wait(mail, since=since).link("/activate/"))
        someone.page.locator("input[name=password]").fill(PASSWORD)
        someone.page.locator("main button[type=submit]").first.click()
        someone.page.wait_for_url(re.compile(r"/o/"))
        return someone

    return made


def test_an_address_changes_at_both_ends_and_the_old_one_takes_it_back(colleague, person, mails, tag):
    old, new = f"iris.{tag}@avant.example", f"iris.{tag}@apres.example"
    iris, since = colleague("Iris Morvan", old, Seat()), mails.now()
    iris.open(f"{ORSEL}/account")
    iris.follow("Changer mon adresse mail")
    iris.write({"Nouvelle adresse mail": new, "Mot de passe actuel": PASSWORD})
    iris.press("Recevoir les mails de confirmation")
    iris.reads_title("Consultez votre messagerie")
    proof = mails_about(mails, new, "Confirmez", since)
    question = mails_about(mails, old, "Confirmez ou arrêtez", since)
    assert new in question.body
    iris.open(f"{ORSEL}/account")
    iris.sees("Votre nouvelle adresse attend sa confirmation")
    iris.press("Renvoyer le mail")
    iris.is_told(f"Des mails partent à l’instant vers {new} et {old}")

    elsewhere = person(iris.who, Seat(), signed_in=False)  # another browser: nobody is signed in there
    elsewhere.open(proof.link("/address/new/"))
    elsewhere.answer_sign_in(PASSWORD)
    elsewhere.reads_title("Confirmez votre nouvelle adresse")
    elsewhere.press("Confirmer l’adresse")
    elsewhere.reads_title("Il manque la confirmation de votre ancienne adresse")
    assert not problems(elsewhere) + problems_of_colour(elsewhere)
    iris.open(f"{ORSEL}/account")
    iris.sees(f"{new} est confirmée ; il manque {old}")
    iris.open(question.link("/address/old/"))
    iris.reads_title("Est-ce bien vous qui changez d’adresse ?")
    iris.press("Confirmer le changement")
    iris.reads_title("Votre nouvelle adresse est confirmée")
    told = mails_about(mails, old, "a changé", since)
    iris.open(f"{ORSEL}/account")
    iris.sees(new, within=iris.section("Qui je suis"))

    elsewhere.open(told.link("/address/old/"))
    elsewhere.reads_title("Reprenez votre adresse")
    elsewhere.press("Reprendre mon adresse")
    elsewhere.reads_title("Choisissez un nouveau mot de passe")
    field_of(elsewhere.page, "Nouveau mot de passe").fill("Retrouve&2027")
    elsewhere.press("Enregistrer et se connecter")
    elsewhere.open(f"{ORSEL}/account")
    elsewhere.sees(old, within=elsewhere.section("Qui je suis"))
    iris.open(f"{ORSEL}/account")
    expect(iris.page.get_by_role("button", name="Se connecter")).to_be_visible()


def test_the_old_address_stops_a_change_in_english_on_a_phone(colleague, mails, tag):
    old, new = f"ewan.{tag}@before.example", f"ewan.{tag}@after.example"
    ewan, since = colleague("Ewan Price", old, Seat(390, 844, touch=True, locale="en-GB")), mails.now()
    ewan.context.add_cookies([{"name": "parvis_lang", "value": "en", "url": ewan.portal}])
    ewan.open("/address")
    ewan.write({"New mail address": new, "Current password": PASSWORD})
    ewan.press("Send me the mails to confirm it")
    ewan.reads_title("Look at your mail")
    warning = mails.wait(old, "Confirmez ou arrêtez", since=since)
    proof = mails.wait(new, since=since)
    ewan.open(warning.link("/address/old/"))
    ewan.reads_title("Is it you who is changing your address?")
    assert not problems(ewan) + problems_of_colour(ewan)
    assert ewan.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    ewan.press("Stop the change")
    ewan.reads_title("Your address stays as it is")
    ewan.open(proof.link("/address/new/"))
    ewan.reads_title("Your address stays as it is")


def test_the_old_address_takes_a_change_back_in_english_on_a_phone(colleague, mails, tag):
    old, new = f"edna.{tag}@before.example", f"edna.{tag}@after.example"
    edna, since = colleague("Edna Price", old, Seat(390, 844, touch=True, locale="en-GB")), mails.now()
    edna.context.add_cookies([{"name": "parvis_lang", "value": "en", "url": edna.portal}])
    edna.open("/address")
    edna.write({"New mail address": new, "Current password": PASSWORD})
    edna.press("Send me the mails to confirm it")
    question = mails.wait(old, "Confirmez ou arrêtez", since=since)
    edna.open(mails.wait(new, since=since).link("/address/new/"))
    edna.reads_title("Confirm your new address")
    edna.press("Confirm the address")
    edna.reads_title("Your old address has yet to confirm")
    edna.open(question.link("/address/old/"))
    edna.press("Confirm the change")
    edna.reads_title("Your new address is confirmed")
    edna.open(mails_about(mails, old, "a changé", since).link("/address/old/"))
    edna.reads_title("Take your address back")
    assert edna.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    edna.press("Take my address back")
    edna.reads_title("Choose a new password")
    edna.page.locator("input[name=password]").fill("Retrieve&2027")
    edna.press("Save and sign in")
    edna.open(f"{ORSEL}/account")
    edna.sees(old)


def test_an_address_that_has_an_account_is_told_so_by_mail_only(colleague, mails, tag):
    zoe, since = colleague("Zoé Kerlan", f"zoe.{tag}@avant.example", Seat()), mails.now()
    zoe.open("/address")
    zoe.write({"Nouvelle adresse mail": CLAIRE.identifier, "Mot de passe actuel": PASSWORD})
    zoe.press("Recevoir les mails de confirmation")
    zoe.reads_title("Consultez votre messagerie")
    mail = mails_about(mails, CLAIRE.identifier, "a déjà un compte", since)
    assert not any("/address/" in link for link in mail.links)
    assert "Zoé" not in mail.body


def test_the_firm_corrects_the_mail_of_an_access(claire, mails, tag):
    wrong, right = f"rse.{tag}@bellevue.example", f"rose.{tag}@bellevue.example"
    since = mails.now()
    create_client(claire, f"Ateliers {tag}", {}, (("Rose", "Delorme", wrong),))
    give_access(claire, "Rose Delorme")
    first = mails_about(mails, wrong, "ouvert", since)
    claire.page.get_by_role("button", name="Actions pour Rose Delorme").click()
    claire.page.get_by_role("link", name="Corriger l’adresse mail").click()
    claire.reads_title("Corriger l’adresse mail de Rose Delorme")
    claire.write({"Adresse mail": right})
    claire.press("Corriger l’adresse")
    claire.is_told("Adresse corrigée")
    assert mails_about(mails, right, "ouvert", since).link("/activate/") != first.link("/activate/")
    assert "Cabinet Orsel" in mails_about(mails, wrong, "a corrigé", since).body


def test_an_access_on_paper_from_the_sheet_to_ones_own_password(claire, person, mails, tag):
    create_client(claire, f"Scierie {tag}", {}, (("Nolwenn", "Bihan", ""),))
    claire.row("Nolwenn Bihan").get_by_role("link", name="Donner accès").click()
    claire.sees("Nolwenn Bihan n’a pas d’adresse mail")
    claire.press("Donner accès")
    claire.reads_title(re.compile("Accès de Nolwenn Bihan"))
    assert not problems(claire) + problems_of_colour(claire)
    shown = dict(zip(*(claire.page.locator(f"main dl {each}").all_inner_texts() for each in ("dt", "dd")), strict=True))
    code, secret = shown["Identifiant"].strip(), shown["Mot de passe provisoire"].split()[0]
    nolwenn = person(Identity("Nolwenn Bihan", code, "cabinet-orsel", PASSWORD), PHONE, signed_in=False)
    nolwenn.open("/login/cabinet-orsel")
    nolwenn.answer_sign_in(secret.upper().replace("-", " "))
    nolwenn.reads_title("Choisissez votre mot de passe")
    assert not problems(nolwenn) + problems_of_colour(nolwenn)
    expect(nolwenn.page.locator("input[name=password]")).to_have_attribute("autocomplete", "new-password")
    field_of(nolwenn.page, "Mot de passe").fill("portail")
    expect(nolwenn.page.locator(".rules li[data-met=false]")).not_to_have_count(0)
    field_of(nolwenn.page, "Mot de passe").fill(PASSWORD)
    expect(nolwenn.page.locator(".rules li[data-met=false]")).to_have_count(0)
    nolwenn.press("Enregistrer et se connecter")
    nolwenn.page.wait_for_url(re.compile("/o/cabinet-orsel"))
    claire.page.reload()
    claire.open(f"{ORSEL}/contacts")
    open_record(claire, f"Scierie {tag}")
    claire.page.get_by_role("button", name="Actions pour Nolwenn Bihan").click()
    claire.page.get_by_role("link", name="Nouveau mot de passe provisoire").click()
    claire.sees("Son mot de passe actuel cesse de fonctionner")


def test_a_provisional_password_is_replaced_in_english_on_a_phone(claire, person, tag):
    create_client(claire, f"Joinery {tag}", {}, (("Norah", "Finch", ""),))
    claire.row("Norah Finch").get_by_role("link", name="Donner accès").click()
    claire.press("Donner accès")
    claire.reads_title(re.compile("Accès de Norah Finch"))
    shown = dict(zip(*(claire.page.locator(f"main dl {each}").all_inner_texts() for each in ("dt", "dd")), strict=True))
    code, secret = shown["Identifiant"].strip(), shown["Mot de passe provisoire"].split()[0]
    seat = Seat(390, 844, touch=True, locale="en-GB")
    norah = person(Identity("Norah Finch", code, "cabinet-orsel", PASSWORD), seat, signed_in=False)
    norah.context.add_cookies([{"name": "parvis_lang", "value": "en", "url": norah.portal}])
    norah.open("/login/cabinet-orsel")
    field_of(norah.page, "Client code or mail address").fill(code)
    field_of(norah.page, "Password").fill(secret)
    norah.press("Sign in")
    norah.reads_title("Choose your password")
    field_of(norah.page, "Password").fill(PASSWORD)
    norah.press("Save and sign in")
    norah.page.wait_for_url(re.compile("/o/cabinet-orsel"))


def test_a_firm_asks_for_stronger_passwords_and_is_told_the_floor(person, mails, tag):
    """At a firm that no other test signs in to with client codes."""
    sophie = person(SOPHIE)
    page = "/o/valmer-patrimoine/settings/passwords"
    sophie.open(page)
    sophie.sees("Le portail exige au moins")
    sophie.write({"Nombre minimal de caractères": "4"})
    sophie.press("Enregistrer les règles")
    sophie.sees("C’est moins que ce que le portail exige.")
    sophie.open(page)
    sophie.write({"Nombre minimal de caractères": "17"})
    sophie.press("Enregistrer les règles")
    sophie.is_told("Enregistré")
    try:
        jeanne = person(Identity("Jeanne Aubertin", "C0001", "valmer-patrimoine"), PHONE, signed_in=False)
        jeanne.context.add_cookies([{"name": "parvis_lang", "value": "en", "url": jeanne.portal}])
        jeanne.open("/login/valmer-patrimoine")
        field_of(jeanne.page, "Client code or mail address").fill("C0001")
        field_of(jeanne.page, "Password").fill(jeanne.who.password)
        jeanne.press("Sign in")
        jeanne.reads_title("Choose a new password")
        jeanne.sees("asks for stronger passwords now")
        jeanne.sees("At least 17 characters")
    finally:
        sophie.open(page)
        sophie.write({"Nombre minimal de caractères": "8"})
        sophie.press("Enregistrer les règles")
        sophie.is_told("Enregistré")


def test_a_link_of_the_old_portal_leads_to_a_new_password_in_english_on_a_phone(colleague, person, mails, tag):
    mail = f"owen.{tag}@before.example"
    colleague("Owen Blake", mail, Seat())
    owen = person(Identity("Owen Blake", mail), Seat(390, 844, touch=True, locale="en-GB"), signed_in=False)
    owen.open(f"/activate?step=forgotten&identifier={mail}")
    owen.reads_title("Forgot your password?")
    expect(field_of(owen.page, "Mail address")).to_have_value(mail)
    since = mails.now()
    owen.press("Send me a link")
    owen.reads_title("Look at your mail")
    owen.open(mails.wait(mail, since=since).link("/reset/"))
    password = owen.page.locator("input[name=password]")
    expect(password).to_have_attribute("autocomplete", "new-password")
    expect(owen.page.locator("input[name=username]")).to_have_value(mail)
    expect(owen.page.locator("form input[name=password]")).to_have_count(1)  # one form, for password managers
    password.fill("short")
    expect(owen.page.locator(".rules li[data-met=false]")).not_to_have_count(0)
    password.evaluate("each => { each.value = '' }")
    password.focus()
    owen.page.keyboard.insert_text("Corsaire&2027")  # as pasting does
    expect(owen.page.locator(".rules li[data-met=false]")).to_have_count(0)
    owen.page.locator("main button[type=submit]").first.click()
    owen.page.wait_for_url(lambda address: "/reset/" not in address)
    owen.open("/account")
    owen.sees(mail)
