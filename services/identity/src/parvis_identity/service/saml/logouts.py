"""Signing out on both sides (SAML core, 3.7; profiles, 4.4): what a provider asks of us, and how it answers us."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree

from parvis_identity.domain import saml as names
from parvis_identity.domain.saml import NameId
from parvis_identity.service.saml import signatures
from parvis_identity.service.saml.encryption import opened
from parvis_identity.service.saml.messages import from_form, from_query
from parvis_identity.service.saml.responses import made_now, name_of
from parvis_identity.service.saml.trail import Trail
from parvis_identity.service.saml.xml import child, children, instant_of, parse, text_of

_MOST_SESSIONS: Final = 100


@dataclass(frozen=True, slots=True)
class Expected:
    """What a message about signing out must be."""

    issuer: str
    certificates: Sequence[x509.Certificate]
    keys: Sequence[rsa.RSAPrivateKey]
    sign_out_at: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """A provider asks that somebody is signed out: here, or of these sessions only."""

    identifier: str
    name: NameId
    session_indexes: tuple[str, ...]
    relay_state: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A provider answers that somebody is signed out there."""

    relay_state: str


def in_address(query: str, expected: Expected, trail: Trail) -> Wanted | Answered:
    """A message in an address, as it came. Raises Refused."""
    kind = "SAMLResponse" if query.startswith("SAMLResponse=") or "&SAMLResponse=" in query else "SAMLRequest"
    fields = signatures.signed_query(query, kind, expected.certificates, trail)
    root = parse(from_query(fields.get(kind, ""), trail), trail)
    signatures.placed(root, [root], trail)
    return _read(root, expected, fields.get("RelayState", ""), trail)


def in_form(text: str, relay_state: str, expected: Expected, trail: Trail) -> Wanted | Answered:
    """The same in a form (`SAMLRequest` or `SAMLResponse`), where the message itself is signed. Raises Refused."""
    root = parse(from_form(text, trail), trail)
    signatures.placed(root, [root], trail)
    return _read(signatures.verified(root, expected.certificates, trail), expected, relay_state, trail)


def _read(root: etree._Element, expected: Expected, relay_state: str, trail: Trail) -> Wanted | Answered:
    kinds = {f"{{{names.PROTOCOL}}}{each}" for each in ("LogoutRequest", "LogoutResponse")}
    trail.check("logout_element", root.tag in kinds and root.get("Version") == "2.0", "It is about no sign-out.")
    issuer = text_of(child(root, names.ASSERTION, "Issuer"))
    trail.check("issuer_wrong", issuer == expected.issuer, f"It is of {issuer}, not of {expected.issuer}.")
    said = root.get("Destination", "")
    trail.check("destination_wrong", said == expected.sign_out_at, f"It is for {said or 'no address'}.")
    made_now(root, "logout_time_wrong", expected.now, trail)
    if root.tag.endswith("Response"):
        return Answered(relay_state)
    ends = instant_of(root.get("NotOnOrAfter"), "logout_expired", trail)
    trail.check("logout_expired", ends is None or expected.now < ends + names.SKEW, "It has expired.")
    named, sealed = child(root, names.ASSERTION, "NameID"), child(root, names.ASSERTION, "EncryptedID")
    if named is None and sealed is not None:
        named = opened(sealed, expected.keys, trail, allow_cbc=True)  # of a signed message
    name = name_of(named, trail)
    indexes = tuple(filter(None, map(text_of, children(root, names.PROTOCOL, "SessionIndex"))))
    identifier = root.get("ID", "")
    trail.check("logout_identifier", bool(identifier) and len(indexes) <= _MOST_SESSIONS, "It names nothing usable.")
    return Wanted(identifier, name, indexes, relay_state)
