"""Signatures in XML (XML Signature 1.1 in the profile of SAML core, 5.4) and in addresses (SAML bindings, 3.4.4.1).

What a message may look like is checked before anything is computed: one signature in its own place, one reference to
what it stands in, two transforms. signxml then computes, and what is read is what it hands back: the bytes that were
signed, parsed again. Nothing else of a document is ever read.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote_plus, unquote_plus

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from lxml import etree
from signxml.algorithms import CanonicalizationMethod, DigestAlgorithm, SignatureMethod
from signxml.signer import XMLSigner
from signxml.verifier import SignatureConfiguration, XMLVerifier

from parvis_identity.domain import saml as names
from parvis_identity.service.saml.trail import Trail
from parvis_identity.service.saml.xml import child, children, text_of

#: Bits of an RSA key at least and at most (a longer one costs more than a sign-in is worth).
RSA_BITS: Final = range(2048, 8193)
#: Signatures that are tried at most: certificates of a provider that is changing its key.
_MOST_KEYS: Final = 8
_HASHES: Mapping[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_SIGNED = f"{{{names.SIGNATURE}}}Signature"
_CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)


def usable(certificate: x509.Certificate) -> bool:
    """Whether a certificate's key is one that signatures are believed of."""
    try:
        key = certificate.public_key()
    except ValueError:
        return False
    if isinstance(key, rsa.RSAPublicKey):
        return key.key_size in RSA_BITS
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES)


def key_of(certificate: x509.Certificate) -> bytes:
    """The public key of a certificate, to compare it."""
    der, public = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return certificate.public_key().public_bytes(der, public)


def signature_of(element: etree._Element, trail: Trail) -> etree._Element | None:
    """The signature that stands directly in an element; None when there is none. Raises Refused."""
    found = children(element, names.SIGNATURE, "Signature")
    trail.check("signature_several", len(found) <= 1, "What is signed carries several signatures.")
    return found[0] if found else None


def placed(root: etree._Element, allowed: Sequence[etree._Element], trail: Trail) -> None:
    """Checks that signatures stand in these elements only, and that no two elements have one identifier."""
    owners = {each.getparent() for each in root.iter(_SIGNED)}
    trail.check(
        "signature_wrapped",
        owners <= set(allowed) and not any(each.find(f".//{_SIGNED}") is not None for each in root.iter(_SIGNED)),
        "A signature stands where none may be.",
    )
    seen = [each.get(name) for each in root.iter(etree.Element) for name in ("ID", "Id", "id") if each.get(name)]
    trail.check("ids_repeated", len(seen) == len(set(seen)), "Two elements have the same identifier.")


def verified(element: etree._Element, certificates: Sequence[x509.Certificate], trail: Trail) -> etree._Element:
    """What a signature inside an element signs: the element, made anew of the bytes that were signed.

    Raises Refused when it is not this element as it stands here, or none of these keys signed it.
    """
    signature = signature_of(element, trail)
    trail.check("signature_missing", signature is not None, "It is not signed.")
    if signature is None:  # pragma: no cover - the check raised
        raise AssertionError
    _profile(element, signature, trail)
    candidates = _candidates(signature, certificates, trail)
    for certificate in candidates:
        try:
            signed = _compute(element, certificate)
        except Exception:  # noqa: BLE001, S112 - whatever a library stumbles over in a stranger's text, it is not signed
            continue
        fits = signed is not None and (signed.tag, signed.get("ID")) == (element.tag, element.get("ID"))
        if signed is not None and fits:
            trail.passed("signature_wrong")
            return signed
    raise trail.failed("signature_wrong", "The signature is not that of the provider's key over this text.")


def _profile(element: etree._Element, signature: etree._Element, trail: Trail) -> None:
    """The one shape that SAML allows, and the algorithms that we do."""
    signed_info = child(signature, names.SIGNATURE, "SignedInfo")
    references = [] if signed_info is None else children(signed_info, names.SIGNATURE, "Reference")
    own = element.get("ID", "")
    points_here = len(references) == 1 and bool(own) and references[0].get("URI") == f"#{own}"
    trail.check("signature_reference", points_here, "The signature does not sign what it stands in, and that alone.")
    inside = {each.tag for each in signature}
    known = {f"{{{names.SIGNATURE}}}{name}" for name in ("SignedInfo", "SignatureValue", "KeyInfo")}
    transforms = [each.get("Algorithm") for each in references[0].iter(f"{{{names.SIGNATURE}}}Transform")]
    method = _algorithm(signed_info, "CanonicalizationMethod")
    plain = (
        inside <= known
        and sorted(str(each) for each in transforms) == sorted((names.ENVELOPED, names.EXCLUSIVE))
        and method == names.EXCLUSIVE
    )
    trail.check("signature_transforms", plain, "The signature transforms the text in ways that SAML does not know.")
    algorithm = _algorithm(signed_info, "SignatureMethod")
    trail.check("signature_algorithm", algorithm in names.SIGNATURES, f"Signatures of {algorithm} are not accepted.")
    digest = _algorithm(references[0], "DigestMethod")
    trail.check("digest_algorithm", digest in names.DIGESTS, f"Digests of {digest} are not accepted.")


def _algorithm(parent: etree._Element | None, name: str) -> str:
    element = child(parent, names.SIGNATURE, name)
    return "" if element is None else element.get("Algorithm", "")


