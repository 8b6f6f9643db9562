"""Passwords are hashed in a bounded pool: 19 MiB and 40 ms each would otherwise be everyone's memory and
everyone's time.
"""

import asyncio
import base64
import contextlib
import os
import secrets
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from parvis_identity.domain.passwords import LONGEST, prepare
from parvis_identity.service import foreign
from parvis_identity.settings import Settings
from parvis_kit.errors import limit

Result = TypeVar("Result")


#: By how much hashing gives way to everything else of the process (`nice`).
_NICER = 5


def _give_way() -> None:
    """Pages go before hashes: on Linux each thread has a priority of its own."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            own = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, own, os.getpriority(os.PRIO_PROCESS, own) + _NICER)


class Hasher:
    """Argon2id with the parameters of the settings. Made after a fork: it owns threads."""

    def __init__(self, settings: Settings) -> None:
        self._argon2 = argon2.PasswordHasher(
            time_cost=settings.argon2_passes,
            memory_cost=settings.argon2_memory_kib,
            parallelism=settings.argon2_lanes,
        )
        self._threads = ThreadPoolExecutor(settings.hashing_threads, thread_name_prefix="argon2", initializer=_give_way)
        self._places = settings.hashing_threads + settings.hashing_queue
        self._taken = 0
        #: Hashes computed since the start: a test counts that every refusal costs exactly one.
        self.computed = 0
        self._nobody = self._unmatched(settings)

    @staticmethod
    def _unmatched(settings: Settings) -> str:
        """An encoded hash that no password has, at the same price as a real one: random digest, so it was never
        computed.
        """
        salt, digest = (base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (16, 32))
        cost = f"m={settings.argon2_memory_kib},t={settings.argon2_passes},p={settings.argon2_lanes}"
        return f"$argon2id$v=19${cost}${salt}${digest}"

    async def hash(self, password: str) -> str:
        """The encoded hash of a password. Raises LIMIT hashing_busy when too many wait."""
        return await self._run(self._argon2.hash, prepare(password))

    async def matches(self, encoded: str, password: str) -> bool:
        """Whether `password` has the hash; an empty `encoded` (nobody, or no password yet) costs the same and
        never matches.

        Raises LIMIT hashing_busy when too many wait.
        """
        return await self._run(self._verify, encoded or self._nobody, prepare(password[: LONGEST + 1]))

    def is_outdated(self, encoded: str) -> bool:
        """Whether a hash was made with other parameters than today's, or by another platform."""
        return not encoded.startswith("$argon2id$") or self._argon2.check_needs_rehash(encoded)

    def _verify(self, encoded: str, password: bytes) -> bool:
        if not encoded.startswith("$argon2id$"):
            return foreign.matches(encoded, password)
        try:
            return self._argon2.verify(encoded, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, function: Callable[..., Result], *arguments: str | bytes) -> Result:
        if self._taken >= self._places:
            raise limit("hashing_busy", retry_after="5")
        self._taken += 1
        self.computed += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)
        finally:
            self._taken -= 1
