"""Calls of a page to the services: several at once, and those that it does without."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from parvis_kit.errors import Kind, ServiceError

A = TypeVar("A")

#: Errors after which the rest of a page still works.
_BEARABLE = {Kind.UNAVAILABLE, Kind.INTERNAL, Kind.LIMIT}


async def at_once(*calls: Awaitable[Any]) -> tuple[Any, ...]:
    """All answers; every call has ended when this does. Raises the first error in the order of the calls."""
    answers = await asyncio.gather(*calls, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return tuple(answers)


async def or_down(call: Awaitable[A]) -> A | None:
    """The answer, or None when the service that gives it is down: its part of the page says so, the rest works."""
    try:
        return await call
    except ServiceError as error:
        if error.kind in _BEARABLE:
            return None
        raise


async def if_allowed(call: Awaitable[A]) -> A | None:
    """The answer, or None when the reader may not have it or the service is down: a part of a page that is
    offered, not needed.
    """
    try:
        return await call
    except ServiceError as error:
        if error.kind in _BEARABLE | {Kind.FORBIDDEN, Kind.NOT_FOUND}:
            return None
        raise
