"""A firm's OpenID provider, as small as can be and as wrong as a test wants it to be."""

import asyncio
import base64
import hashlib
import json
import secrets
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jws
from joserfc.jwk import ECKey, Key, RSAKey
from joserfc.jws import JWSRegistry

from parvis_identity.domain.oidc_claims import access_token_hash

if TYPE_CHECKING:
    from collections.abc import Callable

#: Made once: making one takes a while.
RSA = RSAKey.generate_key(2048, {"kid": "first", "use": "sig"})
OTHER = RSAKey.generate_key(2048, {"kid": "second", "use": "sig"})
Claims = dict[str, Any]


def nothing(claims: Claims) -> None:
    """Leaves the claims as they are."""


class Directory:
    """The provider. What it says next is changed by setting its members; `forget` makes it behave again."""

    def __init__(self) -> None:
        self.url = ""
        self.client_id = "parvis"
        self.secret = "secret-of-the-directory"
        self.forget()

    def forget(self) -> None:
        """Everything as it should be."""
        self.key: Key = RSA
        self.published: list[Key] = [RSA]
        self.algorithm = "RS256"
        self.header: dict[str, Any] = {}
        #: Changes the claims of the next ID token, its userinfo, and the token once it is signed.
        self.claims: Callable[[Claims], None] = nothing
        self.userinfo: Callable[[Claims], None] = nothing
        self.token: Callable[[str], str] = str
        #: Members of the token endpoint's answer, and of the configuration.
        self.given: dict[str, Any] = {}
        self.configured: dict[str, Any] = {}
        #: Path → a whole answer, or how long it takes.
        self.answers: dict[str, bytes] = {}
        self.pauses: dict[str, float] = {}
        self.person: Claims = {
            "sub": "u-1", "email": "anne.roche@cabinet.example", "email_verified": True, "given_name": "Anne",
            "family_name": "Roche", "preferred_username": "aroche", "groups": ["Paie", "Associés"],
        }  # fmt: skip
        self.amr = ["pwd"]
        self.sid = "s-1"
        self.asked: list[dict[str, str]] = []
        self.seen: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}
        self._access: dict[str, Claims] = {}

    @property
    def configuration(self) -> dict[str, Any]:
        named = {
            "authorization": "authorize", "token": "token", "userinfo": "me", "end_session": "logout"
        }  # fmt: skip
        return {
            "issuer": self.url,
            **{f"{name}_endpoint": f"{self.url}/{path}" for name, path in named.items()},
            "jwks_uri": f"{self.url}/keys",
            "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256", "none"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
            "claims_supported": ["sub", "auth_time", "email"],
            **self.configured,
        }

    def sign_in(self, location: str, **changes: str | None) -> dict[str, str]:
        """What the browser brings back when somebody signs in there; without what is changed to None."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        self.asked.append(asked)
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        answer = {"code": code, "state": asked["state"], "iss": self.url, **changes}
        return {name: value for name, value in answer.items() if value is not None}

    def signed(self, claims: Claims, *, typ: str = "JWT") -> str:
        """A token of these claims."""
        header = {"alg": self.algorithm, "kid": self.key.kid, "typ": typ, **self.header}
        header = {name: value for name, value in header.items() if value is not None}
        registry = JWSRegistry(algorithms=[header["alg"]], strict_check_header=False)
        return jws.serialize_compact(header, json.dumps(claims), self.key, registry=registry)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:])
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        path = urlsplit(head.split(" ")[1]).path
        self.seen.append(path)
        await asyncio.sleep(self.pauses.get(path, 0))
        if path in self.answers:
            writer.write(self.answers[path])
        else:
            status, told = self._answer(path, headers, body)
            content = json.dumps(told).encode()
            told_head = (
                f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
            )
            writer.write(told_head.encode() + content)
        writer.close()

    def _answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
        if path == "/.well-known/openid-configuration":
            return 200, self.configuration
        if path == "/keys":
            return 200, {"keys": [key.as_dict(private=False) for key in self.published]}
        if path == "/me":
            claims = dict(self._access.get(headers.get("authorization", "").removeprefix("Bearer "), {}))
            self.userinfo(claims)
            return (200, claims) if claims else (401, {"error": "invalid_token"})
        return self._exchange(headers, {name: values[0] for name, values in parse_qs(body.decode()).items()})

    def _exchange(self, headers: dict[str, str], form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        pair = base64.b64encode(f"{self.client_id}:{self.secret}".encode()).decode()
        if headers.get("authorization") != f"Basic {pair}":
            return 401, {"error": "invalid_client"}
        asked = self._codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if asked is None or asked["code_challenge"] != challenge or asked["redirect_uri"] != form["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        now, access_token = int(time.time()), secrets.token_urlsafe(16)
        claims: Claims = {
            "iss": self.url, "aud": self.client_id, "iat": now, "exp": now + 300, "nonce": asked["nonce"],
            "auth_time": now, "amr": self.amr, "sid": self.sid, "sub": self.person["sub"],
            "at_hash": access_token_hash(access_token, self.algorithm),
        }  # fmt: skip
        self.claims(claims)
        self._access[access_token] = dict(self.person)
        token = self.token(self.signed(claims))
        given = {"id_token": token, "access_token": access_token, "token_type": "Bearer", **self.given}
        return 200, {name: value for name, value in given.items() if value is not None}


@asynccontextmanager
async def directory_running():
    """One, on this machine."""
    made = Directory()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    async with server:
        made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield made


def elliptic(kid: str) -> ECKey:
    """A key for ES256."""
    return ECKey.generate_key("P-256", {"kid": kid, "use": "sig"})
