"""Faults on purpose: a few words of the product's source replaced, as somebody could have done by mistake."""

import importlib
import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from types import CodeType, FunctionType
from typing import Any
from unittest.mock import patch


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and what makes it so: in `where` (`module:name`, a function or a text), `old` becomes `new`.

    `beside`: a change that it takes as well, where two places hold a rule and either alone would.
    """

    name: str
    where: str
    old: str
    new: str
    beside: "Fault | None" = None


class NotThere(LookupError):
    """What a fault replaces is no longer where it was, or there twice: the fault is to be written anew."""


@contextmanager
def seeded(fault: Fault) -> Iterator[None]:
    """The product with the fault, for whoever imported the function as well."""
    with _seeded(fault), _seeded(fault.beside) if fault.beside else nullcontext():
        yield


@contextmanager
def _seeded(fault: Fault) -> Iterator[None]:
    module, _, path = fault.where.partition(":")
    *owners, name = path.split(".")
    owner: Any = importlib.import_module(f"parvis_{module}")
    try:
        for each in owners:
            owner = getattr(owner, each)
        original = inspect.getattr_static(owner, name)
    except AttributeError as error:
        raise NotThere(fault.where) from error
    if isinstance(original, str):
        with patch.object(owner, name, _replaced(original, fault)):
            yield
        return
    function = _function(original)
    kept = function.__code__
    function.__code__ = _changed(function, fault)
    try:
        yield
    finally:
        function.__code__ = kept


def _function(found: Any) -> FunctionType:
    if isinstance(found, property):
        found = found.fget
    elif isinstance(found, cached_property):
        found = found.func
    if not isinstance(found, FunctionType):
        raise NotThere(repr(found))
    return found


def _replaced(text: str, fault: Fault) -> str:
    if text.count(fault.old) != 1:
        raise NotThere(f"{fault.where} has {text.count(fault.old)} times: {fault.old}")
    return text.replace(fault.old, fault.new)


def _changed(function: FunctionType, fault: Fault) -> CodeType:
    source = _replaced(textwrap.dedent(inspect.getsource(function)), fault)
    made: dict[str, Callable[..., Any]] = {}
    exec(compile(source, inspect.getfile(function), "exec"), function.__globals__, made)  # noqa: S102 - our own source
    return made[function.__name__].__code__
