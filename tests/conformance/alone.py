"""Identity alone under its own HTTP port, over a real database, in this process: what can be broken on purpose."""

import asyncio
import hashlib
import secrets
import socket
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import uvicorn
from under_test import Person, Provider

from parvis_kit.testing import Databases
from parvis_kit.unit import Database

ROOT = Path(__file__).parents[2]
Found = TypeVar("Found")


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def run(self, work: Coroutine[Any, Any, Found]) -> Found:
        """What a coroutine returns there."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def begin(self, work: Coroutine[Any, Any, Any]) -> None:
        """Lets a coroutine run there."""
        asyncio.run_coroutine_threadsafe(work, self._loop)

    def end(self) -> None:
        """Stops it."""
        self._loop.call_soon_threadsafe(self._loop.stop)


@contextmanager
def identity_alone(databases: Databases) -> Iterator[Provider]:
    """The provider; ends with the block."""
    sys.path.insert(0, str(ROOT / "services" / "identity" / "tests"))
    import identity_stage

    from parvis_identity.service.logout import LogoutNotices

    loop, listener = Loop(), socket.create_server(("127.0.0.1", 0))
    issuer = f"http://localhost:{listener.getsockname()[1]}"
    identity_stage.PUBLIC_URL = issuer
    token = secrets.token_urlsafe(24)
    urls = loop.run(databases.make("parvis_identity"))

    sending: list[asyncio.Task[None]] = []

    async def begin() -> tuple[Any, list[Person]]:
        database = Database(urls.service, service="identity")
        stage = await identity_stage.make_stage(
            database, public_url=issuer, private_networks="127.0.0.0/8, ::1/128", **_registration(token)
        )
        sender = LogoutNotices(database, stage.tokens, stage.outgoing)
        sending.append(asyncio.create_task(sender.run()))
        people = [await stage.person(mail=mail) for mail in ("camille.marin@exemple.fr", "leo.petit@exemple.fr")]
        return stage, [Person(each.mail, identity_stage.PASSWORD) for each in people]

    stage, (person, other) = loop.run(begin())
    config = uvicorn.Config(stage.app, log_level="warning", lifespan="off", proxy_headers=False)
    server = uvicorn.Server(config)
    loop.begin(server.serve(sockets=[listener]))
    try:
        yield Provider(
            issuer=issuer,
            initial_access_token=token,
            person=person,
            other=other,
            rotate_keys=_rotation(loop, stage),
        )
    finally:
        server.should_exit = True
        for task in sending:
            task.cancel()
        loop.run(asyncio.sleep(0.3))
        loop.run(stage.database.close())
        loop.end()


def _registration(token: str) -> dict[str, str]:
    digest = hashlib.sha256(token.encode()).hexdigest()
    return {"registration": "token", "registration_token_sha256": digest}


def _rotation(loop: Loop, stage: Any) -> Callable[[], None]:
    async def rotate() -> None:
        from parvis_identity.service import rotation

        async with stage.unit() as unit:
            await rotation.rotate(unit, stage.ring)
        async with stage.unit() as unit:
            await stage.ring.load(unit)

    return lambda: loop.run(rotate())
