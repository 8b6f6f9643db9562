"""Private keys at rest: AES-256-GCM (NIST SP 800-38D) under keys that come from outside the database."""

import base64
import binascii
import hashlib
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x01"
_MARK = 8  # bytes of the encryption key's fingerprint
_NONCE = 12


class SealBrokenError(Exception):
    """The text was sealed under a key that is not among the settings', or was altered."""


class Seal:
    """Seals under the first of its keys, opens what any of them sealed.

    A sealed text is: version (1 byte), fingerprint of the key (8), nonce (12), ciphertext and tag. The label is
    authenticated with it, so that two rows cannot be exchanged.
    """

    def __init__(self, keys: str) -> None:
        """`keys`: base64 of 32 bytes each, separated by commas. Raises ValueError when one is malformed or
        there is none.
        """
        self._keys: dict[bytes, AESGCM] = {}
        for text in filter(None, (part.strip() for part in keys.split(","))):
            try:
                key = base64.b64decode(text, validate=True)
            except binascii.Error as error:
                raise ValueError("PARVIS_KEY_ENCRYPTION_KEYS: not base64") from error
            if len(key) != 32:  # noqa: PLR2004 - AES-256
                raise ValueError("PARVIS_KEY_ENCRYPTION_KEYS: a key has 32 bytes")
            self._keys[hashlib.sha256(key).digest()[:_MARK]] = AESGCM(key)
        if not self._keys:
            raise ValueError("PARVIS_KEY_ENCRYPTION_KEYS: at least one key is needed")

    @property
    def _first(self) -> bytes:
        return next(iter(self._keys))

    def seal(self, text: bytes, label: str) -> bytes:
        """`text`, unreadable without the first key."""
        nonce = secrets.token_bytes(_NONCE)
        sealed = self._keys[self._first].encrypt(nonce, text, label.encode())
        return _VERSION + self._first + nonce + sealed

    def open(self, sealed: bytes, label: str) -> bytes:
        """What was sealed with this label. Raises SealBrokenError."""
        mark, rest = sealed[1 : 1 + _MARK], sealed[1 + _MARK :]
        key = self._keys.get(mark)
        if sealed[:1] != _VERSION or key is None:
            raise SealBrokenError("sealed under a key that is not in PARVIS_KEY_ENCRYPTION_KEYS")
        try:
            return key.decrypt(rest[:_NONCE], rest[_NONCE:], label.encode())
        except InvalidTag as error:
            raise SealBrokenError("altered, or sealed for something else") from error

    @property
    def mark(self) -> bytes:
        """What a text that is sealed under the first key has behind its version: to find the others."""
        return self._first

    def is_outdated(self, sealed: bytes) -> bool:
        """Whether it was sealed under another key than the first."""
        return sealed[1 : 1 + _MARK] != self._first
