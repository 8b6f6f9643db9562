"""The administrator gives the firm's directory a token, sees what it did, and takes the token back."""

import httpx
import pytest
from people import CLAIRE, DESK, PHONE, Person
from test_accessibility import problems, problems_of_colour

PAGE = "/o/cabinet-orsel/settings/sign-in/scim"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"


def is_for_everybody(someone: Person) -> None:
    """Nothing that axe finds, in light and dark, and nothing beside the edge."""
    assert not problems(someone) + problems_of_colour(someone)
    assert someone.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.parametrize("seat", [DESK, PHONE], ids=["desk", "phone"])
def test_a_directory_is_let_in_and_its_token_taken_back(person, tag, seat):
    claire = person(CLAIRE, seat)
    claire.open(PAGE)
    while claire.page.get_by_role("button", name="Révoquer", exact=True).count():
        claire.press("Révoquer", exact=True)
        claire.press("Révoquer le jeton")
    claire.follow("Créer un jeton")
    is_for_everybody(claire)
    claire.page.get_by_label("Nom").fill("Entra ID")
    claire.press("Créer le jeton")
    is_for_everybody(claire)
    address, token = claire.page.locator(".copy-text").all_inner_texts()
    claire.follow("J’ai copié le jeton")
    assert token not in claire.page.content()

    said = {"schemas": [USER], "userName": f"{tag}-{seat.width}"}
    headers = {"Authorization": f"Bearer {token}"}
    answers = [httpx.post(f"{address}/Users", json=said, headers=headers, trust_env=False) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 409]

    claire.open(PAGE)
    claire.sees("1 arrivée, 1 refus")
    claire.page.get_by_text("Ce qui a été refusé").first.click()
    claire.sees("Une autre personne de votre annuaire porte déjà ce nom ou cet identifiant.")
    is_for_everybody(claire)
    claire.press("Révoquer", exact=True)
    claire.press("Révoquer le jeton")
    claire.sees("Le jeton est révoqué")
    again = httpx.get(f"{address}/Users", headers=headers, trust_env=False)
    assert again.status_code == 401
