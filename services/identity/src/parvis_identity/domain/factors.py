"""Rules of second factors: how many, what they are called, how long a browser is trusted, and what a proof is worth."""

import unicodedata
from dataclasses import replace
from datetime import timedelta

from parvis_identity.domain.sessions import PASSWORD_ACR, TWO_FACTORS_ACR, Proof, merged

#: Factors of one account.
MOST = 10
#: Characters of a factor's name.
LONGEST_NAME = 60
#: Between the first factor and the second.
PENDING = timedelta(minutes=10)
#: For so long a browser is not asked again.
TRUST = timedelta(days=30)
#: What changes factors, passwords or addresses asks for a proof that is not older.
FRESH = timedelta(minutes=10)


def clean_name(typed: str, otherwise: str) -> str:
    """A name as it is kept: one line, nothing that does not show."""
    spaced = (" " if sign.isspace() else sign for sign in typed)
    return (
        " ".join("".join(sign for sign in spaced if unicodedata.category(sign)[0] != "C").split())[:LONGEST_NAME]
        or otherwise
    )


def with_factor(acr: str, first: tuple[str, ...], second: tuple[str, ...]) -> Proof:
    """Somebody has given a second factor after a first one, which was worth `acr`. After a firm's word alone it is no
    second one of their own account: it counts at that firm's door.
    """
    methods = tuple(merged(first, second))
    return Proof(TWO_FACTORS_ACR, methods) if acr >= PASSWORD_ACR else Proof(acr, methods, strongest=False)


def passkey_alone(amr: tuple[str, ...]) -> Proof:
    """Somebody has used a passkey whose authenticator knew them: what they hold, and what they know or are."""
    return Proof(TWO_FACTORS_ACR, tuple(merged((), (*amr, "mfa"))))


def trusted_browser(first: Proof) -> Proof:
    """Somebody has given a first factor where they gave a second one not long ago. Nothing sensitive is done on it."""
    return replace(first, acr=TWO_FACTORS_ACR, amr=tuple(merged(first.amr, ("mfa",))), strongest=False)
