"""Recovery codes: ten that open an account once each when its factors are not at hand. Only hashes are kept."""

import hmac
import secrets
import unicodedata
from uuid import UUID

#: Codes of one sheet.
COUNT = 10
#: From here on the person is told that few are left.
FEW = 3
#: No 0, 1, i, l, o: nothing that looks like something else, in capitals or not.
_SIGNS = "23456789abcdefghjkmnpqrstuvwxyz"
_LENGTH = 12
_GROUP = 4


def new_codes() -> tuple[str, ...]:
    """A sheet of codes, each of 59 random bits, as they are shown: `k7qm-2xwd-9hpa`. No two are the same."""
    found: dict[str, None] = {}
    while len(found) < COUNT:
        code = "".join(secrets.choice(_SIGNS) for _ in range(_LENGTH))
        found["-".join(code[at : at + _GROUP] for at in range(0, _LENGTH, _GROUP))] = None
    return tuple(found)


def typed(code: str) -> str:
    """A code as it is compared: without groups, case and width (phones put capitals and long dashes)."""
    plain = unicodedata.normalize("NFKC", code).casefold()
    return "".join(sign for sign in plain if not sign.isspace() and unicodedata.category(sign) != "Pd" and sign != ".")


def is_one(code: str) -> bool:
    """Whether what was typed could be a code."""
    plain = typed(code)
    return len(plain) == _LENGTH and all(sign in _SIGNS for sign in plain)


def digest_of(secret: bytes, account_id: UUID, code: str) -> bytes:
    """What is kept of a code: an HMAC of it under a secret that lies outside of the table, for this account alone."""
    told = b"recovery" + account_id.bytes + typed(code).encode("utf-8", "surrogateescape")
    return hmac.digest(secret, told, "sha256")
