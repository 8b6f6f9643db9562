"""`./parvis secrets`: every secret of an installation, a file each, as docker-compose.yml mounts them.

The folder is its owner's alone (0700). Files that containers read have mode 0644: compose mounts them one by one, with
their mode, into containers whose account is no account of this machine. What no container reads has mode 0400.
"""

import base64
import datetime as dt
import hashlib
import json
import re
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from parvis_local.authority import make_identities, renew_certificates, sign_missing, unsigned
from parvis_local.broker_users import configuration
from parvis_local.credentials import DATABASES

#: Who has a certificate of the installation's own authority: services, engines, and who else tells metrics.
IDENTITIES = (*DATABASES, "store", "postgres", "nats", "traefik", "disks")
#: NATS' list, which names whoever has an address of it.
USERS = "nats_users.conf"
#: Longer than browsers accept; a certificate that somebody trusts by hand may be.
PUBLIC_DAYS = 397
_PRIVATE, _MOUNTED = 0o400, 0o644


_SERVER = r"([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:]+\]):[0-9]{1,5}"
_LAST_PORT = 65535
_HOST = r"(?=.{1,64}$)[A-Za-z0-9](-*[A-Za-z0-9])*(\.[A-Za-z0-9](-*[A-Za-z0-9])*)*"
_SMTP = r"smtps?://\S+"


@dataclass(frozen=True, slots=True)
class Places:
    """Where the engines are, as the services reach them, and the names that browsers use. Raises ValueError for what
    cannot be one.
    """

    postgres: str = "postgres:5432"
    nats: str = "nats:4222"
    smtp: str = "smtp://mail:1025"
    hosts: tuple[str, ...] = ("parvis.localhost", "files.parvis.localhost")

    def __post_init__(self) -> None:
        for name in ("postgres", "nats"):
            servers = getattr(self, name)
            ports = [int(each.rpartition(":")[2]) for each in servers.split(",") if re.fullmatch(_SERVER, each)]
            if len(ports) < len(servers.split(",")) or not all(0 < port <= _LAST_PORT for port in ports):
                raise ValueError(f"--{name} is HOST:PORT, commas between several, not {servers!r}.")
        if not re.fullmatch(_SMTP, self.smtp):
            raise ValueError("--smtp is an address such as smtp://user:password@host:587 (or smtps://).")
        if wrong := [host for host in self.hosts if not re.fullmatch(_HOST, host)]:
            raise ValueError(f"--hosts are names such as portal.firm.example, commas between, not {wrong[0]!r}.")


@dataclass(frozen=True, slots=True)
class SecretFile:
    """One file: its name, what it is, what is in it."""

    name: str
    says: str
    make: Callable[[], str]
    private: bool = False


class SecretsThere(ValueError):
    """The folder holds secrets: nothing was changed."""


