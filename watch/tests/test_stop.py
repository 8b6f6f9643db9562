"""How a process leaves: it answers on, says so in the end, and is in no hurry unless somebody else is."""

import asyncio
import os
import signal
import time

import pytest

from parvis_watch import replicas
from parvis_watch.replicas import Stop


@pytest.fixture
async def stop():
    yield Stop()
    loop = asyncio.get_running_loop()
    loop.remove_signal_handler(signal.SIGTERM)
    loop.remove_signal_handler(signal.SIGINT)


@pytest.mark.parametrize(("drain", "before"), [(0.3, 0.2), (0.1, 0.0), (0.0, 0.0)])
async def test_it_says_so_in_the_last_seconds(monkeypatch, stop, drain, before):
    monkeypatch.setattr(replicas, "SAID", 0.1)
    began, said = time.monotonic(), []
    os.kill(os.getpid(), signal.SIGTERM)
    await stop.asked()
    await stop.drained(drain, lambda: said.append(time.monotonic() - began))
    assert len(said) == 1
    assert said[0] >= before
    assert time.monotonic() - began >= drain


async def test_somebody_in_a_hurry_waits_for_nothing(stop):
    said = []
    os.kill(os.getpid(), signal.SIGINT)
    await stop.asked()
    async with asyncio.timeout(5):
        await stop.drained(300, lambda: said.append(True))
    assert said
