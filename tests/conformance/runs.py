"""A run of one module: the conditions that it checked, and what it knows of the provider."""

from collections.abc import Callable, Container
from dataclasses import dataclass, field
from typing import Any

from receiver import Receiver
from under_test import Provider


class Stop(Exception):
    """A condition does not hold without which the module cannot go on."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One fact that was looked at. `found` says what was there instead, when it does not hold."""

    name: str
    held: bool
    found: str = ""

    def __str__(self) -> str:
        return f"{self.name}{'' if self.held else f' — found: {self.found}' if self.found else ' — does not hold'}"


@dataclass
class Run:
    """One module on one provider. Conditions are named in plain words; the same one may be checked several times."""

    name: str
    provider: Provider
    receiver: Receiver
    conditions: list[Condition] = field(default_factory=list)

    def check(self, name: str, held: object, found: object = "") -> bool:
        """A condition; the module goes on whether it holds or not."""
        self.conditions.append(Condition(name, bool(held), "" if held else str(found)[:400]))
        return bool(held)

    def must(self, name: str, held: object, found: object = "") -> None:
        """A condition without which nothing else can be looked at. Raises Stop."""
        if not self.check(name, held, found):
            raise Stop(name)

    def same(self, name: str, found: object, expected: object) -> bool:
        """That two things are the same."""
        return self.check(name, found == expected, f"{found!r} instead of {expected!r}")

    def one_of(self, name: str, found: Any, expected: Container[Any]) -> bool:
        """That something is one of several."""
        return self.check(name, found in expected, f"{found!r}, none of {expected!r}")

    @property
    def broken(self) -> list[Condition]:
        """What does not hold."""
        return [each for each in self.conditions if not each.held]


Module = Callable[[Run], None]

#: The modules by `plan/name`, filled by the files that hold them.
MODULES: dict[str, Module] = {}
#: Those that spend their time waiting: they are begun first, beside the others.
WAITING: set[str] = set()


def module(*names: str, waits: bool = False) -> Callable[[Module], Module]:
    """Declares a function as the module of these runs (`plan/name`)."""

    def declare(function: Module) -> Module:
        for name in names:
            if name in MODULES:
                raise ValueError(f"There are two modules {name}.")
            MODULES[name] = function
            if waits:
                WAITING.add(name)
        return function

    return declare


def carry_out(run: Run) -> Run:
    """Runs the module of a run, which is returned. What nobody expected of the provider is a condition that does not
    hold.
    """
    function = MODULES.get(run.name)
    if function is None:
        run.check("the module is written", False, "nothing")  # noqa: FBT003 - a plain fact
        return run
    try:
        function(run)
    except Stop:
        return run
    except Exception as error:  # noqa: BLE001 - whatever a broken provider leads to belongs to this run
        where = _where(error)
        run.check("the module comes to its end", False, f"{type(error).__name__} {error} ({where})")  # noqa: FBT003
    if not run.conditions:
        run.check("the module checks something", False)  # noqa: FBT003
    return run


def _where(error: BaseException) -> str:
    trace, place = error.__traceback__, ""
    while trace is not None:
        code = trace.tb_frame.f_code
        if "conformance" in code.co_filename:
            place = f"{code.co_name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
