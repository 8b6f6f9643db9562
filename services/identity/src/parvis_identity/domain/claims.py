"""Claims about a person: what scopes ask for (OpenID Connect Core 5.4), what the `claims` parameter asks for (5.5)."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

#: Claims that each scope asks for, as far as accounts can hold them.
BY_SCOPE: dict[str, tuple[str, ...]] = {
    "profile": ("name", "given_name", "family_name", "preferred_username", "locale"),
    "email": ("email", "email_verified"),
    "address": ("address",),
    "phone": ("phone_number",),
}
#: Claims about a person that can be asked for by name.
OF_PERSON = frozenset(name for names in BY_SCOPE.values() for name in names)
#: Claims about the sign-in, which every ID token has.
OF_SIGN_IN = frozenset({"sub", "acr", "amr", "auth_time", "sid"})
#: The organisation that a product was launched for.
OF_ORGANISATION = ("org_id", "org_name", "org_slug")

_PLACES = ("id_token", "userinfo")
_LONGEST = 8000


def read(parameter: str) -> dict[str, dict[str, Any]] | None:
    """The `claims` parameter: known claims by place, with what is asked of each; None when nothing is.

    Members that we do not know are left out (5.5). Raises ValueError with a description when it is malformed.
    """
    if not parameter:
        return None
    try:
        said = json.loads(parameter) if len(parameter) <= _LONGEST else None
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise ValueError("Invalid 'claims' in request: it is not a JSON object.")  # noqa: TRY004 - of a request
    found: dict[str, dict[str, Any]] = {}
    for place in _PLACES:
        asked = {} if said.get(place) is None else said[place]
        if not isinstance(asked, dict) or not all(each is None or isinstance(each, dict) for each in asked.values()):
            raise ValueError(f"Invalid 'claims' in request: '{place}' does not hold claims.")
        known = {name: each for name, each in asked.items() if name in OF_PERSON | OF_SIGN_IN}
        if known:
            found[place] = known
    return found or None


def names(asked: Mapping[str, Any] | None, place: str) -> frozenset[str]:
    """Claims asked for by name in a place ("id_token", "userinfo")."""
    return frozenset((asked or {}).get(place) or ())


def of_scopes(scopes: Iterable[str]) -> frozenset[str]:
    """Claims that scopes ask for."""
    return frozenset(name for scope in scopes for name in BY_SCOPE.get(scope, ()))


def values(asked: Mapping[str, Any] | None, name: str) -> tuple[str, ...]:
    """The values that a claim of the ID token must have one of, when they are essential; empty: any (5.5.1)."""
    each = ((asked or {}).get("id_token") or {}).get(name) or {}
    if name != "sub" and each.get("essential") is not True:
        return ()
    listed = each["values"] if isinstance(each.get("values"), list) else [each.get("value")]
    return tuple(value for value in listed if isinstance(value, str))


def told(scope: str, asked: Mapping[str, Any] | None) -> list[str]:
    """What a client gets to know, as consents remember it: scopes, and claims that no scope of them holds."""
    scopes = scope.split()
    covered = of_scopes(scopes)
    by_name = {name for place in _PLACES for name in names(asked, place) if name in OF_PERSON - covered}
    return [*scopes, *sorted(f"claim:{name}" for name in by_name)]
