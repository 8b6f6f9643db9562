"""64 MiB up and down: the portal's path against the same parts sent straight to the object store.

The portal's path: StartUpload, parts of 8 MiB three at a time through Traefik's store origin, CompleteUpload; then
GetDownload and the presigned address through Traefik. Straight: the same number of presigned parts, begun and completed
with the store's own calls, on its S3 port. Both in turns.
"""

import asyncio
import http.client
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

from machine import Watch, median, quietest, sized
from report import Figure, show
from stage import Seat, administrator, run, running_suite, used

from parvis.documents.v1 import documents_pb2, documents_pb2_grpc
from parvis.tenancy.v1 import tenancy_pb2, tenancy_pb2_grpc
from parvis_documents.domain import part_plan, part_size_for
from parvis_documents.objects import ObjectStore
from parvis_documents.settings import StoreSettings

MEBIBYTE = 1 << 20
SIZE = 64 * MEBIBYTE
AT_ONCE = 3
ROUNDS = sized(5, 2)
DOWNLOADS = 5
_CHUNK = MEBIBYTE
_senders = ThreadPoolExecutor(AT_ONCE)


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds of one turn."""

    up: float
    up_straight: float
    filed: float
    down: float
    down_straight: float


def put(url: str, content: memoryview) -> None:
    """Sends one part."""
    answer = _ask("PUT", url, content)
    answer.read()


def get(url: str) -> int:
    """Receives an object into nowhere; returns its size in bytes."""
    answer, room, size = _ask("GET", url), bytearray(_CHUNK), 0
    while read := answer.readinto(room):
        size += read
    return size


def _ask(method: str, url: str, content: memoryview | None = None) -> http.client.HTTPResponse:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    # Small headers and large blocks: what the client itself costs should not speak in the figures.
    connection.request(method, f"{parts.path}?{parts.query}", body=content)
    answer = connection.getresponse()
    if answer.status != http.client.OK:
        raise RuntimeError(f"{method} {parts.path} answered {answer.status}: {answer.read(300)!r}")
    return answer


async def send_parts(content: bytes, urls: Sequence[str], sizes: Sequence[int]) -> None:
    """All parts, three at a time, as the page does it."""
    view, start, running = memoryview(content), 0, []
    for url, size in zip(urls, sizes, strict=True):
        running.append(asyncio.get_running_loop().run_in_executor(_senders, put, url, view[start : start + size]))
        start += size
    await asyncio.gather(*running)


async def timed(act: Callable[[], Awaitable[object]]) -> float:
    """Seconds that it took."""
    started = time.perf_counter()
    await act()
    return time.perf_counter() - started


@dataclass(frozen=True, slots=True)
class Path:
    """The portal's path for the administrator, and the straight one."""

    seat: Seat
    store: ObjectStore
    contact_id: str
    folder_id: str

    @property
    def uploads(self) -> documents_pb2_grpc.UploadServiceStub:
        return documents_pb2_grpc.UploadServiceStub(self.seat.portal.peers.channel("documents"))

    async def up(self, content: bytes, name: str) -> documents_pb2.Upload:
        """Through the portal, until the upload is complete."""
        upload = await self.uploads.StartUpload(
            documents_pb2.StartUploadRequest(
                contact_id=self.contact_id, folder_template_id=self.folder_id, name=name, size=SIZE,
                media_type="application/pdf",
            )
        )  # fmt: skip
        await send_parts(content, [part.url for part in upload.parts], [part.size for part in upload.parts])
        return await self.uploads.CompleteUpload(documents_pb2.CompleteUploadRequest(id=upload.id))

    async def filed(self, upload: documents_pb2.Upload) -> documents_pb2.Upload:
        """Once documents has read and filed what arrived."""
        for _ in range(600):
            if upload.state != documents_pb2.UPLOAD_STATE_VERIFYING:
                break
            await asyncio.sleep(0.05)
            upload = await self.uploads.GetUpload(documents_pb2.GetUploadRequest(id=upload.id))
        if upload.state != documents_pb2.UPLOAD_STATE_FILED:
            raise RuntimeError(f"{upload.name} was not filed: {upload.reason}")
        return upload

    async def up_straight(self, content: bytes, key: str) -> None:
        """The same parts, without the portal."""
        sizes = part_plan(SIZE, part_size_for(SIZE))
        multipart = await self.store.create_multipart(key)
        urls = [self.store.sign_part(key, multipart, number, size) for number, size in enumerate(sizes, 1)]
        await send_parts(content, urls, sizes)
        await self.store.complete(key, multipart, await self.store.list_parts(key, multipart))

    async def down(self, document_id: str) -> None:
        """Through the portal."""
        stub = documents_pb2_grpc.DocumentServiceStub(self.seat.portal.peers.channel("documents"))
        found = await stub.GetDownload(documents_pb2.GetDownloadRequest(id=document_id))
        await self._receive(found.url)

    async def down_straight(self, key: str) -> None:
        """Straight from the store."""
        url = self.store.sign_download(key, name="bench.pdf", media_type="application/pdf", inline=False)
        await self._receive(url)

    async def _receive(self, url: str) -> None:
        size = await asyncio.get_running_loop().run_in_executor(_senders, get, url)
        if size != SIZE:
            raise RuntimeError(f"{size} bytes came instead of {SIZE}.")


