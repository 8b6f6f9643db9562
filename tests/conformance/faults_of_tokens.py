"""Faults in what is issued: ID tokens, access tokens, codes, userinfo, answers."""

import dataclasses
import itertools
import time
from datetime import timedelta
from typing import Any

import proofs
from seeding import SERVICE, Fault, all_of, answers, changed, claims, result, signed, with_, without

_COUNT = itertools.count()
_SERVER = ("basic/oidcc-server",)
_TOKEN = f"{SERVICE}.token_endpoint:TokenEndpoint.token"
_STORE = "parvis_identity.store.openid:"


def _unused(original: Any) -> Any:
    async def presented(*given: Any) -> Any:
        found = await original(*given)
        if found is None:
            return None
        code = type(found.code)(**{**found.code.model_dump(), "used_at": None})
        return dataclasses.replace(found, code=code)

    return presented


def _not_replaced(original: Any) -> Any:
    async def presented(*given: Any) -> Any:
        found = await original(*given)
        if found is None:
            return None
        token = type(found.token)(**{**found.token.model_dump(), "replaced_at": None})
        return dataclasses.replace(found, token=token)

    return presented


def _not_issued_to_anybody(original: Any) -> Any:
    def query(self: Any, code: str, client: Any) -> Any:
        if self.server.code is not None:
            self.server.code.granted.grant.client_id = client.get_client_id()
        return original(self, code, client)

    return query


def _whoever(original: Any) -> Any:
    def authenticate(self: Any, refresh_token: str) -> Any:
        if self.server.presented is not None:
            self.server.presented.granted.grant.client_id = self.request.client.get_client_id()
        return original(self, refresh_token)

    return authenticate


def _revived(found: Any) -> Any:
    return None if found is None else dataclasses.replace(found, alive=True)


def _in_answer(change: Any) -> Any:
    def altered(answer: Any) -> Any:
        return dataclasses.replace(answer, body=change(dict(answer.body))) if answer.status == 200 else answer

    return altered


def _location(change: Any) -> Any:
    return lambda answer: dataclasses.replace(answer, location=change(answer.location))


def _cut(name: str) -> Any:
    def cut(address: str) -> str:
        head, question, query = address.partition("?")
        return head + question + "&".join(each for each in query.split("&") if not each.startswith(f"{name}="))

    return cut


def _swapped(name: str, value: str) -> Any:
    return lambda address: f"{_cut(name)(address)}&{name}={value}" if f"{name}=" in address else address


def _with_header(**changes: Any) -> Any:
    return lambda token: proofs.replaced(token, header={**proofs.header_of(token), **changes})


def _kid_cut(token: str) -> str:
    head = {name: value for name, value in proofs.header_of(token).items() if name != "kid"}
    return proofs.replaced(token, header=head)


_FOREIGN = proofs.make_key("RS256")


def _foreign(token: str) -> str:
    head = proofs.header_of(token)
    return proofs.sign(_FOREIGN, head, proofs.claims_of(token), algorithm="RS256") if head["alg"] == "RS256" else token


_ID = [
    ("the nonce is left out", claims("JWT", without("nonce"))),
    ("the nonce is one for all", claims("JWT", lambda said: said | ({"nonce": "same"} if "nonce" in said else {}))),
    ("iss is another", claims("JWT", with_(iss="https://other.example"))),
    ("iss has a slash at its end", claims("JWT", lambda said: said | {"iss": f"{said['iss']}/"})),
    ("aud is another client", claims("JWT", with_(aud="another-client"))),
    ("aud has somebody else too", claims("JWT", lambda said: said | {"aud": [said["aud"], "another-client"]})),
    ("azp is another client", claims("JWT", with_(azp="another-client"))),
    ("exp is over", claims("JWT", lambda said: said | {"exp": int(time.time()) - 60})),
    ("exp is missing", claims("JWT", without("exp"))),
    ("iat is of yesterday", claims("JWT", lambda said: said | {"iat": int(time.time()) - 86_400})),
    ("at_hash is of another token", claims("JWT", with_(at_hash=proofs.half_hash("another")))),
    ("sub is empty", claims("JWT", with_(sub=""))),
    ("a claim is null", claims("JWT", with_(name=None))),
    ("the signature does not fit", signed("JWT", proofs.spoilt)),
    ("it is not signed", signed("JWT", lambda token: proofs.unsigned(proofs.claims_of(token)))),
    ("its header names no key", signed("JWT", _kid_cut)),
    ("its header names an unknown key", signed("JWT", _with_header(kid="unknown"))),
    ("a key signs that is not published", signed("JWT", _foreign)),
]

