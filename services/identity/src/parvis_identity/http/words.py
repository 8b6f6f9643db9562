"""What a client gets to know, in words for the person whom it is about."""

from collections.abc import Iterable, Mapping
from typing import Any

_OF_CLAIMS: Mapping[str, str] = {
    "address": "address",
    "phone_number": "phone",
    "email": "email",
    "email_verified": "email",
}


def told_in_words(_: Any, told: Iterable[str]) -> list[str]:
    """Scopes, and claims as `domain.claims.told` names them, in words; each once. `_` translates."""
    texts = {
        "openid": _("that you have an account here"),
        "profile": _("your name and your language"),
        "email": _("your mail address"),
        "address": _("your postal address"),
        "phone": _("your phone number"),
        "offline_access": _("access while you are away"),
    }
    scopes = [_OF_CLAIMS.get(each[6:], "profile") if each.startswith("claim:") else each for each in told]
    return list(dict.fromkeys(texts[each] for each in scopes if each in texts))