async def round_of(path: Path, number: int) -> Round:
    """One turn of everything, with bytes that were never sent before."""
    content = b"%PDF-1.7\n" + secrets.token_bytes(SIZE - 9)
    key = f"bench/{secrets.token_hex(8)}"
    straight = await timed(lambda: path.up_straight(content, key)) if number % 2 else None
    started = time.perf_counter()
    upload = await path.up(content, f"Mesure {number} {secrets.token_hex(4)}.pdf")
    up = time.perf_counter() - started
    # What documents reads now would slow down whatever comes next.
    upload = await path.filed(upload)
    filed = time.perf_counter() - started
    if straight is None:
        straight = await timed(lambda: path.up_straight(content, key))
    down, down_straight = [], []
    for _ in range(DOWNLOADS):
        down.append(await timed(lambda: path.down(upload.document_id)))
        down_straight.append(await timed(lambda: path.down_straight(key)))
    await path.store.remove(key)
    return Round(up, straight, filed, median(down), median(down_straight))


async def path_of(seat: Seat) -> Path:
    """A client of the firm with a folder, and the store as documents knows it, without Traefik in front."""
    told = seat.suite.environment("documents")
    inside = told["PARVIS_STORE_INTERNAL_URL"]
    store = ObjectStore(
        StoreSettings(
            url=inside,
            internal_url=inside,
            access_key=told["PARVIS_STORE_ACCESS_KEY"],
            secret_key=told["PARVIS_STORE_SECRET_KEY"],
            bucket=told["PARVIS_STORE_BUCKET"],
            region=told["PARVIS_STORE_REGION"],
        )
    )
    peers = seat.portal.peers
    contacts = await tenancy_pb2_grpc.ContactServiceStub(peers.channel("tenancy")).ListContacts(
        tenancy_pb2.ListContactsRequest(page_size=1)
    )
    contact_id = contacts.contacts[0].id
    folders = await documents_pb2_grpc.FolderServiceStub(peers.channel("documents")).ListFolders(
        documents_pb2.ListFoldersRequest(contact_id=contact_id)
    )
    return Path(seat, store, contact_id, folders.folders[0].template.id)


async def main() -> None:
    """Measures and prints."""
    with running_suite() as suite:
        async with administrator(suite) as seat, seat.acting():
            path = await path_of(seat)
            await round_of(path, 0)

            async def turn(number: int) -> tuple[Watch, Round]:
                with Watch(lambda: sum(used(suite).values())) as watch:
                    result = await round_of(path, number)
                return watch, result

            rounds, note = await quietest(turn, ROUNDS)
    size = SIZE / MEBIBYTE

    def speed(seconds: Callable[[Round], float]) -> float:
        return size / median(map(seconds, rounds))

    show(
        f"{size:g} MiB, {ROUNDS} rounds in turns",
        [
            Figure(
                "up through the portal", speed(lambda each: each.up), "MiB/s", least_ratio=0.9,
                baseline=speed(lambda each: each.up_straight),
                ratio=median(each.up_straight / each.up for each in rounds),
            ),
            Figure(
                "down through the portal", speed(lambda each: each.down), "MiB/s", least_ratio=0.7,
                baseline=speed(lambda each: each.down_straight),
                ratio=median(each.down_straight / each.down for each in rounds),
            ),
            Figure("from the first byte to filed", median(each.filed for each in rounds), "s"),
        ],
        note,
        "baseline: the same parts, presigned, straight to the store's S3 port",
    )  # fmt: skip


if __name__ == "__main__":
    run(main)
