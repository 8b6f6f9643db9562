"""A SAML provider as the attack tests need one: what it says can be taken apart and put together wrongly."""

import base64
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID
from lxml import etree

from parvis_identity.domain import saml as names
from parvis_identity.service.saml.responses import Expected, Said, read
from parvis_identity.service.saml.trail import Trail

ISSUER = "https://annuaire.exemple.fr/saml"
AUDIENCE = "https://portail.exemple.fr/sso/1/metadata"
ACS = "https://portail.exemple.fr/sso/1/acs"
REQUEST = "_0123456789abcdef0123456789abcdef"
XS = "http://www.w3.org/2001/XMLSchema"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
P, A, D = names.PROTOCOL, names.ASSERTION, names.SIGNATURE


@dataclass(frozen=True)
class Key:
    private: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def base64(self) -> str:
        return base64.b64encode(self.certificate.public_bytes(serialization.Encoding.DER)).decode()


@cache
def key(name: str = "provider", bits: int = 2048, *, days: float = 900) -> Key:
    private = rsa.generate_private_key(65537, bits)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(private.public_key())
    dated = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
    return Key(private, dated.not_valid_after(now + timedelta(days=days)).sign(private, hashes.SHA256()))


def at(**after: float) -> str:
    return names.written(datetime.now(UTC) + timedelta(**after))


@dataclass
class Words:
    """What the provider says. A test changes what it is about."""

    issuer: str = ISSUER
    response_issuer: str = ISSUER
    destination: str = ACS
    in_response_to: str = REQUEST
    subject_in_response_to: str = REQUEST
    recipient: str = ACS
    audiences: tuple[tuple[str, ...], ...] = ((AUDIENCE,),)
    name_id: str = "c0ffee-42"
    name_format: str = names.PERSISTENT
    method: str = names.BEARER
    made: str = field(default_factory=at)
    confirmed_until: str = field(default_factory=lambda: at(minutes=5))
    not_before: str = field(default_factory=lambda: at(seconds=-5))
    not_after: str = field(default_factory=lambda: at(minutes=5))
    signed_in_at: str = field(default_factory=lambda: at(seconds=-2))
    session_until: str = field(default_factory=lambda: at(hours=8))
    status: str = names.SUCCESS
    version: str = "2.0"
    context: str = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
    extra_condition: str = ""
    statement: bool = True
    mail: str = "anne.roche@exemple.fr"
    attributes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    assertion_id: str = field(default_factory=lambda: f"_a{os.urandom(12).hex()}")
    response_id: str = field(default_factory=lambda: f"_r{os.urandom(12).hex()}")


def assertion(words: Words) -> etree._Element:
    restrictions = "".join(
        "<saml:AudienceRestriction>"
        + "".join(f"<saml:Audience>{each}</saml:Audience>" for each in one)
        + "</saml:AudienceRestriction>"
        for one in words.audiences
    )
    statement = f"""
      <saml:AuthnStatement AuthnInstant="{words.signed_in_at}" SessionIndex="_s1"
          SessionNotOnOrAfter="{words.session_until}">
        <saml:AuthnContext><saml:AuthnContextClassRef>{words.context}</saml:AuthnContextClassRef></saml:AuthnContext>
      </saml:AuthnStatement>"""
    said = {"mail": (words.mail,), "givenName": ("Anne",), "sn": ("Roche",), "groups": ("Paie", "Audit")}
    attributes = "".join(
        f'<saml:Attribute Name="{name}">'
        + "".join(f'<saml:AttributeValue xsi:type="xs:string">{value}</saml:AttributeValue>' for value in values)
        + "</saml:Attribute>"
        for name, values in {**said, **words.attributes}.items()
    )
    answers = f'InResponseTo="{words.subject_in_response_to}"' if words.subject_in_response_to else ""
    return etree.fromstring(f"""<saml:Assertion xmlns:saml="{A}" xmlns:xs="{XS}"
        xmlns:xsi="{XSI}" ID="{words.assertion_id}" Version="{words.version}" IssueInstant="{words.made}">
      <saml:Issuer>{words.issuer}</saml:Issuer>
      <saml:Subject>
        <saml:NameID Format="{words.name_format}">{words.name_id}</saml:NameID>
        <saml:SubjectConfirmation Method="{words.method}">
          <saml:SubjectConfirmationData {answers} Recipient="{words.recipient}" NotOnOrAfter="{words.confirmed_until}"/>
        </saml:SubjectConfirmation>
      </saml:Subject>
      <saml:Conditions NotBefore="{words.not_before}" NotOnOrAfter="{words.not_after}">
        {restrictions}{words.extra_condition}</saml:Conditions>{statement if words.statement else ""}
      <saml:AttributeStatement>{attributes}</saml:AttributeStatement>
    </saml:Assertion>""")


