"""Answers of a firm's OpenID provider that are not taken: each refused for its own reason, beside the same answer
without what is wrong with it, which is taken.
"""

import base64
import hmac
import json
import time
from collections.abc import Callable
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from identity_stage import ENCRYPTION_KEY
from joserfc import jws
from joserfc.jwk import RSAKey
from oidc_directory import OTHER, RSA, Directory, directory_running, elliptic

from parvis_identity.models import ProviderKind, SsoProvider
from parvis_identity.service.outgoing import Outgoing
from parvis_identity.service.sealing import Seal
from parvis_identity.service.sso.oidc import STEPS, OidcUpstream, secret_label
from parvis_identity.service.sso.upstream import Refused, Result

SEAL = Seal(ENCRYPTION_KEY)
WEAK = RSAKey.generate_key(1024, {"kid": "weak", "use": "sig"})
Attack = Callable[[Directory], dict[str, str | None] | None]


@pytest.fixture(scope="module")
async def directory():
    async with directory_running() as made:
        yield made


@pytest.fixture
async def upstream():
    outgoing = Outgoing("127.0.0.0/8")
    yield OidcUpstream(outgoing, SEAL, public_url="http://localhost:8600")
    await outgoing.close()


@pytest.fixture(autouse=True)
def nobody_waits_for_keys(monkeypatch):
    """Keys are read again at once: an attack follows right behind the answer that is taken."""
    monkeypatch.setattr("parvis_identity.service.sso.discovery._AGAIN", 0.0)


def provider_of(directory: Directory) -> SsoProvider:
    made = SsoProvider(
        id=uuid4(), organisation_id=uuid4(), organisation_slug="cabinet", kind=ProviderKind.OIDC, name="Cabinet",
        issuer=directory.url, client_id=directory.client_id, metadata_document=json.dumps(directory.configuration),
    )  # fmt: skip
    made.sealed_secret = SEAL.seal(json.dumps([directory.secret]).encode(), secret_label(made))
    return made


async def come_back(upstream, directory, *, force=False, attack: Attack | None = None):
    """Somebody goes to the provider and comes back with an answer."""
    directory.forget()
    provider = provider_of(directory)
    begun = await upstream.begin(provider, "state-of-the-attempt", force=force, hint="")
    changes = (attack(directory) if attack else None) or {}
    provider.metadata_document = json.dumps(directory.configuration)
    return await upstream.finish(provider, begun.kept, directory.sign_in(begun.location, **changes))


def says(**claims: object) -> Attack:
    """The ID token says something else; None: it does not say it."""

    def attack(directory: Directory) -> None:
        def change(said: dict[str, object]) -> None:
            said.update({name: value(said) if callable(value) else value for name, value in claims.items()})
            for name in [name for name, value in claims.items() if value is None]:
                del said[name]

        directory.claims = change

    return attack


def has(**members: object) -> Attack:
    """The provider is otherwise."""

    def attack(directory: Directory) -> None:
        for name, value in members.items():
            setattr(directory, name, value)

    return attack


def brings(**parameters: str | None) -> Attack:
    """The browser brings something else."""
    return lambda _directory: parameters


def resigned(change: Callable[[dict, dict], Callable[[bytes], bytes]]) -> Attack:
    """The token is taken apart and put together anew, signed as `change` returns."""

    def attack(directory: Directory) -> None:
        def token(good: str) -> str:
            header, claims = (json.loads(_opened(part)) for part in good.split(".")[:2])
            sign = change(header, claims)
            signed = f"{_closed(header)}.{_closed(claims)}"
            return f"{signed}.{_text_of(sign(signed.encode()))}"

        directory.token = token

    return attack


