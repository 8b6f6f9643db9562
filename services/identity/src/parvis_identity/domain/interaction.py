"""Whether an authorization request needs the person: `prompt` and `max_age` (OpenID Connect Core 3.1.2.1)."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlencode

#: A parameter of our own: the sign-in must be at least this recent (Unix seconds). It replaces `prompt=login`
#: and `max_age` while the person is at the login page, or coming back would ask them again for ever. The client
#: judges `auth_time` for itself.
SINCE = "parvis_since"


class Interaction(StrEnum):
    """What comes next for an authorization request."""

    NONE = "none"
    LOGIN = "login"
    #: The client allows no page (`prompt=none`): answer it with login_required.
    REFUSE = "refuse"


def needed(parameters: Mapping[str, str], auth_time: datetime | None, now: datetime) -> Interaction:
    """What a valid request needs, given when the person last signed in (None: not signed in).

    Raises ValueError when `prompt` or `max_age` is malformed; the message is an error description (RFC 6749, 4.1.2.1).
    """
    prompts = set(parameters.get("prompt", "").split())
    if "none" in prompts and len(prompts) > 1:
        raise ValueError("prompt none cannot be combined with another value")
    latest = _seconds(parameters.get(SINCE, ""), SINCE)
    max_age = _seconds(parameters.get("max_age", ""), "max_age")
    at = auth_time.timestamp() if auth_time else None
    fresh = at is not None and (
        at >= latest if latest is not None else max_age is None or now.timestamp() - at <= max_age
    )
    if "none" in prompts:
        return Interaction.NONE if fresh else Interaction.REFUSE
    if not fresh or prompts & {"login", "select_account"}:
        return Interaction.LOGIN
    return Interaction.NONE


def after_login(path: str, parameters: Mapping[str, str], now: datetime, *, again: bool = False) -> str:
    """The address to come back to after the login page: the same request, satisfied by a sign-in from now on. `again`:
    whoever is signed in is somebody else than the client means.
    """
    prompts = [p for p in parameters.get("prompt", "").split() if p not in {"login", "select_account"}]
    asked = len(prompts) < len(parameters.get("prompt", "").split()) or "max_age" in parameters or again
    kept = {name: value for name, value in parameters.items() if name not in {"prompt", "max_age", SINCE}}
    if prompts:
        kept["prompt"] = " ".join(prompts)
    if asked:
        kept[SINCE] = str(int(now.timestamp()))
    return f"{path}?{urlencode(kept)}"


def organisation_of(parameters: Mapping[str, str]) -> str:
    """Slug or id of the organisation that a product is launched for, and whose door to show: `organisation`, or the
    `organization` that other providers know.
    """
    return parameters.get("organisation", "") or parameters.get("organization", "")


def _seconds(text: str, name: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 11:  # noqa: PLR2004 - digits of a Unix time, with room
        raise ValueError(f"{name} must be a number of seconds")
    return int(text)
