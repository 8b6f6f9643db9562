"""Engines on several machines, as processes of this one: three servers of NATS, two of PostgreSQL with a pooler."""

import asyncio
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import asyncpg
import nats

from parvis_kit.testing import HOST, Server, _postgres_programs, eventually

STREAM = "PARVIS"
PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
NOBODY = "nobody" if os.geteuid() == 0 else None


def ports(count):
    """Ports that nobody listens on."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((HOST, 0))
        return [probe.getsockname()[1] for probe in probes]


class Brokers:
    """A cluster of three. `user`, `password`: those of the services."""

    def __init__(self, folder, user="parvis", password="a-password-of-tests"):
        clients, routes = ports(3), ports(3)
        self.url = f"nats://{user}:{password}@" + ",".join(f"{HOST}:{port}" for port in clients)
        self.servers = {}
        for number, (client, route) in enumerate(zip(clients, routes, strict=True)):
            name = f"nats-{number}"
            home = folder / name
            home.mkdir()
            told = {
                "server_name": name,
                "listen": f"{HOST}:{client}",
                "jetstream": {"store_dir": str(home), "sync_interval": "always"},
                "cluster": {"name": "parvis", "listen": f"{HOST}:{route}",
                            "routes": [f"nats://{HOST}:{port}" for port in routes]},
                "authorization": {"users": [{"user": user, "password": password}]},
            }  # fmt: skip
            (home / "nats.json").write_text(json.dumps(told))
            command = [str(Path(sys.executable).with_name("nats-server")), "--config", str(home / "nats.json")]
            self.servers[name] = Server(f"nats://{user}:{password}@{HOST}:{client}", command, home)

    def start(self):
        for server in self.servers.values():
            server.start()

    def stop(self):
        for server in self.servers.values():
            if server._process is not None and server._process.poll() is None:
                server.kill(signal.SIGTERM)

    async def connect(self):
        return await nats.connect([server.url for server in self.servers.values()], max_reconnect_attempts=-1)

    async def stream(self):
        """The stream as the cluster tells of it; asked until somebody leads."""
        client = await self.connect()
        try:
            async with asyncio.timeout(60):
                while True:
                    try:
                        found = await client.jsm(timeout=2).stream_info(STREAM)
                    except (nats.errors.Error, nats.js.errors.APIError):
                        await asyncio.sleep(0.1)
                        continue
                    if found.cluster and found.cluster.leader:
                        return found
                    await asyncio.sleep(0.1)
        finally:
            await client.close()

    async def whole(self):
        """Once every server has all of the stream."""
        async with asyncio.timeout(60):
            while True:
                found = await self.stream()
                copies = found.cluster.replicas or []
                if len(copies) == 2 and all(each.current and not each.offline for each in copies):
                    return found
                await asyncio.sleep(0.1)

    async def stored(self, subject):
        """Message ids that the stream holds, one entry per stored message."""
        client = await self.connect()
        ids = []
        try:
            heard = await client.jetstream().subscribe(subject, ordered_consumer=True)
            while True:
                ids.append((await heard.next_msg(timeout=1)).headers["ce-id"])
        except TimeoutError:
            return ids
        finally:
            await client.close()


class Databases:
    """A server of PostgreSQL, another one that has all that it confirms, and a pooler in front of whichever leads.

    `users`: who may come through the pooler. Servers believe names (`trust`): who says what is tested elsewhere.
    """

    def __init__(self, folder, users):
        self._folder = folder
        self._programs = _postgres_programs(folder) / "bin"
        first, second, pooler = ports(3)
        self._ports = {"first": first, "second": second}
        self.hosts = f"{HOST}:{first},{HOST}:{second}"
        self.pooler = f"{HOST}:{pooler}"
        home = folder / "pooler"
        home.mkdir()
        self._settings = home / "pgbouncer.ini"
        (home / "users.txt").write_text("".join(f'"{user}" ""\n' for user in users))
        self._point("first")
        self._pooler = Server(f"postgresql://{self.pooler}", [PGBOUNCER, str(self._settings)], home, NOBODY)

    def superuser(self, database, server="first"):
        return f"postgresql://postgres@{HOST}:{self._ports[server]}/{database}"

    def start(self):
        """The first server, the second as its copy, the pooler."""
        self._make("initdb", "-D", self._home("first"), "-U", "postgres", "--auth=trust", "--encoding=UTF8",
                   "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C.UTF-8")  # fmt: skip
        self._servers = {"first": self._server("first")}
        self._servers["first"].start()
        self._make("pg_basebackup", "-D", self._home("second"), "-R", "-X", "stream", "-c", "fast",
                   "-d", f"{self.superuser('postgres')}?application_name=second")  # fmt: skip
        self._servers["second"] = self._server("second")
        self._servers["second"].start()
        self._pooler.start()

    async def confirm_on_both(self):
        """From now on a commit is answered once the second server has it too: none that was answered is lost."""
        connection = await asyncpg.connect(self.superuser("postgres"))
        await connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        await connection.execute("SELECT pg_reload_conf()")

        async def confirms():
            return await connection.fetchval("SELECT sync_state FROM pg_stat_replication") == "sync"

        await eventually(confirms)
        await connection.close()

    async def fail_over(self):
        """The first server dies; the second takes its place, and the pooler is told."""
        self._servers["first"].kill()
        connection = await asyncpg.connect(self.superuser("postgres", "second"))
        await connection.execute("SELECT pg_promote()")
        await connection.close()
        self._point("second")
        self._pooler._process.send_signal(signal.SIGHUP)

    def stop(self):
        for server in (self._pooler, *self._servers.values()):
            if server._process is not None and server._process.poll() is None:
                server.kill(signal.SIGINT)

    def _point(self, server):
        self._settings.write_text(
            f"[databases]\n* = host={HOST} port={self._ports[server]}\n"
            f"[pgbouncer]\nlisten_addr = {HOST}\nlisten_port = {self.pooler.partition(':')[2]}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {self._settings.with_name('users.txt')}\n"
            "pool_mode = transaction\ndefault_pool_size = 10\nserver_login_retry = 1\n"
        )

    def _home(self, server):
        return self._folder / server

    def _server(self, name):
        options = {
            "listen_addresses": HOST, "port": self._ports[name], "unix_socket_directories": "", "jit": "off",
            "max_connections": 200, "fsync": "off", "full_page_writes": "off", "shared_buffers": "32MB",
        }  # fmt: skip
        if name == "second":  # alone it must not wait for anybody
            options["synchronous_standby_names"] = ""
        command = [str(self._programs / "postgres"), "-D", str(self._home(name))]
        command += [each for key, value in options.items() for each in ("-c", f"{key}={value}")]
        return Server(self.superuser("postgres", name), command, self._folder, NOBODY)

    def _make(self, program, *arguments):
        if NOBODY:
            os.chown(self._folder, pwd.getpwnam(NOBODY).pw_uid, -1)
        subprocess.run([self._programs / program, *arguments], check=True, capture_output=True, cwd="/",
                       user=NOBODY, extra_groups=[] if NOBODY else None)  # fmt: skip
