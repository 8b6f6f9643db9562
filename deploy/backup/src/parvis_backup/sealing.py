"""Encryption of a backup: one data key for all of it, sealed under a passphrase; each file under a key of its own.

A file is a header (8 bytes of format, 32 random bytes) and chunks of 1 MiB, each AES-256-GCM under HKDF-SHA-256(data
key, random bytes, name of the part). The nonce is the chunk's number and, in its last byte, whether it is the last one:
chunks cannot be changed, left out, reordered or cut off, and a file cannot take another's place (the STREAM
construction of Hoang, Reyhanitabar, Rogaway and Vizár, 2015).
"""

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from parvis_backup.problems import BackupError, DamagedError, WrongKeyError

CHUNK = 1 << 20
SCRYPT = {"n": 1 << 16, "r": 8, "p": 1}  # 64 MiB and a fifth of a second
_MOST = 16 * 8 << 16  # n·r·p: sixteen times that
SHORTEST = 16  # characters of a passphrase
_FORMAT = b"PARVIS\x00\x01"
_SALT = 32
_TAG = 16
_HEADER = len(_FORMAT) + _SALT


@dataclass(frozen=True, slots=True)
class Sealed:
    """A file as it was written: bytes and SHA-256 (hexadecimal) of the file, bytes and SHA-256 of its content."""

    size: int
    sha256: str
    content_size: int
    content_sha256: str


class DataKey:
    """The key under which everything of one backup folder is sealed."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def name(self, text: str) -> str:
        """A name that tells nothing: 40 hexadecimal characters of an HMAC."""
        return hmac.digest(self._derive(b"", "names"), text.encode(), "sha256").hex()[:40]

    def signature(self, content: bytes) -> str:
        """Proves that whoever wrote `content` held the key; hexadecimal."""
        return hmac.digest(self._derive(b"", "manifest"), content, "sha256").hex()

    def seal(self, part: str, content: Iterable[bytes], file: Path) -> Sealed:
        """Writes `content`, encrypted, to `file`, which is there whole or not at all."""
        salt, partial = secrets.token_bytes(_SALT), file.with_name(f"{file.name}.partial")
        cipher, digest, plain = AESGCM(self._derive(salt, part)), hashlib.sha256(_FORMAT + salt), hashlib.sha256()
        size, read = _HEADER, 0
        try:
            with partial.open("wb") as out:
                out.write(_FORMAT + salt)
                for number, (chunk, last) in enumerate(_marked(_chunks(content))):
                    sealed = cipher.encrypt(_nonce(number, last=last), chunk, None)
                    digest.update(sealed)
                    plain.update(chunk)
                    size += out.write(sealed)
                    read += len(chunk)
            partial.replace(file)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        return Sealed(size, digest.hexdigest(), read, plain.hexdigest())

    def open(self, part: str, file: Path) -> Iterator[bytes]:
        """The content of a file, chunk by chunk, each proven before it is handed out. Raises DamagedError."""
        try:
            with file.open("rb") as sealed:
                header = sealed.read(_HEADER)
                if len(header) < _HEADER or not header.startswith(_FORMAT):
                    raise DamagedError(
                        f"{file} is no part of a backup: it is damaged. Nothing can be restored from it."
                    )
                cipher = AESGCM(self._derive(header[len(_FORMAT) :], part))
                whole = (file.stat().st_size - _HEADER + CHUNK + _TAG - 1) // (CHUNK + _TAG)
                for number in range(max(whole, 1)):
                    chunk = sealed.read(CHUNK + _TAG)
                    yield cipher.decrypt(_nonce(number, last=number + 1 >= whole), chunk, None)
        except FileNotFoundError:
            raise DamagedError(f"{file} is missing: this backup is incomplete. Restore another one.") from None
        except InvalidTag:
            raise DamagedError(
                f"{file} was changed or cut off since it was written: nothing of it can be trusted. Restore another "
                "backup, or bring this file back from a copy."
            ) from None

    def _derive(self, salt: bytes, purpose: str) -> bytes:
        return HKDF(hashes.SHA256(), 32, salt, f"parvis backup {purpose}".encode()).derive(self._key)


def sealed_size(content_size: int) -> int:
    """Bytes of the file that `content_size` bytes become."""
    return _HEADER + content_size + _TAG * max(1, -(-content_size // CHUNK))


def new_lock(passphrase: str) -> tuple[dict[str, Any], DataKey]:
    """A new data key, and it sealed under the passphrase (for JSON). Raises BackupError for a weak passphrase."""
    if len(passphrase) < SHORTEST:
        raise BackupError(
            f"The passphrase has {len(passphrase)} characters; {SHORTEST} are needed, since whoever finds the backup "
            "may guess for ever. `openssl rand -base64 32` makes a good one."
        )
    key, salt, nonce = secrets.token_bytes(32), secrets.token_bytes(16), secrets.token_bytes(12)
    sealed = nonce + AESGCM(_stretched(passphrase, salt, **SCRYPT)).encrypt(nonce, key, _FORMAT)
    return {"salt": salt.hex(), "scrypt": SCRYPT, "key": sealed.hex()}, DataKey(key)


def unlock(lock: Mapping[str, Any], passphrase: str) -> DataKey:
    """The data key. Raises WrongKeyError; DamagedError for a lock that no release has written."""
    try:
        salt, sealed = bytes.fromhex(lock["salt"]), bytes.fromhex(lock["key"])
        stretched = _stretched(passphrase, salt, **lock["scrypt"])
        return DataKey(AESGCM(stretched).decrypt(sealed[:12], sealed[12:], _FORMAT))
    except InvalidTag:
        raise WrongKeyError(
            "The passphrase is not the one that this backup folder was made with. Without that one nobody can read it: "
            "look for the passphrase or key file that was used at its first backup."
        ) from None
    except (KeyError, ValueError, TypeError):
        raise DamagedError("The lock of this backup folder is damaged: bring it back from a copy.") from None


def _stretched(passphrase: str, salt: bytes, *, n: int, r: int, p: int) -> bytes:
    """Raises ValueError for more than any release has asked for: it would take all memory of the machine."""
    if n * r * p > _MOST:
        raise ValueError(f"scrypt of {n}, {r}, {p}")
    return Scrypt(salt, 32, n, r, p).derive(passphrase.encode())


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11) + bytes([last])


def _chunks(content: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of CHUNK; the last may be shorter."""
    held = bytearray()
    for piece in content:
        if not held and len(piece) == CHUNK:
            yield piece
            continue
        held += piece
        while len(held) >= CHUNK:
            yield bytes(held[:CHUNK])
            del held[:CHUNK]
    if held:
        yield bytes(held)


def _marked(chunks: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each chunk with whether it is the last; nothing at all is one empty chunk."""
    before = next(chunks, b"")
    for chunk in chunks:
        yield before, False
        before = chunk
    yield before, True
