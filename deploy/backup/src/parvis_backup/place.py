"""What an installation is for its backup: where its engines are, and its secrets. Both deployments make one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

#: Every part that has a database of its own: parvis_<name>, owned by parvis_<name>_owner, used by parvis_<name>.
DATABASES = ("identity", "tenancy", "documents", "notify", "billing", "web")


@dataclass(frozen=True, slots=True)
class Store:
    """The object store: address of its S3, bucket, region, keys; the file of the authority that vouches for it, None
    where everybody believes that one.
    """

    url: str
    bucket: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)
    authority: Path | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """An installation. `database_url`: the superuser's address of a database by its name ("parvis_billing")."""

    database_url: Callable[[str], str] = field(repr=False)
    nats_url: str = field(repr=False)
    store: Store
    #: Files with keys and secrets by their name in the backup; read when a backup is made.
    secrets: Mapping[str, Path]
    #: Folder of pg_dump and pg_restore; None: those of the wheel, else those of this machine.
    programs: Path | None = None
