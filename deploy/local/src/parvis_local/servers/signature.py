"""One presigned S3 request for the health probe (AWS Signature Version 4, query string), without an SDK in memory."""

import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

SECONDS_VALID = 60


def presigned_list(host: str, bucket: str, region: str, access_key: str, secret_key: str) -> str:
    """Path and query of `GET` that lists at most one key of the bucket; answers 200 when the bucket exists."""
    now = datetime.now(UTC)
    scope = f"{now:%Y%m%d}/{region}/s3/aws4_request"
    query = urlencode(
        sorted(
            {
                "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
                "X-Amz-Credential": f"{access_key}/{scope}",
                "X-Amz-Date": f"{now:%Y%m%dT%H%M%SZ}",
                "X-Amz-Expires": str(SECONDS_VALID),
                "X-Amz-SignedHeaders": "host",
                "list-type": "2",
                "max-keys": "1",
            }.items()
        ),
        quote_via=quote,
        safe="",
    )
    request = f"GET\n/{bucket}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
    digest = hashlib.sha256(request.encode()).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{now:%Y%m%dT%H%M%SZ}\n{scope}\n{digest}"
    key = f"AWS4{secret_key}".encode()
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    return f"/{bucket}?{query}&X-Amz-Signature={signature}"
