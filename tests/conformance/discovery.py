"""Modules about what discovery and the key set say."""

import re
from typing import Any
from urllib.parse import urlsplit

import httpx
from answers import is_json, unique_members
from runs import Run, module

_PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
_SIGNATURES = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
#: FAPI 2.0 security profile 5.4.1.
FAPI2_ALGORITHMS = {"PS256", "ES256", "EdDSA", "Ed25519"}
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")


@module("config/oidcc-discovery-endpoint-verification")
def static_clients(run: Run) -> None:
    """What every provider says of itself."""
    metadata = check_discovery(run)
    types = metadata.get("response_types_supported", [])
    run.check("response_types_supported has code", "code" in types, types)
    check_grant_types(run, metadata, {"authorization_code"})


@module("dynamic/oidcc-discovery-endpoint-verification")
def dynamic_clients(run: Run) -> None:
    """What a provider says that registers clients (OpenID Connect Core 15.2: those of the code flow)."""
    metadata = check_discovery(run)
    types = metadata.get("response_types_supported", [])
    run.check("response_types_supported has code", "code" in types, types)
    check_grant_types(run, metadata, {"authorization_code"})
    run.must("there is a registration_endpoint", metadata.get("registration_endpoint"))
    check_address(run, "registration_endpoint", metadata["registration_endpoint"])
    methods = metadata.get("token_endpoint_auth_methods_supported", [])
    run.check("token_endpoint_auth_methods_supported has private_key_jwt", "private_key_jwt" in methods, methods)
    run.check("request_uri_parameter_supported is true", metadata.get("request_uri_parameter_supported") is True)
    run.check("id_token_signing_alg_values_supported has RS256",
              "RS256" in metadata.get("id_token_signing_alg_values_supported", []))  # fmt: skip


@module("rp-initiated-logout/oidcc-rp-initiated-logout-discovery-endpoint-verification")
def with_logout(run: Run) -> None:
    """RP-Initiated Logout 1.0, 2.1."""
    metadata = check_discovery(run)
    run.must("there is an end_session_endpoint", metadata.get("end_session_endpoint"))
    check_address(run, "end_session_endpoint", metadata["end_session_endpoint"])


@module("back-channel-logout/oidcc-backchannel-logout-discovery-endpoint-verification")
def with_backchannel(run: Run) -> None:
    """Back-Channel Logout 1.0, 2.1."""
    metadata = check_discovery(run)
    for name in ("backchannel_logout_supported", "backchannel_logout_session_supported"):
        run.check(f"{name} is true", metadata.get(name) is True, metadata.get(name))
    run.must("there is an end_session_endpoint", metadata.get("end_session_endpoint"))
    check_address(run, "end_session_endpoint", metadata["end_session_endpoint"])


@module("fapi2-security-profile/fapi2-security-profile-final-discovery-end-point-verification")
def fapi2(run: Run) -> None:
    """What FAPI 2.0 asks of discovery (security profile 5.3.2.1, 5.4; RFC 9126, 5; RFC 9207, 3; RFC 9449, 5.1)."""
    metadata = check_discovery(run)
    for name in ("token_endpoint_auth_signing_alg_values_supported", "id_token_signing_alg_values_supported",
                 "dpop_signing_alg_values_supported"):  # fmt: skip
        listed = set(_list(run, metadata, name))
        run.check(f"{name} has an algorithm of FAPI 2.0", listed & FAPI2_ALGORITHMS, listed)
        run.check(f"{name} has signatures with keys only", listed <= _SIGNATURES, listed)
    listed = set(metadata.get("dpop_signing_alg_values_supported", []))
    run.check("dpop_signing_alg_values_supported has what FAPI 2.0 allows only", listed <= FAPI2_ALGORITHMS, listed)
    methods = _list(run, metadata, "token_endpoint_auth_methods_supported")
    run.check("token_endpoint_auth_methods_supported has private_key_jwt", "private_key_jwt" in methods, methods)
    run.check("code_challenge_methods_supported has S256 and not plain",
              metadata.get("code_challenge_methods_supported") == ["S256"])  # fmt: skip
    run.must("there is a pushed_authorization_request_endpoint", metadata.get("pushed_authorization_request_endpoint"))
    check_address(run, "pushed_authorization_request_endpoint", metadata["pushed_authorization_request_endpoint"])
    run.check("authorization_response_iss_parameter_supported is true",
              metadata.get("authorization_response_iss_parameter_supported") is True)  # fmt: skip
    supported = metadata.get("userinfo_signing_alg_values_supported", ["ES256"])
    run.check("userinfo_signing_alg_values_supported has an algorithm of FAPI 2.0", set(supported) & FAPI2_ALGORITHMS)
    required = metadata.get("require_pushed_authorization_requests", False)
    run.check("require_pushed_authorization_requests is true or false", isinstance(required, bool), required)


