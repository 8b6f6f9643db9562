"""What the local suite relies on: services can be imported by a parent and forked (docs/adr/0011)."""

import subprocess
import sys

import pytest

MAINS = [f"parvis_{name}.main" for name in ("identity", "tenancy", "documents", "notify", "billing", "web")]
PROBE = """
import gc, importlib, os, threading
importlib.import_module({module!r})
import asyncio, grpc
from sqlalchemy.ext.asyncio import AsyncEngine
assert threading.active_count() == 1, threading.enumerate()
kinds = (grpc.aio.Channel, grpc.aio.Server, grpc.Channel, AsyncEngine, asyncio.AbstractEventLoop)
made = [thing for thing in gc.get_objects() if isinstance(thing, kinds)]
assert not made, made
links = [f"/proc/self/fd/{{fd}}" for fd in os.listdir("/proc/self/fd")]
assert not [link for link in links if os.path.islink(link) and os.readlink(link).startswith("socket:")]
"""


@pytest.mark.parametrize("module", MAINS)
def test_importing_a_main_starts_nothing(module):
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(module=module)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
