"""What a firm demands is asked at its door and nowhere else; what is sensitive, of whoever has just proven it is them.

The demands are on profiles and firms that these tests make or take back: others go on beside them.
"""

import asyncio
import base64
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest
from acts import ORSEL, activate, invite
from letters import Mailbox
from people import CLAIRE, PHONE, SOPHIE, Identity, Person, field_of
from playwright.sync_api import Locator, expect

from parvis_identity.domain import totp
from parvis_local.suite import Suite

VALMER = "/o/valmer-patrimoine"
POLICY = "/settings/sign-in/policy"


@dataclass
class Phone:
    """An application that shows codes; each counts once, so that it may have to be waited for."""

    seed: bytes
    used: int = field(default=0)

    @property
    def code(self) -> str:
        self.used = max(self.used + 1, int(time.time()) // totp.STEP)
        while self.used > int(time.time()) // totp.STEP + totp.DRIFT:
            time.sleep(0.5)
        return totp.code_at(self.seed, self.used)


class Records:
    """A service's database, for what nobody can wait for."""

    def __init__(self, suite: Suite, service: str = "identity") -> None:
        self._url = suite.superuser_url(service)

    def run(self, query: str, *arguments: Any) -> list[Any]:
        """In a thread: Playwright's loop runs in this one."""

        async def once() -> list[Any]:
            connection = await asyncpg.connect(self._url)
            try:
                return list(await connection.fetch(query, *arguments))
            finally:
                await connection.close()

        with ThreadPoolExecutor(1) as threads:
            return threads.submit(lambda: asyncio.run(once())).result()

    def prove_long_ago(self, who: Identity) -> None:
        """It is an hour since somebody proved who they are."""
        self.run(
            "UPDATE sessions SET proof_at = now() - interval '1 hour' WHERE account_id IN"
            " (SELECT id FROM accounts WHERE mail = $1)",
            who.identifier,
        )

    def forget_factors(self, who: Identity) -> None:
        """Somebody signs in with a password alone again."""
        mine = "WHERE account_id IN (SELECT id FROM accounts WHERE mail = $1)"
        for delete in ("DELETE FROM factors ", "DELETE FROM recovery_codes "):
            self.run(delete + mine, who.identifier)

    def demand_nothing(self, organisation_id: str) -> None:
        """An organisation is as if it had never demanded anything."""
        self.run("DELETE FROM sign_in_policies WHERE organisation_id = $1", organisation_id)


@pytest.fixture(scope="module")
def records(suite: Suite) -> Records:
    return Records(suite)


@pytest.fixture
def orsel(suite: Suite, records: Records) -> Iterator[str]:
    """The firm's id; what it demanded is taken back."""
    yield from _firm(suite, records, "cabinet-orsel")


@pytest.fixture
def valmer(suite: Suite, records: Records) -> Iterator[str]:
    yield from _firm(suite, records, "valmer-patrimoine")


def _firm(suite: Suite, records: Records, slug: str) -> Iterator[str]:
    found = Records(suite, "tenancy").run("SELECT organisation_id FROM organisation_directory WHERE slug = $1", slug)
    organisation_id = str(found[0]["organisation_id"])
    records.demand_nothing(organisation_id)
    yield organisation_id
    records.demand_nothing(organisation_id)
    records.run("DELETE FROM sso_providers WHERE organisation_id = $1", organisation_id)


def add_phone(someone: Person) -> Phone:
    """From the page that asks which second factor, to the page that they were going to."""
    someone.page.get_by_role("link", name="Choisir : Application d’authentification").click()
    someone.reads_title("Ajouter une application d’authentification")
    key = parse_key(someone.page.get_by_role("main"))
    phone = Phone(key)
    field_of(someone.page, "Code à six chiffres").fill(phone.code)
    someone.press("Ajouter", exact=True)
    someone.reads_title("Conservez ces codes de secours")
    someone.follow("Je les ai conservés")
    return phone


def parse_key(main: Locator) -> bytes:
    """The key that the page shows beside its picture."""
    address = main.get_by_role("link", name="ajouter le compte").get_attribute("href") or ""
    found = re.search(r"secret=([A-Z2-7]+)", address)
    assert found, address
    return base64.b32decode(found[1] + "=" * (-len(found[1]) % 8))


def switch_to(someone: Person, here: str, there: str) -> None:
    """One click at the top left, and one on the other organisation."""
    someone.page.get_by_label(re.compile(rf"{here}\s?:")).filter(visible=True).click()
    someone.page.get_by_role("link", name=re.compile(there)).filter(visible=True).first.click()
    someone.page.wait_for_load_state()


def demand_of_profile(claire: Person, profile: str) -> None:
    """A second factor is required of one profile."""
    claire.open(ORSEL + POLICY)
    claire.reads_title("Ce qu’il faut pour entrer")
    claire.page.get_by_role("group", name="Double authentification").get_by_label("Exigée").check()
    claire.page.get_by_role("group", name="Pour ces profils seulement").get_by_label(profile).check()
    claire.press("Enregistrer ces exigences")


@pytest.mark.usefixtures("orsel")
def test_the_other_firm_asks_for_its_own_step_and_for_no_other(person, mails: Mailbox, tag: str):
    claire, sophie = person(CLAIRE), person(SOPHIE)
    profile = f"Exigeant {tag}"
    claire.open(f"{ORSEL}/settings/profiles/new")
    field_of(claire.page, "Nom du profil").fill(profile)
    claire.press("Enregistrer", exact=True)
    nora = Identity(f"Nora Exigence{tag}", f"nora.{tag}@conseil.example")
    invite(claire, nora, profile)
    reader = person(nora, signed_in=False)
    activate(reader, mails.wait(nora.identifier))
    _invite_at_valmer(sophie, nora)
    demand_of_profile(claire, profile)
    claire.is_told("C’est enregistré. 1 personne devra activer la double authentification.")

    reader.open(f"{VALMER}/")
    reader.page.wait_for_url(f"**{VALMER}/")
    switch_to(reader, "Valmer Patrimoine", "Cabinet Orsel")
    reader.reads_title("Activez la double authentification")
    reader.sees("Cabinet Orsel la demande")
    phone = add_phone(reader)
    reader.page.wait_for_url(f"**{ORSEL}/")
    switch_to(reader, "Cabinet Orsel", "Valmer Patrimoine")
    reader.page.wait_for_url(f"**{VALMER}/")

    # In a new browser the password opens one firm, and the second factor alone the other.
    elsewhere = person(nora, signed_in=False)
    elsewhere.open("/organisations")
    elsewhere.answer_sign_in(nora.password)
    elsewhere.page.wait_for_url(re.compile("/organisations|/o/"))
    elsewhere.open(f"{VALMER}/")
    elsewhere.page.wait_for_url(f"**{VALMER}/")
    switch_to(elsewhere, "Valmer Patrimoine", "Cabinet Orsel")
    elsewhere.reads_title("Confirmez que c’est bien vous")
    expect(elsewhere.page.get_by_label("Mot de passe")).to_have_count(0)
    field_of(elsewhere.page, "Code à six chiffres").fill(phone.code)
    elsewhere.press("Continuer")
    elsewhere.page.wait_for_url(f"**{ORSEL}/")


def _invite_at_valmer(sophie: Person, who: Identity) -> None:
    given, _, family = who.name.partition(" ")
    sophie.open(f"{VALMER}/settings/people/invite")
    sophie.write(
        {"Prénom": given, "Nom de famille": family, "Adresse mail professionnelle": who.identifier, "Fonction": "X"}
    )
    sophie.choose("Profil", "Conseiller")
    sophie.press("Envoyer l’invitation")
    sophie.is_told(re.compile("est en route"))


def test_whoever_sets_it_up_does_not_lock_themselves_out(person, orsel: str, records: Records):
    claire = person(CLAIRE)
    claire.open(ORSEL + POLICY)
    claire.page.get_by_role("group", name="Double authentification").get_by_label("Exigée").check()
    claire.press("Enregistrer ces exigences")
    claire.sees(re.compile("vous ne pourriez plus entrer vous-même. Activez d’abord la double authentification"))
    assert records.run("SELECT 1 FROM sign_in_policies WHERE organisation_id = $1 AND version > 0", orsel) == []


def test_a_break_glass_account_enters_with_its_second_factor_while_the_directory_is_down(
    person, valmer: str, records: Records
):
    sophie = person(SOPHIE)
    sophie.open("/factors/enrol")
    phone = add_phone(sophie)
    # Not at every sign-in: the door asks for it.
    records.run("UPDATE accounts SET factor_always = false WHERE mail = $1", SOPHIE.identifier)
    try:
        # A directory that nobody reaches.
        records.run(
            "INSERT INTO sso_providers (id, organisation_id, organisation_slug, kind, template, name, state, position,"
            " issuer, client_id, sealed_secret, metadata_url, metadata_document, metadata_problem, claim_names, scope,"
            " accepts_amr, wants_encrypted, scim_match, forwards_logout, tried_at, version, created_at, changed_at)"
            " VALUES (gen_random_uuid(), $1, 'valmer-patrimoine', 'oidc', 'oidc', 'Annuaire Valmer', 'live', 0,"
            " 'https://annuaire.valmer.example', 'portail', '', '', '', '', '{}', 'profile email', false, false, '',"
            " true, now(), 1, now(), now())",
            valmer,
        )
        sophie.open(VALMER + POLICY)
        sophie.page.get_by_role("group", name="Votre propre annuaire").get_by_label("Exigé").check()
        sophie.page.get_by_role("group", name="Qui entre sans l’annuaire").get_by_label(re.compile("vous")).check()
        sophie.press("Enregistrer ces exigences")
        sophie.is_told(re.compile("C’est enregistré"))

        again = person(SOPHIE, signed_in=False)
        again.open(f"{VALMER}/")
        again.page.wait_for_load_state()
        again.answer_sign_in(SOPHIE.password)
        again.reads_title("Encore une étape pour Valmer Patrimoine")
        expect(again.page.get_by_role("link", name="Se connecter avec Annuaire Valmer")).to_be_visible()
        again.follow("Utiliser plutôt la double authentification")
        field_of(again.page, "Code à six chiffres").fill(phone.code)
        again.press("Continuer")
        again.page.wait_for_url(f"**{VALMER}/")
    finally:
        records.forget_factors(SOPHIE)


def test_a_sensitive_form_is_shown_once_one_has_proven_who_one_is(person, records: Records):
    claire = person(CLAIRE)
    records.prove_long_ago(CLAIRE)
    claire.open("/auth/proven?next=/organisations")  # what the gateway held is forgotten
    claire.open(f"{ORSEL}/settings/profiles/new")
    claire.reads_title("Confirmez que c’est bien vous")
    field_of(claire.page, "Mot de passe").fill(CLAIRE.password)
    claire.press("Continuer")
    claire.page.wait_for_url(f"**{ORSEL}/settings/profiles/new")


def test_what_was_typed_is_kept_until_one_has_proven_who_one_is(person, records: Records, tag: str):
    claire = person(CLAIRE, PHONE)
    claire.context.add_cookies([{"name": "parvis_lang", "value": "en", "url": claire.portal}])
    claire.open(f"{ORSEL}/settings/profiles/new")
    field_of(claire.page, "Name of the profile").fill(f"Kept {tag}")
    records.prove_long_ago(CLAIRE)
    claire.tab().open("/auth/proven?next=/organisations")
    claire.press("Save", exact=True)
    claire.reads_title("Show that it is you; what you typed is kept")
    with claire.context.expect_page() as opened:
        claire.page.get_by_role("link", name="Show that it is you").click()
    second = Person(claire.who, claire.portal, claire.context, opened.value)
    second.reads_title("Confirm that it is you")
    field_of(second.page, "Password").fill(CLAIRE.password)
    second.press("Go on")
    second.reads_title("It is done")
    second.page.close()
    claire.press("Send")
    claire.page.wait_for_url(re.compile(r"/settings/profiles/[0-9a-f-]{36}"))
    claire.is_told(f"The profile “Kept {tag}” is saved.")
