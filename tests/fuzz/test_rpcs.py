"""Every RPC of every service with requests that nobody would write, as everybody: each is answered or refused, none
fails, no process dies and no log holds an error.

`./parvis test fuzz` draws some requests for each RPC; `--full` draws more, and puts every field at each of its edges.
`PARVIS_FUZZ_SEED` draws others.
"""

import asyncio
import os
from collections import Counter
from importlib import import_module
from itertools import islice
from pathlib import Path

import cases
import pytest
from altering import altered, empty, sweep
from callers import Caller
from cases import CASES
from contract import METHODS
from google.protobuf.message import Message
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from parvis_kit.errors import Kind, ServiceError

for path in sorted(Path(cases.__file__).parent.glob("cases_*.py")):
    import_module(path.stem)  # registers its cases

FULL = os.environ.get("PARVIS_FULL") == "1"
SEED = int(os.environ.get("PARVIS_FUZZ_SEED", "0"))
#: Requests that are drawn for each RPC.
DRAWN = 150 if FULL else 6
#: Who sends them. Who may gets furthest, so two of three are theirs.
EVERYBODY = (
    "administrator", "client", "other-client", "other-firm", "two-firms", "provider", "no-right", "reader",
    "no-organisation", "requested-member", "viewer-of-client", "own-name", "own-name-other-firm", "own-name-of-nobody",
    "no-token", "altered-token", "with-subject",
)  # fmt: skip
#: What a service may say that it acts for.
ORGANISATIONS = ("-", "x", "00000000-0000-0000-0000-000000000000", "f" * 32, "1" * 4000)
#: Of the rightful callers' own requests, at least this share is still answered: else what is refused tells nothing.
REACHED = 0.9
#: Requests of the sweep that are under way at once.
AT_ONCE = 8


@pytest.fixture(scope="module")
def answers():
    """How many of what came back, by kind; RPCs whose rightful caller was answered."""
    return Counter()


def batched(requests, size):
    """Lists of `size` at most."""
    requests = iter(requests)
    return iter(lambda: list(islice(requests, size)), [])


class Asking:
    """Calls one RPC, and remembers what must not have happened."""

    def __init__(self, stage, method, answers):
        self.stage, self.case, self.answers = stage, CASES[method], answers
        self.failures: list[str] = []

    async def send(self, request: Message, name: str) -> Message | ServiceError:
        try:
            caller = await self.caller(name)
            answer = await self.stage.cast.wires.call(caller, self.case.method, request)
        except ServiceError as error:
            answer = error
        self.answers[answer.kind.value if isinstance(answer, ServiceError) else "answered"] += 1
        if isinstance(answer, ServiceError) and answer.kind is Kind.INTERNAL:
            self.failures.append(f"as {name}: {answer}\n{str(request)[:800]}")
        await self.stage.world.give_up(answer)
        return answer

    async def caller(self, name: str) -> Caller:
        """Somebody by name; where an RPC is for services only, whose token is altered is the administrator."""
        if name in ORGANISATIONS:
            return Caller(self.case.through[0], organisation_id=name)
        if name.endswith("-token") and self.case.by == "service":
            return await self.stage.cast.caller("administrator", self.case.through[0])
        return await self.stage.caller(self.case, name)

    async def draw(self, request: Message) -> None:
        """Requests as hypothesis draws them; it works in a thread of its own, the calls are made in this one."""
        loop = asyncio.get_running_loop()
        # As the case says, where being somebody would do to them what is asked for.
        others = [name for name in EVERYBODY if not self.case.only or name in self.case.only]
        names = st.just("rightful") | st.just("rightful") | st.sampled_from((*others, *ORGANISATIONS))

        @seed(SEED)
        @settings(
            max_examples=DRAWN,
            database=None,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=HealthCheck,
        )
        @given(altered(request) | altered(empty(request.DESCRIPTOR)), names)
        def ask(changed, name):
            asyncio.run_coroutine_threadsafe(self.send(changed, name), loop).result(60)

        await asyncio.to_thread(ask)


@pytest.mark.parametrize("method", METHODS)
async def test_whatever_is_asked_there_is_an_answer(stage, standing, answers, method):
    asking = Asking(stage, method, answers)
    request = await asking.case.make(stage.world)
    if FULL:
        for some in batched(sweep(request), AT_ONCE):
            await asyncio.gather(*(asking.send(changed, "rightful") for changed in some))
    await asking.draw(request)
    assert not asking.failures, "\n".join(asking.failures)[:4000]
    outcome = await asking.send(await asking.case.make(stage.world), "rightful")
    answers["reached"] += isinstance(outcome, Message) or asking.case.answer is not None


async def test_the_rightful_callers_are_still_answered(answers):
    """Else the refusals above would tell nothing: somebody's access may have been cut by what was sent."""
    print(dict(answers))
    assert answers["reached"] >= REACHED * len(METHODS)


async def test_every_process_lives_and_no_log_holds_an_error(standing, ledger):
    await ledger.quiet()
    assert await standing.troubles() == []