def _opened(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _closed(members: dict) -> str:
    return _text_of(json.dumps(members).encode())


def _text_of(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def _by(key: RSAKey) -> Callable[[bytes], bytes]:
    return lambda signed: key.private_key.sign(signed, PKCS1v15(), SHA256())


def _unsigned(header: dict, _claims: dict) -> Callable[[bytes], bytes]:
    header["alg"] = "none"
    return lambda _signed: b""


def _public_key_as_secret(header: dict, _claims: dict) -> Callable[[bytes], bytes]:
    header["alg"] = "HS256"
    return lambda signed: hmac.digest(RSA.as_pem(private=False), signed, "sha256")


def _client_secret_as_key(header: dict, _claims: dict) -> Callable[[bytes], bytes]:
    header["alg"] = "HS256"
    return lambda signed: hmac.digest(b"secret-of-the-directory", signed, "sha256")


def _own_key(header: dict, _claims: dict) -> Callable[[bytes], bytes]:
    header["jwk"] = OTHER.as_dict(private=False)
    return _by(OTHER)


def _own_key_elsewhere(header: dict, _claims: dict) -> Callable[[bytes], bytes]:
    header["jku"] = "https://attacker.example/keys"
    return _by(OTHER)


def _unknown_rule(header: dict, _claims: dict) -> Callable[[bytes], bytes]:
    header |= {"crit": ["exp2"], "exp2": 1}
    return _by(RSA)


def _altered(good: str) -> str:
    header, claims, signature = good.split(".")
    said = json.loads(_opened(claims))
    return f"{header}.{_closed(said | {'sub': 'somebody-else'})}.{signature}"


def _signature_swapped(good: str) -> str:
    return good[:-20] + "A" * 20


def _twice(directory: Directory) -> None:
    """Two subjects in one token, rightly signed."""

    def token(good: str) -> str:
        header, claims = (_opened(part) for part in good.split(".")[:2])
        doubled = claims[:-1] + b', "sub": "somebody-else"}'
        return jws.serialize_compact(json.loads(header), doubled, RSA)

    directory.token = token


def _wrong_algorithm_for_key(directory: Directory) -> None:
    """Signed with a key that the provider published for another algorithm."""
    bound = RSAKey.import_key({**OTHER.as_dict(private=True), "alg": "PS256"})
    directory.key, directory.published = OTHER, [RSA, bound]


ATTACKS: dict[str, tuple[str, Attack]] = {
    # the answer in the address
    "mix-up: an answer that names another issuer": ("answer_issuer_wrong", brings(iss="https://attacker.example")),
    "mix-up: an answer of which nobody says whose it is": ("answer_issuer_missing", brings(iss=None)),
    "an error in place of a code": ("provider_refused", brings(code=None, error="access_denied")),
    "an answer without a code": ("code_missing", brings(code=None)),
    "a token in the address beside the code": ("answer_mixed", brings(id_token="eyJ.e30.x")),
    "a code that somebody else was given": ("code_refused", brings(code="stolen-code")),
    # what the token endpoint gives
    "a token endpoint that does not know us": ("client_refused", has(secret="changed-at-the-provider")),
    "no ID token": ("id_token_missing", has(given={"id_token": None})),
    "a token that is no JWT": ("token_malformed", has(given={"id_token": "opaque"})),
    "an encrypted token": ("token_encrypted", has(given={"id_token": "a.b.c.d.e"})),
    # its signature
    "algorithm none": ("algorithm_refused", resigned(_unsigned)),
    "algorithm confusion: the public key as a secret": ("algorithm_refused", resigned(_public_key_as_secret)),
    "a signature with the client secret": ("algorithm_refused", resigned(_client_secret_as_key)),
    "a key brought in the header": ("header_refused", resigned(_own_key)),
    "a key at an address in the header": ("header_refused", resigned(_own_key_elsewhere)),
    "a rule in the header that we do not know": ("header_refused", resigned(_unknown_rule)),
    "another key under the same name": (
        "signature_wrong",
        has(key=RSAKey.import_key({**OTHER.as_dict(private=True), "kid": "first"})),
    ),
    "a key that is not published": ("key_unknown", has(key=OTHER)),
    "a key that is published for another algorithm": ("key_unknown", _wrong_algorithm_for_key),
    "a key that is too short": ("key_weak", has(key=WEAK, published=[RSA, WEAK])),
    "claims altered behind the signature": ("signature_wrong", has(token=_altered)),
    "a signature that was cut and filled": ("signature_wrong", has(token=_signature_swapped)),
    "a claim that is there twice": ("claims_malformed", _twice),
    # its claims
    "a token of another issuer": ("issuer_wrong", says(iss="https://attacker.example")),
    "a token of the issuer with a slash more": ("issuer_wrong", says(iss=lambda said: said["iss"] + "/")),
    "a token for another client": ("audience_wrong", says(aud="another-client")),
    "a token for nobody": ("audience_wrong", says(aud=None)),
    "a token for several that does not say who asked": (
        "authorized_party_missing",
        says(aud=["parvis", "another-client"]),
    ),
    "a token that another client asked for": (
        "authorized_party_wrong",
        says(aud=["parvis", "another-client"], azp="another-client"),
    ),
    "a token for the answer of another attempt": ("nonce_wrong", says(nonce="nonce-of-another-attempt")),
    "a token that answers no request": ("nonce_missing", says(nonce=None)),
    "an expired token": ("token_expired", says(exp=lambda said: said["iat"] - 200)),
    "a token that never expires": ("exp_missing", says(exp=None)),
    "a token from the future": ("issued_in_future", says(iat=lambda said: said["iat"] + 600)),
    "a token that was kept from before": ("issued_before_request", says(iat=lambda said: said["iat"] - 600)),
    "a token that does not count yet": ("not_yet_valid", says(nbf=lambda said: said["iat"] + 600)),
    "a token about nobody": ("subject_missing", says(sub="")),
    "a subject with a line break": ("subject_missing", says(sub="u-1\n")),
    "a subject without end": ("subject_missing", says(sub="x" * 256)),
    "another access token than the ID token was made with": ("at_hash_wrong", says(at_hash="AAAAAAAAAAAAAAAAAAAAAA")),
    "what is said of somebody else": (
        "userinfo_subject_differs",
        has(userinfo=lambda said: said.update(sub="somebody-else")),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ATTACKS)
async def test_an_attack_is_refused_for_its_own_reason(upstream, directory, name):
    check, attack = ATTACKS[name]

    taken, _ = await come_back(upstream, directory)
    with pytest.raises(Refused) as refused:
        await come_back(upstream, directory, attack=attack)

    assert (taken.subject, refused.value.check) == ("u-1", check)


OF_A_FRESH_SIGN_IN = {
    "a sign-in of this morning": ("sign_in_not_fresh", says(auth_time=lambda said: said["iat"] - 3600)),
    "a sign-in of nobody knows when": ("auth_time_missing", says(auth_time=None)),
    "a sign-in of tomorrow": ("auth_time_wrong", says(auth_time=lambda said: said["iat"] + 86400)),
}


@pytest.mark.parametrize("name", OF_A_FRESH_SIGN_IN)
async def test_a_proof_that_must_be_new_is_new(upstream, directory, name):
    check, attack = OF_A_FRESH_SIGN_IN[name]

    taken, _ = await come_back(upstream, directory, force=True)
    with pytest.raises(Refused) as refused:
        await come_back(upstream, directory, force=True, attack=attack)

    assert (taken.subject, refused.value.check) == ("u-1", check)
    assert directory.asked[-1]["prompt"] == "login"


async def test_of_a_provider_that_never_says_when_somebody_signed_in_it_is_not_asked(upstream, directory):
    never = has(configured={"claims_supported": ["sub"]}, claims=lambda said: said.pop("auth_time"))

    taken, _ = await come_back(upstream, directory, force=True, attack=never)

    assert (taken.subject, taken.auth_time) == ("u-1", None)


CONFIGURATIONS = {
    "a configuration of another issuer": ("metadata_issuer_wrong", {"issuer": "https://attacker.example"}),
    "a configuration without keys": ("metadata_incomplete", {"jwks_uri": None}),
    "endpoints that are no addresses": ("metadata_incomplete", {"token_endpoint": "javascript:alert(1)"}),
    "only algorithms with shared secrets": (
        "metadata_algorithms",
        {"id_token_signing_alg_values_supported": ["HS256", "none"]},
    ),
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
async def test_a_configuration_that_leads_astray_is_refused(upstream, directory, name):
    check, members = CONFIGURATIONS[name]

    with pytest.raises(Refused) as refused:
        await come_back(upstream, directory, attack=has(configured=members))

    assert refused.value.check == check


async def test_a_report_says_what_passed_what_failed_and_what_was_not_reached(upstream, directory):
    with pytest.raises(Refused) as refused:
        await come_back(upstream, directory, attack=says(nonce="of-another-attempt"))

    results = {each.name: each.result for each in refused.value.checks}
    at = STEPS.index("nonce")
    assert tuple(results) == STEPS
    assert [results[step] for step in STEPS[:at]] == [Result.PASSED] * at
    assert results["nonce"] is Result.FAILED
    assert {results[step] for step in STEPS[at + 1 :]} == {Result.NOT_REACHED}


async def test_an_answer_that_is_taken_passes_every_check(upstream, directory):
    _, checks = await come_back(upstream, directory)

    assert [(each.name, each.result) for each in checks] == [(step, Result.PASSED) for step in STEPS]


async def test_whoever_comes_is_described_as_the_provider_says(upstream, directory):
    came, _ = await come_back(upstream, directory, attack=has(amr=["pwd", "otp"]))

    assert (came.mail, came.user_name, came.given_name) == ("anne.roche@cabinet.example", "aroche", "Anne")
    assert (came.groups, came.multi_factor, came.session_index) == (("Paie", "Associés"), True, "s-1")
    assert abs(came.auth_time.timestamp() - time.time()) < 60


@pytest.mark.parametrize("said", [False, "false", "False", 0, "no"])
async def test_an_address_that_nobody_verified_is_no_address(upstream, directory, said):
    def unverified(directory: Directory) -> None:
        directory.person["email_verified"] = said

    came, _ = await come_back(upstream, directory, attack=unverified)

    assert (came.mail, came.claims["email"]) == ("", ("anne.roche@cabinet.example",))


async def test_a_provider_changes_its_keys_without_notice(upstream, directory):
    first, _ = await come_back(upstream, directory)
    new = elliptic("third")
    with pytest.MonkeyPatch.context() as clock:
        clock.setattr("parvis_identity.service.sso.discovery._AGAIN", 0.0)
        then, _ = await come_back(upstream, directory, attack=has(key=new, published=[RSA, new], algorithm="ES256"))

    assert first.subject == then.subject
    assert directory.seen.count("/keys") == 1


@pytest.mark.parametrize("named", [True, False], ids=["the same name", "no name"])
async def test_a_new_key_that_has_no_name_of_its_own_is_found(upstream, directory, monkeypatch, named):
    kid = {"kid": "first"} if named else {}
    new = RSAKey.import_key({**{k: v for k, v in OTHER.as_dict(private=True).items() if k != "kid"}, **kid})
    await come_back(upstream, directory)
    monkeypatch.setattr("parvis_identity.service.sso.discovery._AGAIN", 0.0)

    then, _ = await come_back(upstream, directory, attack=has(key=new, published=[new]))

    assert then.subject == directory.person["sub"]


async def test_keys_that_are_known_count_on_while_the_provider_does_not_publish_them(upstream, directory):
    await come_back(upstream, directory)
    came, _ = await come_back(upstream, directory, attack=has(answers={"/keys": b"HTTP/1.1 503 X\r\n\r\n"}))

    assert came.subject == "u-1"


async def test_the_secret_before_counts_while_the_provider_knows_it_alone(upstream, directory):
    directory.forget()
    provider = provider_of(directory)
    provider.sealed_secret = SEAL.seal(json.dumps(["newer", directory.secret]).encode(), secret_label(provider))
    begun = await upstream.begin(provider, "s", force=False, hint="")

    came, _ = await upstream.finish(provider, begun.kept, directory.sign_in(begun.location))

    assert came.subject == "u-1"
    assert directory.seen.count("/token") == 2


HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 15\r\n\r\n<html>no</html>"
TROUBLES = {
    "a token endpoint that answers HTML": ("token_answer_unreadable", has(answers={"/token": HTML})),
    "a token endpoint that breaks": ("token_answer_unreadable", has(answers={"/token": b"HTTP/1.1 502 X\r\n\r\n"})),
    "a token endpoint that is no HTTP": ("provider_not_reached", has(answers={"/token": b"220 mail ESMTP\r\n"})),
    "a token endpoint that does not answer": ("provider_not_reached", has(pauses={"/token": 3.0})),
    "keys that are HTML": ("keys_not_reached", has(answers={"/keys": HTML})),
    "userinfo that is HTML": ("userinfo_unreadable", has(answers={"/me": HTML})),
    "userinfo that does not answer": ("provider_not_reached", has(pauses={"/me": 3.0})),
}


@pytest.mark.parametrize("name", TROUBLES)
async def test_a_provider_in_trouble_is_named_as_such(upstream, directory, name, monkeypatch):
    monkeypatch.setattr("parvis_identity.service.outgoing.STEP", 0.2)
    check, attack = TROUBLES[name]

    with pytest.raises(Refused) as refused:
        await come_back(upstream, directory, attack=attack)

    assert refused.value.check == check
    assert refused.value.detail
