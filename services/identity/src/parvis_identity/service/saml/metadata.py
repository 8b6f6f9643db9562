"""Metadata (SAML metadata, March 2005): a provider's is read, ours is written."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from lxml import etree

from parvis_identity.domain import saml as names
from parvis_identity.service.saml import signatures
from parvis_identity.service.saml.signatures import Signer
from parvis_identity.service.saml.trail import Trail
from parvis_identity.service.saml.xml import child, children, parse, text_of

#: Bytes of metadata at most. One provider's has ten; a federation's with thousands of them is none of a firm's.
LARGEST: Final = 1024 * 1024
_MOST_CERTIFICATES: Final = 8
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})
#: Characters of an entity id (SAML core, 8.3.6).
_LONGEST_NAME: Final = 1024
_PREFIXES = {"md": names.METADATA, "ds": names.SIGNATURE}


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider as its metadata describes it."""

    entity_id: str
    #: Where the browser goes with requests (HTTP-Redirect).
    sign_in: str
    #: Where it goes to sign out and with answers to that; empty: there is no single logout.
    sign_out: str
    sign_out_answer: str
    #: Keys that sign, in their order.
    certificates: tuple[x509.Certificate, ...]
    wants_signed_requests: bool
    name_formats: tuple[str, ...]
    valid_until: datetime | None
    cache_for: timedelta | None

    def expires(self) -> datetime:
        """When the last of its certificates does."""
        return max(signatures.expires(each) for each in self.certificates)


def read(data: bytes, trail: Trail, *, entity_id: str = "", signed_by: Sequence[x509.Certificate] = ()) -> Provider:
    """A provider's metadata. Raises Refused with a sentence for whoever set it up.

    `entity_id`: which provider it must be; empty: the only one. `signed_by`: who must have signed it; none: anybody, it
    comes over TLS or by hand.
    """
    root = parse(data, trail, largest=LARGEST, comments=True)
    if signed_by:
        signatures.placed(root, [root], trail)
        root = signatures.verified(root, signed_by, trail)
    trail.check(
        "metadata_element",
        root.tag in {f"{{{names.METADATA}}}EntityDescriptor", f"{{{names.METADATA}}}EntitiesDescriptor"},
        "It is XML, but no SAML metadata.",
    )
    entities = [
        each
        for each in root.iter(f"{{{names.METADATA}}}EntityDescriptor")
        if child(each, names.METADATA, "IDPSSODescriptor") is not None
        and (not entity_id or each.get("entityID") == entity_id)
    ]
    trail.check("metadata_provider", bool(entities), _no_provider(entity_id))
    trail.check("metadata_several", len(entities) == 1, "The metadata describes several providers; give one's alone.")
    entity = entities[0]
    return _provider(entity, _until(root, entity, trail), trail)


def current(provider: Provider, trail: Trail, now: datetime) -> None:
    """Checks that metadata still counts (`validUntil`). Raises Refused."""
    until = provider.valid_until
    said = "" if until is None else f"The metadata counted until {names.written(until)}: it needs new metadata."
    trail.check("metadata_expired", until is None or until > now, said)


def _no_provider(entity_id: str) -> str:
    if entity_id:
        return f"The metadata is not of {entity_id}: another provider is another connection."
    return "The metadata is not of an identity provider: is it that of an application?"


def _provider(entity: etree._Element, until: datetime | None, trail: Trail) -> Provider:
    role = child(entity, names.METADATA, "IDPSSODescriptor")
    name = entity.get("entityID", "")
    trail.check("metadata_entity_id", 0 < len(name) <= _LONGEST_NAME, "The provider has no entity id.")
    if role is None:  # pragma: no cover - looked for above
        raise AssertionError
    sign_in = _endpoint(role, "SingleSignOnService")
    trail.check(
        "metadata_endpoint",
        bool(sign_in[0]),
        "The metadata names no address to sign in at (SingleSignOnService with the binding HTTP-Redirect, https).",
    )
    certificates = _certificates(role, trail)
    sign_out = _endpoint(role, "SingleLogoutService")
    return Provider(
        entity_id=name,
        sign_in=sign_in[0],
        sign_out=sign_out[0],
        sign_out_answer=sign_out[1] or sign_out[0],
        certificates=certificates,
        wants_signed_requests=role.get("WantAuthnRequestsSigned") in {"true", "1"},
        name_formats=tuple(text_of(each) for each in children(role, names.METADATA, "NameIDFormat")),
        valid_until=until,
        cache_for=names.duration(entity.get("cacheDuration")),
    )


