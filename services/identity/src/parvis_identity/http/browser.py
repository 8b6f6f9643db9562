"""What a browser sends and keeps: forms, cookies, and the proof that a form is ours."""

import hmac
import re
import secrets
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from parvis_identity.domain.devices import LIFETIME
from parvis_identity.domain.factors import TRUST
from parvis_identity.service.sessions import Begun
from parvis_identity.service.visitor import Visitor
from parvis_kit.errors import forbidden, invalid
from parvis_ui import bodies

#: Bytes of a form or a request of the protocol, and its fields, at most.
LARGEST = 32 * 1024
MOST_FIELDS = 60
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


class Cookies:
    """Names and settings of identity's cookies. Bound to the installation: two suites on one host do not mix."""

    def __init__(self, *, instance: str, public_url: str) -> None:
        self.secure = public_url.startswith("https:")
        prefix = "__Host-" if self.secure else ""
        self.session = f"{prefix}{instance}-identity"  # the gateway has a cookie of its own on the same host
        self.csrf = f"{prefix}{instance}-identity-form"
        self.device = f"{prefix}{instance}-device"
        self.renewal = f"{prefix}{instance}-renewal"
        self.sso = f"{prefix}{instance}-sso"
        self.pending = f"{prefix}{instance}-factor"
        self.trusted = f"{prefix}{instance}-trusted"

    def set(self, response: Response, name: str, value: str, *, lifetime: timedelta | None = None) -> None:
        """Keeps a value, until the browser closes unless a lifetime is given; unreadable for scripts, not sent with
        requests of other sites.
        """
        seconds = int(lifetime.total_seconds()) if lifetime else None
        response.set_cookie(name, value, max_age=seconds, path="/", httponly=True, secure=self.secure, samesite="lax")

    def begin(self, response: Response, begun: Begun) -> None:
        """What a browser keeps of a sign-in: the session, and a year long that the account is no stranger there."""
        self.set(response, self.session, begun.cookie)
        if begun.device:
            self.set(response, self.device, begun.device, lifetime=LIFETIME)
        if begun.trusted:
            self.set(response, self.trusted, begun.trusted, lifetime=TRUST)

    def drop(self, response: Response, name: str) -> None:
        """Forgets a value."""
        response.delete_cookie(name, path="/", httponly=True, secure=self.secure, samesite="lax")

    def visitor(self, request: Request) -> Visitor:
        """The browser that asks."""
        return Visitor(
            address=request.client.host if request.client else "",
            user_agent=request.headers.get("user-agent", "")[:400],
            cookie=request.cookies.get(self.session, ""),
            device=request.cookies.get(self.device, ""),
            proof=request.cookies.get(self.renewal, ""),
            trusted=request.cookies.get(self.trusted, "")[:100],
        )

    def form_token(self, request: Request) -> str:
        """The secret that forms of this browser carry; a new one where it has none yet."""
        held = request.cookies.get(self.csrf, "")
        if _TOKEN.fullmatch(held):
            return held
        # The same one for all that a page carries: its forms, and the challenges of passkeys, which are bound to it.
        fresh: str = getattr(request.state, "form_token", "") or secrets.token_urlsafe(32)
        request.state.form_token = fresh
        return fresh

    def check_form(self, request: Request, form: Mapping[str, str], *, origin: str) -> None:
        """Refuses a form that another site made this browser send. Raises FORBIDDEN form_not_ours.

        The browser says where a form comes from (Origin, Sec-Fetch-Site); and the form carries the secret of a
        cookie that other sites cannot read.
        """
        sent_from = request.headers.get("origin")
        if sent_from is not None and sent_from != origin:
            raise forbidden("form_not_ours")
        if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            raise forbidden("form_not_ours")
        held = request.cookies.get(self.csrf, "")
        if not _TOKEN.fullmatch(held) or not hmac.compare_digest(
            held, form.get("csrf", "").encode("ascii", "replace").decode()
        ):
            raise forbidden("form_not_ours")


async def read_form(request: Request, *, largest: int = LARGEST) -> dict[str, str]:
    """The fields of a form: UTF-8, each once. Raises INVALID malformed_form, repeated_field or form_too_large."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise invalid("malformed_form")
    body = await bodies.read(request, largest)
    if body is None:
        raise invalid("form_too_large")
    return fields_of(body)


def fields_of(encoded: bytes) -> dict[str, str]:
    """Names and values of an encoded form or query. Raises INVALID as `read_form`."""
    try:
        pairs = parse_qsl(encoded.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise invalid("malformed_form") from error
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name in fields:
            raise invalid("repeated_field", field=name[:50])
        if "\x00" in value or "\x00" in name:
            raise invalid("malformed_form")
        fields[name] = value
    return fields


def query_of(request: Request) -> dict[str, str]:
    """Names and values of the query. Raises INVALID as `read_form`."""
    raw: bytes = request.scope.get("query_string", b"")
    if len(raw) > LARGEST:
        raise invalid("form_too_large")
    return fields_of(raw)


def origin_of(public_url: str) -> str:
    """The origin that our own forms come from."""
    parts = urlsplit(public_url)
    return f"{parts.scheme}://{parts.netloc}"
