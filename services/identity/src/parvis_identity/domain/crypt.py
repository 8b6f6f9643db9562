"""Two password hashes that are loops over a digest and that no maintained library offers any more: the SHA-2 crypt of
Unix, and phpass. Python removed `crypt` in 3.13 (PEP 594).

Sources: U. Drepper, "Unix crypt using SHA-256 and SHA-512", 0.6; Openwall, "Portable PHP password hashing framework".
"""

import hashlib
import time
from collections.abc import Iterator, Sequence
from typing import Literal

#: Base 64 of crypt: its own alphabet, the lowest six bits first.
ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

#: After this many turns of the 42 rounds below, other threads are let in: these loops hold the interpreter.
_TURNS = 24
_BREATH = 1e-5  # s
#: Rounds repeat their pattern after 2 · 3 · 7.
_PATTERN = 42

#: In which order the bytes of a digest are written, three by three; the last group is shorter.
_ORDER_256 = (
    (0, 10, 20), (21, 1, 11), (12, 22, 2), (3, 13, 23), (24, 4, 14), (15, 25, 5), (6, 16, 26), (27, 7, 17),
    (18, 28, 8), (9, 19, 29), (31, 30),
)  # fmt: skip
_ORDER_512 = (
    (0, 21, 42), (22, 43, 1), (44, 2, 23), (3, 24, 45), (25, 46, 4), (47, 5, 26), (6, 27, 48), (28, 49, 7),
    (50, 8, 29), (9, 30, 51), (31, 52, 10), (53, 11, 32), (12, 33, 54), (34, 55, 13), (56, 14, 35), (15, 36, 57),
    (37, 58, 16), (59, 17, 38), (18, 39, 60), (40, 61, 19), (62, 20, 41), (63,),
)  # fmt: skip


def sha2_crypt(digest: Literal["sha256", "sha512"], password: bytes, salt: bytes, rounds: int) -> str:
    """The checksum of SHA-2 crypt in its own base 64: 43 characters of SHA-256, 86 of SHA-512."""
    make = hashlib.sha256 if digest == "sha256" else hashlib.sha512
    inner = make(password + salt + password).digest()
    mixed = password + salt + _stretched(inner, len(password))
    length = len(password)
    while length:
        mixed += inner if length & 1 else password
        length >>= 1
    state = make(mixed).digest()
    p = _stretched(make(password * len(password)).digest(), len(password))
    s = _stretched(make(salt * (16 + state[0])).digest(), len(salt))
    # Rounds come in pairs: one puts the state first, the next one puts it last.
    pairs = [(_middle(i, p, s) + p, p + _middle(i + 1, p, s)) for i in range(0, _PATTERN, 2)]
    turns, left = divmod(rounds, _PATTERN)
    for turn in range(turns):
        for after, before in pairs:
            state = make(before + make(state + after).digest()).digest()
        if turn % _TURNS == _TURNS - 1:
            time.sleep(_BREATH)
    for after, before in pairs[: left // 2]:
        state = make(before + make(state + after).digest()).digest()
    if left % 2:
        state = make(state + pairs[left // 2][0]).digest()
    return "".join(_ordered(state, _ORDER_256 if digest == "sha256" else _ORDER_512))


def phpass(password: bytes, salt: bytes, log2_rounds: int) -> str:
    """The checksum of phpass in its own base 64: 22 characters. MD5, 2 to the power of `log2_rounds` times."""
    state = hashlib.md5(salt + password, usedforsecurity=False).digest()
    for turn in range(1 << log2_rounds):
        state = hashlib.md5(state + password, usedforsecurity=False).digest()
        if turn % 1024 == 1023:  # noqa: PLR2004 - about a millisecond
            time.sleep(_BREATH)
    return "".join(_written(state[i : i + 3]) for i in range(0, len(state), 3))


def _middle(number: int, p: bytes, s: bytes) -> bytes:
    return (s if number % 3 else b"") + (p if number % 7 else b"")


def _stretched(block: bytes, length: int) -> bytes:
    return (block * (length // len(block) + 1))[:length]


def _ordered(state: bytes, order: Sequence[Sequence[int]]) -> Iterator[str]:
    # The order of the source has the highest byte first.
    return (_written(bytes(state[i] for i in reversed(group))) for group in order)


def _written(group: bytes) -> str:
    value = int.from_bytes(group, "little")
    return "".join(ALPHABET[value >> 6 * i & 63] for i in range((len(group) * 8 + 5) // 6))
