"""Presigned addresses that also bind the length of what is sent.

AWS Signature Version 4 in the query (docs: "Authenticating Requests: Using Query Parameters"). The SDK signs the host
only; with `content-length` among the signed headers the store itself refuses a part of any other size, before it keeps
a byte. Browsers set that header from the body and let no script change it.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote, urlsplit

_ALGORITHM: Final = "AWS4-HMAC-SHA256"


def presign(
    method: str,
    url: str,
    query: Mapping[str, str],
    headers: Mapping[str, str],
    *,
    region: str,
    access_key: str,
    secret_key: str,
    expires: timedelta,
    now: datetime | None = None,
) -> str:
    """`url` (no query of its own, ASCII) signed for a method, a query, the host and further headers (lower case)."""
    parts = urlsplit(url)
    moment = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    signed = dict(sorted({**headers, "host": parts.netloc}.items()))
    names = ";".join(signed)
    asked = {
        **query,
        "X-Amz-Algorithm": _ALGORITHM,
        "X-Amz-Credential": f"{access_key}/{scope}",
        "X-Amz-Date": moment,
        "X-Amz-Expires": str(int(expires.total_seconds())),
        "X-Amz-SignedHeaders": names,
    }
    canonical_query = "&".join(f"{_encode(name)}={_encode(value)}" for name, value in sorted(asked.items()))
    canonical_headers = "".join(f"{name}:{value}\n" for name, value in signed.items())
    request = f"{method}\n{parts.path}\n{canonical_query}\n{canonical_headers}\n{names}\nUNSIGNED-PAYLOAD"
    to_sign = f"{_ALGORITHM}\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{secret_key}".encode()
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    return f"{url}?{canonical_query}&X-Amz-Signature={hmac.digest(key, to_sign.encode(), 'sha256').hex()}"


def _encode(text: str) -> str:
    return quote(text, safe="-_.~")
