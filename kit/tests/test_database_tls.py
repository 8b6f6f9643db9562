"""An address of PostgreSQL that asks for TLS: the password goes to the server that the authority vouches for, or not.

Played by a listener that speaks the first words of the protocol (PostgreSQL, "SSL Session Encryption").
"""

import asyncio
import ssl
import struct

import asyncpg
import pytest

from parvis_kit.postgres import connect
from parvis_local.authority import identity_of, make_identities
from parvis_watch.papers import Address

SSL_REQUEST = struct.pack("!ii", 8, 80877103)


@pytest.fixture
def papers(tmp_path):
    """Of two authorities."""
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
        make_identities(["localhost"], tmp_path / name)
    return tmp_path


class Listener:
    """Takes TLS with a certificate, or says no where it has none. Notes what it was told."""

    def __init__(self, files=None):
        self.context = None
        if files is not None:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(files.certificate, files.key)
        self.heard = b""

    async def serve(self, reader, writer):
        assert await reader.readexactly(8) == SSL_REQUEST
        writer.write(b"N" if self.context is None else b"S")
        try:
            if self.context is not None:
                await writer.start_tls(self.context)
            self.heard = await reader.read(1000)
        except (OSError, ssl.SSLError):
            pass
        writer.close()

    async def asked_by(self, authority, host="localhost"):
        """What whoever connects says over TLS, or why they do not."""
        # Not "localhost" itself: it may be ::1 too, on a machine without IPv6.
        server = await asyncio.start_server(self.serve, host.replace("localhost", "127.0.0.1"), 0)
        port = server.sockets[0].getsockname()[1]
        told = f"sslmode=verify-full&sslrootcert={authority}"
        try:
            await connect(Address(f"postgresql://billing:a-password@{host}:{port}/billing?{told}"), {}, timeout=10)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            return error
        finally:
            server.close()


async def test_who_is_vouched_for_is_spoken_to_over_tls(papers):
    listener = Listener(identity_of("localhost", papers / "ours"))
    await listener.asked_by(papers / "ours" / "ca.pem")
    assert b"user\0billing\0" in listener.heard


async def test_a_server_of_another_authority_hears_nothing(papers):
    listener = Listener(identity_of("localhost", papers / "theirs"))
    assert isinstance(await listener.asked_by(papers / "ours" / "ca.pem"), ssl.SSLCertVerificationError)
    assert listener.heard == b""


async def test_a_server_under_another_name_hears_nothing(papers):
    listener = Listener(identity_of("localhost", papers / "ours"))
    assert isinstance(await listener.asked_by(papers / "ours" / "ca.pem", "127.0.0.2"), ssl.SSLCertVerificationError)
    assert listener.heard == b""


async def test_a_server_without_tls_hears_nothing(papers):
    listener = Listener()
    assert "rejected SSL upgrade" in str(await listener.asked_by(papers / "ours" / "ca.pem"))
    assert listener.heard == b""