def make_secrets(folder: Path, places: Places, *, missing: bool = False) -> list[tuple[str, str]]:
    """Makes all files; returns (name, what it is) of those that were made.

    Raises SecretsThere when one is there, unless only those that are `missing` are asked for (what a newer release
    needs). What depends on another secret is made from the file that is there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = _files(folder, places)
    for name in (*(each.name for each in wanted), *_certificates()):
        if (folder / name).is_dir():  # docker-compose 1.29 makes one where a file is missing that it shall mount
            with suppress(OSError):
                (folder / name).rmdir()
    there = [each.name for each in wanted if (folder / each.name).exists()]
    certificates = [name for name in _certificates() if (folder / name).exists()]
    if (there or certificates) and not missing:
        raise SecretsThere(
            f"{folder} holds {len(there) + len(certificates)} secrets already: nothing was changed. What is encrypted "
            "with them cannot be read with others. To make only what is missing: --missing; to start afresh, choose "
            "another folder with --out."
        )
    _refuse_empty(folder, [*there, *certificates])
    _refuse_without_authority(folder)
    folder.chmod(0o700)
    stays = {*there}
    if "setup_token_sha256" in there:
        stays.add("setup_token")  # another one would fit no hash
    if any(f"{each}_nats_url" not in there for each in DATABASES):
        stays.discard(USERS)  # of a release whose services shared one user, which stays the operator's
    for each in wanted:
        if each.name in there and not each.private:
            (folder / each.name).chmod(_MOUNTED)  # a release before made files that nobody could write into
    before = set(folder.iterdir())
    try:
        return _make(folder, [each for each in wanted if each.name not in stays])
    except BaseException:  # all of them or none: half of them would be taken for an installation's
        for path in set(folder.iterdir()) - before:
            path.unlink()
        raise


def _refuse_empty(folder: Path, there: Sequence[str]) -> None:
    """What another secret is made of must hold one. The token of the first administrator may be emptied once used."""
    used = {"setup_token"} if "setup_token_sha256" in there else set()
    if empty := [name for name in there if name not in used and not (folder / name).read_bytes().strip()]:
        raise SecretsThere(
            f"{', '.join(empty)}: empty in {folder}. Nothing was changed. Bring back what stood there from a copy; "
            "where nothing was made with it yet, remove the file, and --missing makes another."
        )
    file = folder / "setup_token_sha256"
    if file.name in there and not re.fullmatch(r"[0-9a-fA-F]{64}", file.read_text(errors="replace").strip()):
        raise SecretsThere(
            f"{file} is no SHA-256 (64 digits). Nothing was changed. Remove it: --missing makes it anew."
        )


def _refuse_without_authority(folder: Path) -> None:
    lost = unsigned(IDENTITIES, folder)
    if lost and (folder / "ca.pem").exists() and not (folder / "ca.key.pem").exists():
        raise SecretsThere(
            f"{folder} holds no certificate of {', '.join(lost)}, and no ca.key.pem to sign one with: nothing was "
            "changed. Bring ca.key.pem back from where it is kept, or make all certificates anew, which services that "
            "run take at once: ./parvis secrets --renew-certificates --new-authority, then --missing again."
        )


def _make(folder: Path, wanted: Sequence[SecretFile]) -> list[tuple[str, str]]:
    """These, and certificates for those who have none. An authority that is there stays: who runs believes no other."""
    made = []
    for each in wanted:
        _write(folder / each.name, each.make(), _PRIVATE if each.private else _MOUNTED)
        made.append((each.name, each.says))
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.pem")}
    (sign_missing if (folder / "ca.pem").exists() else make_identities)(IDENTITIES, folder)
    for name, says in _certificates().items():
        if not (folder / name).exists():  # the authority's key, which is kept elsewhere
            continue
        (folder / name).chmod(_PRIVATE if name == "ca.key.pem" else _MOUNTED)
        if before.get(folder / name) != (folder / name).stat().st_mtime_ns:
            made.append((name, says))
    return made


def _files(folder: Path, places: Places) -> list[SecretFile]:
    """Every file in the order in which they need each other. Strings are safe in an address without escaping."""

    def kept(name: str) -> str:
        return (folder / name).read_text().strip()

    def url(role: str, service: str) -> str:
        return f"postgresql://{role}:{secrets.token_urlsafe(24)}@{places.postgres}/parvis_{service}\n"

    databases = [
        file
        for service in DATABASES
        for file in (
            SecretFile(
                f"{service}_database_url",
                f"database of {service}, the role that owns nothing",
                lambda service=service: url(f"parvis_{service}", service),  # type: ignore[misc]
            ),
            SecretFile(
                f"{service}_migration_url",
                f"database of {service}, the role that owns its tables: migrations only",
                lambda service=service: url(f"parvis_{service}_owner", service),  # type: ignore[misc]
            ),
        )
    ]
    return [
        SecretFile("database_superuser", "password of PostgreSQL's superuser", lambda: _token(24)),
        *databases,
        SecretFile(
            "nats_url",
            "address of NATS for the operator's commands, which may do anything there",
            lambda: f"nats://parvis:{_token(24)}@{places.nats}",
        ),
        *(
            SecretFile(
                f"{service}_nats_url",
                f"address of NATS for {service}",
                lambda service=service: f"nats://{service}:{_token(24)}@{places.nats}",  # type: ignore[misc]
            )
            for service in DATABASES
        ),
        SecretFile(
            USERS,
            "their passwords and what each may do, for NATS itself",
            lambda: configuration(kept("nats_url"), {each: kept(f"{each}_nats_url") for each in DATABASES}),
        ),
        SecretFile("store_access_key", "name of the store's account", lambda: secrets.token_hex(10).upper()),
        SecretFile("store_secret_key", "its key", lambda: _token(30)),
        SecretFile(
            "store_identities.json",
            "both, for the store itself",
            lambda: _store_identities(kept("store_access_key"), kept("store_secret_key")),
        ),
        SecretFile(
            "store_security.toml", "the store: encryption at rest (KEEP A COPY), its inner keys", _store_security
        ),
        SecretFile(
            "key_encryption_keys",
            "identity: encrypts the keys that sign tokens (KEEP A COPY)",
            lambda: base64.b64encode(secrets.token_bytes(32)).decode(),
        ),
        SecretFile(
            "anchor_keys",
            "tenancy: signs the daily anchor of the audit trail (KEEP A COPY ELSEWHERE)",
            lambda: base64.b64encode(secrets.token_bytes(32)).decode(),
        ),
        SecretFile("web_client_secret", "the pages as a client of identity", lambda: _token(32)),
        SecretFile("setup_token", "makes the first administrator: /setup?token=…", lambda: _token(32), private=True),
        SecretFile(
            "setup_token_sha256",
            "its hash, all that tenancy is told",
            lambda: hashlib.sha256(kept("setup_token").encode()).hexdigest(),
        ),
        SecretFile(
            "backup_key", "what backups are encrypted with (KEEP A COPY: no backup holds it)", lambda: _token(32)
        ),
        SecretFile("smtp_url", "your mail relay: smtp://user:password@host:587", lambda: places.smtp),
        SecretFile("public.key.pem", "key of the public certificate", _key),
        SecretFile(
            "public.pem",
            f"public certificate of {', '.join(places.hosts)}, signed by itself: for trying",
            lambda: _public_certificate((folder / "public.key.pem").read_bytes(), places.hosts),
        ),
    ]


def _certificates() -> dict[str, str]:
    """The files that the authority makes."""
    said = {
        "ca.key.pem": "key of the authority that says which container is which service (KEEP IT ELSEWHERE)",
        "ca.pem": "certificate of that authority",
    }
    for name in IDENTITIES:
        said |= {f"{name}.pem": f"certificate of {name}", f"{name}.key.pem": f"key of {name}"}
    return said


def _token(size: int) -> str:
    return secrets.token_urlsafe(size)


def _store_identities(access_key: str, secret_key: str) -> str:
    identity = {
        "name": "parvis",
        "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    return json.dumps({"identities": [identity]}, indent=1)


def _store_security() -> str:
    """SeaweedFS' own file: its inner listeners answer the store's own parts only."""
    lines = [f'[s3.sse]\nkek = "{secrets.token_hex(32)}"']
    inner = _token(32)
    lines += [f'[{place}]\nkey = "{inner}"' for place in ("jwt.signing", "jwt.signing.read")]
    lines += [f'[{place}]\nkey = "{inner}"' for place in ("jwt.filer_signing", "jwt.filer_signing.read")]
    files = 'cert = "/run/secrets/tls_certificate"\nkey = "/run/secrets/tls_key"'
    authority = 'ca = "/run/secrets/tls_ca"'
    lines.append(f"[grpc]\n{authority}")
    parts = ("master", "volume", "filer", "s3", "client", "admin", "worker")
    lines += [f"[grpc.{part}]\n{files}" for part in parts]
    lines.append(f"[https.master]\n{files}\n{authority}")
    return "\n\n".join(lines) + "\n"


def _key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _public_certificate(key_pem: bytes, hosts: Sequence[str]) -> str:
    try:
        key = serialization.load_pem_private_key(key_pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("public.key.pem is no key without a password: bring it back, or remove it.") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("public.key.pem holds another kind of key than was made here: make its certificate yourself.")  # noqa: TRY004 - for a person
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0])])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=PUBLIC_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _write(path: Path, content: str, mode: int) -> None:
    """Atomically, and never readable by more than `mode` says; into the file itself where there is one, for a container
    that has it mounted sees no other.
    """
    content = content if content.endswith("\n") else content + "\n"
    if path.exists():
        path.chmod(0o600)
        path.write_text(content)
        path.chmod(mode)
        return
    partial = path.with_name(f".{path.name}.new")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    partial.write_text(content)
    partial.chmod(mode)
    partial.replace(path)


def _hint(error: OSError) -> str:
    return "With docker run, add --user $(id -u):$(id -g)." if isinstance(error, PermissionError) else ""


def main(folder: Path, places: Places, *, missing: bool) -> int:
    """Makes them and says what each is; 1 when secrets were there and nothing was made."""
    try:
        made = make_secrets(folder, places, missing=missing)
    except SecretsThere as error:
        print(error)
        return 1
    except OSError as error:
        print(f"{folder} cannot be written, and holds no new secret: {error.strerror}. {_hint(error)}".strip())
        return 1
    width = max((len(name) for name, _ in made), default=0)
    for name, says in made:
        print(f"  {name:<{width}}  {says}")
    print(f"{len(made)} files made in {folder}, readable by its owner only." if made else f"{folder} is complete.")
    return 0


def renew(folder: Path, *, new_authority: bool, pause: float) -> int:
    """New certificates for services that run; says until when they are good. 1 when there is nothing to renew."""
    if not (folder / "ca.key.pem").exists() and not new_authority:
        print(f"{folder} holds no ca.key.pem. Bring it back from where it is kept, or start with --new-authority.")
        return 1
    if not (folder / "ca.pem").exists():
        print(f"{folder} holds no certificates. Make them first: ./parvis secrets --out {folder}")
        return 1
    until = renew_certificates(IDENTITIES, folder, new_authority=new_authority, pause=pause)
    print(f"{len(IDENTITIES)} certificates made, good until {until:%Y-%m-%d}. Services take them within a second.")
    return 0
