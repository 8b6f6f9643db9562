"""What a product that registered itself asks of people: consent, a way out at sign-in, a device of theirs."""

import base64
import hashlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from people import CLAIRE, DESK, ENGLISH_DOOR, FRENCH_DOOR, LUCIE, PHONE, Door, Person, field_of
from playwright.sync_api import expect
from test_accessibility import problems, problems_of_colour

from parvis_local.suite import Suite

BACK = "https://agenda.example/retour"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
ENGLISH = replace(PHONE, locale="en-GB")


@dataclass
class Product:
    """A relying party of somebody else."""

    http: httpx.Client
    name: str
    client_id: str
    secret: str
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    def address(self, scope: str) -> str:
        """Where it sends people to sign in."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).decode().rstrip("=")
        asked = {
            "response_type": "code", "client_id": self.client_id, "redirect_uri": BACK, "scope": scope,
            "state": "s-1", "code_challenge": challenge, "code_challenge_method": "S256",
        }  # fmt: skip
        return f"/oauth2/authorize?{urlencode(asked)}"

    def post(self, path: str, form: dict[str, str]) -> httpx.Response:
        return self.http.post(path, data=form, auth=(self.client_id, self.secret))

    def redeem(self, code: str) -> httpx.Response:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": BACK,
            "code_verifier": self.verifier,
        }
        return self.post("/oauth2/token", form)

    def poll(self, device_code: str) -> dict[str, str]:
        """What a device hears that asks whether its owner has answered."""
        told: dict[str, str] = self.post("/oauth2/token", {"grant_type": DEVICE, "device_code": device_code}).json()
        return told


@pytest.fixture
def product(suite: Suite, tag: str) -> Iterator[Product]:
    said = {
        "client_name": f"Agenda {tag}",
        "redirect_uris": [BACK],
        "grant_types": ["authorization_code", "refresh_token", DEVICE],
    }
    bearer = {"Authorization": f"Bearer {suite.credentials.registration_token}"}
    with httpx.Client(base_url=suite.addresses["portal"]) as http:
        made = http.post("/oauth2/register", json=said, headers=bearer)
        assert made.status_code == 201, made.text
        yield Product(http, said["client_name"], made.json()["client_id"], made.json()["client_secret"])
        removal = {"Authorization": f"Bearer {made.json()['registration_access_token']}"}
        http.delete(made.json()["registration_client_uri"], headers=removal)


def sent_back_by(someone: Person, button: str) -> dict[str, str]:
    """What the browser carries back to the product after a button. Nothing answers at the product's own address."""
    with someone.page.expect_request(f"{BACK}?*") as request:
        someone.press(button, exact=True)
    someone.page = someone.context.new_page()  # that one shows an error, once it has looked long enough
    return told_in(request.value.url)


def sent_back_at_once(someone: Person, address: str) -> dict[str, str]:
    """The same, where no page asks anything."""
    answer = someone.context.request.get(someone.portal + address, max_redirects=0)
    assert answer.headers["location"].startswith(BACK), answer.headers["location"]
    return told_in(answer.headers["location"])


