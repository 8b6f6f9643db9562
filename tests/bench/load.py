"""Load with wrk, always on this machine's own loopback and for a bounded time."""

import ipaddress
import json
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

LONGEST = 60


@dataclass(frozen=True, slots=True)
class Load:
    """What came out. Times are in milliseconds; `errors` counts answers from 400 on, too."""

    requests: int
    seconds: float
    bytes: int
    errors: int
    p50: float
    p95: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds


def post(url: str, forms: Sequence[str], *, authorization: str, clients: int, seconds: int) -> Load:
    """The same with encoded forms, in turns; each refresh token is followed by what replaces it."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as told:
        told.write("\n".join([authorization, *forms]))
        told.flush()
        return press(url, clients=clients, seconds=seconds, script="forms.lua", arguments=[told.name])


def press(
    url: str,
    *,
    clients: int,
    seconds: int,
    headers: Mapping[str, str] | None = None,
    script: str = "load.lua",
    arguments: Sequence[str] = (),
) -> Load:
    """`clients` connections that ask again as soon as they have an answer, for `seconds` (60 at most).

    Raises ValueError for an address that is not this machine's, RuntimeError when wrk is missing or anything failed.
    """
    host = urlsplit(url).hostname or ""
    if not all(ipaddress.ip_address(found[4][0]).is_loopback for found in socket.getaddrinfo(host, None)):
        raise ValueError(f"{host} is not this machine.")
    if shutil.which("wrk") is None:
        raise RuntimeError("wrk is missing. On Debian: apt-get install wrk.")
    told = [part for name, value in (headers or {}).items() for part in ("-H", f"{name}: {value}")]
    program = str(Path(__file__).with_name(script))
    done = subprocess.run(
        ["wrk", "-t1", f"-c{clients}", f"-d{min(seconds, LONGEST)}s", "-s", program, *told, url, "--", *arguments],
        capture_output=True, text=True, check=True, timeout=LONGEST + 30,
    )  # fmt: skip
    load = Load(**json.loads(done.stdout.splitlines()[-1]))
    if load.errors or not load.requests:
        raise RuntimeError(f"{load.errors} of {load.requests} requests to {url} failed.")
    return load
