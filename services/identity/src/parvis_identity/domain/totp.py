"""Codes of an authenticator application: TOTP (RFC 6238) over HOTP (RFC 4226) with SHA-1, six digits and steps of
thirty seconds, which is what every application can do.
"""

import base64
import binascii
import hmac
import re
import secrets
from datetime import datetime
from urllib.parse import quote, urlencode

#: Bytes of a seed (RFC 4226, 4: 160 bits recommended).
SEED_BYTES = 20
DIGITS = 6
#: Seconds that a code stands.
STEP = 30
#: Steps by which somebody's clock may be off, either way (RFC 6238, 5.2 and 6).
DRIFT = 1
_CODE = re.compile(r"[0-9]{6}")


def new_seed() -> bytes:
    """What an application and we share from now on."""
    return secrets.token_bytes(SEED_BYTES)


def step_of(moment: datetime) -> int:
    """Steps since the epoch (RFC 6238, 4.2)."""
    return int(moment.timestamp()) // STEP


def code_at(seed: bytes, step: int) -> str:
    """The code of a step (RFC 4226, 5.3)."""
    digest = hmac.digest(seed, step.to_bytes(8), "sha1")
    offset = digest[-1] & 0x0F
    value = int.from_bytes(digest[offset : offset + 4]) & 0x7FFF_FFFF
    return str(value % 10**DIGITS).zfill(DIGITS)


def typed_code(typed: str) -> str:
    """A code as it is compared: applications show it in groups, and keyboards of other scripts have other digits."""
    digits = "".join(str(int(sign)) if sign.isdecimal() else sign for sign in typed)
    return re.sub(r"[\s.\-]", "", digits)


def accepted_step(seed: bytes, typed: str, now: datetime, *, used: int | None) -> int | None:
    """The step that a code is of, when it counts: within a step of now, and later than the last one that was used
    (RFC 6238, 5.2: a code counts once). None when it does not.
    """
    code = typed_code(typed)
    if not _CODE.fullmatch(code):
        return None
    found = None
    here = step_of(now)
    for step in range(here - DRIFT, here + DRIFT + 1):
        # Every one is compared, whatever was found: the time tells nothing of which it was.
        same = hmac.compare_digest(code_at(seed, step), code)
        if same and found is None and (used is None or step > used):
            found = step
    return found


def shown_seed(seed: bytes) -> str:
    """A seed as somebody types it: base32 in groups of four."""
    text = base64.b32encode(seed).decode().rstrip("=")
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def address_of(seed: bytes, *, issuer: str, account: str) -> str:
    """What the picture says to the application (the "Key Uri Format" that all of them read)."""
    told = {"secret": base64.b32encode(seed).decode().rstrip("="), "issuer": issuer, "digits": DIGITS, "period": STEP}
    label = f"{issuer.replace(':', ' ')}:{account}"
    return f"otpauth://totp/{quote(label, safe='@:')}?{urlencode(told, quote_via=quote)}"


def read_seed(shown: str) -> bytes | None:
    """The seed of `shown_seed`; None for anything else."""
    text = re.sub(r"\s", "", shown).upper()
    try:
        return base64.b32decode(text + "=" * (-len(text) % 8))
    except binascii.Error:
        return None