OF_ID_TOKENS = [Fault(f"ID token: {what}", seed, _SERVER) for what, seed in _ID] + [
    Fault(
        "ID token: sub is another each time",
        claims("JWT", lambda said: said | {"sub": f"{said['sub']}-{next(_COUNT)}"}),
        ("basic/oidcc-prompt-none-logged-in", "basic/oidcc-userinfo-get"),
    ),
    Fault(
        "ID token: auth_time is missing",
        claims("JWT", without("auth_time")),
        ("basic/oidcc-max-age-10000", "basic/oidcc-max-age-1"),
    ),
    Fault(
        "ID token: auth_time is when the token was made",
        claims("JWT", lambda said: said | {"auth_time": int(time.time()) + next(_COUNT) % 3}),
        ("basic/oidcc-prompt-none-logged-in", "basic/oidcc-id-token-hint", "basic/oidcc-max-age-10000"),
    ),
    Fault(
        "ID token: FAPI 2.0 gets RS256",
        changed(
            f"{SERVICE}.tokens:Tokens._sign",
            lambda original: (
                lambda self, said, purpose, algorithm, **named: original(
                    self, said, purpose, "RS256" if named.get("typ") == "JWT" else algorithm, **named
                )
            ),
        ),
        ("fapi2-security-profile/fapi2-security-profile-final-happy-flow",),
    ),
]

OF_CALLBACKS = [
    Fault("callback: state is left out", _seed, _SERVER)
    for _seed in [result(f"{SERVICE}.provider:Provider.handle_response", _location(_cut("state")))]
] + [
    Fault(
        "callback: state is another",
        result(f"{SERVICE}.provider:Provider.handle_response", _location(_swapped("state", "other"))),
        _SERVER,
    ),
    Fault(
        "callback: iss is left out",
        result(f"{SERVICE}.provider:Provider.handle_response", _location(_cut("iss"))),
        _SERVER,
    ),
    Fault(
        "callback: iss is another",
        result(f"{SERVICE}.provider:Provider.handle_response", _location(_swapped("iss", "https://other.example"))),
        _SERVER,
    ),
    Fault(
        "callback: errors come without state",
        changed(
            f"{SERVICE}.authorization:Authorization._refuse",
            lambda original: (
                lambda self, parameters, *given: original(self, without("state")(dict(parameters)), *given)
            ),
        ),
        ("basic/oidcc-prompt-none-not-logged-in",),
    ),
    Fault(
        "callback: a code is short",
        changed(f"{SERVICE}.provider:_Code.generate_authorization_code", lambda _: lambda _self: f"c{next(_COUNT):08}"),
        _SERVER,
    ),
]

OF_CODES = [
    Fault(
        "code: it is accepted twice",
        all_of(changed(f"{_STORE}presented_code", _unused), answers(f"{_STORE}use_code", True)),  # noqa: FBT003
        ("basic/oidcc-codereuse",),
    ),
    Fault(
        "code: what a second use gave is not revoked",
        answers(f"{SERVICE}.token_endpoint:TokenEndpoint._revoke", None),
        ("fapi2-security-profile/fapi2-security-profile-final-attempt-reuse-authorization-code-after-one-second",),
    ),
    Fault(
        "code: what was revoked is good",
        result("parvis_identity.store.openid:granted", _revived),
        ("fapi2-security-profile/fapi2-security-profile-final-attempt-reuse-authorization-code-after-one-second",),
    ),
    Fault(
        "code: it is good for every client",
        changed(f"{SERVICE}.provider:_Code.query_authorization_code", _not_issued_to_anybody),
        ("basic/oidcc-codereuse",),
    ),
    Fault(
        "code: redirect_uri is not compared",
        changed(
            f"{SERVICE}.provider:_PresentedCode.get_redirect_uri",
            lambda _: lambda self: _anything(self.presented.code.redirect_uri),
        ),
        ("basic/oidcc-codereuse",),
    ),
    Fault(
        "code: it lives for an hour",
        changed(f"{SERVICE}.provider:CODE_LIFETIME", lambda _: timedelta(hours=1)),
        ("fapi2-security-profile/fapi2-security-profile-final-ensure-token-endpoint-fails-with-expired-auth-code",),
    ),
]


