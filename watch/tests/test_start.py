"""A service that cannot start says why, a line for each reason, and repeats no secret."""

import datetime as dt
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from parvis_watch import start

GOOD = "n1jZ-Pq_3tTzWvB8sLkR2yQd"


class Store(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="PARVIS_STORE_", frozen=True, extra="ignore")

    secret_key: SecretStr


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="PARVIS_", frozen=True, extra="ignore")

    database_url: SecretStr
    anchor_keys: SecretStr = SecretStr("")
    key_encryption_keys: SecretStr = SecretStr("")
    web_client_secret: SecretStr = SecretStr("")
    smtp_url: SecretStr = SecretStr("smtp://me:short@relay:587")
    database_pool: int = 8
    trusted_proxies: str = "127.0.0.1"
    patience: float = Field(default=5, ge=0, le=300)
    tls_ca: Path
    tls_certificate: Path
    tls_key: Path
    store: Store = Field(default_factory=Store)


def made(folder, name="billing", *, days=30.0, since=-1.0, other_key=False, other_authority=False):
    """An authority, and a certificate of it."""
    now = dt.datetime.now(dt.UTC)

    def certificate(subject, key, issuer, issuer_key):
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + dt.timedelta(days=since if subject == name else -9999))
            .not_valid_after(now + dt.timedelta(days=days if subject == name else 30))
            .sign(issuer_key, hashes.SHA256())
        )

    authority_key, key, another = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    pem = serialization.Encoding.PEM
    shown = another if other_key else key
    files = {
        "PARVIS_TLS_CA": certificate("authority", authority_key, "authority", authority_key).public_bytes(pem),
        "PARVIS_TLS_CERTIFICATE": certificate(
            name, key, "authority", another if other_authority else authority_key
        ).public_bytes(pem),
        "PARVIS_TLS_KEY": shown.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    }
    for variable, content in files.items():
        (folder / variable.lower()).write_bytes(content)
    return {variable: str(folder / variable.lower()) for variable in files}


@pytest.fixture
def told(monkeypatch, tmp_path):
    """Sets good variables, with changes; None removes one."""

    def tell(changes=None, **certificate):
        good = {
            "PARVIS_DATABASE_URL": f"postgresql://parvis_billing:{GOOD}@postgres:5432/parvis_billing",
            "PARVIS_STORE_SECRET_KEY": GOOD,
            **made(tmp_path, **certificate),
        }
        for name, value in (good | (changes or {})).items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)

    return tell


def refusal(**kwargs):
    with pytest.raises(SystemExit) as stopped:
        start.read(Settings, "billing", serves=kwargs.get("serves", True))
    return str(stopped.value)


def test_good_settings_are_read(told):
    told()
    assert start.read(Settings, "billing", serves=True).database_pool == 8


@pytest.mark.parametrize("name", ["PARVIS_DATABASE_URL", "PARVIS_STORE_SECRET_KEY"])
def test_a_missing_secret_is_named_with_its_file(told, name):
    told({name: None})
    assert f"billing does not start: {name} is missing" in refusal()
    assert f"/run/secrets/{name.lower()}" in refusal()


def test_what_is_missing_and_no_secret_is_explained_elsewhere(told):
    told({"PARVIS_TLS_CA": None})
    assert refusal() == "billing does not start: PARVIS_TLS_CA is missing; .env.example says what it is"


def test_every_missing_secret_has_a_line_and_no_secret_is_repeated(told):
    told({"PARVIS_DATABASE_URL": None, "PARVIS_DATABASE_POOL": "many"})
    said = refusal()
    assert len(said.splitlines()) == 2
    assert "PARVIS_DATABASE_POOL is not what it must be" in said
    assert "many" not in said


@pytest.mark.parametrize("value", ["-1", "301", "nan", "inf", "1e9", "soon", ""])
def test_a_number_beyond_its_limits_is_refused_and_they_are_named(told, value):
    told({"PARVIS_PATIENCE": value})
    assert refusal() == (
        "billing does not start: PARVIS_PATIENCE must be a number from 0 to 300; .env.example says of what"
    )


@pytest.mark.parametrize("value", ["*", "0.0.0.0/0", "10.244.0.0/16, ::/0"])
def test_nobody_lets_everybody_say_who_a_visitor_is(told, value):
    told({"PARVIS_TRUSTED_PROXIES": value})
    assert f"PARVIS_TRUSTED_PROXIES: {value.split(', ')[-1]} is everybody" in refusal()


@pytest.mark.parametrize("value", ["0.0.0.0/1, 128.0.0.0/1", "::/2, 10.0.0.0/8, 4000::/2, 8000::/1"])
def test_ranges_that_are_everybody_together_are_refused(told, value):
    told({"PARVIS_TRUSTED_PROXIES": value})
    assert f"PARVIS_TRUSTED_PROXIES: {value} are together everybody" in refusal()


@pytest.mark.parametrize("value", ["traefik", "10.244.0.1/16", "10.244.0.0-10.244.0.9"])
def test_a_proxy_is_an_address_or_a_range(told, value):
    told({"PARVIS_TRUSTED_PROXIES": value})
    assert f"PARVIS_TRUSTED_PROXIES: {value} is no address and no range" in refusal()


