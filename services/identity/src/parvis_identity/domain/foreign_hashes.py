"""Password hashes that other platforms made (requirement P4): recognised by their prefix, and refused when they would
cost more than a sign-in may. What is refused here is refused when accounts are imported, never when somebody signs in.

    bcrypt      $2a$ $2b$ $2y$, Django bcrypt$ and bcrypt_sha256$, passlib $bcrypt-sha256$
    PBKDF2      Django pbkdf2_sha256$ and pbkdf2_sha1$, passlib $pbkdf2$ $pbkdf2-sha256$ $pbkdf2-sha512$, PHC (i=, l=)
    scrypt      PHC $scrypt$ln=, Django scrypt$
    SHA-2 crypt $5$ $6$
    phpass      $P$ $H$
    Argon2      $argon2i$ $argon2id$, Django argon2$

Sources: PHC string format (github.com/P-H-C/phc-string-format), passlib's and Django's documentation, crypt(5).
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from parvis_identity.domain.crypt import ALPHABET

#: Nothing that is longer is a password hash (characters).
LONGEST = 512
#: Bytes that one verification may take.
MOST_MEMORY = 128 * 1024 * 1024
#: Each about a second of one core, so that a sign-in never takes longer than a person waits.
MOST_BCRYPT_COST = 13
MOST_PBKDF2_ITERATIONS = {"sha1": 2_500_000, "sha256": 2_000_000, "sha512": 1_500_000}
MOST_SCRYPT_STEPS = 1 << 21
MOST_CRYPT_ROUNDS = 1_000_000
MOST_PHPASS_LOG2 = 20
MOST_ARGON2_KIB_PASSES = 1024 * 1024
MOST_LANES = 64
#: Shorter checksums would let others in by chance (bytes).
SHORTEST_CHECKSUM = 16
LONGEST_CHECKSUM = 64


Key = Literal["password", "sha256-hexadecimal", "sha256-base64", "hmac-base64"]


class Unusable(Exception):
    """Why a hash cannot be taken: `unknown` format, `malformed`, `too_costly`, or `too_weak` (a bare digest)."""

    def __init__(self, reason: Literal["unknown", "malformed", "too_costly", "too_weak"]) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Bcrypt:
    """`encoded` as bcrypt itself writes it. `key`: what is made of the password first."""

    encoded: str
    key: Key = "password"
    kind = "bcrypt"

    @property
    def salt(self) -> str:
        """The 22 characters of the salt, in bcrypt's base 64."""
        return self.encoded.rpartition("$")[2][:22]


@dataclass(frozen=True, slots=True)
class Pbkdf2:
    """RFC 8018, 5.2."""

    digest: str
    iterations: int
    salt: bytes
    checksum: bytes
    kind = "pbkdf2"


@dataclass(frozen=True, slots=True)
class Scrypt:
    """RFC 7914; `n` is the cost itself, not its logarithm."""

    n: int
    r: int
    p: int
    salt: bytes
    checksum: bytes
    kind = "scrypt"


@dataclass(frozen=True, slots=True)
class Sha2Crypt:
    """`checksum` as it is written (domain.crypt)."""

    digest: Literal["sha256", "sha512"]
    rounds: int
    salt: bytes
    checksum: str
    kind = "sha2-crypt"


@dataclass(frozen=True, slots=True)
class Phpass:
    """`checksum` as it is written (domain.crypt)."""

    log2_rounds: int
    salt: bytes
    checksum: str
    kind = "phpass"


@dataclass(frozen=True, slots=True)
class Argon2:
    """`encoded` as Argon2 itself writes it."""

    encoded: str
    kind = "argon2"


Foreign = Bcrypt | Pbkdf2 | Scrypt | Sha2Crypt | Phpass | Argon2

