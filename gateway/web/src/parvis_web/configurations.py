"""What the developers of a product paste, for the frameworks that most of them use: filled with the real values of its
client. `tests/relying_parties` signs people in with these very texts.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from parvis.identity.v1 import identity_pb2

_BASIC, _POST, _KEY, _PUBLIC = "client_secret_basic", "client_secret_post", "private_key_jwt", "none"


@dataclass(frozen=True, slots=True)
class Values:
    """What a configuration is filled with."""

    issuer: str
    client_id: str
    #: Empty for a client that has none.
    secret: str
    client: identity_pb2.ClientSettings

    @property
    def redirect_uri(self) -> str:
        """The first one that is registered."""
        return next(iter(self.client.redirect_uris), "")

    @property
    def after_logout(self) -> str:
        """The first one that is registered; empty: none."""
        return next(iter(self.client.post_logout_redirect_uris), "")

    @property
    def scope(self) -> str:
        """What it asks for: all that it may, or what nearly all want where it may ask for everything."""
        mine = self.client.scopes or ("profile", "email")
        return " ".join(["openid", *(each for each in mine if each != "offline_access")])

    @property
    def origin(self) -> str:
        """Scheme and host of the product."""
        parts = urlsplit(self.redirect_uri)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def plain(self) -> bool:
        """Whether the portal is reached without TLS, as on one's own machine."""
        return self.issuer.startswith("http://")


@dataclass(frozen=True, slots=True)
class Configuration:
    """A text to paste. `callback` is the path that the framework comes back to by itself; empty: as registered."""

    key: str
    label: str
    file: str
    text: str
    callback: str = ""


def configurations(values: Values) -> list[Configuration]:
    """One for each framework, the most asked for first."""
    return [
        Configuration(key, label, file, write(values).strip() + "\n", callback)
        for key, label, file, callback, write in _FRAMEWORKS
    ]


def _only(condition: object, text: str) -> list[str]:
    return [text] if condition else []


def _django(v: Values) -> str:
    method = v.client.token_endpoint_auth_method
    return "\n".join(
        [
            "# settings.py (pip install mozilla-django-oidc)",
            'INSTALLED_APPS += ["mozilla_django_oidc"]',
            'AUTHENTICATION_BACKENDS = ["mozilla_django_oidc.auth.OIDCAuthenticationBackend"]',
            "",
            f'OIDC_RP_CLIENT_ID = "{v.client_id}"',
            *_only(v.secret, f'OIDC_RP_CLIENT_SECRET = "{v.secret}"'),
            f'OIDC_RP_SIGN_ALGO = "{v.client.id_token_signed_response_alg}"',
            f'OIDC_RP_SCOPES = "{v.scope}"',
            "OIDC_USE_PKCE = True",
            *_only(method == _BASIC, "OIDC_TOKEN_USE_BASIC_AUTH = True"),
            f'OIDC_OP_AUTHORIZATION_ENDPOINT = "{v.issuer}/oauth2/authorize"',
            f'OIDC_OP_TOKEN_ENDPOINT = "{v.issuer}/oauth2/token"',
            f'OIDC_OP_USER_ENDPOINT = "{v.issuer}/oauth2/userinfo"',
            f'OIDC_OP_JWKS_ENDPOINT = "{v.issuer}/oauth2/jwks"',
            'LOGIN_URL = "oidc_authentication_init"',
            'LOGIN_REDIRECT_URL = "/"',
            *_only(v.after_logout, f'LOGOUT_REDIRECT_URL = "{v.after_logout}"'),
            "",
            "# urls.py",
            '# path("oidc/", include("mozilla_django_oidc.urls")),',
        ]
    )


def _authlib(v: Values) -> str:
    method = v.client.token_endpoint_auth_method
    return "\n".join(
        [
            "# pip install authlib httpx (Flask: authlib requests, and authlib.integrations.flask_client)",
            "from authlib.integrations.starlette_client import OAuth",
            "",
            "oauth = OAuth()",
            "oauth.register(",
            '    name="parvis",',
            f'    client_id="{v.client_id}",',
            *_only(v.secret, f'    client_secret="{v.secret}",'),
            f'    server_metadata_url="{v.issuer}/.well-known/openid-configuration",',
            "    client_kwargs={",
            f'        "scope": "{v.scope}",',
            '        "code_challenge_method": "S256",',
            f'        "token_endpoint_auth_method": "{method}",',
            "    },",
            ")",
            f'# await oauth.parvis.authorize_redirect(request, "{v.redirect_uri}")',
            "# token = await oauth.parvis.authorize_access_token(request)",
        ]
    )


def _node(v: Values) -> str:
    method = v.client.token_endpoint_auth_method
    prove = {
        _BASIC: f'client.ClientSecretBasic("{v.secret}")',
        _POST: f'client.ClientSecretPost("{v.secret}")',
        _KEY: "client.PrivateKeyJwt(privateKey)",
        _PUBLIC: "client.None()",
    }[method]
    return "\n".join(
        [
            "// oidc.mjs (npm install openid-client)",
            'import * as client from "openid-client";',
            "",
            "export const config = await client.discovery(",
            f'  new URL("{v.issuer}"),',
            f'  "{v.client_id}",',
            f'  {{ id_token_signed_response_alg: "{v.client.id_token_signed_response_alg}" }},',
            f"  {prove},",
            *_only(v.plain, "  { execute: [client.allowInsecureRequests] }, // only while the portal has no TLS"),
            ");",
            f'export const redirectUri = "{v.redirect_uri}";',
            f'export const afterLogout = "{v.after_logout}";',
            f'export const scope = "{v.scope}";',
            "",
            "// const verifier = client.randomPKCECodeVerifier();",
            "// client.buildAuthorizationUrl(config, { redirect_uri: redirectUri, scope,",
            "//   code_challenge: await client.calculatePKCECodeChallenge(verifier),",
            "//   code_challenge_method: 'S256', state });",
            "// const tokens = await client.authorizationCodeGrant(config, currentUrl,",
            "//   { pkceCodeVerifier: verifier, expectedState: state });",
        ]
    )


