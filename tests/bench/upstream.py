"""A firm's OpenID provider as a bench needs it: it agrees to everything at once. Its own time is not what is measured,
so it runs with whoever asks, on the other core.
"""

import asyncio
import base64
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey

CLIENT_ID, CLIENT_SECRET = "parvis", "a-secret-of-the-bench"
_KEY = ECKey.generate_key("P-256", {"kid": "bench", "use": "sig", "alg": "ES256"})


class Upstream:
    """The double: `agree` is the page at which somebody signs in, the rest is asked over HTTP by identity."""

    def __init__(self) -> None:
        self.url = ""
        self._codes: dict[str, tuple[str, str]] = {}

    def agree(self, location: str, subject: str) -> dict[str, str]:
        """What the browser brings back from an authorization request."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked["nonce"], subject
        return {"code": code, "state": asked["state"], "iss": self.url}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request of identity."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = next(
            (int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length")), 0
        )
        form = parse_qs((await reader.readexactly(length)).decode())
        content = json.dumps(self._answer(urlsplit(head.split(" ")[1]).path, form)).encode()
        told = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        writer.write(told.encode() + content)
        writer.close()

    def _answer(self, path: str, form: dict[str, list[str]]) -> dict[str, Any]:
        if path == "/.well-known/openid-configuration":
            return {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                "id_token_signing_alg_values_supported": ["ES256"],
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
            }
        if path == "/keys":
            return {"keys": [_KEY.as_dict(private=False)]}
        nonce, subject = self._codes.pop(form["code"][0])
        now, access_token = int(time.time()), secrets.token_urlsafe(16)
        half = hashlib.sha256(access_token.encode()).digest()[:16]
        claims = {
            "iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": nonce, "auth_time": now,
            "sub": subject, "email": f"{subject}@mesure.example", "email_verified": True, "given_name": "Anne",
            "family_name": "Roche", "preferred_username": subject, "groups": ["Paie"], "amr": ["pwd"],
            "at_hash": base64.urlsafe_b64encode(half).decode().rstrip("="),
        }  # fmt: skip
        token = jwt.encode({"alg": "ES256", "kid": "bench"}, claims, _KEY)
        return {"id_token": token, "access_token": access_token, "token_type": "Bearer"}


@asynccontextmanager
async def running() -> AsyncIterator[Upstream]:
    """One on this machine."""
    made = Upstream()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    async with server:
        made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield made
