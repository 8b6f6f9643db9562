"""The supervisor's side of the zygote, with a zygote that forks something small."""

import asyncio
import os

import pytest

from parvis_local.forking import Zygote


@pytest.fixture
async def zygote(tmp_path):
    (tmp_path / "small.py").write_text("import time\ndef main(arguments):\n    time.sleep(float(arguments[0]))\n")
    zygote = Zygote()
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}
    process = await zygote.spawn(["small"], tmp_path / "zygote.log", environment)
    yield zygote
    os.kill(process.pid, 9)
    await process.wait()


async def test_who_no_longer_waits_for_a_process_disturbs_nobody(zygote, tmp_path):
    await zygote.imported.wait()
    asking = asyncio.create_task(zygote.fork("small", ["60"], {}, tmp_path / "log"))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)

    later = await zygote.fork("small", ["0"], {}, tmp_path / "log")

    assert await asyncio.wait_for(later.wait(), 10) == 0


async def test_the_end_of_a_process_that_ends_at_once_is_heard(zygote, tmp_path):
    started = [await zygote.fork("small", ["0"], {}, tmp_path / "log") for _ in range(20)]

    assert await asyncio.wait_for(asyncio.gather(*(each.wait() for each in started)), 10) == [0] * 20
