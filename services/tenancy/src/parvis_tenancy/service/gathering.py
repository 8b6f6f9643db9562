"""Events about people of directories are handled together where several wait: one change of rights for all of them."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from uuid import UUID

from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain.directory import Said
from parvis_tenancy.service import settling

_Told = tuple[UUID, Said, bool]
_Begin = Callable[[], AbstractAsyncContextManager[UnitOfWork]]


class Gathering:
    """What arrives for an organisation while one transaction of it is at work goes into the next one, together."""

    def __init__(self) -> None:
        self._waiting: dict[UUID, list[tuple[_Told, asyncio.Future[None]]]] = {}
        self._busy: dict[UUID, asyncio.Lock] = {}

    async def settle(self, organisation_id: UUID, told: _Told, begin: _Begin) -> None:
        """Settles one person, with all others that wait; returns when it is committed. `begin` opens a transaction of
        the organisation.
        """
        done = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(organisation_id, []).append((told, done))
        lock = self._busy.setdefault(organisation_id, asyncio.Lock())
        async with lock:
            if not done.done():
                await self._settle(organisation_id, begin)
        if organisation_id not in self._waiting:
            self._busy.pop(organisation_id, None)
        await done

    async def _settle(self, organisation_id: UUID, begin: _Begin) -> None:
        together = self._waiting.pop(organisation_id)
        try:
            try:
                async with begin() as unit:
                    await settling.receive(unit, [told for told, _ in together])
            except Exception:  # noqa: BLE001 - one of them is wrong: the others are not held up by it
                for told, done in together:
                    await self._alone(told, done, begin)
            else:
                for _, done in together:
                    done.set_result(None)
        finally:
            for _, done in together:
                if not done.done():  # the process stops: their messages come again
                    done.set_exception(ConnectionError("interrupted"))

    async def _alone(self, told: _Told, done: asyncio.Future[None], begin: _Begin) -> None:
        try:
            async with begin() as unit:
                await settling.receive(unit, [told])
        except Exception as error:  # noqa: BLE001 - its own event fails by it
            done.set_exception(error)
        else:
            done.set_result(None)
