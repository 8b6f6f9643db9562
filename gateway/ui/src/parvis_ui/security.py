"""Headers that every page carries. No `unsafe-*` anywhere: styles and scripts are files of ours."""

from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import urlsplit


def origin_of(url: str) -> str:
    """`scheme://host[:port]` of an address, fit for a policy; empty when it has none or would bend the policy."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc or any(sign in parts.netloc for sign in " ;,'\"\\@*"):
        return ""
    return f"{parts.scheme}://{parts.netloc}"


@lru_cache(maxsize=1024)
def content_security_policy(
    store_origin: str, form_action: tuple[str, ...], *, secure: bool, images: tuple[str, ...] = ()
) -> str:
    """The policy of a page that talks to the store, whose forms may end at the named origins and whose images may come
    from the named ones.

    Browsers hold redirects of a form against `form-action`: a login page names the relying party that it answers to.
    """
    store = origin_of(store_origin)
    forms = [origin for origin in (origin_of(url) for url in form_action) if origin]

    def sources(*origins: str) -> str:
        return " ".join(("'self'", *(origin for origin in origins if origin)))

    directives = [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "font-src 'self'",
        f"img-src {sources(store, *(origin_of(url) for url in images))}",
        f"connect-src {sources(store)}",
        f"frame-src {sources(store)}",
        "worker-src 'self'",
        "manifest-src 'self'",
        f"form-action {sources(store, *forms)}",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
    if secure:
        directives.append("upgrade-insecure-requests")
    return "; ".join(directives)


def security_headers(
    store_origin: str, form_action: Sequence[str], *, secure: bool, images: Sequence[str] = ()
) -> dict[str, str]:
    """Headers of a page. It is kept in no shared cache, and the browser asks again before it shows a kept copy."""
    headers = {
        "Content-Security-Policy": content_security_policy(
            store_origin, tuple(form_action), secure=secure, images=tuple(images)
        ),
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
        "Cache-Control": "private, no-cache",
    }
    if secure:
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    return headers
