"""The store in containers: plain speech is refused; certificates change under calls of documents and of browsers."""

import socket
import subprocess
import threading
from collections.abc import Iterator

import pytest
from stack import Stack, until

from parvis_local.layout import ROOT, VENV_BIN

#: Inside documents, as documents: one that stays, and a new one for each call; until somebody says that it is over.
CALLS = """
import asyncio, os, pathlib
from parvis_documents.objects import ObjectStore
from parvis_documents.settings import StoreSettings

async def main():
    settings, authority = StoreSettings(), pathlib.Path(os.environ["PARVIS_TLS_CA"])
    stays, made, failed = ObjectStore(settings, authority=authority), 0, []
    while not pathlib.Path("/tmp/over").exists():
        anew = ObjectStore(settings, authority=authority)
        for store in (stays, anew):
            try:
                key = f"renewal/{made}"
                await store.abort(key, await store.create_multipart(key))
                made += 1
            except Exception as error:
                failed.append(repr(error.__cause__ or error))
        anew.close()
        pathlib.Path("/tmp/made").write_text(str(made))
    print(made, failed)

asyncio.run(main())
"""


@pytest.fixture
def calls(stack: Stack) -> Iterator[subprocess.Popen[str]]:
    """Calls of documents, for as long as the test takes."""
    stack.python("documents", "import pathlib; [pathlib.Path('/tmp', each).unlink(True) for each in ('over', 'made')]")
    command = ["docker", "exec", stack.container("documents"), "/opt/parvis/bin/python", "-c", CALLS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as calling:
        yield calling
        stack.python("documents", "import pathlib; pathlib.Path('/tmp/over').touch()")


def made(stack: Stack) -> int:
    """How many calls there were."""
    said = stack.python("documents", "print(open('/tmp/made').read())").stdout.strip()
    return int(said or 0)


def test_plain_speech_is_refused(stack: Stack):
    with socket.create_connection((stack.address("store", "store"), 8333), 10) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: store\r\nConnection: close\r\n\r\n")
        assert b"sent an HTTP request to an HTTPS server" in plain.makefile("rb").read()


def test_the_authority_is_replaced_under_calls_and_none_fails(stack: Stack, calls: subprocess.Popen[str]):
    """By the operator's command. What browsers ask goes through Traefik."""
    statuses, over = [], threading.Event()

    def browse() -> None:
        with stack.client() as client:
            while not over.wait(0.05):
                statuses.append(client.get(f"{stack.addresses['store']}/healthz").status_code)

    browsing = threading.Thread(target=browse)
    browsing.start()
    try:
        until(lambda: made(stack) > 0, "documents calls the store", 60)
        command = [str(VENV_BIN / "python"), "-m", "parvis_local.command", "secrets", f"--out={stack.secrets}"]
        renewed = subprocess.run([*command, "--new-authority"], cwd=ROOT, check=False, capture_output=True, text=True)
        assert renewed.returncode == 0, renewed.stdout + renewed.stderr
        enough = made(stack) + 50
        until(lambda: made(stack) >= enough, "it goes on", 60)
        seen = len(statuses)
        until(lambda: len(statuses) > seen + 50, "and browsers do", 60)
    finally:
        over.set()
        browsing.join()
        stack.python("documents", "import pathlib; pathlib.Path('/tmp/over').touch()")
    said, _ = calls.communicate(timeout=60)
    count, _, failed = said.strip().splitlines()[-1].partition(" ")
    assert (int(count) > 50, failed) == (True, "[]"), said
    assert set(statuses) == {200}
