"""The object store behind https://: documents speaks to nobody whom the installation's authority does not know."""

import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from parvis_documents.objects import ObjectStore
from parvis_kit.errors import Kind, ServiceError
from parvis_local.authority import identity_of, make_identities


class Bucket(BaseHTTPRequestHandler):
    """Has every bucket."""

    heard = 0

    def do_HEAD(self):
        Bucket.heard += 1
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    def handle_error(self, *_):
        pass  # handshakes that fail are what is tested


@pytest.fixture
def own(tmp_path):
    return authority(tmp_path / "own")


@pytest.fixture
def place(own):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.certificate, own.key)
    with Server(("127.0.0.1", 0), Bucket) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"localhost:{server.server_port}"
        server.shutdown()
        thread.join()


def authority(folder):
    folder.mkdir()
    make_identities(("store",), folder)
    return identity_of("store", folder)


async def look(settings, **changed):
    told = {name: changed.pop(name) for name in ("internal_url", "ca") if name in changed}
    store = ObjectStore(settings.model_copy(update=told), **changed)
    try:
        await store.make_bucket()
    finally:
        store.close()


async def test_the_installations_own_authority_vouches_for_a_name_without_a_dot(place, own, store_settings):
    before = Bucket.heard
    await look(store_settings, internal_url=f"https://{place}", authority=own.authority)
    assert Bucket.heard == before + 1


async def test_somebody_elses_authority_does_where_it_is_named(place, own, store_settings, tmp_path):
    other = authority(tmp_path / "other")
    before = Bucket.heard
    await look(store_settings, internal_url=f"https://{place}", authority=other.authority, ca=str(own.authority))
    assert Bucket.heard == before + 1


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"], ids=["own authority", "whom everybody believes"])
async def test_a_store_that_nobody_vouches_for_hears_nothing(place, store_settings, tmp_path, host):
    other = authority(tmp_path / "other")
    before = Bucket.heard
    with pytest.raises(ServiceError) as refused:
        await look(
            store_settings, internal_url=f"https://{place.replace('localhost', host)}", authority=other.authority
        )
    assert refused.value.kind is Kind.UNAVAILABLE
    assert Bucket.heard == before
