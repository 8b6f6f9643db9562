"""Provisional passwords that a firm hands over on paper (requirement S8): made at random, easy to read and to type."""

import secrets

#: Without what is mistaken for something else on paper (0 o, 1 i l).
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
GROUPS, GROUP = 4, 4


def draw() -> str:
    """A new one: "k7wp-3mzd-hx9r-qa4t", 79 bits."""
    drawn = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP)) for _ in range(GROUPS))
    return "-".join(drawn)


def typed(password: str) -> str:
    """What was typed, as it is compared: capitals, spaces and dashes do not matter."""
    return "".join(c for c in password.casefold() if c in ALPHABET)