class _Anything(str):
    """An address that is like any other."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = str.__hash__


def _anything(text: str) -> str:
    return _Anything(text)


OF_TOKENS = [
    Fault(
        "token response: token_type is MAC",
        result(_TOKEN, _in_answer(with_(token_type="MAC"))),
        _SERVER,
    ),
    Fault("token response: expires_in is a text", result(_TOKEN, _in_answer(with_(expires_in="600"))), _SERVER),
    Fault("token response: there is no ID token", result(_TOKEN, _in_answer(without("id_token"))), _SERVER),
    Fault("token response: something else comes along", result(_TOKEN, _in_answer(with_(debug="x"))), _SERVER),
    Fault(
        "token response: it may be stored",
        changed("parvis_identity.http.openid:NO_STORE", lambda _: {"Cache-Control": "public"}),
        _SERVER,
    ),
    Fault(
        "refresh token: it is good for every client",
        changed(f"{SERVICE}.provider:_Refresh.authenticate_refresh_token", _whoever),
        ("basic/oidcc-refresh-token",),
    ),
    Fault(
        "refresh token: one that was replaced is good for ever",
        changed(f"{_STORE}presented_refresh_token", _not_replaced),
        ("basic/oidcc-refresh-token",),
    ),
    Fault(
        "refresh token: its scope may grow",
        answers("authlib.oauth2.rfc6749.grants:RefreshTokenGrant._validate_token_scope", None),
        ("basic/oidcc-refresh-token",),
    ),
    Fault(
        "refresh token: FAPI 2.0 gets tokens without a proof",
        answers(f"{SERVICE}.profiles:binds_tokens", False),  # noqa: FBT003
        ("fapi2-security-profile/fapi2-security-profile-final-ensure-holder-of-key-required",),
    ),
    Fault(
        "access token: a spoilt signature is good",
        changed(
            f"{SERVICE}.tokens:Tokens.read_access",
            lambda original: lambda self, token: original(self, token) or _claims_or_none(token),
        ),
        ("basic/oidcc-userinfo-get",),
    ),
    Fault(
        "access token: the key that it is bound to is not looked at",
        changed(
            f"{SERVICE}.tokens:Tokens.read_access",
            lambda original: lambda self, token: _unbound(original(self, token)),
        ),
        ("fapi2-security-profile/fapi2-security-profile-final-dpop-negative-tests",),
    ),
]


def _claims_or_none(token: str) -> dict[str, Any] | None:
    try:
        return proofs.claims_of(token)
    except (ValueError, IndexError):
        return None


class _Bound(dict[str, Any]):
    """A confirmation that fits every key."""

    def get(self, name: str, default: Any = None) -> Any:
        return _anything("") if name == "jkt" else default


def _unbound(said: dict[str, Any] | None) -> dict[str, Any] | None:
    return None if said is None else {**said, "cnf": _Bound()}


OF_USERINFO = [
    Fault(
        "userinfo: it is about somebody else",
        changed(
            f"{SERVICE}.tokens:Tokens.userinfo",
            lambda original: lambda *given: {**original(*given), "sub": "somebody-else"},
        ),
        _SERVER,
    ),
    Fault(
        "userinfo: scopes are not looked at",
        changed("parvis_identity.domain.claims:of_scopes", lambda _: lambda _scopes: frozenset({"name", "email"})),
        ("basic/oidcc-scope-phone", "basic/oidcc-claims-essential"),
    ),
    Fault(
        "userinfo: claims asked for by name are not told",
        changed("parvis_identity.domain.claims:names", lambda _: lambda *_given: frozenset()),
        ("basic/oidcc-claims-essential",),
    ),
    Fault(
        "userinfo: email_verified is a text",
        changed(
            f"{SERVICE}.tokens:Tokens.person",
            lambda original: (
                lambda *given: {
                    name: str(value) if name == "email_verified" else value for name, value in original(*given).items()
                }
            ),
        ),
        ("basic/oidcc-scope-email",),
    ),
    Fault(
        "userinfo: what was registered as signed is not",
        changed(
            f"{SERVICE}.tokens:Tokens.userinfo",
            lambda _: lambda self, client, account, grant: self.person(client, account, grant, "userinfo"),
        ),
        ("dynamic/oidcc-userinfo-rs256",),
    ),
    Fault(
        "userinfo: pairwise clients know people by their public name",
        changed(f"{SERVICE}.subjects:Subjects.of", lambda _: lambda _self, _client, account_id: str(account_id)),
        ("dynamic/oidcc-registration-sector-uri",),
    ),
]

FAULTS = [*OF_ID_TOKENS, *OF_CALLBACKS, *OF_CODES, *OF_TOKENS, *OF_USERINFO]