def _spring(v: Values) -> str:
    return "\n".join(
        [
            "# application.yml (spring-boot-starter-oauth2-client)",
            "spring:",
            "  security:",
            "    oauth2:",
            "      client:",
            "        registration:",
            "          parvis:",
            f"            client-id: {v.client_id}",
            *_only(v.secret, f"            client-secret: {v.secret}"),
            f"            client-authentication-method: {v.client.token_endpoint_auth_method}",
            "            authorization-grant-type: authorization_code",
            f'            redirect-uri: "{v.redirect_uri}"',
            f"            scope: [{', '.join(v.scope.split())}]",
            "        provider:",
            "          parvis:",
            f"            issuer-uri: {v.issuer}",
            "# Spring expects RS256. For another algorithm, a bean OidcIdTokenDecoderFactory with",
            f"# setJwsAlgorithmResolver(client -> SignatureAlgorithm.{v.client.id_token_signed_response_alg}).",
        ]
    )


def _dotnet(v: Values) -> str:
    return "\n".join(
        [
            "// Program.cs (Microsoft.AspNetCore.Authentication.OpenIdConnect)",
            "builder.Services.AddAuthentication(options =>",
            "{",
            "    options.DefaultScheme = CookieAuthenticationDefaults.AuthenticationScheme;",
            "    options.DefaultChallengeScheme = OpenIdConnectDefaults.AuthenticationScheme;",
            "})",
            ".AddCookie()",
            ".AddOpenIdConnect(options =>",
            "{",
            f'    options.Authority = "{v.issuer}";',
            *_only(v.plain, "    options.RequireHttpsMetadata = false; // only while the portal has no TLS"),
            f'    options.ClientId = "{v.client_id}";',
            *_only(v.secret, f'    options.ClientSecret = "{v.secret}";'),
            "    options.ResponseType = OpenIdConnectResponseType.Code;",
            "    options.UsePkce = true;",
            f'    options.CallbackPath = "{urlsplit(v.redirect_uri).path or "/"}";',
            "    options.Scope.Clear();",
            *(f'    options.Scope.Add("{each}");' for each in v.scope.split()),
            "    options.GetClaimsFromUserInfoEndpoint = true;",
            "    options.SaveTokens = true;",
            "});",
        ]
    )


def _apache(v: Values) -> str:
    method = v.client.token_endpoint_auth_method
    return "\n".join(
        [
            "# mod_auth_openidc (apt install libapache2-mod-auth-openidc)",
            f"OIDCProviderMetadataURL {v.issuer}/.well-known/openid-configuration",
            f"OIDCClientID {v.client_id}",
            *_only(v.secret, f"OIDCClientSecret {v.secret}"),
            f"OIDCProviderTokenEndpointAuth {method}",
            f"OIDCIDTokenSignedResponseAlg {v.client.id_token_signed_response_alg}",
            f"OIDCRedirectURI {v.redirect_uri}",
            f'OIDCScope "{v.scope}"',
            "OIDCPKCEMethod S256",
            f"OIDCCryptoPassphrase {secrets.token_hex(32)}",
            *_only(v.after_logout, f"OIDCDefaultLoggedOutURL {v.after_logout}"),
            f"# Back-channel logout address to register: {v.redirect_uri}?logout=backchannel",
            '<Location "/">',
            "  AuthType openid-connect",
            "  Require valid-user",
            "</Location>",
        ]
    )


def _environment(v: Values) -> str:
    return "\n".join(
        [
            "# .env: Laravel (socialiteproviders/oidc), Symfony, and whoever reads the discovery address",
            f"OIDC_DISCOVERY_URL={v.issuer}/.well-known/openid-configuration",
            f"OIDC_BASE_URL={v.issuer}",
            f"OIDC_CLIENT_ID={v.client_id}",
            *_only(v.secret, f"OIDC_CLIENT_SECRET={v.secret}"),
            f"OIDC_REDIRECT_URI={v.redirect_uri}",
            *_only(v.after_logout, f"OIDC_POST_LOGOUT_REDIRECT_URI={v.after_logout}"),
            f'OIDC_SCOPES="{v.scope}"',
            f"OIDC_TOKEN_ENDPOINT_AUTH_METHOD={v.client.token_endpoint_auth_method}",
            f"OIDC_ID_TOKEN_ALGORITHM={v.client.id_token_signed_response_alg}",
            "OIDC_PKCE=S256",
        ]
    )


_Write = Callable[[Values], str]
_FRAMEWORKS: tuple[tuple[str, str, str, str, _Write], ...] = (
    ("django", "Django", "settings.py", "/oidc/callback/", _django),
    ("authlib", "FastAPI, Flask", "oauth.py", "", _authlib),
    ("node", "Node.js", "oidc.mjs", "", _node),
    ("spring", "Spring Boot", "application.yml", "/login/oauth2/code/parvis", _spring),
    ("dotnet", "ASP.NET Core", "Program.cs", "", _dotnet),
    ("apache", "Apache", "parvis.conf", "", _apache),
    ("environment", "Laravel, .env", ".env", "", _environment),
)
