"""Two firms of one group share a mail domain, and each has its own directory: whoever types an address of it chooses,
and comes to the directory of the firm that they chose. With the keyboard alone, in French at a desk and in English on a
phone.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from browsing import change
from connecting import FRENCH_DESK, PHONE_WITH_KEYS, Reading, answer_directory, connect, give_everybody
from firms import Firm, administrator_of, found, is_for_everybody
from keys import Keyboard
from people import HELENE, STRANGER

sys.path.insert(0, str(Path(__file__).parents[1] / "upstreams"))

from directories import OidcDirectory, oidc_directory

READINGS = pytest.mark.parametrize("reading", [FRENCH_DESK, PHONE_WITH_KEYS], ids=["desk", "phone"])
#: Both firms have a record of the domain's name servers.
_PROVE = """
INSERT INTO sso_domains (id, organisation_id, organisation_slug, domain, state, method, token, check_problem,
    verified_at, created_at)
SELECT gen_random_uuid(), organisation_id, organisation_slug, $1, 'verified', 'dns', 't', '', now(), now()
  FROM sso_providers WHERE organisation_slug IN ($2, $3)
"""


@dataclass(frozen=True, slots=True)
class House:
    """A firm of the group, and its directory under its name on the button."""

    firm: Firm
    directory: OidcDirectory
    button: str


def _house(person, mails, tag: str, name: str, given: str) -> Iterator[House]:
    with oidc_directory() as directory:
        directory.knows({
            "admin": {"email": f"{given.lower()}.{tag}@kerjean.example"},
            "paule": {"given_name": "Paule", "family_name": name, "email": f"paule@groupe-{tag}.example"},
        })  # fmt: skip
        administrator = person(administrator_of(tag, given), signed_in=False)
        house = House(found(person(HELENE), administrator, mails, f"{name} {tag}"), directory, f"Annuaire {name}")
        connect(house.firm, directory, house.button, "admin")
        give_everybody(house.firm, "Conseiller")
        yield house


@pytest.fixture(scope="module")
def notaries(person, mails, tag) -> Iterator[House]:
    yield from _house(person, mails, tag, "Aubier Notaires", "Maud")


@pytest.fixture(scope="module")
def advisers(person, mails, tag) -> Iterator[House]:
    yield from _house(person, mails, tag, "Aubier Patrimoine", "Yann")


@pytest.fixture(scope="module")
def address(suite, tag, notaries: House, advisers: House) -> str:
    """An address of the domain that both have proven; nobody needs to know it."""
    domain = f"groupe-{tag}.example"
    done = change(suite.superuser_url("identity"), _PROVE, domain, notaries.firm.slug, advisers.firm.slug)
    assert done == "INSERT 0 2"
    return f"paule@{domain}"


def to_the_choice(person, reading: Reading, address: str) -> Keyboard:
    """Somebody whom the portal does not know yet types an address of the domain."""
    keys = Keyboard(reading.speaks(person(STRANGER, reading.seat, signed_in=False)))
    keys.person.open("/login")
    keys.write({reading.door.address: address})
    keys.go("Enter")
    keys.person.reads_title(reading.of("Pour quelle organisation ?", "For which organisation?"))
    return keys


@READINGS
@pytest.mark.parametrize("chosen", ["notaries", "advisers"])
def test_each_choice_leads_to_its_own_directory(person, request, reading: Reading, chosen: str, address: str):
    house: House = request.getfixturevalue(chosen)
    keys = to_the_choice(person, reading, address)
    is_for_everybody(keys.person)
    keys.follow(re.compile(re.escape(house.button)))
    answer_directory(keys.person, house.directory, "paule")
    keys.page.wait_for_url(f"**{house.firm.base}/")
    keys.person.reads_title(reading.of("Bonjour Paule", "Hello Paule"))
