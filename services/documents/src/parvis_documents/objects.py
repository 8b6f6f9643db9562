"""The object store: the one place that speaks S3.

Control calls run in a bounded pool of threads (the SDK is synchronous) and go to the store itself; presigning is local
arithmetic and names the public origin. Every object is written as `application/octet-stream`: what a browser is told
that it is stands in the presigned address, never in the object.

Errors: UNAVAILABLE store_unavailable when the store cannot be reached or answers with a failure of its own.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote, urlsplit

import urllib3
from minio import Minio
from minio.commonconfig import CopySource
from minio.datatypes import ListMultipartUploadsResult, Part, PostPolicy
from minio.error import MinioException, S3Error

from parvis_documents.content import HEAD, INLINE, UNKNOWN
from parvis_documents.keys import StoreKeys
from parvis_documents.presigning import presign
from parvis_documents.settings import StoreSettings
from parvis_kit.errors import ServiceError, unavailable
from parvis_kit.text import fold
from parvis_watch.believed import Believed
from parvis_watch.vouching import Pools, authority_of

PART_EXPIRES: Final = timedelta(minutes=15)
FORM_EXPIRES: Final = timedelta(hours=1)
DOWNLOAD_EXPIRES: Final = timedelta(minutes=1)

_CHUNK: Final = 1 << 20
_CALLS: Final = 16
_MISSING: Final = frozenset({"NoSuchKey", "NoSuchUpload", "NotFound", "NoSuchObject"})
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_Result = TypeVar("_Result")


class GoneError(Exception):
    """The multipart upload does not exist (any more): completed, aborted, or never there."""


class PartsChangedError(Exception):
    """A part was sent again between listing and completing."""


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part that the store has; `number` from 1, `size` in bytes."""

    number: int
    size: int
    etag: str


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object; `size` in bytes."""

    key: str
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class ObjectContent:
    """What reading an object found: bytes, SHA-256 in hexadecimal, the first `content.HEAD` bytes."""

    size: int
    sha256: str
    head: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """A form that posts one file: where to, and its hidden fields; the field of the file is `file` and comes last."""

    action: str
    fields: dict[str, str]


class ObjectStore:
    """One bucket. Made after any fork; connects with the first call. `authority`: the installation's own."""

    def __init__(self, settings: StoreSettings, *, authority: Path | None = None, readers: int = 2) -> None:
        self._settings = settings
        self._bucket = settings.bucket
        self._url = settings.url.rstrip("/")
        self._keys = StoreKeys(settings)
        believed = Believed(authority_of(settings.internal_url, settings.ca, authority))
        self._inside = _client(settings, settings.internal_url, self._keys, believed)
        self._outside = _client(settings, settings.url, self._keys, believed)  # signs, and calls nobody
        self._calls = ThreadPoolExecutor(_CALLS, "store-call")
        self._readers = ThreadPoolExecutor(readers, "store-read")

    def close(self) -> None:
        """Ends the threads; running calls end first."""
        self._calls.shutdown(wait=False)
        self._readers.shutdown(wait=False, cancel_futures=True)

    async def make_bucket(self) -> None:
        """Makes the bucket unless it exists."""

        def make() -> None:
            if not self._inside.bucket_exists(self._bucket):
                try:
                    self._inside.make_bucket(self._bucket)
                except S3Error as error:
                    if error.code not in {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}:
                        raise

        await self._call(make)

    # Multipart uploads. The SDK has them as underscore methods, for its own use: they are named here and nowhere else.

    async def create_multipart(self, key: str) -> str:
        """Begins a multipart upload of `key`; returns the store's name of it."""

        def create() -> str:
            return self._inside._create_multipart_upload(self._bucket, key, {"Content-Type": UNKNOWN})  # noqa: SLF001

        return await self._call(create)

    def sign_part(self, key: str, multipart_id: str, number: int, size: int) -> str:
        """An address that takes one part of exactly `size` bytes with PUT, for 15 minutes."""
        keys = self._keys.retrieve()
        return presign(
            "PUT",
            f"{self._url}/{self._bucket}/{key}",
            {"partNumber": str(number), "uploadId": multipart_id},
            {"content-length": str(size)},
            region=self._settings.region,
            access_key=keys.access_key,
            secret_key=keys.secret_key,
            expires=PART_EXPIRES,
        )

    async def list_parts(self, key: str, multipart_id: str) -> list[StoredPart]:
        """The parts that the store has, by number. Raises GoneError.

        A number that was sent twice with different bytes counts with its newest; where the store cannot say which
        one that is, it counts as not sent.
        """

        def list_all() -> list[Part]:
            parts: list[Part] = []
            marker: str | None = None
            while True:
                page = self._inside._list_parts(  # noqa: SLF001
                    self._bucket, key, multipart_id, part_number_marker=marker
                )
                parts += page.parts
                marker = str(page.next_part_number_marker or "")
                if not page.is_truncated or not marker:
                    return parts

        try:
            return newest_parts(await self._call(list_all))
        except KeyError:
            raise GoneError from None

    async def complete(self, key: str, multipart_id: str, parts: Sequence[StoredPart]) -> None:
        """Makes the object of exactly these parts; nothing can be sent afterwards.

        Raises GoneError, PartsChangedError.
        """
        named = [Part(part.number, part.etag) for part in parts]

        def complete() -> None:
            try:
                self._inside._complete_multipart_upload(self._bucket, key, multipart_id, named)  # noqa: SLF001
            except S3Error as error:
                if error.code in {"InvalidPart", "InvalidPartOrder", "EntityTooSmall"}:
                    raise PartsChangedError from error
                raise

        try:
            await self._call(complete)
        except KeyError:
            raise GoneError from None

    async def abort(self, key: str, multipart_id: str) -> None:
        """Ends a multipart upload and removes its parts; nothing to do is fine."""

        def abort() -> None:
            self._inside._abort_multipart_upload(self._bucket, key, multipart_id)  # noqa: SLF001

        await self._call_if_there(abort)

    async def abort_older(self, than: datetime, *, page_size: int = 1000) -> int:
        """Ends multipart uploads begun before `than`, whoever began them; returns how many.

        Catches those whose row was never written because the process died in between.
        """

        def stale() -> list[tuple[str, str]]:
            found: list[tuple[str, str]] = []
            markers: tuple[str | None, str | None] = (None, None)
            while True:
                page = self._inside._list_multipart_uploads(  # noqa: SLF001
                    self._bucket,
                    prefix="organisations/",
                    max_uploads=page_size,
                    key_marker=markers[0],
                    upload_id_marker=markers[1],
                )
                found += [
                    (upload.object_name, upload.upload_id or "")
                    for upload in page.uploads
                    if upload.initiated_time is not None and upload.initiated_time < than
                ]
                before, markers = markers, _next_page(page)
                if not page.is_truncated or markers in {before, (None, None)}:
                    return found

        found = await self._call(stale)
        for key, multipart_id in found:
            await self.abort(key, multipart_id)
        return len(found)

    # Objects

    def sign_form(self, prefix: str, *, return_url: str, largest: int) -> Form:
        """A form that posts one file of 1 to `largest` bytes to `prefix` + its name, within the hour (presigned POST).

        The store then sends the browser to `return_url` with 303.
        """
        policy = PostPolicy(self._bucket, datetime.now(UTC) + FORM_EXPIRES)
        policy.add_starts_with_condition("key", prefix)
        policy.add_starts_with_condition("success_action_redirect", return_url)
        policy.add_content_length_range_condition(1, largest)
        fields = self._outside.presigned_post_policy(policy)
        fields |= {"key": prefix + "${filename}", "success_action_redirect": return_url}
        return Form(f"{self._url}/{self._bucket}", fields)

    def sign_download(self, key: str, *, name: str, media_type: str, inline: bool) -> str:
        """An address that gives the object for a minute under `name`.

        A browser shows it in the page only if that was asked for and the type is safe; else it keeps it.
        """
        shown = inline and media_type in INLINE
        return self._outside.get_presigned_url(
            "GET",
            self._bucket,
            key,
            expires=DOWNLOAD_EXPIRES,
            response_headers={
                "response-content-disposition": disposition(name, inline=shown),
                "response-content-type": INLINE[media_type] if shown else media_type,
                "response-cache-control": "private, no-store",
            },
        )

    async def find(self, prefix: str) -> list[StoredObject]:
        """The objects whose keys start with `prefix`, oldest first."""

        def find() -> list[StoredObject]:
            listed: Iterable[StoredObject] = (
                StoredObject(item.object_name, item.size or 0, item.last_modified or datetime.now(UTC))
                for item in self._inside.list_objects(self._bucket, prefix=prefix, recursive=True)
                if item.object_name
            )
            return sorted(listed, key=lambda found: found.modified)

        return await self._call(find)

    async def size(self, key: str) -> int | None:
        """Bytes of an object, None when there is none."""

        def stat() -> int | None:
            return self._inside.stat_object(self._bucket, key).size

        return await self._call_if_there(stat)

    async def copy(self, source: str, target: str) -> None:
        """Copies an object inside the store. Raises KeyError when there is none."""
        await self._call(
            lambda: self._inside.copy_object(self._bucket, target, CopySource(self._bucket, source)),
        )

    async def remove(self, key: str) -> None:
        """Removes an object; nothing to remove is fine."""
        await self._call_if_there(lambda: self._inside.remove_object(self._bucket, key))

    async def remove_below(self, prefix: str) -> None:
        """Removes every object whose key starts with `prefix`."""
        for found in await self.find(prefix):
            await self.remove(found.key)

    async def read(self, key: str) -> ObjectContent:
        """Reads an object once, in pieces: its length, SHA-256 and start. Raises KeyError when there is none."""

        def read() -> ObjectContent:
            digest, size, head = hashlib.sha256(), 0, b""
            response = self._inside.get_object(self._bucket, key)
            try:
                for chunk in response.stream(_CHUNK):
                    digest.update(chunk)
                    size += len(chunk)
                    if len(head) < HEAD:
                        head += chunk[: HEAD - len(head)]
            finally:
                response.close()
                response.release_conn()
            return ObjectContent(size, digest.hexdigest(), head)

        return await self._call(read, self._readers)

    async def piece(self, key: str, offset: int, length: int) -> bytes:
        """Bytes of an object from `offset` on, `length` at most. Raises KeyError when there is none."""

        def read() -> bytes:
            response = self._inside.get_object(self._bucket, key, offset=offset, length=length)
            try:
                return bytes(response.read())
            finally:
                response.close()
                response.release_conn()

        return await self._call(read)

    async def _call(self, act: Callable[[], _Result], pool: ThreadPoolExecutor | None = None) -> _Result:
        """Runs `act` in a thread. KeyError for what is not there, UNAVAILABLE for a store that does not answer."""
        try:
            return await asyncio.get_running_loop().run_in_executor(pool or self._calls, act)
        except S3Error as error:
            if error.code in _MISSING:
                raise KeyError(error.object_name) from None
            raise _unavailable(error) from error
        except (MinioException, urllib3.exceptions.HTTPError, OSError) as error:
            raise _unavailable(error) from error

    async def _call_if_there(self, act: Callable[[], _Result]) -> _Result | None:
        try:
            return await self._call(act)
        except KeyError:
            return None


