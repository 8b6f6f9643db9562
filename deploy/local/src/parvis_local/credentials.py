"""Everything secret that a local suite needs, made once and kept below `secrets/` (readable by its owner only)."""

import base64
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from parvis_local.layout import Layout

_FILE = "credentials.json"
_HOLDS = "It holds every password and key of this suite, and nothing can be read without them"
#: What is on the disk was encrypted, signed or locked with these.
_IRREPLACEABLE = ("database_superuser", "store_encryption_key", "key_encryption_key", "anchor_key")
# Every part that has a database of its own.
DATABASES = ("identity", "tenancy", "documents", "notify", "billing", "web")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Secrets by what they open. Strings are random and safe in an address without escaping."""

    instance: str  # distinguishes this installation for ever, also when its folder moves
    database_superuser: str
    database_owners: Mapping[str, str] = field(repr=False)  # service -> password of parvis_<service>_owner
    database_services: Mapping[str, str] = field(repr=False)  # service -> password of parvis_<service>
    nats: str = field(repr=False)  # of the operator's commands
    store_access_key: str
    store_secret_key: str = field(repr=False)
    store_encryption_key: str = field(repr=False)  # 32 bytes in hexadecimal
    store_internal_key: str = field(repr=False)  # what its parts sign their own requests with
    key_encryption_key: str = field(repr=False)  # 32 bytes in base64
    anchor_key: str = field(repr=False)  # idem: signs the daily anchor of the audit trail
    web_client_secret: str = field(repr=False)
    setup_token: str = field(repr=False)
    registration_token: str = field(repr=False)  # with which clients may register themselves (tests do)

    @property
    def nats_services(self) -> Mapping[str, str]:
        """The password of each service's user. Made of the operator's, so that the release before reads our file."""
        return {name: hmac.digest(self.nats.encode(), name.encode(), "sha256").hex() for name in DATABASES}

    @property
    def setup_token_sha256(self) -> str:
        """Hexadecimal digest, all that tenancy is told."""
        return hashlib.sha256(self.setup_token.encode()).hexdigest()

    @property
    def registration_token_sha256(self) -> str:
        """Hexadecimal digest, all that identity is told."""
        return hashlib.sha256(self.registration_token.encode()).hexdigest()


def load_or_make(layout: Layout, *, keep: bool = True) -> Credentials:
    """The credentials of this data folder; what a newer release needs in addition is made and added.

    Without `keep` nothing is written: for whoever looks only. Raises ValueError where one is gone that no other can
    stand for.
    """
    path = layout.secrets / _FILE
    kept = layout.kept(path, _HOLDS)
    if kept and (gone := [name for name in _IRREPLACEABLE if not kept.get(name)]):
        raise ValueError(
            f"{path} lacks {', '.join(gone)}: what was made with that, no other opens. Bring the file back "
            "from a backup (./parvis restore), or start afresh with another --data."
        )
    merged: dict[str, Any] = _fresh() | kept
    for group in ("database_owners", "database_services"):
        merged[group] = {name: secrets.token_urlsafe(24) for name in DATABASES} | merged[group]
    if merged != kept and keep:
        write_private(path, json.dumps(merged, indent=2).encode())
    known = {each.name for each in fields(Credentials)}  # a newer release may have left more: it is kept, not used
    return Credentials(**{name: value for name, value in merged.items() if name in known})


def _fresh() -> dict[str, Any]:
    return {
        "instance": secrets.token_hex(4),
        "database_superuser": secrets.token_urlsafe(24),
        "database_owners": {},
        "database_services": {},
        "nats": secrets.token_urlsafe(24),
        "store_access_key": secrets.token_hex(10).upper(),
        "store_secret_key": secrets.token_urlsafe(30),
        "store_encryption_key": secrets.token_hex(32),
        "store_internal_key": secrets.token_urlsafe(32),
        "key_encryption_key": base64.b64encode(secrets.token_bytes(32)).decode(),
        "anchor_key": base64.b64encode(secrets.token_bytes(32)).decode(),
        "web_client_secret": secrets.token_urlsafe(32),
        "setup_token": secrets.token_urlsafe(32),
        "registration_token": secrets.token_urlsafe(32),
    }


def write_private(path: Path, content: bytes) -> None:
    """Writes atomically with mode 0600: nobody ever reads half a secret, or a secret of somebody else."""
    partial = path.with_name(f".{path.name}.new")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    partial.replace(path)