def check_discovery(run: Run) -> dict[str, Any]:
    """The conditions that all plans have; returns what discovery says."""
    issuer = run.provider.issuer
    answer = run.provider.http.get(f"{issuer}/.well-known/openid-configuration")
    run.must("discovery answers 200", answer.status_code == 200, answer.status_code)
    run.must("discovery answers JSON", is_json(answer), answer.headers.get("content-type"))
    metadata = unique_members(run, answer)
    run.same("issuer is where discovery was asked", metadata.get("issuer"), issuer)
    parts = urlsplit(str(metadata.get("issuer")))
    run.check("issuer is an address without query and fragment", parts.scheme and parts.netloc and not parts.query
              and not parts.fragment, issuer)  # fmt: skip
    for name in ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"):
        check_address(run, name, metadata.get(name))
    others = {name: value for name, value in metadata.items() if name.endswith(("_endpoint", "_uri"))}
    plain = {name: value for name, value in others.items() if not _is_safe(str(value))}
    run.check("every endpoint is https, or on this machine", not plain, plain)
    _check_lists(run, metadata)
    for name in ("request_parameter_supported", "request_uri_parameter_supported", "claims_parameter_supported",
                 "require_request_uri_registration"):  # fmt: skip
        run.check(f"{name} is true or false", isinstance(metadata.get(name, False), bool), metadata.get(name))
    run.check("a provider that fetches request objects says so: the default of request_uri_parameter_supported is true",
              "request_uri_parameter_supported" in metadata)  # fmt: skip
    claims = _list(run, metadata, "claims_supported")
    run.check("claims_supported has sub", "sub" in claims, claims)
    check_keys(run, run.provider.http.get(str(metadata["jwks_uri"])))
    return metadata


def _check_lists(run: Run, metadata: dict[str, Any]) -> None:
    _list(run, metadata, "response_types_supported")
    subjects = _list(run, metadata, "subject_types_supported")
    run.check("subject_types_supported has public or pairwise, and nothing else",
              subjects and set(subjects) <= {"public", "pairwise"}, subjects)  # fmt: skip
    algorithms = _list(run, metadata, "id_token_signing_alg_values_supported")
    run.check(
        "id_token_signing_alg_values_supported has RS256 (OpenID Connect Discovery 3)",
        "RS256" in algorithms,
        algorithms,
    )
    for name in ("userinfo_signing_alg_values_supported", "request_object_signing_alg_values_supported"):
        if name in metadata:
            listed = set(_list(run, metadata, name))
            run.check(f"{name} has algorithms that exist", listed <= {*_SIGNATURES, "none"}, listed)
            run.check(f"{name} has RS256", "RS256" in listed, listed)
    scopes = _list(run, metadata, "scopes_supported")
    run.check("scopes_supported has openid", "openid" in scopes, scopes)
    odd = [scope for scope in scopes if not re.fullmatch(r"[\x21\x23-\x5b\x5d-\x7e]+", scope)]
    run.check("scopes are written as RFC 6749 has it", not odd, odd)
    for name in ("ui_locales_supported", "claims_locales_supported"):
        odd = [
            tag for tag in metadata.get(name, []) if not re.fullmatch(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?", tag)
        ]
        run.check(f"{name} are language tags (BCP 47)", not odd, odd)
    methods = metadata.get("code_challenge_methods_supported", [])
    run.check("code_challenge_methods_supported is a list", isinstance(methods, list), methods)


def check_grant_types(run: Run, metadata: dict[str, Any], needed: set[str]) -> None:
    """`grant_types_supported`, whose default is authorization_code and implicit."""
    listed = set(metadata.get("grant_types_supported", ["authorization_code", "implicit"]))
    run.check(f"grant_types_supported has {', '.join(sorted(needed))}", needed <= listed, listed)
    run.check("a provider without response_type token says that it has no implicit grant",
              "implicit" not in listed, listed)  # fmt: skip


def check_address(run: Run, name: str, address: Any) -> None:
    """An endpoint's address."""
    told = str(address)
    run.check(f"{name} is an absolute address without fragment",
              address and urlsplit(told).netloc and "#" not in told, address)  # fmt: skip
    run.check(f"{name} is https, or on this machine", _is_safe(told), address)


def check_keys(run: Run, answer: httpx.Response) -> dict[str, Any]:
    """A key set that is all right (RFC 7517): public keys only, each with a name of its own, long enough."""
    run.must("the key set answers 200", answer.status_code == 200, answer.status_code)
    kind = answer.headers.get("content-type", "").partition(";")[0]
    run.check("the key set is JSON", kind in {"application/json", "application/jwk-set+json"}, kind)
    found = unique_members(run, answer)
    keys = found.get("keys")
    run.must("the key set has keys", isinstance(keys, list) and keys, found)
    keys = [key for key in keys or [] if isinstance(key, dict)]
    run.check("no private and no symmetric key is published",
              not any(_PRIVATE & set(key) or key.get("kty") == "oct" for key in keys), "a private member")  # fmt: skip
    names = [key.get("kid") for key in keys]
    run.check("every key has a kid", all(names), names)
    run.check("no two keys have the same kid", len(set(names)) == len(names), names)
    described = all(key.get("kty") and key.get("use") == "sig" and key.get("alg") in _SIGNATURES for key in keys)
    run.check("every key says its kind, its use and its algorithm", described, keys)
    numbers = [key[name] for key in keys for name in ("n", "e", "x", "y") if name in key]
    run.check(
        "numbers of keys are base64url without padding", all(_BASE64URL.fullmatch(each) for each in numbers), numbers
    )
    short = [key.get("kid") for key in keys if key.get("kty") == "RSA" and len(key.get("n", "")) * 6 < 2048 - 5]
    run.check("RSA keys have 2048 bits at least", not short, short)
    curves = [key.get("crv") for key in keys if key.get("kty") in {"EC", "OKP"}]
    run.check("curves are P-256 and larger, or Ed25519", set(curves) <= {"P-256", "P-384", "P-521", "Ed25519"}, curves)
    return found


def _list(run: Run, metadata: dict[str, Any], name: str) -> list[str]:
    found = metadata.get(name)
    held = isinstance(found, list) and found and all(isinstance(each, str) for each in found)
    run.check(f"{name} is a list of texts with something in it", held, found)
    return list(found) if isinstance(found, list) else []


def _is_safe(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme == "https" or parts.hostname in {"localhost", "127.0.0.1", "::1"}
