"""Why a service does not start: a readable line for each reason, instead of a stack of calls."""

import argparse
import datetime as dt
import ipaddress
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from parvis_watch.refill import add_since
from parvis_watch.standing import TooNewError

#: Where containers find secrets: a file per variable, named like it in lower case (`parvis_database_url`). A variable
#: of the environment counts before its file.
SECRETS = Path("/run/secrets") if Path("/run/secrets").is_dir() else None
#: Secrets that we make have 32 characters and more. Whoever chooses one shall not choose a word.
SHORTEST = 16
#: Different characters in it, at least.
VARIETY = 6
#: Secrets that are lists: while one takes another's place, both count. Any other may have commas in it.
_LISTS = frozenset(("anchor_keys", "key_encryption_keys", "web_client_secret"))
_REMEDY = "./parvis secrets makes good ones (docs/operations.md)"


class Told(Protocol):
    """The part of a service's settings that is looked at here."""

    tls_ca: Path
    tls_certificate: Path
    tls_key: Path


class Offered(Protocol):
    """A command that a service adds."""

    @property
    def says(self) -> str: ...
    @property
    def arguments(self) -> Callable[[argparse.ArgumentParser], object] | None: ...


Settings = TypeVar("Settings", bound=BaseSettings)


def command_line(name: str, own: Mapping[str, Offered]) -> argparse.ArgumentParser:
    """What `python -m parvis_<name>` understands; `own` are the service's own commands."""
    parser = argparse.ArgumentParser(prog=f"python -m parvis_{name}")
    parser.add_argument("--role", choices=["api", "worker", "all"], default="all", help="what this process does")
    several = parser.add_subparsers(dest="command", metavar="command")
    several.add_parser("migrate", help="brings the schema to its newest revision")
    several.add_parser("verify-audit", help="checks every chain of the audit trail")
    says = "sends events again that the broker has lost"
    add_since(several.add_parser("replay-events", help=says, description=says))
    for each, command in own.items():
        mine = several.add_parser(each, help=command.says, description=command.says)
        if command.arguments is not None:
            command.arguments(mine)
    return parser


def read(settings_type: type[Settings], service: str, *, serves: bool) -> Settings:
    """The settings; ends the process with what is missing or malformed, and what `serves` with weak secrets and bad
    certificates too.
    """
    try:
        settings = settings_type(_secrets_dir=SECRETS)
    except ValidationError as error:
        end(service, list(_invalid(settings_type, error)))
    if serves:
        problems = [*weak(settings), *gullible(settings), *certificate_problems(settings, service)]  # type: ignore[arg-type] # all have them
        if problems:
            end(service, problems)
    return settings


def end(service: str, problems: list[str]) -> Any:
    """Ends the process with status 1 and a line for each problem."""
    sys.exit("\n".join(f"{service} does not start: {problem}" for problem in problems))


def _invalid(settings_type: type[BaseSettings], error: ValidationError) -> Iterator[str]:
    """A line for each variable. What it holds is not repeated: it may be a secret."""
    group = _group(settings_type, error.title)
    prefix = str(group.model_config.get("env_prefix") or "")
    for each in error.errors(include_input=False, include_url=False):
        field = str(each["loc"][0]) if each["loc"] else ""
        name = prefix + field
        known = group.model_fields.get(field)
        if each["type"] == "missing" and known is not None and known.annotation is SecretStr:
            yield f"{name.upper()} is missing, the file /run/secrets/{name.lower()} as a rule; {_REMEDY}"
        elif each["type"] == "missing":
            yield f"{name.upper()} is missing; .env.example says what it is"
        elif known is not None and (between := limits(known)):
            yield f"{name.upper()} must be a number from {between[0]} to {between[1]}; .env.example says of what"
        else:
            yield f"{name.upper()} is not what it must be: {each['msg']}"


def limits(field: FieldInfo) -> tuple[Any, Any] | None:
    """The least and the largest value of a setting that is a number; None for one that is none, or has no limits."""
    said = {name: getattr(each, name) for each in field.metadata for name in ("ge", "le") if hasattr(each, name)}
    return (said["ge"], said["le"]) if len(said) == 2 else None  # noqa: PLR2004 - both


def _group(settings_type: type[BaseSettings], title: str) -> type[BaseSettings]:
    """The group of settings that was being read: a service's own, or one inside (the store's)."""
    inside = [field.annotation for field in settings_type.model_fields.values()]
    groups = [each for each in inside if isinstance(each, type) and issubclass(each, BaseSettings)]
    return next((each for each in groups if each.__name__ == title), settings_type)


def weak(settings: BaseModel) -> Iterator[str]:
    """Secrets that somebody could guess. The password of a mail relay is the relay's to judge."""
    prefix = str(settings.model_config.get("env_prefix") or "")
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseSettings):
            yield from weak(value)
        elif isinstance(value, SecretStr):
            secret = value.get_secret_value()
            if not secret and type(settings).model_fields[name].is_required():
                yield f"the secret in {(prefix + name).upper()} is empty; {_REMEDY}"
            if "://" in secret:
                parts = urlsplit(secret)
                secret = "" if parts.scheme.startswith("smtp") else parts.password or ""
                several = [secret]
            else:
                several = [each.strip() for each in secret.split(",")] if name in _LISTS else [secret]
            yield from (
                f"the secret in {(prefix + name).upper()} is weak: it has {len(each)} characters, "
                f"{len(set(each))} different ones; {_REMEDY}"
                for each in several
                if each and (len(each) < SHORTEST or len(set(each)) < VARIETY)
            )