def _candidates(
    signature: etree._Element, certificates: Sequence[x509.Certificate], trail: Trail
) -> list[x509.Certificate]:
    """The provider's certificates to try. A certificate in the message is a hint which, and nothing more."""
    known = list(certificates)[:_MOST_KEYS]
    hinted = set()
    for each in signature.iter(f"{{{names.SIGNATURE}}}X509Certificate"):
        try:
            hinted.add(key_of(x509.load_der_x509_certificate(base64.b64decode(text_of(each)))))
        except ValueError as error:
            raise trail.failed("signature_certificate", "The certificate in the signature cannot be read.") from error
    fitting = [each for each in known if key_of(each) in hinted] if hinted else known
    trail.check(
        "signature_certificate",
        bool(fitting),
        "The signature was made with a certificate that is not in the provider's metadata.",
    )
    return fitting


def _compute(element: etree._Element, certificate: x509.Certificate) -> etree._Element | None:
    configuration = SignatureConfiguration(
        require_x509=True,
        location="./",
        expect_references=1,
        signature_methods=frozenset(SignatureMethod(each) for each in names.SIGNATURES),
        digest_algorithms=frozenset(DigestAlgorithm(each) for each in names.DIGESTS),
        # Metadata hands out keys; the dates around them say nothing of whether the provider still uses one (SAML
        # metadata interoperability profile, 2.6.1). What is expired is warned of long before.
        verification_time=certificate.not_valid_before_utc,
    )
    # signxml reads `KeyInfo` too, and would compare a key there with the certificate: nothing of it counts for us.
    result = XMLVerifier().verify(element, x509_cert=certificate, id_attribute="ID", expect_config=configuration)
    return None if isinstance(result, list) else result.signed_xml


class Signer:
    """Signs with one key of ours."""

    def __init__(self, key: rsa.RSAPrivateKey, certificate: x509.Certificate) -> None:
        self._key = key
        self._certificate = certificate

    def element(self, element: etree._Element) -> etree._Element:
        """The element with its signature, behind its issuer (SAML core, 3.2.1) or first (metadata, 2.3.2)."""
        signer = XMLSigner(c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0)
        place = etree.Element(_SIGNED, {"Id": "placeholder"}, nsmap={"ds": names.SIGNATURE})
        first = len(element) > 0 and element[0].tag == f"{{{names.ASSERTION}}}Issuer"
        element.insert(1 if first else 0, place)
        return signer.sign(
            element, key=self._key, cert=[self._certificate], reference_uri=f"#{element.get('ID')}", id_attribute="ID"
        )

    def query(self, fields: Sequence[tuple[str, str]]) -> str:
        """A query with its signature (`SigAlg`, `Signature`)."""
        algorithm = next(iter(names.RSA_SIGNATURES))
        text = "&".join(f"{name}={quote_plus(value)}" for name, value in (*fields, ("SigAlg", algorithm)))
        signature = self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{text}&Signature={quote_plus(base64.b64encode(signature).decode())}"


def signed_query(query: str, kind: str, certificates: Sequence[x509.Certificate], trail: Trail) -> dict[str, str]:
    """The parameters of a signed query. `kind`: "SAMLRequest" or "SAMLResponse".

    The signature is over the text as it came: escapes are not undone first. Raises Refused.
    """
    raw: dict[str, str] = {}
    for part in query.split("&"):
        name, _, value = part.partition("=")
        trail.check("parameter_repeated", name not in raw, "A parameter stands twice in the address.")
        raw[name] = value
    fields = {name: unquote_plus(value) for name, value in raw.items()}
    trail.check("signature_missing", bool(fields.get("Signature")), "The address is not signed.")
    algorithm = fields.get("SigAlg", "")
    trail.check("signature_algorithm", algorithm in names.SIGNATURES, f"Signatures of {algorithm} are not accepted.")
    order = [name for name in (kind, "RelayState", "SigAlg") if name in raw]
    text = "&".join(f"{name}={raw[name]}" for name in order).encode()
    try:
        signature = base64.b64decode(fields["Signature"], validate=True)
    except binascii.Error as error:
        raise trail.failed("signature_wrong", "The signature is not base64.") from error
    good = any(_good(each.public_key(), signature, text, algorithm) for each in list(certificates)[:_MOST_KEYS])
    trail.check("signature_wrong", good, "The signature is not that of the provider's key over this address.")
    return fields


def _good(key: Any, signature: bytes, text: bytes, algorithm: str) -> bool:
    try:
        if isinstance(key, rsa.RSAPublicKey) and algorithm in names.RSA_SIGNATURES:
            key.verify(signature, text, padding.PKCS1v15(), _HASHES[names.RSA_SIGNATURES[algorithm]])
        elif isinstance(key, rsa.RSAPublicKey) and algorithm in names.PSS_SIGNATURES:
            digest = _HASHES[names.PSS_SIGNATURES[algorithm]]
            key.verify(signature, text, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        elif isinstance(key, ec.EllipticCurvePublicKey) and algorithm in names.EC_SIGNATURES:
            key.verify(_der(signature), text, ec.ECDSA(_HASHES[names.EC_SIGNATURES[algorithm]]))
        else:
            return False
    except (InvalidSignature, ValueError):
        return False
    return True


def _der(signature: bytes) -> bytes:
    """An ECDSA signature as XML Signature writes it (r and s behind each other) in DER."""
    half = len(signature) // 2
    return encode_dss_signature(int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))


def fingerprint(certificate: x509.Certificate) -> str:
    """As people compare it: SHA-256 in groups of two."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def expires(certificate: x509.Certificate) -> datetime:
    """When its dates end."""
    return certificate.not_valid_after_utc.astimezone(UTC)