def _next_page(page: ListMultipartUploadsResult) -> tuple[str | None, str | None]:
    """Where the next page begins, as the store says: S3 names a key and an upload, SeaweedFS an upload only."""
    # The SDK (7.2) keeps the second marker under a slip of the pen.
    upload_id: str | None = page.next_upload_id_marker or getattr(page, "self._next_upload_id_marker", None)
    return page.next_key_marker or None, upload_id or None


def newest_parts(listed: Iterable[Part]) -> list[StoredPart]:
    """One part for each number. S3 lists the newest only; SeaweedFS lists all, with times in whole seconds."""
    sent: dict[int, dict[str, Part]] = {}
    for part in listed:
        sent.setdefault(part.part_number, {})[part.etag] = part
    found = []
    for number, parts in sorted(sent.items()):
        *older, newest = sorted(parts.values(), key=lambda part: part.last_modified or _NEVER)
        if not older or older[-1].last_modified != newest.last_modified:
            found.append(StoredPart(number, newest.size or 0, newest.etag))
    return found


def disposition(name: str, *, inline: bool) -> str:
    """A Content-Disposition (RFC 6266) in ASCII: a plain name for old readers, and the real one (RFC 8187)."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%;' else "_" for c in _without_accents(name))
    kind = "inline" if inline else "attachment"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='!#$&+-.^_`|~')}"


def _without_accents(name: str) -> str:
    """`name` with accents dropped, case kept."""
    return "".join(folded if c.islower() else folded.upper() for c in name for folded in fold(c) or c)


def _client(settings: StoreSettings, url: str, keys: StoreKeys, believed: Believed) -> Minio:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or parts.path.strip("/"):
        raise ValueError(f"The store's address must be an origin without a path, and is {url!r}.")
    return Minio(
        parts.netloc,
        credentials=keys,
        secure=parts.scheme == "https",
        region=settings.region,
        http_client=Pools(
            believed,
            maxsize=_CALLS,
            timeout=urllib3.Timeout(connect=2, read=20),
            retries=urllib3.Retry(total=1, backoff_factor=0.2, status_forcelist=[500, 502, 503, 504]),
        ),
    )


def _unavailable(error: Exception) -> ServiceError:
    return unavailable("store_unavailable", error=type(error).__name__)
