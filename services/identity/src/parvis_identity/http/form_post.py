"""Answers that a browser carries to the client in a form (OAuth 2.0 Form Post Response Mode 1.0)."""

import base64
import hashlib
from collections.abc import Mapping

from markupsafe import Markup
from starlette.responses import HTMLResponse

_SCRIPT = Markup("document.forms[0].submit()")
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
_PAGE = Markup(
    '<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{label}</title></head><body>'
    '<form method="post" action="{address}">{fields}<noscript><button>{label}</button></noscript></form>'
    "<script>{script}</script></body></html>"
)
_FIELD = Markup('<input type="hidden" name="{}" value="{}">')


def form_post(address: str, fields: Mapping[str, str], *, language: str, label: str) -> HTMLResponse:
    """A page that posts `fields` to a registered address; `label` names the button for browsers without script."""
    inputs = Markup("").join(_FIELD.format(name, value) for name, value in fields.items())
    page = _PAGE.format(language=language, label=label, address=address, fields=inputs, script=_SCRIPT)
    return HTMLResponse(page, headers=_HEADERS)