def _endpoint(role: etree._Element, kind: str) -> tuple[str, str]:
    """Where messages in addresses go, and where answers do if elsewhere."""
    for each in children(role, names.METADATA, kind):
        place, answers = each.get("Location", ""), each.get("ResponseLocation", "")
        if each.get("Binding") == names.REDIRECT and _is_address(place):
            return place, answers if _is_address(answers) else ""
    return "", ""


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        encrypted = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _THIS_MACHINE)
        return encrypted and bool(parts.hostname) and parts.username is None and text.isprintable()
    except ValueError:
        return False


def _certificates(role: etree._Element, trail: Trail) -> tuple[x509.Certificate, ...]:
    found: list[x509.Certificate] = []
    weak = broken = 0
    for described in children(role, names.METADATA, "KeyDescriptor"):
        if described.get("use", "signing") != "signing":
            continue
        for each in described.iter(f"{{{names.SIGNATURE}}}X509Certificate"):
            try:
                certificate = x509.load_der_x509_certificate(base64.b64decode("".join(text_of(each).split())))
            except ValueError:
                broken += 1
                continue
            if not signatures.usable(certificate):
                weak += 1
            elif certificate not in found:
                found.append(certificate)
    trail.check("metadata_key", bool(found) or not broken, "The certificate in the metadata cannot be read.")
    strong = bool(found) or not weak
    trail.check("metadata_key_weak", strong, "The provider's key is too weak: RSA of 2,048 bits at least.")
    trail.check("metadata_key_missing", bool(found), "The metadata holds no key that signs (KeyDescriptor).")
    trail.check("metadata_keys", len(found) <= _MOST_CERTIFICATES, "The metadata holds too many keys.")
    return tuple(found)


def _until(root: etree._Element, entity: etree._Element, trail: Trail) -> datetime | None:
    """The earliest `validUntil` from the root to the entity's role."""
    role = child(entity, names.METADATA, "IDPSSODescriptor")
    said = [each.get("validUntil") for each in (root, entity, role) if each is not None and each.get("validUntil")]
    try:
        return min((names.instant(each) for each in said), default=None)
    except ValueError as error:
        raise trail.failed(
            "metadata_expired", "The metadata says in no readable way until when it is valid."
        ) from error


def written(
    *,
    entity_id: str,
    answer_at: str,
    sign_out_at: str,
    certificates: Sequence[x509.Certificate],
    signer: Signer,
    now: datetime,
) -> bytes:
    """Our metadata for one provider, signed: where it answers, and the keys that sign and that it may encrypt to."""
    root = etree.Element(
        f"{{{names.METADATA}}}EntityDescriptor",
        {
            "ID": f"_{now.astimezone(UTC):%Y%m%d%H%M%S}",
            "entityID": entity_id,
            "cacheDuration": "PT12H",
        },
        nsmap=_PREFIXES,
    )
    role = etree.SubElement(
        root,
        f"{{{names.METADATA}}}SPSSODescriptor",
        {
            "AuthnRequestsSigned": "true",
            "WantAssertionsSigned": "true",
            "protocolSupportEnumeration": names.PROTOCOL,
        },
    )
    for use in ("signing", "encryption"):
        for certificate in certificates:
            _key(role, use, certificate)
    for binding in (names.REDIRECT, names.POST):
        at = {"Binding": binding, "Location": sign_out_at}
        etree.SubElement(role, f"{{{names.METADATA}}}SingleLogoutService", at)
    etree.SubElement(role, f"{{{names.METADATA}}}NameIDFormat").text = names.PERSISTENT
    at = {"Binding": names.POST, "Location": answer_at, "index": "0", "isDefault": "true"}
    etree.SubElement(role, f"{{{names.METADATA}}}AssertionConsumerService", at)
    return etree.tostring(signer.element(root), xml_declaration=True, encoding="UTF-8")


def _key(role: etree._Element, use: str, certificate: x509.Certificate) -> None:
    described = etree.SubElement(role, f"{{{names.METADATA}}}KeyDescriptor", {"use": use})
    info = etree.SubElement(described, f"{{{names.SIGNATURE}}}KeyInfo")
    held = etree.SubElement(info, f"{{{names.SIGNATURE}}}X509Data")
    der = certificate.public_bytes(serialization.Encoding.DER)
    etree.SubElement(held, f"{{{names.SIGNATURE}}}X509Certificate").text = base64.b64encode(der).decode()
    if use == "encryption":
        for method in (*names.GCM, names.OAEP, names.OAEP_MGF1):
            etree.SubElement(described, f"{{{names.METADATA}}}EncryptionMethod", {"Algorithm": method})
