"""Faults on purpose: each is a change to the running provider that somebody could have made by mistake."""

import importlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

Change = Callable[[dict[str, Any]], dict[str, Any]]
Seed = Callable[[], AbstractContextManager[Any]]

SERVICE = "parvis_identity.service"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, what makes it so, and the runs that are expected to notice; one of them must."""

    name: str
    seed: Seed
    noticed_by: tuple[str, ...]


class NotThere(LookupError):
    """What a fault changes is no longer where it was: the fault is to be written anew."""


@contextmanager
def instead(target: str, make: Callable[[Any], Any]) -> Iterator[None]:
    """Replaces `module:name` or `module:Class.name` by what `make` makes of it."""
    module, _, path = target.partition(":")
    *owners, name = path.split(".")
    owner: Any = importlib.import_module(module)
    try:
        for each in owners:
            owner = getattr(owner, each)
        original = inspect.getattr_static(owner, name)
    except AttributeError as error:
        raise NotThere(target) from error
    with patch.object(owner, name, make(original)):
        yield


def changed(target: str, make: Callable[[Any], Any]) -> Seed:
    """The seed that replaces one thing."""
    return lambda: instead(target, make)


def all_of(*seeds: Seed) -> Seed:
    """Several at once."""

    @contextmanager
    def together() -> Iterator[None]:
        with ExitStack() as stack:
            for seed in seeds:
                stack.enter_context(seed())
            yield

    return together


def answers(target: str, value: Any) -> Seed:
    """A function that always answers the same."""
    return changed(target, lambda original: _constant(original, value))


def _constant(original: Any, value: Any) -> Any:
    if inspect.iscoroutinefunction(original):

        async def later(*_: Any, **__: Any) -> Any:
            return value

        return later
    return lambda *_, **__: value


def result(target: str, change: Callable[[Any], Any]) -> Seed:
    """A function whose answer is changed."""

    def make(original: Any) -> Any:
        if inspect.iscoroutinefunction(original):

            async def later(*given: Any, **named: Any) -> Any:
                return change(await original(*given, **named))

            return later
        return lambda *given, **named: change(original(*given, **named))

    return changed(target, make)


def argument(target: str, place: int, change: Callable[[Any], Any]) -> Seed:
    """A function that is given something else than its caller meant, in one place."""

    def make(original: Any) -> Any:
        def other(*given: Any, **named: Any) -> Any:
            return original(*given[:place], change(given[place]), *given[place + 1 :], **named)

        return other

    return changed(target, make)


def claims(typ: str, change: Change) -> Seed:
    """Tokens of a kind (`JWT` for ID tokens, `at+jwt`, `logout+jwt`) with other claims."""

    def make(original: Any) -> Any:
        def sign(self: Any, said: dict[str, Any], *given: Any, **named: Any) -> Any:
            return original(self, change(dict(said)) if named.get("typ") == typ else said, *given, **named)

        return sign

    return changed(f"{SERVICE}.tokens:Tokens._sign", make)


def signed(typ: str, change: Callable[[str], str]) -> Seed:
    """Tokens of a kind that are changed after they were signed."""

    def make(original: Any) -> Any:
        def sign(*given: Any, **named: Any) -> Any:
            token = original(*given, **named)
            return change(token) if named.get("typ") == typ else token

        return sign

    return changed(f"{SERVICE}.tokens:Tokens._sign", make)


def without(name: str) -> Change:
    """Claims without one."""
    return lambda said: {each: value for each, value in said.items() if each != name}


def with_(**values: Any) -> Change:
    """Claims with others."""
    return lambda said: said | values


class Everywhere(list[str]):
    """Addresses that are all there are."""

    def __contains__(self, address: object) -> bool:
        return True
