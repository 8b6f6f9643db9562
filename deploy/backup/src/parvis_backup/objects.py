"""Objects between the store and a backup folder: several at a time, never a whole one in memory."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import timedelta
from http import HTTPStatus
from itertools import islice
from typing import TypeVar
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.deleteobjects import DeleteObject
from minio.error import MinioException

from parvis_backup.place import Store
from parvis_backup.problems import BackupError
from parvis_watch.believed import Believed
from parvis_watch.vouching import Pools

AT_ONCE = 8
_PIECE = 1 << 20
_TYPE = "application/octet-stream"  # what a browser is told stands in the presigned address, never in the object
_VALID = timedelta(hours=12)
_ATTEMPTS = 4
_PAUSE = 0.5  # s before the second try; longer before each further one
_AGAIN = urllib3.Retry(total=5, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504])
_AHEAD = 64 * AT_ONCE  # items whose results wait for an earlier one

Item = TypeVar("Item")
Result = TypeVar("Result")


class UnreadableError(BackupError):
    """The store answers, but does not give this one object."""


class _BrokenOffError(UnreadableError):
    """It began to."""


class Objects:
    """One bucket of a store. Objects are written with one request: S3 takes 5 GiB that way."""

    def __init__(self, store: Store) -> None:
        parts = urlsplit(store.url)
        self._bucket = store.bucket
        believed = Believed(store.authority)
        self._http = Pools(
            believed, num_pools=2, maxsize=2 * AT_ONCE, timeout=urllib3.Timeout(connect=10, read=300), retries=False
        )
        self._client = Minio(
            parts.netloc,
            access_key=store.access_key,
            secret_key=store.secret_key,
            secure=parts.scheme == "https",
            region=store.region,
            http_client=Pools(believed, maxsize=2 * AT_ONCE, timeout=urllib3.Timeout(300), retries=_AGAIN),
        )

    def sizes(self) -> dict[str, int]:
        """Bytes of every object, by key. Raises BackupError."""
        try:
            listed = self._client.list_objects(self._bucket, recursive=True)
            return {each.object_name or "": each.size or 0 for each in listed if not each.is_dir}
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
            raise BackupError(f"The object store cannot be read: {error}") from error

    def make_bucket(self) -> None:
        try:
            if not self._client.bucket_exists(self._bucket):
                self._client.make_bucket(self._bucket)
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
            raise BackupError(f"The object store cannot be reached: {error}") from error

    def read(self, key: str) -> Iterator[bytes] | None:
        """The bytes of an object; None where there is none. Raises UnreadableError; BackupError without the store."""
        url = self._client.get_presigned_url("GET", self._bucket, key, expires=_VALID)
        answer = self._ask("GET", url, None, {})
        if answer.status == HTTPStatus.NOT_FOUND:
            answer.release_conn()
            return None
        if answer.status != HTTPStatus.OK:
            answer.release_conn()
            raise UnreadableError(f"The store answers {answer.status} for {key}.")
        return self._stream(answer, key)

    def read_into(self, key: str, take: Callable[[Iterable[bytes]], Result]) -> Result | None:
        """Gives the bytes to `take`, from the beginning again when they broke off; None where there is no object.

        Raises as `read`.
        """
        for attempt in range(1, _ATTEMPTS):
            try:
                content = self.read(key)
                return None if content is None else take(content)
            except _BrokenOffError:
                time.sleep(_PAUSE * attempt)
        content = self.read(key)
        return None if content is None else take(content)

    @staticmethod
    def _stream(answer: urllib3.BaseHTTPResponse, key: str) -> Iterator[bytes]:
        try:
            yield from answer.stream(_PIECE, decode_content=False)
        except urllib3.exceptions.HTTPError as error:
            raise _BrokenOffError(f"The store broke off in the middle of {key}: {error}") from error
        finally:
            answer.release_conn()

    def write(self, key: str, size: int, content: Callable[[], Iterable[bytes]]) -> None:
        """Writes an object of `size` bytes; `content` gives its bytes, again when a try failed. Raises BackupError."""
        url = self._client.get_presigned_url("PUT", self._bucket, key, expires=_VALID)
        headers = {"Content-Length": str(size), "Content-Type": _TYPE}
        answer = self._ask("PUT", url, content, headers)
        answer.drain_conn()
        answer.release_conn()
        if answer.status != HTTPStatus.OK:
            raise BackupError(f"The store answers {answer.status} to {key}.")

    def _ask(
        self, method: str, url: str, content: Callable[[], Iterable[bytes]] | None, headers: dict[str, str]
    ) -> urllib3.BaseHTTPResponse:
        """Asks up to four times: a store that is busy or restarts answers later."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                body = content() if content else None
                answer = self._http.request(method, url, body=body, headers=headers, preload_content=False)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                if attempt == _ATTEMPTS:
                    raise _of_request(error) from error
                time.sleep(_PAUSE * attempt)
                continue
            if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR or attempt == _ATTEMPTS:
                return answer
            answer.drain_conn()
            answer.release_conn()
            time.sleep(_PAUSE * attempt)
        raise RuntimeError("unreachable")

    def remove(self, keys: Iterable[str]) -> None:
        """Removes objects; those that are not there are fine."""
        for _ in self._client.remove_objects(self._bucket, (DeleteObject(key) for key in keys)):
            pass


def _of_request(error: Exception) -> BackupError:
    """A store that takes connections and then does not answer for an object is there."""
    kinds = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
    if isinstance(error, urllib3.exceptions.HTTPError) and not isinstance(error, kinds):
        return UnreadableError(f"The store does not answer: {error}")
    return BackupError(f"The store cannot be reached: {error}")


def in_order(work: Callable[[Item], Result], items: Iterable[Item], threads: int = AT_ONCE) -> Iterator[Result]:
    """The results in the order of the items; the first failure ends it, once what runs has ended."""
    left = iter(items)
    with ThreadPoolExecutor(threads, "backup") as pool:
        running = deque(pool.submit(work, item) for item in islice(left, _AHEAD))
        try:
            while running:
                yield running.popleft().result()
                running.extend(pool.submit(work, item) for item in islice(left, 1))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def in_threads(work: Callable[[Item], Result], items: Iterable[Item], threads: int = AT_ONCE) -> Iterator[Result]:
    """The results as they come, some items ahead; the first failure ends it, once what runs has ended."""
    left = iter(items)
    with ThreadPoolExecutor(threads, "backup") as pool:
        running: set[Future[Result]] = {pool.submit(work, item) for item in islice(left, 2 * threads)}
        try:
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for each in done:
                    yield each.result()
                running |= {pool.submit(work, item) for item in islice(left, len(done))}
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
