"""Work that stops is begun again, and its log says no more than whoever reads it needs."""

import asyncio

import pytest
from structlog.testing import capture_logs

from parvis_watch.jobs import for_ever


class AnswerError(Exception):
    """As the services' own errors are: of a kind."""

    def __init__(self, kind):
        super().__init__(kind)
        self.kind = kind


@pytest.mark.parametrize(
    ("error", "level", "stack"),
    [
        (ConnectionRefusedError(111, "nobody listens"), "warning", False),
        (AnswerError("unavailable"), "warning", False),
        (AnswerError("internal"), "error", True),
        (KeyError("a mistake"), "error", True),
    ],
)
async def test_what_is_away_is_said_in_a_line_and_a_mistake_with_its_stack(error, level, stack):
    again = asyncio.Event()

    async def work():
        if written:
            again.set()
            await asyncio.Event().wait()
        raise error

    with capture_logs() as written:
        task = asyncio.create_task(for_ever(work, "sealing"))
        async with asyncio.timeout(30):
            await again.wait()
        task.cancel()
        await asyncio.wait([task])

    assert [(line["event"], line["work"]) for line in written] == [("background_interrupted", "sealing")]
    assert written[0]["log_level"] == level
    assert bool(written[0].get("exc_info")) is stack
