"""What a client may say of itself when it registers (RFC 7591, 2; OpenID Connect Registration 1.0, 2), checked and
brought to the columns of `models.Client`. Members that we do not know are left out, as both say; what we know and
cannot do is refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urldefrag, urlsplit

from parvis_identity.domain.addresses import is_redirect_uri

ALGORITHMS = ("ES256", "PS256", "EdDSA", "RS256")
STRONG = ("ES256", "PS256", "EdDSA")
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials", DEVICE)
AUTH_METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt", "none")
FAPI = "fapi2"

_MOST = 20
_LONGEST_TEXT = 255
_LONGEST_AGE = 10 * 365 * 86_400
#: Encryption is not offered: to leave these out silently would send in the clear what was asked for otherwise.
_NOT_OFFERED = (
    *(f"{what}_encrypted_response_{part}" for what in ("id_token", "userinfo") for part in ("alg", "enc")),
    "request_object_encryption_alg",
    "request_object_encryption_enc",
    "software_statement",
)


class MetadataRefused(ValueError):
    """Metadata that is not accepted: an error of RFC 7591, 3.2.2, and what is wrong with which member."""

    def __init__(self, member: str, why: str, *, error: str = "invalid_client_metadata") -> None:
        super().__init__(f"Invalid '{member}': {why}")
        self.member = member
        self.error = error


@dataclass(frozen=True, slots=True)
class Policy:
    """What the provider lets clients choose that register themselves."""

    scopes: tuple[str, ...]
    pkce_required: bool = True


@dataclass
class _Reader:
    said: Mapping[str, Any]
    values: dict[str, Any] = field(default_factory=dict)

    def text(self, member: str, default: str = "", *, column: str = "") -> str:
        value = self.said.get(member, default)
        if value is None:
            value = default
        if not isinstance(value, str) or len(value) > _LONGEST_TEXT or not value.isprintable():
            raise MetadataRefused(member, f"it is not a text of {_LONGEST_TEXT} characters at most.")
        self.values[column or member] = value.strip()
        return value

    def choice(self, member: str, known: tuple[str, ...], default: str = "") -> str:
        value = self.text(member, default)
        if value not in known and value != default:
            raise MetadataRefused(member, f"it is none of {', '.join(known)}.")
        return value

    def flag(self, member: str, *, default: bool = False) -> bool:
        value = self.said.get(member, default)
        if not isinstance(value, bool):
            raise MetadataRefused(member, "it is neither true nor false.")
        self.values[member] = value
        return value

    def number(self, member: str, most: int) -> None:
        value = self.said.get(member)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most):
            raise MetadataRefused(member, "it is not a number of seconds.")
        self.values[member] = value

    def address(self, member: str) -> str:
        value = self.said.get(member) or ""
        if value and (not isinstance(value, str) or not is_redirect_uri(value)):
            raise MetadataRefused(member, "it is not an address of https without fragment.")
        self.values[member] = value
        return str(value)

    def texts(
        self,
        member: str,
        fits: Callable[[str], bool],
        default: tuple[str, ...] = (),
        *,
        error: str = "invalid_client_metadata",
    ) -> list[str]:
        value = self.said.get(member)
        if value is None:
            value = list(default)
        if not isinstance(value, list) or len(value) > _MOST or not all(isinstance(each, str) for each in value):
            raise MetadataRefused(member, f"it is not a list of {_MOST} texts at most.", error=error)
        wrong = [each for each in value if not fits(each)]
        if wrong:
            raise MetadataRefused(member, f"{wrong[0][:100]!a} is not accepted.", error=error)
        self.values[member] = list(dict.fromkeys(value))
        return list(value)


def read(said: Mapping[str, Any], policy: Policy) -> dict[str, Any]:
    """Columns of a client. Raises MetadataRefused. What `jwks` and `sector_identifier_uri` hold is not looked at."""
    if present := next((name for name in _NOT_OFFERED if said.get(name)), None):
        raise MetadataRefused(present, "it is not offered.")
    reader = _Reader(said)
    _texts(reader, policy)
    grant_types = reader.texts("grant_types", GRANT_TYPES.__contains__, ("authorization_code",))
    coded = "authorization_code" in grant_types
    reader.texts("response_types", {"code"}.__contains__, ("code",) if coded else ())
    bad = "invalid_redirect_uri"
    redirects = reader.texts("redirect_uris", is_redirect_uri, error=bad)
    if coded and not redirects:
        raise MetadataRefused("redirect_uris", "at least one is needed.", error=bad)
    reader.texts("post_logout_redirect_uris", is_redirect_uri)
    reader.texts("request_uris", lambda uri: is_redirect_uri(urldefrag(uri).url))
    profile = reader.choice("profile", (FAPI,))
    _keys(reader, said, profile)
    _policy(reader, policy, profile)
    _sector(reader, redirects)
    return reader.values


def _texts(reader: _Reader, policy: Policy) -> None:
    reader.text("client_name", column="name")
    reader.choice("application_type", ("web", "native"), "web")
    for member in ("software_id", "software_version"):
        reader.text(member)
    for member in ("client_uri", "logo_uri", "policy_uri", "tos_uri", "initiate_login_uri", "backchannel_logout_uri"):
        reader.address(member)
    for member in ("require_auth_time", "backchannel_logout_session_required"):
        reader.flag(member)
    reader.number("default_max_age", _LONGEST_AGE)
    reader.texts("contacts", lambda each: 0 < len(each) <= _LONGEST_TEXT and each.isprintable())
    reader.texts("default_acr_values", lambda each: 0 < len(each) <= _LONGEST_TEXT and each.isprintable())
    asked = reader.text("scope").split()
    reader.values["scope"] = " ".join(scope for scope in policy.scopes if scope in asked)
    if asked and not reader.values["scope"]:
        raise MetadataRefused("scope", "none of it is offered.")


def _keys(reader: _Reader, said: Mapping[str, Any], profile: str) -> None:
    algorithms = STRONG if profile else ALGORITHMS
    method = reader.choice("token_endpoint_auth_method", AUTH_METHODS, AUTH_METHODS[2] if profile else AUTH_METHODS[0])
    reader.choice("token_endpoint_auth_signing_alg", algorithms)
    reader.choice("id_token_signed_response_alg", algorithms, "ES256" if profile else "RS256")
    reader.choice("userinfo_signed_response_alg", algorithms)
    reader.choice("request_object_signing_alg", algorithms if profile else (*algorithms, "none"))
    jwks = said.get("jwks")
    where = reader.address("jwks_uri")
    reader.values["jwks"] = jwks
    if jwks is not None and where:
        raise MetadataRefused("jwks", "either it or 'jwks_uri'.")
    if method == "private_key_jwt" and jwks is None and not where:
        raise MetadataRefused("jwks", "it or 'jwks_uri' is needed to prove who the client is.")
    if profile and method != "private_key_jwt":
        raise MetadataRefused("token_endpoint_auth_method", "the profile asks for private_key_jwt.")
    if method == "none" and "client_credentials" in reader.values["grant_types"]:
        raise MetadataRefused("grant_types", "a public client has no credentials of its own.")


def _policy(reader: _Reader, policy: Policy, profile: str) -> None:
    public = reader.values["token_endpoint_auth_method"] == "none"  # noqa: S105 - the name of a method
    reader.flag("require_pushed_authorization_requests")
    reader.flag("dpop_bound_access_tokens")
    reader.flag("pkce_required", default=policy.pkce_required)
    reader.flag("rotates_refresh_tokens", default=not profile)
    if public or profile:
        reader.values["pkce_required"] = True
    if public:
        reader.values["rotates_refresh_tokens"] = True
    if profile:
        reader.values |= {
            "require_pushed_authorization_requests": True,
            "dpop_bound_access_tokens": True,
            "rotates_refresh_tokens": False,
        }


def _sector(reader: _Reader, redirects: list[str]) -> None:
    kind = reader.choice("subject_type", ("public", "pairwise"), "public")
    sector = reader.address("sector_identifier_uri")
    if sector and urlsplit(sector).scheme != "https" and not is_redirect_uri(sector):
        raise MetadataRefused("sector_identifier_uri", "it is not an address of https.")
    hosts = {urlsplit(uri).hostname for uri in redirects}
    if kind == "pairwise" and not sector and len(hosts) > 1:
        raise MetadataRefused("sector_identifier_uri", "redirect addresses of several hosts need one.")


def described(values: Mapping[str, Any]) -> dict[str, Any]:
    """The registered metadata of a client, as it is told: columns of `models.Client` by name, empty ones left out."""
    told = {
        "client_name": values["name"],
        "grant_types": values["grant_types"],
        "redirect_uris": values["redirect_uris"],
    }
    names = (
        "post_logout_redirect_uris response_types scope application_type token_endpoint_auth_method"
        " token_endpoint_auth_signing_alg jwks jwks_uri id_token_signed_response_alg userinfo_signed_response_alg"
        " request_object_signing_alg request_uris subject_type sector_identifier_uri default_max_age require_auth_time"
        " default_acr_values initiate_login_uri contacts logo_uri policy_uri tos_uri client_uri software_id"
        " software_version backchannel_logout_uri backchannel_logout_session_required"
        " require_pushed_authorization_requests dpop_bound_access_tokens profile pkce_required rotates_refresh_tokens"
    )
    told |= {name: values[name] for name in names.split()}
    return {name: value for name, value in told.items() if value not in ("", [], None)}