_BCRYPT = re.compile(r"\$2[aby]\$(?P<cost>\d\d)\$(?P<salt>[./A-Za-z0-9]{22})(?P<checksum>[./A-Za-z0-9]{31})")
_BCRYPT_ALPHABET = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_BCRYPT_SHA256 = re.compile(
    r"\$bcrypt-sha256\$(?:v=2,t=(?P<variant>2[ab]),r=(?P<cost>\d{1,2})|(?P<old_variant>2[ab]),(?P<old_cost>\d{1,2}))"
    r"\$(?P<salt>[./A-Za-z0-9]{22})\$(?P<checksum>[./A-Za-z0-9]{31})"
)
_PBKDF2 = re.compile(
    r"\$pbkdf2(?:-(?P<digest>sha1|sha256|sha512))?\$(?:(?P<plain>\d{1,10})|i=(?P<phc>\d{1,10})(?:,l=(?P<length>\d{1,3}))?)"
    r"\$(?P<salt>[^$]+)\$(?P<checksum>[^$]+)"
)
_SCRYPT = re.compile(
    r"\$scrypt\$ln=(?P<ln>\d{1,2}),r=(?P<r>\d{1,4}),p=(?P<p>\d{1,4})\$(?P<salt>[^$]+)\$(?P<checksum>[^$]+)"
)
_SHA2_CRYPT = re.compile(
    r"\$(?P<variant>[56])\$(?:rounds=(?P<rounds>[1-9]\d{0,9})\$)?(?P<salt>[^$:\x00-\x20\x7f]{0,16})"
    r"\$(?P<checksum>[./A-Za-z0-9]+)"
)
_PHPASS = re.compile(r"\$[PH]\$(?P<rounds>[./A-Za-z0-9])(?P<salt>.{8})(?P<checksum>[./A-Za-z0-9]{22})")
_ARGON2 = re.compile(
    r"\$argon2(?:id|i)\$(?:v=(?:16|19)\$)?m=(?P<memory>\d{1,10}),t=(?P<passes>\d{1,10}),p=(?P<lanes>\d{1,5})"
    r"\$(?P<salt>[A-Za-z0-9+/]{11,128})\$(?P<checksum>[A-Za-z0-9+/]{16,86})"
)
_DJANGO_PBKDF2 = re.compile(
    r"pbkdf2_(?P<digest>sha1|sha256)\$(?P<iterations>\d{1,10})\$(?P<salt>[^$]+)\$(?P<checksum>[A-Za-z0-9+/=]+)"
)
_DJANGO_SCRYPT = re.compile(
    r"scrypt\$(?P<n>\d{1,8})\$(?P<salt>[^$]+)\$(?P<r>\d{1,4})\$(?P<p>\d{1,4})\$(?P<checksum>[A-Za-z0-9+/=]+)"
)
#: A digest of the password, with or without salt: whoever reads the list reads the passwords.
_BARE = re.compile(
    r"(?:unsalted_)?(?:md5|sha1)\$.*|\{(?:S?SHA|S?MD5)\}.*|(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64})|\$1\$.*",
    re.IGNORECASE,
)
_ROUNDS_UNSAID = 5000
_FEWEST_CRYPT_ROUNDS = 1000
_CHECKSUMS = {"5": 43, "6": 86}
_FEWEST_BCRYPT_COST = 4
_FEWEST_PHPASS_LOG2 = 7


def recognise(encoded: str) -> Foreign:
    """What a hash is, with its parameters. Raises Unusable."""
    if len(encoded) > LONGEST or not encoded.isascii() or not encoded.isprintable():
        raise Unusable("malformed")
    for prefix, read in _READERS:
        if encoded.startswith(prefix):
            return read(encoded)
    raise Unusable("too_weak" if _BARE.fullmatch(encoded) else "unknown")


def kind_of(encoded: str) -> str:
    """The kind of a hash, for what is told of it; empty when it cannot be used."""
    try:
        return recognise(encoded).kind
    except Unusable:
        return ""


def _bcrypt(encoded: str) -> Bcrypt:
    found = _match(_BCRYPT, encoded)
    return _bounded_bcrypt(encoded[1:3], int(found["cost"]), found["salt"], found["checksum"])


def _bounded_bcrypt(variant: str, cost: int, salt: str, checksum: str, key: Key = "password") -> Bcrypt:
    if cost < _FEWEST_BCRYPT_COST:
        raise Unusable("malformed")
    _at_most(cost, MOST_BCRYPT_COST)
    # 128 bits in 22 characters and 184 in 31: some platforms leave something in the bits that are over, which is
    # nothing, and which a strict reader refuses.
    salt, checksum = _cleared(salt, 4), _cleared(checksum, 2)
    return Bcrypt(f"${variant}${cost:02d}${salt}{checksum}", key)


def _cleared(encoded: str, bits: int) -> str:
    last = _BCRYPT_ALPHABET.index(encoded[-1])
    return encoded[:-1] + _BCRYPT_ALPHABET[last >> bits << bits]


def _django_bcrypt(encoded: str) -> Bcrypt:
    return _bcrypt(encoded.removeprefix("bcrypt$"))


def _django_bcrypt_sha256(encoded: str) -> Bcrypt:
    return replace(_bcrypt(encoded.removeprefix("bcrypt_sha256$")), key="sha256-hexadecimal")


def _passlib_bcrypt_sha256(encoded: str) -> Bcrypt:
    found = _match(_BCRYPT_SHA256, encoded)
    variant, cost = found["variant"] or found["old_variant"], int(found["cost"] or found["old_cost"])
    key: Key = "hmac-base64" if found["variant"] else "sha256-base64"
    return _bounded_bcrypt(variant, cost, found["salt"], found["checksum"], key)


def _pbkdf2(encoded: str) -> Pbkdf2:
    found = _match(_PBKDF2, encoded)
    salt, checksum = _bytes(found["salt"]), _checksum(found["checksum"])
    if found["length"] and int(found["length"]) != len(checksum):
        raise Unusable("malformed")
    return _bounded_pbkdf2(found["digest"] or "sha1", int(found["plain"] or found["phc"]), salt, checksum)


def _django_pbkdf2(encoded: str) -> Pbkdf2:
    found = _match(_DJANGO_PBKDF2, encoded)
    checksum = _checksum(found["checksum"])
    return _bounded_pbkdf2(found["digest"], int(found["iterations"]), found["salt"].encode(), checksum)


