"""The pair of keys of the object store changes while documents runs: no call and no address fails."""

import json
import signal

import httpx
import pytest
from minio import Minio
from minio.error import S3Error
from urllib3.exceptions import HTTPError

from parvis_documents import keys
from parvis_documents.keys import StoreKeys
from parvis_documents.objects import ObjectStore
from parvis_kit.testing import eventually
from parvis_watch import start

FIRST, SECOND = ("parvis", "parvis-secret"), ("PARVIS-SECOND", "second-secret-of-the-store")


@pytest.fixture
def secrets(tmp_path, monkeypatch):
    """Where a container finds its secrets; looked at again at once."""
    monkeypatch.setattr(start, "SECRETS", tmp_path)
    monkeypatch.setattr(keys, "PAUSE", 0.0)
    for variable in ("PARVIS_STORE_ACCESS_KEY", "PARVIS_STORE_SECRET_KEY"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


def write(secrets, pair):
    for name, value in zip(("parvis_store_access_key", "parvis_store_secret_key"), pair, strict=True):
        (secrets / name).write_text(f"{value}\n")


def test_a_new_pair_is_taken_once_both_files_have_changed(secrets, store_settings):
    found = StoreKeys(store_settings)

    def now():
        taken = found.retrieve()
        return taken.access_key, taken.secret_key

    assert now() == FIRST  # no files: what the start was told
    write(secrets, FIRST)
    assert now() == FIRST
    (secrets / "parvis_store_access_key").write_text(SECOND[0])
    assert now() == FIRST
    (secrets / "parvis_store_secret_key").write_text("")
    assert now() == FIRST
    write(secrets, SECOND)
    assert now() == SECOND


class Keeper:
    """Whom the store knows, changed while it runs."""

    def __init__(self, server, settings) -> None:
        self.server, self.settings = server, settings
        self.file = server.folder.parent / "s3.json"
        self.before = self.file.read_text()

    def know(self, *pairs, restart=False):
        known = json.loads(self.before)
        known["identities"][0]["credentials"] = [{"accessKey": name, "secretKey": key} for name, key in pairs]
        self.file.write_text(json.dumps(known))
        if restart:  # SeaweedFS forgets a pair at its start only
            self.server.kill(signal.SIGTERM)
            self.server.start()
        else:  # whoever uploads goes on
            self.server._process.send_signal(signal.SIGHUP)

    async def lets_in(self, pair):
        place = self.server.url.removeprefix("http://")
        client = Minio(place, *pair, secure=False, region=self.settings.region)
        try:
            return client.bucket_exists(self.settings.bucket)
        except (S3Error, HTTPError):
            return False


@pytest.fixture
async def keeper(store_server, store_settings, objects):
    keeper = Keeper(store_server, store_settings)
    yield keeper
    keeper.know(FIRST, restart=True)
    await eventually(lambda: keeper.lets_in(FIRST))


async def put(address):
    async with httpx.AsyncClient() as browser:
        return (await browser.put(address, content=b"abc")).status_code


async def test_the_stores_keys_change_under_calls_and_none_fails(secrets, keeper):
    """As docs/operations.md says: a second pair at the store, then the files, then the first pair out."""
    store = ObjectStore(keeper.settings)

    async def address(key):
        return store.sign_part(key, await store.create_multipart(key), 1, 3)

    write(secrets, FIRST)
    assert not await keeper.lets_in(SECOND)
    assert await put(await address("keys/1")) == 200
    keeper.know(FIRST, SECOND)
    await eventually(lambda: keeper.lets_in(SECOND))
    signed_before = await address("keys/2")
    write(secrets, SECOND)
    assert SECOND[0] in (signed_after := await address("keys/3"))
    assert [await put(signed_after), await put(signed_before)] == [200, 200]  # what somebody was given a moment ago
    keeper.know(SECOND, restart=True)
    await eventually(lambda: keeper.lets_in(SECOND))
    assert [await put(signed_after), await put(signed_before)] == [200, 403]
    assert await put(await address("keys/4")) == 200
    store.close()
