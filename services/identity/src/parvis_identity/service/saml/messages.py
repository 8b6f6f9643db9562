"""What we send: requests to sign in and out and answers to them, as signed addresses (SAML bindings, 3.4)."""

import base64
import binascii
import secrets
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from lxml import etree

from parvis_identity.domain import saml as names
from parvis_identity.domain.saml import NameId
from parvis_identity.service.saml.signatures import Signer
from parvis_identity.service.saml.trail import Trail
from parvis_identity.service.saml.xml import LARGEST_MESSAGE

_PREFIXES = {"samlp": names.PROTOCOL, "saml": names.ASSERTION}


@dataclass(frozen=True, slots=True)
class Sent:
    """A message on its way: where the browser goes, and the identifier that an answer names."""

    location: str
    identifier: str


def new_identifier() -> str:
    """An identifier of a message: 128 bits, and no digit first (xs:ID)."""
    return f"_{secrets.token_hex(16)}"


def authentication_request(
    signer: Signer,
    *,
    issuer: str,
    destination: str,
    answer_at: str,
    relay_state: str,
    now: datetime,
    force: bool,
    name_format: str = "",
    hint: str = "",
) -> Sent:
    """An `AuthnRequest` (SAML core, 3.4.1). `name_format`: which kind of name is asked for; empty: the provider's own
    choice. `hint`: an address that was typed, which several providers read beside the message.
    """
    root = _message("AuthnRequest", issuer, destination, now)
    root.set("ProtocolBinding", names.POST)
    root.set("AssertionConsumerServiceURL", answer_at)
    if force:
        root.set("ForceAuthn", "true")
    policy = etree.SubElement(root, f"{{{names.PROTOCOL}}}NameIDPolicy", {"AllowCreate": "true"})
    if name_format:
        policy.set("Format", name_format)
    return _sent(root, signer, "SAMLRequest", destination, relay_state, {"login_hint": hint} if hint else {})


def logout_request(
    signer: Signer,
    *,
    issuer: str,
    destination: str,
    relay_state: str,
    now: datetime,
    name: NameId,
    session_indexes: Sequence[str],
) -> Sent:
    """A `LogoutRequest` (SAML core, 3.7.1): this person signs out everywhere."""
    root = _message("LogoutRequest", issuer, destination, now)
    root.set("Reason", "urn:oasis:names:tc:SAML:2.0:logout:user")
    root.set("NotOnOrAfter", names.written(now + names.OLDEST_MESSAGE))
    named = etree.SubElement(root, f"{{{names.ASSERTION}}}NameID")
    named.text = name.value
    if name.format and name.format != names.UNSPECIFIED:
        named.set("Format", name.format)
    if name.name_qualifier:
        named.set("NameQualifier", name.name_qualifier)
    if name.sp_name_qualifier:
        named.set("SPNameQualifier", name.sp_name_qualifier)
    for index in filter(None, session_indexes):
        etree.SubElement(root, f"{{{names.PROTOCOL}}}SessionIndex").text = index
    return _sent(root, signer, "SAMLRequest", destination, relay_state, {})


def logout_response(
    signer: Signer, *, issuer: str, destination: str, relay_state: str, now: datetime, in_response_to: str
) -> Sent:
    """A `LogoutResponse` (SAML core, 3.7.2): it is done."""
    root = _message("LogoutResponse", issuer, destination, now)
    root.set("InResponseTo", in_response_to)
    status = etree.SubElement(root, f"{{{names.PROTOCOL}}}Status")
    etree.SubElement(status, f"{{{names.PROTOCOL}}}StatusCode", {"Value": names.SUCCESS})
    return _sent(root, signer, "SAMLResponse", destination, relay_state, {})


def from_query(text: str, trail: Trail) -> bytes:
    """A message that came in an address: base64, and deflated (SAML bindings, 3.4.4.1). Raises Refused."""
    try:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        message = inflater.decompress(base64.b64decode(text, validate=True), LARGEST_MESSAGE + 1)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise trail.failed("message_encoding", "The message is not deflated base64.") from error
    trail.passed("message_encoding")
    return message


def from_form(text: str, trail: Trail) -> bytes:
    """A message that came in a form: base64, perhaps in lines (SAML bindings, 3.5.4). Raises Refused."""
    trail.check("xml_size", len(text) <= 2 * LARGEST_MESSAGE, "The message is too large.")
    try:
        message = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise trail.failed("message_encoding", "The message is not base64.") from error
    trail.check("message_encoding", bool(message), "There is no message.")
    return message


def _message(kind: str, issuer: str, destination: str, now: datetime) -> etree._Element:
    root = etree.Element(
        f"{{{names.PROTOCOL}}}{kind}",
        {
            "ID": new_identifier(),
            "Version": "2.0",
            "IssueInstant": names.written(now),
            "Destination": destination,
        },
        nsmap=_PREFIXES,
    )
    etree.SubElement(root, f"{{{names.ASSERTION}}}Issuer").text = issuer
    return root


def _sent(
    root: etree._Element, signer: Signer, kind: str, destination: str, relay_state: str, more: dict[str, str]
) -> Sent:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    message = base64.b64encode(deflater.compress(etree.tostring(root)) + deflater.flush()).decode()
    fields = [(kind, message)] + ([("RelayState", relay_state)] if relay_state else [])
    query = signer.query(fields) + (f"&{urlencode(more)}" if more else "")
    joint = "&" if "?" in destination else "?"
    return Sent(f"{destination}{joint}{query}", root.get("ID", ""))