def gullible(settings: BaseModel) -> Iterator[str]:
    """Whoever else than a proxy may say who a visitor is lies about it."""
    told = list(filter(None, (each.strip() for each in getattr(settings, "trusted_proxies", "").split(","))))
    v4, v6 = [], []
    for each in told:
        try:
            network = ipaddress.ip_network("0.0.0.0/0" if each == "*" else each)
        except ValueError:
            yield f"PARVIS_TRUSTED_PROXIES: {each} is no address and no range such as 10.244.0.0/16"
            continue
        if network.prefixlen == 0:
            yield f"PARVIS_TRUSTED_PROXIES: {each} is everybody, {_ANYBODY}"
        elif isinstance(network, ipaddress.IPv4Network):
            v4.append(network)
        else:
            v6.append(network)
    together = {each.prefixlen for each in ipaddress.collapse_addresses(v4)}
    together |= {each.prefixlen for each in ipaddress.collapse_addresses(v6)}
    if 0 in together:
        yield f"PARVIS_TRUSTED_PROXIES: {', '.join(told)} are together everybody, {_ANYBODY}"


_ANYBODY = "and anybody could say that they are somebody else"


def certificate_problems(settings: Told, service: str) -> list[str]:
    """What would keep others from believing that this is `service`."""
    files = {name: getattr(settings, name) for name in ("tls_ca", "tls_certificate", "tls_key")}
    for name, file in files.items():
        try:
            file.read_bytes()
        except OSError as error:
            return [f"PARVIS_{name.upper()} names {file}, which cannot be read: {error.strerror}"]
    try:
        authorities = x509.load_pem_x509_certificates(files["tls_ca"].read_bytes())
        own = x509.load_pem_x509_certificates(files["tls_certificate"].read_bytes())[0]
        key: Any = serialization.load_pem_private_key(files["tls_key"].read_bytes(), None)
    except (ValueError, IndexError) as error:
        return [f"PARVIS_TLS_CA, PARVIS_TLS_CERTIFICATE or PARVIS_TLS_KEY is no PEM file: {error}"]
    return [
        *_expired(files["tls_certificate"], own),
        *(line for each in authorities[:1] for line in _expired(files["tls_ca"], each)),
        *_another(files["tls_certificate"], own, service),
        *([] if key.public_key() == own.public_key() else ["PARVIS_TLS_KEY is not the key of PARVIS_TLS_CERTIFICATE"]),
        *([] if any(_issued(own, each) for each in authorities) else [_STRANGER]),
    ]


_STRANGER = "PARVIS_TLS_CERTIFICATE was not made by the authority in PARVIS_TLS_CA: nobody would believe it"


def _expired(file: Path, certificate: x509.Certificate) -> Iterator[str]:
    now, until = dt.datetime.now(dt.UTC), certificate.not_valid_after_utc
    if until <= now:
        yield f"the certificate {file} expired on {until:%Y-%m-%d}; docs/operations.md says how a new one is made"
    if certificate.not_valid_before_utc > now:
        since = certificate.not_valid_before_utc
        yield f"the certificate {file} is good from {since:%Y-%m-%d %H:%M} UTC on: the clock of this machine is wrong"


def _another(file: Path, certificate: x509.Certificate, service: str) -> Iterator[str]:
    names = [str(each.value) for each in certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    if service not in names:
        yield f"the certificate {file} is that of {' '.join(names) or 'nobody'}, and this is {service}"


def _issued(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


@contextmanager
def explained(service: str, url: str, *, serves: bool = False) -> Iterator[None]:
    """Ends the process with a line where a variable holds what it must not (a ValueError that begins with its name),
    and a command where PostgreSQL at `url`, or a neighbour, cannot be reached; a process that `serves` waits for both.
    """
    try:
        yield
    except TooNewError as error:
        end(service, [str(error)])
    except Exception as error:
        named = str(error) if isinstance(error, ValueError) and str(error).startswith("PARVIS_") else ""
        if not (problem := named or ("" if serves else unreachable(url, error))):
            raise
        end(service, [problem])


async def unless_too_new(service: str, asking: Awaitable[None]) -> None:
    """Ends the process with a line where the database is that of a release after the next one."""
    try:
        await asking
    except TooNewError as error:
        end(service, [str(error)])


def unreachable(url: str, error: BaseException) -> str:
    """What PostgreSQL's answer to a command means; empty for what is no matter of reaching it, or a neighbour."""
    parts = urlsplit(url)
    # Several servers may stand there, with commas: no one port is theirs.
    place, database = parts.netloc.rpartition("@")[2], parts.path.lstrip("/")
    said = {
        "InvalidPasswordError": f"PostgreSQL at {place} does not accept the password of {parts.username}",
        "InvalidAuthorizationSpecificationError": f"PostgreSQL at {place} does not know {parts.username}",
        "InvalidCatalogNameError": f"PostgreSQL at {place} has no database {database}: parvis/tools databases makes it",
        "CannotConnectNowError": f"PostgreSQL at {place} is starting: try again in a moment",
    }
    cause: BaseException | None = error
    while cause is not None:
        if type(cause).__name__ in said:
            return said[type(cause).__name__]
        if isinstance(cause, OSError):
            return f"PostgreSQL at {place} cannot be reached: {cause}"
        cause = cause.__cause__
    return f"{error}: do all services run? The doctor says" if type(error).__name__ == "ServiceError" else ""
