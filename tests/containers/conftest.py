"""The short form of tests/compose: the same project from one image that holds all services, built once."""

import secrets
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "compose"))

import standins
from engine import engine
from images import build_suite
from stack import Stack

from parvis_local.ports import free_base


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A project whose images and secrets are made, and nothing more."""
    with engine() as found, tempfile.TemporaryDirectory(prefix="parvis-containers-") as folder:
        standins.make_all(print)
        Path(folder).chmod(0o755)  # the accounts of the containers read their secrets below it
        name, version = f"parvis-short-{secrets.token_hex(3)}", build_suite()
        project = Stack(name, Path(folder), found, free_base(), {"PARVIS_VERSION": version})
        project.prepare()
        try:
            yield project
        finally:
            project.down()
