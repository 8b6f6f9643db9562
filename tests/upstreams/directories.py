"""Firms' directories that others wrote, run beside the suite: what an administrator does in a console of theirs is done
here by what the directory itself offers.
"""

import hashlib
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from parvis_local.layout import VENV_BIN

HERE = Path(__file__).parent
#: Seconds that a directory may take to answer for the first time.
PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class OidcDirectory:
    """An OpenID provider: npm `oidc-provider`, with the pages that it brings."""

    issuer: str
    people: Path

    def knows(self, people: Mapping[str, Mapping[str, Any]]) -> None:
        """Whom it knows from now on, by the name that is typed there, and what it says of them."""
        self.people.write_text(json.dumps(people))

    def declare(self, redirect_uri: str, **metadata: Any) -> tuple[str, str]:
        """The portal becomes one of its applications: client ID and secret."""
        asked = {"redirect_uris": [redirect_uri], **metadata}
        answer = httpx.post(f"{self.issuer}/reg", json=asked, trust_env=False)
        answer.raise_for_status()
        made = answer.json()
        return made["client_id"], made["client_secret"]


@contextmanager
def oidc_directory() -> Iterator[OidcDirectory]:
    """Started and stopped; it knows nobody yet."""
    folder = HERE / "oidc"
    install(folder)
    with tempfile.TemporaryDirectory(prefix="parvis-directory-") as kept:
        people = Path(kept) / "people.json"
        people.write_text("{}")
        port = free_port()
        program = [str(VENV_BIN / "node"), "provider.mjs", str(port), str(people)]
        process = subprocess.Popen(
            program, cwd=folder, env=_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        directory = OidcDirectory(f"http://127.0.0.1:{port}", people)
        try:
            answering(f"{directory.issuer}/.well-known/openid-configuration", process)
            yield directory
        finally:
            os.killpg(process.pid, signal.SIGTERM)  # what stands in the environment only starts the real one
            process.wait()


def install(folder: Path) -> None:
    """Installs what the lock of a folder says, when it changed. Raises RuntimeError."""
    wanted = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    mark = folder / "node_modules" / ".parvis-stamp"
    if mark.exists() and mark.read_text() == wanted:
        return
    done = subprocess.run(
        [str(VENV_BIN / "npm"), "ci", "--prefer-offline"],
        cwd=folder, env=_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"What stands in {folder.name} could not be installed:\n{done.stdout}{done.stderr}")
    mark.write_text(wanted)


def _environment() -> dict[str, str]:
    return os.environ | {"NODE_ENV": "production", "PATH": f"{VENV_BIN}{os.pathsep}{os.environ.get('PATH', '')}"}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def answering(address: str, process: "subprocess.Popen[bytes]") -> None:
    give_up = time.monotonic() + PATIENCE
    while time.monotonic() < give_up:
        if process.poll() is not None:
            raise RuntimeError(f"The directory at {address} ended as soon as it was started.")
        try:
            httpx.get(address, trust_env=False).raise_for_status()
        except httpx.ConnectError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"The directory at {address} does not answer.")
