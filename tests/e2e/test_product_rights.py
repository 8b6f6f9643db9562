"""The provider's administrator declares what people may be allowed to do in a product, changes it, and withdraws it:
at a desk in French, on a phone in English.
"""

from people import CLAIRE, DESK, HELENE, PHONE, Person
from playwright.sync_api import expect
from test_account import english
from test_products import LIST, is_for_everybody


def fiduvia(helene: Person) -> None:
    helene.open(LIST)
    helene.follow("Fiduvia")


def test_a_right_from_its_declaration_to_its_withdrawal_at_a_desk(person, tag):
    helene, code = person(HELENE, DESK), f"revision{tag}.close"
    fiduvia(helene)
    helene.follow("Déclarer un droit")
    helene.write({"Code": "contacts.Close", "Ce qu’il permet, en français": f"Clore la révision {tag}"})
    helene.page.locator("#f-requires").fill("rien.du_tout")
    helene.press("Déclarer le droit")
    expect(helene.page.get_by_role("alert")).to_contain_text("3 points à corriger")
    is_for_everybody(helene)

    helene.write({"Code": code, "La même chose en anglais": f"Close the review {tag}"})
    helene.page.locator("#f-requires").fill("contacts.read")
    helene.page.get_by_label("Il peut être limité à certains clients").check()
    helene.press("Déclarer le droit")
    helene.is_told(f"{code} est déclaré")
    row = helene.page.get_by_role("row", name=code)
    expect(row).to_contain_text(f"Clore la révision {tag}")
    expect(row).to_contain_text("certains clients ou tous")

    helene.follow(code)
    helene.page.get_by_label("Il peut être limité à certains clients").uncheck()
    helene.press("Enregistrer")
    helene.sees("Ceux qui l’ont ainsi les atteindraient soudain tous")

    helene.press("Retirer", exact=True)
    helene.press("Retirer le droit")
    helene.is_told(f"{code} est retiré")
    assert not helene.page.get_by_role("row", name=code).count()


def test_a_right_that_a_customer_grants_is_withdrawn_by_whoever_was_told_where(person, tag):
    helene, claire, code = person(HELENE, DESK), person(CLAIRE, DESK), f"releve{tag}.send"
    fiduvia(helene)
    helene.follow("Déclarer un droit")
    label = f"Envoyer des relevés {tag}"
    helene.write({"Code": code, "Ce qu’il permet, en français": label, "La même chose en anglais": f"Send {tag}"})
    helene.write({"Rubrique dans la liste des droits": "Révision"})
    helene.press("Déclarer le droit")
    helene.is_told(f"{code} est déclaré")

    claire.open("/o/cabinet-orsel/settings/profiles/new")
    claire.write({"Nom du profil": f"Relevés {tag}"})
    everything = f'input[value="{code}"][name="all"], input[name$="{code}"][value="2"]'
    claire.page.locator(everything).evaluate("box => { box.checked = true }")  # under whatever heading it stands
    claire.press("Enregistrer")
    claire.is_told("est enregistré")
    claire.sees("Révision")

    helene.follow(code)
    helene.press("Retirer", exact=True)
    helene.press("Retirer le droit")
    helene.reads_title(f"Retirer {code} ?")
    helene.sees("Il est utilisé chez 1 client")
    helene.sees("Cabinet Orsel")
    is_for_everybody(helene)
    helene.press("Le retirer quand même")
    helene.is_told(f"{code} est retiré")
    claire.open("/o/cabinet-orsel/settings/profiles")
    assert not claire.page.get_by_text(label).count()


def test_a_right_that_others_require_stays_on_a_phone(person, tag):
    helene, code = english(person(HELENE, PHONE)), f"review{tag}.read"
    fiduvia(helene)
    for each, required in ((code, ""), (f"review{tag}.close", code)):
        helene.follow("Declare a right")
        helene.write({"Code": each, "What it lets one do, in French": each, "The same in English": f"Of {each}"})
        helene.page.locator("#f-requires").fill(required)
        helene.press("Declare the right")
        helene.is_told(f"{each} is declared")

    helene.follow(code)
    helene.press("Withdraw", exact=True)
    helene.press("Withdraw the right")
    helene.reads_title(f"Withdraw {code}?")
    helene.sees(f"Change those first: review{tag}.close")
    is_for_everybody(helene)
    helene.follow("Back to the rights")
    for each in (f"review{tag}.close", code):
        helene.follow(each)
        helene.press("Withdraw", exact=True)
        helene.press("Withdraw the right")
        helene.is_told(f"{each} is withdrawn")
