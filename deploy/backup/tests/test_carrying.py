"""Programs of PostgreSQL that know no TLS reach a server that speaks nothing else. The server here is one without,
behind a listener that takes TLS as PostgreSQL does.
"""

import asyncio
import ssl
import struct
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import asyncpg
import pytest

from parvis_backup import databases
from parvis_backup.carrying import carried
from parvis_backup.problems import BackupError
from parvis_local.authority import identity_of, make_identities

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
HOST = "127.0.0.1"


@pytest.fixture
def papers(tmp_path):
    """Of two authorities."""
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
        make_identities(["postgres"], tmp_path / name)
    return tmp_path


@pytest.fixture
def asked(monkeypatch, papers):
    """What compose tells everybody who speaks to PostgreSQL."""
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGSSLROOTCERT", str(papers / "ours" / "ca.pem"))


@asynccontextmanager
async def listening(folder, serve):
    """The port of a listener with the certificate in `folder`; `serve` gets what is said behind it."""
    files, context = identity_of("postgres", folder), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)

    async def take(reader, writer):
        try:
            assert await reader.readexactly(8) == SSL_REQUEST
            writer.write(b"S")
            await writer.start_tls(context)
            await serve(reader, writer)
        except (OSError, ssl.SSLError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(take, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def in_front_of(url):
    """Passes everything on to a server."""

    async def pass_on(reader, writer):
        try:
            while piece := await reader.read(1 << 16):
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass
        writer.close()

    async def serve(reader, writer):
        theirs, to_them = await asyncio.open_connection(HOST, urlsplit(url).port)
        await asyncio.gather(pass_on(reader, to_them), pass_on(theirs, writer))

    return serve


async def dumped(url, snapshot):
    return await asyncio.to_thread(lambda: b"".join(databases.dump(url, snapshot, None)))


async def connected(server, database="postgres"):
    """Plainly, to the server itself."""
    return await asyncpg.connect(f"{server.url.removesuffix('postgres')}{database}?sslmode=disable")


@pytest.fixture
async def content(postgres_server):
    """A server with a table of 20,000 rows; an empty database for them to come back into."""
    connection = await connected(postgres_server)
    for name in ("carried", "carried_back"):
        await connection.execute(f"CREATE DATABASE {name}")
    there = await connected(postgres_server, "carried")
    await there.execute("CREATE TABLE sample AS SELECT n, md5(n::text) FROM generate_series(1, 20000) n")
    async with there.transaction(isolation="repeatable_read"):
        yield await there.fetchval("SELECT pg_export_snapshot()")
    await there.close()
    for name in ("carried", "carried_back"):
        await connection.execute(f"DROP DATABASE {name} (FORCE)")
    await connection.close()


@pytest.mark.usefixtures("asked")
async def test_a_dump_goes_and_comes_back_over_tls(postgres_server, papers, content):
    async with listening(papers / "ours", in_front_of(postgres_server.url)) as port:
        place = f"postgresql://postgres@127.0.0.1:{port}"
        dump = await dumped(f"{place}/carried", content)
        await asyncio.to_thread(databases.load, f"{place}/carried_back", [dump], None)
    connection = await connected(postgres_server, "carried_back")
    try:
        assert await connection.fetchval("SELECT count(DISTINCT md5) FROM sample") == 20000
    finally:
        await connection.close()


@pytest.mark.usefixtures("asked")
async def test_of_several_servers_the_one_that_is_there_is_found(postgres_server, papers, content):
    async with listening(papers / "ours", in_front_of(postgres_server.url)) as port:
        several = f"postgresql://postgres@127.0.0.1:1,127.0.0.1:{port}/carried?target_session_attrs=primary"
        assert (await dumped(several, content)).startswith(b"PGDMP")


@pytest.mark.usefixtures("asked")
async def test_a_server_of_another_authority_hears_nothing_and_the_program_says_why(postgres_server, papers, content):
    heard = []

    async def serve(reader, _writer):
        heard.append(await reader.read(1000))

    async with listening(papers / "theirs", serve) as port:
        with pytest.raises(BackupError, match="certificate verify failed"):
            await dumped(f"postgresql://postgres@127.0.0.1:{port}/carried", content)
    assert heard == []


@pytest.mark.usefixtures("asked")
async def test_a_server_without_tls_hears_nothing(postgres_server, content):
    with pytest.raises(BackupError, match="the server speaks no TLS"):
        await dumped(f"{postgres_server.url.removesuffix('postgres')}carried", content)


@pytest.mark.usefixtures("asked")
async def test_a_password_is_proven_although_the_server_would_bind_it_to_tls(papers):
    heard = asyncio.Queue()

    async def serve(reader, writer):
        await reader.readexactly(struct.unpack("!i", await reader.readexactly(4))[0] - 4)
        words = struct.pack("!i", 10) + b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0"
        writer.write(b"R" + struct.pack("!i", len(words) + 4) + words)
        heard.put_nowait(await reader.read(1000))

    async with listening(papers / "ours", serve) as port:
        with pytest.raises(BackupError):
            await dumped(f"postgresql://postgres:a-password@127.0.0.1:{port}/carried", "a-snapshot")
    async with asyncio.timeout(10):
        proof = await heard.get()
    assert proof.startswith(b"p")
    assert b"SCRAM-SHA-256\0" in proof
    assert b"a-password" not in proof


@pytest.mark.parametrize("mode", ["", "allow", "prefer"])
async def test_who_does_not_insist_still_takes_the_tls_of_any_authority(
    postgres_server, papers, content, monkeypatch, mode
):
    monkeypatch.setenv("PGSSLMODE", mode)
    monkeypatch.setenv("PGSSLROOTCERT", "/nowhere")
    async with listening(papers / "theirs", in_front_of(postgres_server.url)) as port:
        place = f"postgresql://postgres@127.0.0.1:{port}"
        dump = await dumped(f"{place}/carried", content)
        await asyncio.to_thread(databases.load, f"{place}/carried_back?sslmode={mode or 'prefer'}", [dump], None)
    connection = await connected(postgres_server, "carried_back")
    try:
        assert await connection.fetchval("SELECT count(DISTINCT md5) FROM sample") == 20000
    finally:
        await connection.close()


@pytest.mark.parametrize("mode", ["", "allow", "prefer"])
async def test_who_does_not_insist_speaks_plainly_to_a_server_without_tls(postgres_server, content, monkeypatch, mode):
    monkeypatch.setenv("PGSSLMODE", mode)
    plain = f"{postgres_server.url.removesuffix('postgres')}carried"
    with carried(plain) as reached:
        assert reached != plain
        assert (await dumped(plain, content)).startswith(b"PGDMP")


@pytest.mark.parametrize("mode", ["prefer", "require"])
async def test_a_server_that_the_query_names_is_reached_over_tls_too(postgres_server, papers, content, mode):
    async with listening(papers / "theirs", in_front_of(postgres_server.url)) as port:
        place = f"postgresql://postgres@/carried?host={HOST},{HOST}&port=1,{port}&sslmode={mode}"
        assert (await dumped(place, content)).startswith(b"PGDMP")


@pytest.mark.parametrize(
    ("mode", "place"),
    [
        ("disable", "one:5432/carried"),
        ("verify-full", "one:5432/carried?sslmode=disable"),
        ("prefer", "/carried?host=/run/postgresql"),
        ("", "%2Frun%2Fpostgresql:5432/carried"),
        ("", "/carried"),
    ],
)
def test_who_wants_no_tls_or_is_on_the_machine_is_left_alone(monkeypatch, mode, place):
    monkeypatch.setenv("PGSSLMODE", mode)
    url = f"postgresql://postgres@{place}"
    with carried(url) as reached:
        assert reached == url


@pytest.mark.usefixtures("asked")
async def test_a_server_that_says_nothing_is_told_by_the_kind_of_its_silence(monkeypatch):
    async def never(*_, **__):
        raise TimeoutError

    monkeypatch.setattr(asyncio, "open_connection", never)
    with pytest.raises(BackupError, match=r"127\.0\.0\.1: TimeoutError"):
        await dumped("postgresql://postgres@127.0.0.1:1/carried", "a-snapshot")
    monkeypatch.setattr(asyncpg, "connect", never)
    with pytest.raises(BackupError, match="refuses: TimeoutError"):
        await databases.connect("postgresql://postgres@127.0.0.1:1/carried")


def test_an_address_counts_before_what_everybody_is_told(monkeypatch, papers):
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGSSLROOTCERT", "/nowhere")
    authority = papers / "ours" / "ca.pem"
    with carried(f"postgresql://me@one,two:5433/carried?sslmode=verify-ca&sslrootcert={authority}&x=y") as reached:
        parts = urlsplit(reached)
        assert (parts.username, parts.path, parts.query) == ("me", "/carried", "x=y")
        assert parts.netloc.count(":5432") == 2
