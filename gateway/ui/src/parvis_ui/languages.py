"""Which language and theme a request is answered in.

A choice made in the page (cookie) wins over the account's, and that over the browser's.
"""

from typing import Final

from starlette.requests import Request

LANGUAGES: Final = ("fr", "en")
THEMES: Final = ("system", "light", "dark")
LANGUAGE_COOKIE: Final = "parvis_lang"
THEME_COOKIE: Final = "parvis_theme"


def language_of(request: Request, account: str = "") -> str:
    """`fr` or `en`; `account` is the language that the account has chosen, empty when unknown."""
    for choice in (request.cookies.get(LANGUAGE_COOKIE, ""), account):
        if choice in LANGUAGES:
            return choice
    return accepted(request.headers.get("accept-language", ""))


def accepted(header: str) -> str:
    """The best of our languages for an `Accept-Language` header (RFC 9110, 12.5.4)."""
    best, best_weight = LANGUAGES[0], 0.0
    for part in header.split(","):
        tag, _, parameters = part.strip().partition(";")
        language = tag.split("-")[0].strip().lower()
        weight = 1.0
        if parameters.strip().startswith("q="):
            try:
                weight = float(parameters.strip()[2:])
            except ValueError:
                weight = 0.0
        if language in LANGUAGES and weight > best_weight:
            best, best_weight = language, weight
    return best


def theme_of(request: Request) -> str:
    """`system`, `light` or `dark`."""
    choice = request.cookies.get(THEME_COOKIE, "")
    return choice if choice in THEMES else THEMES[0]
