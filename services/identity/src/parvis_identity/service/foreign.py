"""Whether a password has a hash that another platform made. Runs in the threads of the hasher: it takes its time."""

import hashlib
import hmac
from base64 import b64encode

import argon2
import bcrypt
from argon2.exceptions import InvalidHashError, VerificationError

from parvis_identity.domain import crypt
from parvis_identity.domain.foreign_hashes import (
    Argon2,
    Bcrypt,
    Pbkdf2,
    Phpass,
    Scrypt,
    Sha2Crypt,
    Unusable,
    recognise,
)

#: What bcrypt reads of a password (bytes); platforms cut without a word, and so do their hashes.
_BCRYPT_READS = 72
_ARGON2 = argon2.PasswordHasher()


def matches(encoded: str, password: bytes) -> bool:
    """Whether `password` has the hash; checksums are compared in constant time. False for what is no hash."""
    try:
        foreign = recognise(encoded)
    except Unusable:
        return False
    match foreign:
        case Bcrypt():
            return _bcrypt(foreign, password)
        case Argon2():
            return _argon2(foreign, password)
        case Pbkdf2() | Scrypt():
            made = _pbkdf2(foreign, password) if isinstance(foreign, Pbkdf2) else _scrypt(foreign, password)
            return hmac.compare_digest(made, foreign.checksum)
        case Sha2Crypt() | Phpass():
            return hmac.compare_digest(_crypt(foreign, password), foreign.checksum)


def _bcrypt(foreign: Bcrypt, password: bytes) -> bool:
    match foreign.key:
        case "password":
            key = password
        case "sha256-hexadecimal":
            key = hashlib.sha256(password).hexdigest().encode()
        case "sha256-base64":
            key = b64encode(hashlib.sha256(password).digest())
        case "hmac-base64":
            key = b64encode(hmac.digest(foreign.salt.encode(), password, "sha256"))
    try:
        return bcrypt.checkpw(key[:_BCRYPT_READS], foreign.encoded.encode())
    except ValueError:  # a NUL in the password: bcrypt has no hash of it
        return False


def _argon2(foreign: Argon2, password: bytes) -> bool:
    try:
        return _ARGON2.verify(foreign.encoded, password)
    except (VerificationError, InvalidHashError):
        return False


def _pbkdf2(foreign: Pbkdf2, password: bytes) -> bytes:
    length = len(foreign.checksum)
    return hashlib.pbkdf2_hmac(foreign.digest, password, foreign.salt, foreign.iterations, dklen=length)


def _scrypt(foreign: Scrypt, password: bytes) -> bytes:
    return hashlib.scrypt(
        password,
        salt=foreign.salt,
        n=foreign.n,
        r=foreign.r,
        p=foreign.p,
        maxmem=128 * foreign.r * (foreign.n + foreign.p + 2) + 64 * 1024,  # else OpenSSL stops at 32 MiB
        dklen=len(foreign.checksum),
    )


def _crypt(foreign: Sha2Crypt | Phpass, password: bytes) -> str:
    if isinstance(foreign, Phpass):
        return crypt.phpass(password, foreign.salt, foreign.log2_rounds)
    return crypt.sha2_crypt(foreign.digest, password, foreign.salt, foreign.rounds)