def _bounded_pbkdf2(digest: str, iterations: int, salt: bytes, checksum: bytes) -> Pbkdf2:
    if iterations < 1:
        raise Unusable("malformed")
    # Each block of the checksum costs all iterations again.
    blocks = -(-len(checksum) // {"sha1": 20, "sha256": 32, "sha512": 64}[digest])
    _at_most(iterations * blocks, MOST_PBKDF2_ITERATIONS[digest])
    return Pbkdf2(digest, iterations, salt, checksum)


def _scrypt(encoded: str) -> Scrypt:
    found = _match(_SCRYPT, encoded)
    ln = int(found["ln"])
    _at_most(ln, 30)
    return _bounded_scrypt(
        1 << ln, int(found["r"]), int(found["p"]), _bytes(found["salt"]), _checksum(found["checksum"])
    )


def _django_scrypt(encoded: str) -> Scrypt:
    found = _match(_DJANGO_SCRYPT, encoded)
    checksum = _checksum(found["checksum"])
    return _bounded_scrypt(int(found["n"]), int(found["r"]), int(found["p"]), found["salt"].encode(), checksum)


def _bounded_scrypt(n: int, r: int, p: int, salt: bytes, checksum: bytes) -> Scrypt:
    # RFC 7914, 2: N is a power of two greater than one, and less than 2^(128 r / 8).
    if n < 2 or n & (n - 1) or r < 1 or p < 1 or n.bit_length() > 16 * r:  # noqa: PLR2004 - see the line above
        raise Unusable("malformed")
    _at_most(128 * n * r + 128 * r * p, MOST_MEMORY + 1024 * 1024)
    _at_most(n * r * p, MOST_SCRYPT_STEPS)
    return Scrypt(n, r, p, salt, checksum)


def _sha2_crypt(encoded: str) -> Sha2Crypt:
    found = _match(_SHA2_CRYPT, encoded)
    rounds = int(found["rounds"] or _ROUNDS_UNSAID)
    if len(found["checksum"]) != _CHECKSUMS[found["variant"]] or rounds < _FEWEST_CRYPT_ROUNDS:
        raise Unusable("malformed")
    _at_most(rounds, MOST_CRYPT_ROUNDS)
    digest: Literal["sha256", "sha512"] = "sha256" if found["variant"] == "5" else "sha512"
    return Sha2Crypt(digest, rounds, found["salt"].encode(), found["checksum"])


def _phpass(encoded: str) -> Phpass:
    found = _match(_PHPASS, encoded)
    log2_rounds = ALPHABET.index(found["rounds"])
    if log2_rounds < _FEWEST_PHPASS_LOG2:
        raise Unusable("malformed")
    _at_most(log2_rounds, MOST_PHPASS_LOG2)
    return Phpass(log2_rounds, found["salt"].encode(), found["checksum"])


def _argon2(encoded: str) -> Argon2:
    found = _match(_ARGON2, encoded)
    memory, passes, lanes = int(found["memory"]), int(found["passes"]), int(found["lanes"])
    # RFC 9106, 3.1: at least eight KiB for each lane.
    if passes < 1 or lanes < 1 or memory < 8 * lanes:
        raise Unusable("malformed")
    _at_most(memory * 1024, MOST_MEMORY)
    _at_most(memory * passes, MOST_ARGON2_KIB_PASSES)
    _at_most(lanes, MOST_LANES)
    return Argon2(encoded)


def _django_argon2(encoded: str) -> Argon2:
    return _argon2(encoded.removeprefix("argon2"))


_READERS: tuple[tuple[str, Callable[[str], Foreign]], ...] = (
    ("$2", _bcrypt),
    ("$bcrypt-sha256$", _passlib_bcrypt_sha256),
    ("$pbkdf2", _pbkdf2),
    ("$scrypt$", _scrypt),
    ("$5$", _sha2_crypt),
    ("$6$", _sha2_crypt),
    ("$P$", _phpass),
    ("$H$", _phpass),
    ("$argon2", _argon2),
    ("argon2$", _django_argon2),
    ("bcrypt$", _django_bcrypt),
    ("bcrypt_sha256$", _django_bcrypt_sha256),
    ("pbkdf2_", _django_pbkdf2),
    ("scrypt$", _django_scrypt),
)


def _match(pattern: re.Pattern[str], encoded: str) -> re.Match[str]:
    found = pattern.fullmatch(encoded)
    if found is None:
        raise Unusable("malformed")
    return found


def _at_most(value: int, most: int) -> None:
    if value > most:
        raise Unusable("too_costly")


def _checksum(encoded: str) -> bytes:
    checksum = _bytes(encoded)
    if not SHORTEST_CHECKSUM <= len(checksum) <= LONGEST_CHECKSUM:
        raise Unusable("malformed")
    return checksum


def _bytes(encoded: str) -> bytes:
    """Base 64 with or without padding; passlib writes "." where others write "+"."""
    plain = encoded.replace(".", "+").rstrip("=")
    try:
        return b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Unusable("malformed") from error
