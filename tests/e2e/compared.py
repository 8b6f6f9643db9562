"""A directory in service whose signing keys change: a file with other ones is taken once somebody has compared them."""

import base64
import sys
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from people import Person, field_of
from playwright.sync_api import Response, expect

sys.path.insert(0, str(Path(__file__).parents[1] / "upstreams"))

from certificates import self_signed

NAME = "Annuaire comparé"
_ENTITY = "https://annuaire.compare.example/saml"


@cache
def _published(called: str) -> str:
    """The certificate of a key, as metadata hold it."""
    return base64.b64encode(self_signed(called)[1].public_bytes(Encoding.DER)).decode()


def _metadata(*keys: str) -> bytes:
    """What the directory publishes of itself, with these keys."""
    described = "".join(
        f'<KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>'
        f"{_published(each)}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>"
        for each in keys
    )
    return (
        f'<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{_ENTITY}">'
        f'<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">{described}'
        '<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"'
        f' Location="{_ENTITY}/sso"/></IDPSSODescriptor></EntityDescriptor>'
    ).encode()


def bring(someone: Person, *keys: str) -> Response:
    """Gives the form in front a file with these keys, and answers what comes of it."""
    file = {"name": "idp.xml", "mimeType": "text/xml", "buffer": _metadata(*keys)}
    someone.page.locator("input[name=metadata_document]").set_input_files([file])
    with someone.page.expect_navigation() as answered:
        someone.page.locator("main form button.button-primary").last.click()
    return answered.value


def bring_other_keys(someone: Person) -> Response:
    """One key stays, two come, one goes."""
    return bring(someone, "signature 2026", "signature 2027", "secours 2027")


def connect_for_comparing(someone: Person, sign_in: str) -> None:
    """Declares it where sign-in is set up, up to its test."""
    someone.open(f"{sign_in}/directories/new")
    someone.page.get_by_label("SAML 2.0").check()
    field_of(someone.page, "Nom sur le bouton").fill(NAME)
    someone.press("Continuer")
    someone.follow("C’est fait : continuer")
    bring(someone, "signature 2025", "signature 2026")
    expect(someone.page.get_by_role("button", name="Commencer l’essai")).to_be_visible()
