"""Answers that a browser carries to the client in a form (OAuth 2.0 Form Post Response Mode 1.0)."""

import base64
import hashlib
import html
from collections.abc import Mapping

from starlette.responses import HTMLResponse

_SCRIPT = "document.forms[0].submit()"
_HASH = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
#: Nothing but the one script. Where the form goes is a registered address, and where that leads is the client's.
_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; script-src 'sha256-{_HASH}'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Pragma": "no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def form_post(address: str, fields: Mapping[str, str], *, language: str, label: str) -> HTMLResponse:
    """A page that posts `fields` to a registered address; `label` names the button for browsers without script."""
    named = html.escape(label)
    inputs = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in fields.items()
    )
    page = (
        f'<!doctype html><html lang="{html.escape(language)}"><head><meta charset="utf-8"><title>{named}</title></head>'
        f'<body><form method="post" action="{html.escape(address)}">{inputs}'
        f"<noscript><button>{named}</button></noscript></form><script>{_SCRIPT}</script></body></html>"
    )
    return HTMLResponse(page, headers=_HEADERS)
