"""A firm's own directory, as its administrator connects it through the pages, and what people do at the directory's."""

import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from firms import Firm, pasted
from people import DESK, ENGLISH_DOOR, FRENCH_DOOR, PHONE, Door, Identity, Person, Seat, field_of

sys.path.insert(0, str(Path(__file__).parents[1] / "upstreams"))

from directories import OidcDirectory

ENGLISH_PHONE = replace(PHONE, locale="en-GB")


@dataclass(frozen=True, slots=True)
class Reading:
    """Somebody's seat, and the words that they read there."""

    seat: Seat
    door: Door
    language: str

    def speaks(self, someone: Person) -> Person:
        """The pages are in their language from now on."""
        someone.context.add_cookies([{"name": "parvis_lang", "value": self.language, "url": someone.portal}])
        return someone

    def of(self, french: str, english: str) -> str:
        """The words that they read."""
        return french if self.language == "fr" else english


FRENCH_DESK = Reading(DESK, FRENCH_DOOR, "fr")
PHONE_IN_ENGLISH = Reading(ENGLISH_PHONE, ENGLISH_DOOR, "en")
#: As wide as a phone; Chromium walks with Tab only where there is no touch.
PHONE_WITH_KEYS = Reading(replace(ENGLISH_PHONE, touch=False), ENGLISH_DOOR, "en")


def connect(firm: Firm, directory: OidcDirectory, button: str, name: str) -> None:
    """From nothing to a directory in service; `name`: who the administrator is there."""
    someone = firm.administrator
    someone.open(f"{firm.sign_in}/directories/new")
    someone.page.get_by_label("Keycloak").check()
    field_of(someone.page, "Nom sur le bouton").fill(button)
    someone.press("Continuer")
    client_id, secret = directory.declare(pasted(someone, "Adresse de retour"))
    someone.follow("C’est fait : continuer")
    someone.write({"Adresse du royaume": directory.issuer, "Identifiant client": client_id})
    someone.page.locator("#f-client_secret").fill(secret)
    someone.press("Enregistrer et continuer")
    someone.press("Commencer l’essai")
    answer_directory(someone, directory, name)
    someone.follow("Le mettre en service")
    someone.press("Le mettre en service")
    someone.is_told(f"{button} est en service")


def answer_directory(someone: Person, directory: OidcDirectory, name: str) -> None:
    """At the directory's own pages: a name, any password, and its consent."""
    someone.page.wait_for_url(f"{directory.issuer}/interaction/**")
    someone.page.locator("input[name=login]").fill(name)
    someone.page.locator("input[name=password]").fill("secret")
    someone.page.locator("button[type=submit]").click()
    someone.page.get_by_role("button", name="Continue").click()


def give_everybody(firm: Firm, profile: str) -> None:
    """Whoever comes from the directory gets a profile: saved at once where nobody has come yet."""
    someone = firm.administrator
    someone.open(f"{firm.sign_in}/mapping")
    someone.choose("Profil", profile)
    someone.press("Voir ce qui change")
    someone.is_told(re.compile("Enregistré"))


def invite(firm: Firm, who: Identity, profile: str = "Conseiller") -> None:
    """A colleague with an account of their own."""
    given, _, family = who.name.partition(" ")
    someone = firm.administrator
    someone.open(f"{firm.base}/settings/people/invite")
    someone.write(
        {"Prénom": given, "Nom de famille": family, "Adresse mail professionnelle": who.identifier, "Fonction": "X"}
    )
    someone.choose("Profil", profile)
    someone.press("Envoyer l’invitation")
    someone.is_told(re.compile("en route"))