def told_in(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def at(person, who, seat) -> Person:
    """Somebody who is not signed in."""
    someone: Person = person(who, seat, signed_in=False)
    if seat is ENGLISH:
        someone.context.add_cookies([{"name": "parvis_lang", "value": "en", "url": someone.portal}])
    return someone


def is_for_everybody(someone: Person) -> None:
    """A page that only an act shows: nothing that axe finds, in light and dark, and nothing beside a phone's edge."""
    assert not problems(someone) + problems_of_colour(someone)
    assert someone.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_a_product_asks_once_and_again_when_it_asks_for_more(person, product):
    lucie = at(person, LUCIE, DESK)
    lucie.open(product.address("openid profile"))
    lucie.answer_sign_in(lucie.who.password)
    lucie.reads_title(f"Transmettre ceci à {product.name}")
    is_for_everybody(lucie)
    answer = product.redeem(sent_back_by(lucie, "Transmettre")["code"])
    assert answer.status_code == 200, answer.text

    assert "code" in sent_back_at_once(lucie, product.address("openid profile")), "nobody is asked twice for the same"

    lucie.open(product.address("openid profile email"))
    lucie.reads_title(f"Transmettre ceci à {product.name}")
    assert sent_back_by(lucie, "Refuser")["error"] == "access_denied"

    lucie.open(product.address("openid profile email"))
    lucie.reads_title(f"Transmettre ceci à {product.name}")


def test_on_a_phone_in_english_somebody_refuses_and_then_agrees(person, product):
    claire = at(person, CLAIRE, ENGLISH)
    claire.open(product.address("openid email"))
    claire.answer_sign_in(claire.who.password, ENGLISH_DOOR)
    claire.reads_title(f"Share this with {product.name}?")
    is_for_everybody(claire)
    refused = sent_back_by(claire, "Refuse")
    assert (refused["error"], refused["state"], "code" in refused) == ("access_denied", "s-1", False)

    claire.open(product.address("openid email"))
    assert product.redeem(sent_back_by(claire, "Share")["code"]).status_code == 200


@pytest.mark.parametrize(("seat", "cancel"), [(DESK, "Annuler"), (ENGLISH, "Cancel")], ids=["desk", "phone"])
def test_whoever_does_not_want_to_sign_in_goes_back_to_the_product(person, product, seat, cancel):
    somebody = at(person, LUCIE, seat)
    somebody.open(product.address("openid"))

    told = sent_back_by(somebody, cancel)

    assert (told["error"], told["state"], told["iss"]) == ("access_denied", "s-1", somebody.portal)


@dataclass(frozen=True)
class Words:
    """What stands on the pages of a device's code."""

    sign_in: Door
    code: str
    on: str
    asks: str
    yes: str
    no: str
    connected: str
    not_connected: str


FRENCH = Words(
    FRENCH_DOOR, "Code", "Continuer", "Connecter {} ?", "Connecter", "Refuser",
    "{} est connecté", "{} n’est pas connecté",
)  # fmt: skip
IN_ENGLISH = Words(
    ENGLISH_DOOR, "Code", "Continue", "Connect {}?", "Connect", "Refuse", "{} is connected", "{} is not connected"
)  # fmt: skip
SEATS = pytest.mark.parametrize(("seat", "words"), [(DESK, FRENCH), (ENGLISH, IN_ENGLISH)], ids=["desk", "phone"])


def asked_by_a_device(someone: Person, product: Product, words: Words) -> str:
    """From the code on a device to the question; the device's own code."""
    shown = product.post("/oauth2/device_authorization", {"scope": "openid profile"}).json()
    someone.open(shown["verification_uri"])
    someone.answer_sign_in(someone.who.password, words.sign_in)
    field_of(someone.page, words.code).fill(shown["user_code"].lower().replace("-", " "))
    someone.press(words.on, exact=True)
    someone.reads_title(words.asks.format(product.name))
    expect(someone.page.get_by_text(shown["user_code"])).to_be_visible()
    is_for_everybody(someone)
    return str(shown["device_code"])


@SEATS
def test_a_device_gets_its_token_once_its_code_was_typed_and_confirmed(person, product, seat, words):
    lucie = at(person, LUCIE, seat)
    device_code = asked_by_a_device(lucie, product, words)

    lucie.press(words.yes, exact=True)

    lucie.reads_title(words.connected.format(product.name))
    is_for_everybody(lucie)
    bearer = {"Authorization": f"Bearer {product.poll(device_code)['access_token']}"}
    assert product.http.get("/oauth2/userinfo", headers=bearer).json()["family_name"] == "Tanguy"


@SEATS
def test_a_device_that_was_refused_gets_nothing(person, product, seat, words):
    lucie = at(person, LUCIE, seat)
    device_code = asked_by_a_device(lucie, product, words)

    lucie.press(words.no)

    lucie.reads_title(words.not_connected.format(product.name))
    is_for_everybody(lucie)
    told = product.poll(device_code)
    assert (told["error"], "access_token" in told) == ("access_denied", False)