@pytest.mark.parametrize("value", ["", "127.0.0.1", "10.203.86.0/24,::1", "10.244.0.0/16, fd00::/64"])
def test_addresses_and_ranges_of_proxies_are_taken(told, value):
    told({"PARVIS_TRUSTED_PROXIES": value})
    assert start.read(Settings, "billing", serves=True).trusted_proxies == value


@pytest.mark.parametrize("value", ["0", "300"])
def test_a_number_at_its_limits_is_taken(told, value):
    told({"PARVIS_PATIENCE": value})
    assert start.read(Settings, "billing", serves=True).patience == float(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PARVIS_ANCHOR_KEYS", f"tr0mb0ne,{GOOD}"),
        ("PARVIS_KEY_ENCRYPTION_KEYS", f"{GOOD},{'a' * 40}"),
        ("PARVIS_WEB_CLIENT_SECRET", f"{GOOD}, tr0mb0ne"),
        ("PARVIS_DATABASE_URL", "postgresql://parvis_billing:changeme@postgres:5432/parvis_billing"),
        ("PARVIS_STORE_SECRET_KEY", "tr0mb0ne"),
        ("PARVIS_STORE_SECRET_KEY", "0" * 40),
    ],
)
def test_a_weak_secret_is_refused_and_not_repeated(told, name, value):
    told({name: value})
    said = refusal()
    assert f"the secret in {name} is weak" in said
    assert value not in said


def test_a_secret_that_is_no_list_may_have_commas_in_it(told):
    secret = f"aB3,{GOOD[:28]}"
    told({"PARVIS_STORE_SECRET_KEY": secret})
    assert start.read(Settings, "billing", serves=True).store.secret_key.get_secret_value() == secret


@pytest.mark.parametrize(
    ("certificate", "reason"),
    [
        ({"days": -0.5}, "expired on"),
        ({"since": 1.0, "days": 2.0}, "the clock of this machine is wrong"),
        ({"name": "notify"}, "is that of notify, and this is billing"),
        ({"other_key": True}, "PARVIS_TLS_KEY is not the key of"),
        ({"other_authority": True}, "was not made by the authority"),
    ],
)
def test_a_certificate_that_nobody_would_believe_is_refused(told, certificate, reason):
    told(**certificate)
    assert reason in refusal()


def test_a_certificate_that_is_not_there_is_named(told):
    told({"PARVIS_TLS_CERTIFICATE": "/nowhere/certificate"})
    assert "names /nowhere/certificate, which cannot be read" in refusal()


def test_a_migration_needs_no_certificate(told):
    told({"PARVIS_TLS_CERTIFICATE": "/nowhere/certificate"})
    assert start.read(Settings, "billing", serves=False)


def test_the_process_ends_with_status_1_and_the_line_on_standard_error():
    program = "from parvis_watch import start; start.end('billing', ['it rains'])"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr, ended.stdout) == (1, "billing does not start: it rains\n", "")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(111, "Connection refused"), "postgres:5432 cannot be reached"),
        (type("InvalidPasswordError", (Exception,), {})(), "does not accept the password of parvis_billing_owner"),
        (type("InvalidCatalogNameError", (Exception,), {})(), "has no database parvis_billing"),
    ],
)
def test_a_migration_says_what_postgresql_answered(error, words):
    url = f"postgresql://parvis_billing_owner:{GOOD}@postgres:5432/parvis_billing"
    with pytest.raises(SystemExit, match=words) as stopped, start.explained("billing", url):
        raise error
    assert GOOD not in str(stopped.value)


def test_what_is_no_matter_of_reaching_it_is_raised():
    with pytest.raises(ZeroDivisionError), start.explained("billing", "postgresql://a:b@c/d"):
        raise ZeroDivisionError


def chained(last):
    """An error of a service whose cause is `last`."""
    outer = type("ServiceError", (Exception,), {})("unavailable: database_unavailable")
    outer.__cause__ = RuntimeError("a layer between")
    outer.__cause__.__cause__ = last
    return outer


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (chained(ConnectionRefusedError(111, "Connection refused")), "postgres:5432 cannot be reached"),
        (chained(type("InvalidPasswordError", (Exception,), {})()), "does not accept the password"),
        (chained(None), "unavailable: database_unavailable: do all services run"),
        (ValueError("PARVIS_ANCHOR_KEYS: not base64."), "does not start: PARVIS_ANCHOR_KEYS: not base64."),
    ],
)
def test_a_command_says_what_lies_below_an_error(error, words):
    url = f"postgresql://parvis_billing:{GOOD}@postgres:5432/parvis_billing"
    with pytest.raises(SystemExit, match=words), start.explained("billing", url):
        raise error


def test_a_process_that_serves_waits_for_its_database_and_ends_for_a_bad_variable():
    with pytest.raises(ConnectionError), start.explained("billing", "postgresql://a:b@c/d", serves=True):
        raise ConnectionError
    with pytest.raises(SystemExit), start.explained("billing", "postgresql://a:b@c/d", serves=True):
        raise ValueError("PARVIS_SMTP_URL must be smtp://")
