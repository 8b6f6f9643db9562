"""The suite in containers: images from deploy/Dockerfile, a project of docker-compose.yml, the demonstration in it.

`PARVIS_COMPOSE_DATA` names a folder whose project stays up between runs: quicker while writing tests. `docker-compose
-p parvis-kept down -v` ends it.
"""

import asyncio
import os
import secrets
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))
sys.path.insert(0, str(Path(__file__).parents[1] / "upgrade"))

for name in ("test_main_job", "test_main_job_client", "test_main_job_two_firms", "acts", "people", "letters"):
    pytest.register_assert_rewrite(name)

import standins  # noqa: E402 - after their folder is known
from browsing import launch, mails, person, reader_at, tag  # noqa: E402 - after their folder is known
from engine import Engine, engine  # noqa: E402 - after their folder is known
from images import build  # noqa: E402 - after their folder is known
from papers import real_pdf, small_pdf  # noqa: E402 - after their folder is known
from stack import Stack  # noqa: E402 - after their folder is known

from parvis_local import demo  # noqa: E402 - after their folder is known
from parvis_local.ports import free_base  # noqa: E402 - after their folder is known

#: Where a project that is kept listens, and the three after it.
KEPT_PORTS = int(os.environ.get("PARVIS_COMPOSE_PORT", "20200"))

__all__ = ["mails", "person", "reader_at", "real_pdf", "small_pdf", "tag"]


@pytest.fixture(scope="session")
def container_engine() -> Iterator[Engine]:
    """The engine, with the images that ours start from."""
    with engine() as found:
        standins.make_all(print)
        yield found


@pytest.fixture(scope="session")
def images(container_engine: Engine) -> None:
    """The images of this working copy; a project that is kept is left as it was built."""
    del container_engine
    if "PARVIS_COMPOSE_DATA" not in os.environ:
        build()


@pytest.fixture(scope="session")
def stack(container_engine: Engine, images: None) -> Iterator[Stack]:
    """The suite, healthy, with its demonstration and the product example beside it."""
    del images
    with ExitStack() as ends:
        if kept := os.environ.get("PARVIS_COMPOSE_DATA"):
            project = Stack("parvis-kept", Path(kept).resolve(), container_engine, KEPT_PORTS)
        else:
            folder = ends.enter_context(tempfile.TemporaryDirectory(prefix="parvis-compose-"))
            Path(folder).chmod(0o755)  # the accounts of the containers read their secrets below it
            name = f"parvis-test-{secrets.token_hex(3)}"
            project = Stack(name, Path(folder), container_engine, free_base())
            ends.callback(project.down)
        if not project.env_file.exists():
            project.prepare()
        project.up()
        if not (project.folder / "demo.json").exists():
            asyncio.run(demo.load(project.context))
        ends.enter_context(project.product())
        yield project


@pytest.fixture(scope="session")
def suite(stack: Stack) -> Stack:
    """What the browser tests ask for their addresses."""
    return stack


@pytest.fixture(scope="session")
def browser(stack: Stack) -> Iterator[Browser]:
    """Chromium that finds the portal by its name."""
    with sync_playwright() as playwright:
        chromium = launch(playwright.chromium, further=stack.browser_arguments)
        yield chromium
        chromium.close()
