"""What is told of the object store."""

import asyncio
import socket

import pytest

from parvis_documents.objects import ObjectStore
from parvis_documents.service.counting import STORE_UP, StoreProbe
from parvis_kit.errors import Kind, ServiceError


def is_up():
    return STORE_UP.collect()[0].samples[0].value


async def test_a_store_that_answers_is_up(objects):
    await StoreProbe(objects).look()
    assert is_up() == 1


async def test_a_store_that_refuses_is_not(objects, store_settings):
    await StoreProbe(objects).look()
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        away = ObjectStore(store_settings.model_copy(update={"internal_url": url}))
        with pytest.raises(ServiceError) as caught:
            await StoreProbe(away).look()
        away.close()
    assert caught.value.kind is Kind.UNAVAILABLE
    assert is_up() == 0


async def test_a_store_that_stands_still_is_asked_once_at_a_time():
    asked, answers, answer = [], asyncio.Event(), asyncio.Event()

    class Still:
        async def size(self, key):
            asked.append(key)
            answers.set()
            await answer.wait()

    probe = StoreProbe(Still())
    for _ in range(3):
        looking = asyncio.create_task(probe.look())
        await answers.wait()
        await asyncio.sleep(0)  # it has begun, also where the store was asked before
        looking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await looking
    assert (len(asked), is_up()) == (1, 0)

    answer.set()
    await probe.look()
    assert (len(asked), is_up()) == (1, 1)
