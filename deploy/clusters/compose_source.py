"""docker-compose.yml, the source of what runs in clusters: what is read of it, and what an installation must choose."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("identity", "tenancy", "documents", "notify", "billing", "web")
PROCESSES = (*SERVICES, "traefik")
MIGRATIONS = tuple(f"{name}-migrate" for name in SERVICES)
REPLICAS, AT_MOST = 2, 10
#: Seconds until all callers have found a replica that is new: they look each quarter of a minute, names are kept a bit.
FOUND = 25
#: What nobody but the operator can know: without it nothing starts. Its meaning, for whoever left it out.
MUST = {
    "PARVIS_VERSION": "is the release, such as 0.1.0",
    "PARVIS_PUBLIC_URL": "is the portal as browsers know it, such as https://portal.firm.example",
    "PARVIS_PORTAL_HOST": "is its host name, such as portal.firm.example",
    "PARVIS_STORE_URL": "is the object store as browsers know it, such as https://files.firm.example:8443",
    "PARVIS_STORE_HOST": "is its host name, such as files.firm.example",
    "PARVIS_MAIL_DOMAIN": "is the domain of the sender of mails, such as firm.example",
    "PARVIS_ENV_FILE": "is the file of your settings as they are, without quotes, with its whole path",
    "PARVIS_TRUSTED_PROXIES": "is the range of addresses of your pods",
}
Tree = dict[str, Any]


def read(*, defaults: bool = True) -> Tree:
    """docker-compose.yml, with `defaults` in place of variables."""
    text = (ROOT / "docker-compose.yml").read_text()
    found: Tree = yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text) if defaults else text)
    return found


def chosen() -> set[str]:
    """What an installation chooses: the variables of services that compose takes from .env."""
    services = read(defaults=False)["services"]
    return {
        key
        for name in (*SERVICES, "databases", "backup")
        for key, value in services[name].get("environment", {}).items()
        if str(value).startswith("${")
    }


def secrets_of(service: Tree) -> list[tuple[str, str]]:
    """Name and file of each secret of a container."""
    each = [
        secret if isinstance(secret, dict) else {"source": secret, "target": secret} for secret in service["secrets"]
    ]
    return [(secret["source"], secret["target"]) for secret in each]


def file_of(compose: Tree, secret: str) -> str:
    """The file of ./parvis secrets that a secret is."""
    return Path(compose["secrets"][secret]["file"]).name


def megabytes(limit: str) -> int:
    """512m or 1g."""
    return int(limit[:-1]) * {"m": 1, "g": 1024}[limit[-1]]