def response(words: Words, *inside: etree._Element) -> etree._Element:
    answers = f'InResponseTo="{words.in_response_to}"' if words.in_response_to else ""
    root = etree.fromstring(f"""<samlp:Response xmlns:samlp="{P}" xmlns:saml="{A}"
        ID="{words.response_id}" Version="2.0" IssueInstant="{words.made}" Destination="{words.destination}" {answers}>
      <saml:Issuer>{words.response_issuer}</saml:Issuer>
      <samlp:Status><samlp:StatusCode Value="{words.status}"/></samlp:Status>
    </samlp:Response>""")
    root.extend(inside)
    return root


@dataclass
class How:
    """How a signature is made; by hand, so that what verifies it is not what made it."""

    method: str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
    digest: str = f"{names.ENCRYPTION}sha256"
    transforms: tuple[str, ...] = (names.ENVELOPED, names.EXCLUSIVE)
    canonical: str = names.EXCLUSIVE
    #: What the reference names; "": the identifier of what is signed.
    reference: str = ""
    references: int = 1
    certificate: Key | None = None
    #: Makes the signature of the bytes that are signed; None: the provider's RSA key does.
    sign: Callable[[bytes], bytes] | None = None


SHA_1 = hashes.SHA1()  # noqa: S303 - RSA-OAEP's default, and an attack elsewhere
HASHES = {"sha1": SHA_1, "sha256": hashes.SHA256(), "sha512": hashes.SHA512()}


def canonical(element: etree._Element, method: str = names.EXCLUSIVE) -> bytes:
    alone = etree.fromstring(etree.tostring(element))
    exclusive, comments = method.startswith(names.EXCLUSIVE), method.endswith("WithComments")
    return etree.tostring(alone, method="c14n", exclusive=exclusive, with_comments=comments)


def signed(element: etree._Element, with_key: Key | None = None, how: How | None = None) -> etree._Element:
    """The element with its signature behind the issuer; nothing around it changes it any more."""
    used, how = with_key or key(), how or How()
    digest = hashes.Hash(HASHES[how.digest.rpartition("#")[2]])
    digest.update(canonical(element, how.transforms[-1]))
    transforms = "".join(f'<ds:Transform Algorithm="{each}"/>' for each in how.transforms)
    reference = f"""<ds:Reference URI="{how.reference or "#" + element.get("ID")}">
      <ds:Transforms>{transforms}</ds:Transforms><ds:DigestMethod Algorithm="{how.digest}"/>
      <ds:DigestValue>{base64.b64encode(digest.finalize()).decode()}</ds:DigestValue></ds:Reference>"""
    made = etree.fromstring(f"""<ds:Signature xmlns:ds="{D}"><ds:SignedInfo>
      <ds:CanonicalizationMethod Algorithm="{how.canonical}"/><ds:SignatureMethod Algorithm="{how.method}"/>
      {reference * how.references}</ds:SignedInfo><ds:SignatureValue/>
      <ds:KeyInfo><ds:X509Data>
      <ds:X509Certificate>{(how.certificate or used).base64}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>
      </ds:Signature>""")
    algorithm = HASHES[how.method.rpartition("-")[2]]
    sign = how.sign or (lambda text: used.private.sign(text, padding.PKCS1v15(), algorithm))
    made[1].text = base64.b64encode(sign(canonical(made[0], how.canonical))).decode()
    element.insert(1, made)
    return element


