"""The provider's administrator registers a product, tries it out, changes it, renews its secret and closes it: at a
desk in French, on a phone in English.
"""

import re
from dataclasses import replace

from people import DESK, ENGLISH_DOOR, HELENE, PHONE, Person, until
from playwright.sync_api import expect
from test_accessibility import problems, problems_of_colour

LIST = "/o/cadrane/settings/products"
ENGLISH = replace(PHONE, locale="en-GB")
SECRET = re.compile(r"[\w-]{40,}")


def is_for_everybody(helene: Person) -> None:
    """A page that only an act shows: nothing that axe finds, in light and dark, and nothing beside a phone's edge."""
    assert not problems(helene) + problems_of_colour(helene)
    assert helene.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def secret_of(helene: Person) -> str:
    """The secret on the page, which shows it this once."""
    found = helene.page.locator(".description .copy-text").last.inner_text()
    assert SECRET.fullmatch(found)
    return found


def test_a_product_from_its_registration_to_its_end_at_a_desk(person, tag):
    helene, name = person(HELENE, DESK), f"Comptes {tag}"
    helene.open(LIST)
    helene.follow("Enregistrer un logiciel")
    helene.press("Enregistrer le logiciel")
    expect(helene.page.get_by_role("alert")).to_contain_text("3 points à corriger")
    helene.write(
        {
            "Nom": name,
            "Adresses de retour après la connexion": "https://comptes.example/oidc/callback/",
        }
    )
    helene.page.locator("#f-launch_url").fill("https://comptes.example/")
    helene.page.get_by_label("Adresse postale").check()
    helene.press("Enregistrer le logiciel")

    helene.reads_title(f"{name} est enregistré")
    is_for_everybody(helene)
    secret = secret_of(helene)
    expect(helene.page.locator("pre:visible")).to_contain_text(f'OIDC_RP_CLIENT_SECRET = "{secret}"')
    helene.page.get_by_text("Apache", exact=True).click()
    expect(helene.page.locator("pre:visible")).to_contain_text(f"OIDCClientSecret {secret}")

    helene.follow("J’ai copié le secret")
    helene.reads_title(name)
    assert secret not in helene.page.content()
    helene.press("Essayer")
    helene.reads_title(f"Essai du logiciel {name}")
    helene.sees("Ce logiciel ne vous est pas attribué")
    is_for_everybody(helene)
    helene.sees("helene.mercadier@cadrane.example", within=helene.section("4. Il demande qui est la personne"))

    helene.follow(name)
    helene.follow("Modifier")
    helene.page.get_by_text("Réglages avancés").click()
    helene.choose("Signature des jetons d’identité", "RS256")
    helene.press("Enregistrer")
    helene.is_told("Le logiciel est modifié")
    helene.sees("RS256")

    helene.page.get_by_text("s’arrête tout de suite").click()
    helene.press("Créer un nouveau secret")
    helene.reads_title(f"{name} a un nouveau secret")
    helene.sees("Le secret précédent ne fonctionne plus")
    assert secret_of(helene) != secret

    helene.follow("J’ai copié le secret")
    helene.press("Fermer", exact=True)
    helene.press("Fermer le logiciel")
    helene.is_told(f"{name} est fermé")
    is_for_everybody(helene)
    helene.follow("Logiciels", within=helene.page.get_by_role("main"))
    expect(helene.row(name)).to_contain_text("Fermé")
    is_for_everybody(helene)
    helene.follow(name)
    until(lambda: not helene.page.get_by_role("button", name="Essayer").count(), "the button went away")
    helene.press("Rouvrir")
    helene.is_told(f"{name} est de nouveau ouvert")


def test_a_key_that_is_none_is_refused_and_a_real_one_taken_on_a_phone(person, tag):
    helene, name = person(HELENE, ENGLISH, signed_in=False), f"Bank {tag}"
    helene.context.add_cookies([{"name": "parvis_lang", "value": "en", "url": helene.portal}])
    helene.open(LIST)
    helene.answer_sign_in(HELENE.password, ENGLISH_DOOR)
    helene.page.wait_for_url(re.compile(LIST))
    helene.follow("Register a product")
    helene.write(
        {
            "Name": name,
            "Addresses to come back to after signing in": "https://bank.example/cb",
        }
    )
    helene.page.locator("#f-launch_url").fill("https://bank.example/")
    helene.page.get_by_text("A key of its own").click()
    helene.page.get_by_text("Its keys", exact=True).click()
    helene.page.get_by_label("Or the public keys themselves").fill('{"keys": [')
    helene.press("Register the product")
    expect(helene.page.get_by_role("alert")).to_contain_text("not a set of public keys")
    is_for_everybody(helene)

    key = '{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}'
    helene.page.get_by_label("Or the public keys themselves").fill(f'{{"keys": [{key}]}}')
    helene.press("Register the product")
    helene.reads_title(f"{name} is registered")
    is_for_everybody(helene)
    helene.sees("None: it proves itself otherwise")
    helene.follow("Go on to the product")
    helene.press("Try it")
    helene.reads_title(f"{name}, tried out")
    helene.sees("It works")
    is_for_everybody(helene)
