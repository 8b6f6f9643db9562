"""A certificate authority for this installation: services prove by certificate who they are (mutual TLS)."""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from parvis_local.credentials import write_private

AUTHORITY_DAYS = 3650
SERVICE_DAYS = 825
RENEW_BEFORE_DAYS = 60


@dataclass(frozen=True, slots=True)
class Identity:
    """The PEM files of one service."""

    authority: Path
    certificate: Path
    key: Path


def identity_of(service: str, folder: Path) -> Identity:
    """Where the files of a service are, below the folder of secrets."""
    return Identity(folder / "ca.pem", folder / f"{service}.pem", folder / f"{service}.key.pem")


def make_identities(services: tuple[str, ...], folder: Path) -> None:
    """Makes the authority and the certificate of each service, unless they exist and stay valid for two months.

    ECDSA P-256; common name and DNS name are the service's name, so that a peer is checked by name wherever it runs.
    """
    due = dt.datetime.now(dt.UTC) + dt.timedelta(days=RENEW_BEFORE_DAYS)
    authority_file, authority_key_file = folder / "ca.pem", folder / "ca.key.pem"
    if not (authority_file.exists() and authority_key_file.exists() and _valid(authority_file, due)):
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _authority(key)
        write_private(authority_key_file, _pem(key))
        write_private(authority_file, certificate.public_bytes(serialization.Encoding.PEM))
        for service in services:
            identity_of(service, folder).certificate.unlink(missing_ok=True)
    missing = [service for service in services if not _valid(identity_of(service, folder).certificate, due)]
    if not missing:
        return
    authority = x509.load_pem_x509_certificate(authority_file.read_bytes())
    authority_key = serialization.load_pem_private_key(authority_key_file.read_bytes(), None)
    if not isinstance(authority_key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{authority_key_file} is not a key of this authority: remove {folder} to make a new one.")
    for service in missing:
        key = ec.generate_private_key(ec.SECP256R1())
        files = identity_of(service, folder)
        write_private(files.key, _pem(key))
        certificate = _service(service, key.public_key(), authority, authority_key)
        write_private(files.certificate, certificate.public_bytes(serialization.Encoding.PEM))


def _valid(file: Path, until: dt.datetime) -> bool:
    if not file.exists():
        return False
    return x509.load_pem_x509_certificate(file.read_bytes()).not_valid_after_utc > until


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _builder(name: str, days: int) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=days))
    )


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = "Parvis local authority"
    return (
        _builder(name, AUTHORITY_DAYS)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _service(
    service: str,
    key: ec.EllipticCurvePublicKey,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    names = [x509.DNSName(service), x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    return (
        _builder(service, SERVICE_DAYS)
        .issuer_name(authority.subject)
        .public_key(key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
