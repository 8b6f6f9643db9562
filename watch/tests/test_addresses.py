"""Whom an address makes us believe, and what becomes of a connection that comes at the wrong moment."""

import ssl

import pytest

from parvis_watch.papers import Address


class Server:
    """Fails as it is told, then gives a connection."""

    def __init__(self, *failures):
        self.failures, self.asked = list(failures), 0

    async def __call__(self, _url):
        self.asked += 1
        if self.failures:
            raise self.failures.pop(0)
        return "a connection"


async def test_an_authoritys_file_is_read_again_where_it_was_being_written():
    server = Server(ssl.SSLError("no certificate or crl found"))
    assert await Address("postgresql://").connect(server, PermissionError) == "a connection"
    assert server.asked == 2


async def test_a_server_that_is_not_believed_is_not_asked_again():
    server = Server(ssl.SSLCertVerificationError("unable to get local issuer certificate"))
    with pytest.raises(ssl.SSLCertVerificationError):
        await Address("postgresql://").connect(server, PermissionError)
    assert server.asked == 1


def test_an_authority_of_nats_is_believed_from_the_first_byte_on(monkeypatch):
    monkeypatch.setenv("PARVIS_NATS_CA", "/run/secrets/tls_ca")
    told = Address("nats://billing:a-password@nats:4222").credentials()
    assert (told["tls_handshake_first"], told["user"](), told["password"]()) == (True, "billing", "a-password")
    assert told["tls"].verify_mode == ssl.CERT_REQUIRED
    assert told["tls"].check_hostname


@pytest.mark.parametrize("value", ["", "none"])
def test_without_an_authority_of_nats_the_address_decides(monkeypatch, value):
    monkeypatch.setenv("PARVIS_NATS_CA", value)
    assert Address("nats://nats:4222").credentials() == {}
    monkeypatch.delenv("PARVIS_NATS_CA")
    assert Address("nats://nats:4222").credentials() == {}
