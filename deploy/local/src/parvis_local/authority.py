"""A certificate authority for this installation: services prove by certificate who they are (mutual TLS)."""

import datetime as dt
import ipaddress
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from parvis_local.credentials import write_private

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

AUTHORITY_DAYS = 3650
SERVICE_DAYS = 825
RENEW_BEFORE_DAYS = 60
#: Its certificate is of its own name alone: it would show a browser that opens https://localhost this one.
GATEWAY = "traefik"


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

    For services that all start after it: those that run have another authority. ECDSA P-256; common name and DNS name
    are the service's name, so that a peer is checked by name wherever it runs.
    """
    due = datetime.now(dt.UTC) + dt.timedelta(days=RENEW_BEFORE_DAYS)
    authority_file, authority_key_file = folder / "ca.pem", folder / "ca.key.pem"
    if not (authority_file.exists() and authority_key_file.exists() and _valid(authority_file, due)):
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _authority(key)
        write_private(authority_key_file, _pem(key))
        write_private(authority_file, certificate.public_bytes(serialization.Encoding.PEM))
        for service in services:
            identity_of(service, folder).certificate.unlink(missing_ok=True)
    _sign([service for service in services if not _valid(identity_of(service, folder).certificate, due)], folder)


def unsigned(services: tuple[str, ...], folder: Path) -> list[str]:
    """Services without a certificate, or without its key."""
    papers = ((service, identity_of(service, folder)) for service in services)
    return [service for service, files in papers if not (files.certificate.exists() and files.key.exists())]


def sign_missing(services: tuple[str, ...], folder: Path) -> None:
    """Certificates for those who have none, of the authority that is there: nobody else's is touched."""
    _sign(unsigned(services, folder), folder)


def _sign(missing: Sequence[str], folder: Path) -> None:
    if not missing:
        return
    authority_file, authority_key_file = folder / "ca.pem", folder / "ca.key.pem"
    authority, authority_key = _certificate(authority_file), _authority_key(authority_key_file)
    its_own = authority_key.public_key() == authority.public_key()
    if not its_own or not isinstance(authority_key, ec.EllipticCurvePrivateKey):
        raise ValueError(
            f"{authority_key_file} is not the key of {authority_file}. Bring back the right one, or remove both: new "
            "ones are made then, and new certificates of all services with them."
        )
    for service in missing:
        key = ec.generate_private_key(ec.SECP256R1())
        files = identity_of(service, folder)
        write_private(files.key, _pem(key))
        certificate = _service(service, key.public_key(), authority, authority_key)
        write_private(files.certificate, certificate.public_bytes(serialization.Encoding.PEM))


def renew_certificates(
    services: tuple[str, ...], folder: Path, *, new_authority: bool = False, pause: float = 5.0
) -> datetime:
    """New certificates for a suite that runs, which takes them without a restart. Returns until when they are good.

    A new authority comes in three steps, `pause` seconds apart, so that nobody is shown a certificate that they do not
    believe yet: both authorities are believed; certificates are the new one's; the old one is believed no more.
    Files keep their place on the disk: containers have them mounted one by one. Raises FileNotFoundError without an
    authority to sign with.
    """
    authority_file, authority_key_file = folder / "ca.pem", folder / "ca.key.pem"
    if new_authority:
        key: PrivateKeyTypes = ec.generate_private_key(ec.SECP256R1())
        authority = _authority(key)  # type: ignore[arg-type] # just made
        own = authority.public_bytes(serialization.Encoding.PEM)
        _overwrite(authority_file, own + authority_file.read_bytes())
        time.sleep(pause)
        _overwrite(authority_key_file, _pem(key))  # type: ignore[arg-type]
    else:
        authority, key = _certificate(authority_file), _authority_key(authority_key_file)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != authority.public_key():
        raise ValueError(f"{authority_key_file} is not the key of {authority_file}: --new-authority makes both anew.")
    for service in services:
        files, own_key = identity_of(service, folder), ec.generate_private_key(ec.SECP256R1())
        certificate = _service(service, own_key.public_key(), authority, key)
        _overwrite(files.key, _pem(own_key))
        _overwrite(files.certificate, certificate.public_bytes(serialization.Encoding.PEM))
    if new_authority:
        time.sleep(pause)
        _overwrite(authority_file, own)
    return certificate.not_valid_after_utc


def renew_due(services: tuple[str, ...], folder: Path) -> bool:
    """Renews, while the suite runs, what ends within two months; whether there was something."""
    due = datetime.now(dt.UTC) + dt.timedelta(days=RENEW_BEFORE_DAYS)
    new_authority = not _valid(folder / "ca.pem", due)
    if not new_authority and all(_valid(identity_of(service, folder).certificate, due) for service in services):
        return False
    renew_certificates(services, folder, new_authority=new_authority)
    return True


def _overwrite(path: Path, content: bytes) -> None:
    """The same file with another content, and its mode as it was."""
    if not path.exists():
        path.touch(mode=0o600)
    mode = path.stat().st_mode & 0o777
    path.chmod(mode | 0o200)
    path.write_bytes(content)
    path.chmod(mode)


def _valid(file: Path, until: datetime) -> bool:
    return file.exists() and _certificate(file).not_valid_after_utc > until


def _certificate(file: Path) -> x509.Certificate:
    """The first one of a file. Raises ValueError with what to do where it is damaged."""
    try:
        return x509.load_pem_x509_certificate(file.read_bytes())
    except ValueError as error:
        raise ValueError(f"{file} is damaged: it is no certificate. Remove it, and a new one is made.") from error


def _authority_key(file: Path) -> "PrivateKeyTypes":
    try:
        return serialization.load_pem_private_key(file.read_bytes(), None)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{file} is damaged: it is no key without a passphrase. Bring it back from where a copy is kept, or make "
            "everything anew: remove it and ca.pem, or --new-authority for services that run."
        ) from error


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _builder(name: str, days: int) -> x509.CertificateBuilder:
    now = datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=days))
    )


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    # Each has a name of its own: two of one name beside each other, and the wrong one is asked about a certificate.
    name = f"Parvis local authority {x509.random_serial_number() & 0xFFFFFFFF:08x}"
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
    names: list[x509.GeneralName] = [x509.DNSName(service)]
    if service != GATEWAY:
        names += [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
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
