"""docs/security.md promises nothing that no test holds."""

import importlib
import re
from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from parvis_local import secret_files
from parvis_local.credentials import DATABASES

ROOT = Path(__file__).parents[2]


def test_every_test_that_the_page_names_is_there():
    named = set(re.findall(r"`(test_\w+\.py)::(test_\w+)`", (ROOT / "docs" / "security.md").read_text()))
    files = [file for folder in ("services", "kit", "gateway", "deploy", "tests", "watch")
             for file in (ROOT / folder).rglob("test_*.py") if "node_modules" not in file.parts]  # fmt: skip
    there = {(file.name, name) for file in files for name in re.findall(r"def (test_\w+)\(", file.read_text())}
    assert len(named) > 30
    assert named - there == set()


def secrets_of(settings):
    """Names of what a process keeps from being shown, also in settings inside others, and of digests of secrets."""
    prefix = settings.model_config["env_prefix"].lower().removeprefix("parvis_")
    for name, field in settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseSettings):
            yield from secrets_of(field.annotation)
            continue
        kinds = (field.annotation, *getattr(field.annotation, "__args__", ()))
        if SecretStr in kinds or name.endswith("sha256") or name.startswith("tls_"):
            yield prefix + name


def test_every_secret_says_how_it_is_renewed(tmp_path):
    page = (ROOT / "docs" / "operations.md").read_text()
    rows = re.findall(r"^\| ([^|]*) \| [^|]{20,} \|$", page.partition("## Secrets and certificates")[2], re.MULTILINE)
    said = {name.removeprefix("<service>_") for row in rows for name in re.findall(r"`([^`]+)`", row)}
    told = set[str]()
    for service in DATABASES:
        module = importlib.import_module(f"parvis_{service}.settings")
        [settings] = [each for name, each in vars(module).items() if name in {"Settings", "WebSettings"}]
        told |= set(secrets_of(settings))
    assert {"nats_url", "store_secret_key", "database_direct_url", "registration_token_sha256"} <= told
    files = {each.name for each in secret_files._files(tmp_path, secret_files.Places())}
    alike = re.compile(f"^({'|'.join(secret_files.IDENTITIES)})(?=_(database|migration|nats)_url|[.](key[.])?pem)")
    files = {
        alike.sub("<service>", each).removeprefix("<service>_") for each in (*files, *secret_files._certificates())
    }
    assert told | files == said
