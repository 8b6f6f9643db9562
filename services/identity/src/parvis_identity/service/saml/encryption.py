"""What a provider encrypted to us (XML Encryption 1.1 in the profile of SAML core, 6).

RSA-OAEP carries the key, AES-GCM hides the content. Every way in which opening it can fail looks the same to whoever
sent it: telling them apart is what attacks on such texts live from (Bleichenbacher; Jager and Somorovsky).
"""

import base64
import os
from collections.abc import Sequence
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from lxml import etree

from parvis_identity.domain import saml as names
from parvis_identity.service.saml.trail import Trail
from parvis_identity.service.saml.xml import child, parse, text_of

_NONCE: Final = 12
_TAG: Final = 16
_BLOCK: Final = 16
#: Wrapped keys that are tried at most: one for each of our keys, while one takes over from the other.
_MOST_KEYS: Final = 4
#: SHA-1 is what RSA-OAEP uses where nothing is said, and there it does no harm: no attack on it reaches a padding
#: (RFC 8017, B.1).
_DIGESTS: dict[str, hashes.HashAlgorithm] = {
    "": hashes.SHA1(),  # noqa: S303 - see above
    f"{names.SIGNATURE}sha1": hashes.SHA1(),  # noqa: S303 - idem
    f"{names.ENCRYPTION}sha256": hashes.SHA256(),
    "http://www.w3.org/2001/04/xmldsig-more#sha384": hashes.SHA384(),
    f"{names.ENCRYPTION}sha512": hashes.SHA512(),
}
_MASKS: dict[str, hashes.HashAlgorithm] = {
    "": hashes.SHA1(),  # noqa: S303 - idem
    f"{names.ENCRYPTION_11}mgf1sha1": hashes.SHA1(),  # noqa: S303 - idem
    f"{names.ENCRYPTION_11}mgf1sha256": hashes.SHA256(),
    f"{names.ENCRYPTION_11}mgf1sha384": hashes.SHA384(),
    f"{names.ENCRYPTION_11}mgf1sha512": hashes.SHA512(),
}


def opened(
    element: etree._Element, keys: Sequence[rsa.RSAPrivateKey], trail: Trail, *, allow_cbc: bool
) -> etree._Element:
    """What an `EncryptedAssertion` or `EncryptedID` holds, parsed as carefully as the message around it.

    `allow_cbc`: whether content without a tag of its own is opened too; the caller has seen that it is signed.
    Raises Refused.
    """
    hidden = child(element, names.ENCRYPTION, "EncryptedData")
    content = _algorithm(hidden)
    accepted = content in names.GCM or (allow_cbc and content in names.CBC)
    trail.check("encryption_algorithm", accepted, f"Contents encrypted with {content or 'nothing'} are not opened.")
    wrapped = list(element.iter(f"{{{names.ENCRYPTION}}}EncryptedKey"))[:_MOST_KEYS]
    transports = {_algorithm(each) for each in wrapped}
    trail.check(
        "encryption_key_algorithm",
        bool(wrapped) and transports <= {names.OAEP, names.OAEP_MGF1},
        f"Keys that are encrypted with {', '.join(sorted(transports)) or 'nothing'} are not opened.",
    )
    text = _opened(hidden, wrapped, keys, {**names.GCM, **names.CBC}[content], cbc=content in names.CBC)
    if text is None:
        raise trail.failed("encrypted_for_another", "It was not encrypted to a key of ours, or was altered.")
    trail.passed("encrypted_for_another")
    return parse(text, trail)


def _opened(
    hidden: etree._Element | None,
    wrapped: Sequence[etree._Element],
    keys: Sequence[rsa.RSAPrivateKey],
    size: int,
    *,
    cbc: bool,
) -> bytes | None:
    """The plain text; None however it fails."""
    for each in wrapped:
        for key in keys:
            try:
                secret = _unwrapped(each, key, size)
                sealed = _cipher_value(hidden)
                return _from_cbc(secret, sealed) if cbc else _from_gcm(secret, sealed)
            except Exception:  # noqa: BLE001, S112 - one answer for whatever went wrong
                continue
    return None


def _unwrapped(wrapped: etree._Element, key: rsa.RSAPrivateKey, size: int) -> bytes:
    """The key of the content, or one of chance (RFC 3218, 2.3.2): as slow, and as wrong."""
    try:
        secret = key.decrypt(_cipher_value(wrapped), _padding(wrapped))
    except ValueError:
        return os.urandom(size)
    return secret if len(secret) == size else os.urandom(size)


def _from_gcm(secret: bytes, sealed: bytes) -> bytes:
    if len(sealed) <= _NONCE + _TAG:
        raise ValueError("too short")
    return AESGCM(secret).decrypt(sealed[:_NONCE], sealed[_NONCE:], None)


def _from_cbc(secret: bytes, sealed: bytes) -> bytes:
    """XML Encryption 1.1, 5.2.1: the last octet says how many were added, whatever they are."""
    decryptor = Cipher(algorithms.AES(secret), modes.CBC(sealed[:_BLOCK])).decryptor()
    text = decryptor.update(sealed[_BLOCK:]) + decryptor.finalize()
    added = text[-1]
    if not 1 <= added <= _BLOCK or not text[:-added].lstrip().startswith(b"<"):
        raise ValueError("not what was encrypted")
    return text[:-added]


def _padding(wrapped: etree._Element) -> padding.OAEP:
    method = child(wrapped, names.ENCRYPTION, "EncryptionMethod")
    digest = child(method, names.SIGNATURE, "DigestMethod")
    mask = child(method, names.ENCRYPTION_11, "MGF")
    chosen = "" if digest is None else digest.get("Algorithm", "")
    masked = "" if mask is None else mask.get("Algorithm", "")
    return padding.OAEP(mgf=padding.MGF1(_MASKS[masked]), algorithm=_DIGESTS[chosen], label=None)


def _algorithm(element: etree._Element | None) -> str:
    method = child(element, names.ENCRYPTION, "EncryptionMethod")
    return "" if method is None else method.get("Algorithm", "")


def _cipher_value(element: etree._Element | None) -> bytes:
    value = child(child(element, names.ENCRYPTION, "CipherData"), names.ENCRYPTION, "CipherValue")
    return base64.b64decode(text_of(value))
