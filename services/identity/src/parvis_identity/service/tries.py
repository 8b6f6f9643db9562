"""Tries of passwords as they are counted: by the place that they come from, and by whom they are for."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from parvis_identity.domain.throttle import BY_ADDRESS, BY_IDENTIFIER, network_of, throttle_key, typed_key
from parvis_identity.models import Account, Credential
from parvis_identity.service.visitor import Visitor
from parvis_identity.store import sessions as session_store
from parvis_kit.caller import Caller
from parvis_kit.unit import Database, UnitOfWork

#: How often at most, and every how many seconds, somebody looks whether the tries before theirs were right.
_LOOKS, _LOOKED_AGAIN = 60, 0.25
_SELF = Caller("identity")


class Place:
    """Where strangers' browsers try from: a whole office may. Only failures count there, and not those of people who
    get in after all.
    """

    def __init__(self, visitor: Visitor, typed: str, organisation_id: UUID | None) -> None:
        network = network_of(visitor.address)
        self._key = throttle_key("address", network)
        self._mistakes = typed_key(f"mistakes {network}", typed, organisation_id)
        self._counted, self._wait = False, timedelta(0)

    async def admit(self, unit: UnitOfWork) -> timedelta:
        """How long nobody there may try; nothing when they may."""
        may, self._wait, self._counted = await session_store.admit(unit, self._key, BY_ADDRESS)
        return timedelta(0) if may else self._wait

    async def failed(self, unit: UnitOfWork) -> timedelta:
        """How long the next one there waits."""
        await session_store.failed(unit, self._mistakes, BY_ADDRESS)
        return self._wait if self._counted else await session_store.failed(unit, self._key, BY_ADDRESS)

    async def succeeded(self, unit: UnitOfWork) -> None:
        """It was somebody who works there."""
        await session_store.made_good(unit, self._key, self._mistakes, BY_ADDRESS, counted=self._counted)

    async def take_back(self, unit: UnitOfWork) -> None:
        """Nothing was looked at."""
        if self._counted:
            await session_store.forgive(unit, self._key, only_this=True)


class Try(NamedTuple):
    """A try that is counted: under what and where, whom it found, whether it may be looked at, and the wait if not."""

    counted: bytes
    place: Place | None
    found: tuple[Account, Credential | None] | None
    may: bool
    wait: timedelta


class UnderWay:
    """The tries that this process is looking at, by what they are counted under."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looked_at: Counter[bytes] = Counter()

    @contextmanager
    def looking(self, tried: Try) -> Iterator[None]:
        """One of them, for the length of the block; one that may not be looked at is none."""
        counted = [tried.counted] if tried.may else []
        self._looked_at.update(counted)
        try:
            yield
        finally:
            self._looked_at -= Counter(counted)

    async def after_others(self, counted: bytes, wait: timedelta) -> tuple[bool, timedelta]:
        """Several browsers of one person sign in at once: whoever comes while the first are looked at waits for them,
        as a right one among them lets the others try. Where none was, the wait stands; where nobody is looked at, it
        is told at once.
        """
        for _ in range(_LOOKS):
            async with self._database.begin(_SELF) as unit:
                if await session_store.failures(unit, counted) <= BY_IDENTIFIER.free:  # a right one took them back
                    may, wait = await session_store.charge(unit, counted, BY_IDENTIFIER)
                    if may:
                        return True, wait
            if counted not in self._looked_at:
                break
            await asyncio.sleep(_LOOKED_AGAIN)
        return False, wait