def encrypted(
    element: etree._Element | bytes, to: Key, *, content: str = "", transport: str = names.OAEP_MGF1
) -> etree._Element:
    """An `EncryptedAssertion` around an assertion."""
    content = content or f"{names.ENCRYPTION_11}aes256-gcm"
    text = element if isinstance(element, bytes) else etree.tostring(element)
    secret, nonce = os.urandom(32), os.urandom(12)
    if content.endswith("gcm"):
        sealed = nonce + AESGCM(secret).encrypt(nonce, text, None)
    else:
        added = 16 - len(text) % 16
        start = os.urandom(16)
        encryptor = Cipher(algorithms.AES(secret), modes.CBC(start)).encryptor()
        sealed = start + encryptor.update(text + bytes(added - 1) + bytes([added])) + encryptor.finalize()
    how = (
        padding.PKCS1v15()
        if transport.endswith("rsa-1_5")
        else padding.OAEP(mgf=padding.MGF1(SHA_1), algorithm=SHA_1, label=None)
    )
    wrapped = to.private.public_key().encrypt(secret, how)
    return etree.fromstring(f"""<saml:EncryptedAssertion xmlns:saml="{A}">
      <xenc:EncryptedData xmlns:xenc="{names.ENCRYPTION}" Type="{names.ENCRYPTION}Element">
        <xenc:EncryptionMethod Algorithm="{content}"/>
        <ds:KeyInfo xmlns:ds="{D}"><xenc:EncryptedKey>
          <xenc:EncryptionMethod Algorithm="{transport}"/>
          <xenc:CipherData><xenc:CipherValue>{base64.b64encode(wrapped).decode()}</xenc:CipherValue></xenc:CipherData>
        </xenc:EncryptedKey></ds:KeyInfo>
        <xenc:CipherData><xenc:CipherValue>{base64.b64encode(sealed).decode()}</xenc:CipherValue></xenc:CipherData>
      </xenc:EncryptedData></saml:EncryptedAssertion>""")


def form_of(root: etree._Element | bytes) -> str:
    text = root if isinstance(root, bytes) else etree.tostring(root)
    return base64.b64encode(text).decode()


def usual(change: Callable[[Words], None] | None = None) -> etree._Element:
    """The usual answer: a response that is not signed, with an assertion that is."""
    words = Words()
    if change:
        change(words)
    return response(words, signed(assertion(words)))


def taken(root: etree._Element | bytes, **changes) -> Said:
    """What is read of an answer. Raises Refused."""
    usually = {
        "issuer": ISSUER,
        "certificates": (key("retired").certificate, key().certificate),
        "keys": (key("ours").private, key("ours before").private),
        "audience": AUDIENCE,
        "answer_at": ACS,
        "in_response_to": REQUEST,
        "now": datetime.now(UTC),
    }
    return read(form_of(root), Expected(**{**usually, **changes}), Trail())


def provider_metadata(*keys: Key, **changes: str) -> bytes:
    """What the provider publishes. `changes`: "inside", "around", "sign_in", "issuer"."""
    described = "".join(
        f'<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{each.base64}'
        "</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
        for each in keys
    )
    issuer = changes.get("issuer", ISSUER)
    sign_in = changes.get("sign_in", f"{ISSUER}/sso?tenant=1")
    return f"""<?xml version="1.0"?><!-- made by hand -->
    <md:EntityDescriptor xmlns:md="{names.METADATA}" xmlns:ds="{D}"
        entityID="{issuer}" ID="_m" {changes.get("around", "")}>
      <md:IDPSSODescriptor protocolSupportEnumeration="{P}">{described}
      <md:SingleLogoutService Binding="{names.REDIRECT}" Location="{ISSUER}/slo"/>
      <md:SingleSignOnService Binding="{names.POST}" Location="{ISSUER}/post"/>
      <md:SingleSignOnService Binding="{names.REDIRECT}" Location="{sign_in}"/>{changes.get("inside", "")}
      </md:IDPSSODescriptor></md:EntityDescriptor>""".encode()
