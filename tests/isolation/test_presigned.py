"""Presigned addresses: each does the one thing that it was signed for. Who can get one is shown by `test_rpcs`."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import pytest
from world import PDF

from parvis.documents.v1 import documents_pb2
from parvis_documents.presigning import presign

REFUSED = {400, 403, 404, 405}
#: Longer than any address lives.
AGO = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Address:
    """A presigned address, taken apart so that one thing of it can be changed."""

    method: str
    url: str
    content: bytes = b""

    def without(self, name: str) -> "Address":
        return self._asking({key: value for key, value in self.query.items() if key != name})

    def asking(self, name: str, value: str) -> "Address":
        return self._asking(self.query | {name: value})

    def at(self, origin: str) -> "Address":
        return replace(self, url=urlunsplit(urlsplit(self.url)._replace(netloc=urlsplit(origin).netloc)))

    def of(self, other: "Address") -> "Address":
        return replace(self, url=urlunsplit(urlsplit(self.url)._replace(path=urlsplit(other.url).path)))

    def by(self, method: str) -> "Address":
        return replace(self, method=method)

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))

    def _asking(self, query: dict[str, str]) -> "Address":
        return replace(self, url=urlunsplit(urlsplit(self.url)._replace(query=urlencode(query))))


#: What is wrong → the address with that wrong. `other` is a good one of the same kind, for something else.
ALTERED = {
    "with-get": lambda good, _other, _inside: good.by("GET" if good.method == "PUT" else "PUT"),
    "with-delete": lambda good, _other, _inside: good.by("DELETE"),
    "with-post": lambda good, _other, _inside: good.by("POST"),
    "on-another-host": lambda good, _other, inside: good.at(inside),
    "for-another-object": lambda good, other, _inside: good.of(other),
    "for-longer": lambda good, _other, _inside: good.asking("X-Amz-Expires", "604800"),
    "from-another-day": lambda good, _other, _inside: good.asking("X-Amz-Date", "20300101T000000Z"),
    "with-another-signature": lambda good, _other, _inside: good.asking("X-Amz-Signature", "0" * 64),
    "with-the-signature-of-another": lambda good, other, _inside: good.asking(
        "X-Amz-Signature", other.query["X-Amz-Signature"]
    ),
    "without-signature": lambda good, _other, _inside: good.without("X-Amz-Signature"),
    "without-anything": lambda good, _other, _inside: replace(good, url=good.url.partition("?")[0]),
}
ALTERED_PART = ALTERED | {
    "for-another-part": lambda good, _other, _inside: good.asking("partNumber", "2"),
    "for-another-upload": lambda good, other, _inside: good.asking("uploadId", other.query["uploadId"]),
    "with-more-bytes": lambda good, _other, _inside: replace(good, content=PDF + b"more"),
    "with-fewer-bytes": lambda good, _other, _inside: replace(good, content=PDF[:-1]),
}
ALTERED_DOWNLOAD = ALTERED | {
    "as-another-type": lambda good, _other, _inside: good.asking("response-content-type", "text/html"),
    "in-the-page": lambda good, _other, _inside: good.asking("response-content-disposition", "inline"),
    "to-list-the-bucket": lambda good, _other, _inside: replace(
        good, url=urlunsplit(urlsplit(good.url)._replace(path="/parvis"))
    ),
}


@pytest.fixture(scope="session")
def store(suite):
    """What documents knows of the store."""
    return suite.environment("documents")


async def send(http, address):
    return await http.request(address.method, address.url, content=address.content)


@pytest.fixture(autouse=True)
async def _no_uploads_stay_behind(world):
    before = len(world.uploads)
    yield
    for upload in world.uploads[before:]:
        await world.give_up(upload)


async def new_part(world):
    upload = await world.upload()
    return Address("PUT", upload.parts[0].url, PDF)


async def new_download(world, document_id):
    request = documents_pb2.GetDownloadRequest(id=document_id)
    return Address("GET", (await world.call("DocumentService.GetDownload", request)).url)


@pytest.fixture(scope="session")
async def documents(world):
    """Two documents of the firm."""
    return world.document.id, await world.filed_document()


@pytest.mark.parametrize("name", ALTERED_PART)
async def test_the_address_of_a_part_altered(world, http, store, name):
    good, other = await new_part(world), await new_part(world)

    answer = await send(http, ALTERED_PART[name](good, other, store["PARVIS_STORE_INTERNAL_URL"]))

    assert answer.status_code in REFUSED
    assert (await send(http, good)).status_code == 200


@pytest.mark.parametrize("name", ALTERED_DOWNLOAD)
async def test_the_address_of_a_document_altered(world, http, store, documents, name):
    good, other = [await new_download(world, document_id) for document_id in documents]

    answer = await send(http, ALTERED_DOWNLOAD[name](good, other, store["PARVIS_STORE_INTERNAL_URL"]))

    assert answer.status_code in REFUSED
    assert (await send(http, good)).status_code == 200


def signed(store, good, *, ago=timedelta(), secret=""):
    """The same address, signed by documents' own hand at another time or with another secret."""
    ours = {name: value for name, value in good.query.items() if not name.startswith("X-Amz-")}
    return replace(
        good,
        url=presign(
            good.method, good.url.partition("?")[0], ours,
            {"content-length": str(len(good.content))} if good.content else {},
            region=store["PARVIS_STORE_REGION"], access_key=store["PARVIS_STORE_ACCESS_KEY"],
            secret_key=secret or store["PARVIS_STORE_SECRET_KEY"], expires=timedelta(minutes=1),
            now=datetime.now(UTC) - ago,
        ),
    )  # fmt: skip


@pytest.mark.parametrize("wrong", [{"ago": AGO}, {"ago": timedelta(minutes=2)}, {"secret": "another"}])
async def test_an_expired_or_foreign_signature_takes_no_part(world, http, store, wrong):
    good = await new_part(world)

    assert (await send(http, signed(store, good, **wrong))).status_code in REFUSED
    assert (await send(http, signed(store, good))).status_code == 200


@pytest.mark.parametrize("wrong", [{"ago": AGO}, {"ago": timedelta(minutes=2)}, {"secret": "another"}])
async def test_an_expired_or_foreign_signature_gives_no_document(world, http, store, documents, wrong):
    good = await new_download(world, documents[0])

    assert (await send(http, signed(store, good, **wrong))).status_code in REFUSED
    assert (await send(http, signed(store, good))).status_code == 200


async def test_addresses_do_not_live_long(world, documents):
    part, download = await new_part(world), await new_download(world, documents[0])
    assert int(part.query["X-Amz-Expires"]) <= 15 * 60
    assert int(download.query["X-Amz-Expires"]) <= 60


async def test_nothing_is_sent_again_after_completion(world, http):
    upload = await world.upload()
    part = Address("PUT", upload.parts[0].url, PDF)
    await send(http, part)
    request = documents_pb2.CompleteUploadRequest(id=upload.id)
    await world.call("UploadService.CompleteUpload", request)

    again = await send(http, replace(part, content=bytes(len(PDF))))

    assert again.status_code in REFUSED


async def test_nothing_is_sent_to_an_upload_that_was_given_up(world, http):
    upload = await world.upload()
    await world.call("UploadService.AbortUpload", documents_pb2.AbortUploadRequest(id=upload.id))

    late = await send(http, Address("PUT", upload.parts[0].url, PDF))

    assert late.status_code in REFUSED


ANONYMOUS = {
    "list-buckets": ("GET", ""),
    "list-objects": ("GET", "/parvis"),
    "list-objects-2": ("GET", "/parvis?list-type=2&prefix=organisations/"),
    "list-uploads": ("GET", "/parvis?uploads"),
    "read-the-policy": ("GET", "/parvis?policy"),
    "read-an-object": ("GET", "{path}"),
    "look-at-an-object": ("HEAD", "{path}"),
    "write-an-object": ("PUT", "{path}"),
    "delete-an-object": ("DELETE", "{path}"),
    "begin-an-upload": ("POST", "{path}?uploads"),
    "delete-many": ("POST", "/parvis?delete"),
    "open-the-bucket": ("PUT", "/parvis?policy"),
    "make-a-bucket": ("PUT", "/another"),
}


@pytest.mark.parametrize("name", ANONYMOUS)
async def test_nobody_reaches_the_bucket_without_an_address(world, http, suite, documents, name):
    method, path = ANONYMOUS[name]
    good = await new_download(world, documents[0])
    path = path.format(path=urlsplit(good.url).path)

    answer = await http.request(method, f"{suite.addresses['store']}{path}")

    assert answer.status_code in REFUSED, answer.text[:300]
    assert (await send(http, good)).content.startswith(b"%PDF")


async def test_nobody_reaches_the_store_behind_the_proxy_without_an_address(http, store):
    answer = await http.get(f"{store['PARVIS_STORE_INTERNAL_URL']}/parvis")
    assert answer.status_code in REFUSED


# Forms, for browsers without JavaScript


@pytest.fixture
async def form(world):
    request = documents_pb2.StartFormUploadRequest(
        contact_id=world.contact.id, folder_template_id=world.template.id, return_url=f"{world.cast.portal.url}/done"
    )
    made = await world.call("UploadService.StartFormUpload", request)
    yield made
    await world.give_up(made)


async def post(http, form, **fields):
    sent = {name: value for name, value in {**form.fields, **fields}.items() if value is not None}
    return await http.post(form.action, data=sent, files={"file": ("note.pdf", PDF, "application/pdf")})


@pytest.mark.parametrize(
    "changed",
    [
        {"key": "organisations/another/note.pdf"},
        {"success_action_redirect": "http://elsewhere.example/"},
        {"x-amz-signature": "0" * 64},
        {"x-amz-signature": None},
        {"policy": "e30="},
        {"policy": None, "x-amz-signature": None},
    ],
    ids=["another-key", "another-way-back", "another-signature", "no-signature", "another-policy", "nothing"],
)
async def test_the_form_altered(http, form, changed):
    answer = await post(http, form, **changed)

    assert answer.status_code in REFUSED
    assert (await post(http, form)).status_code == 303


async def test_a_file_of_no_bytes_is_not_taken_by_the_form(http, form):
    answer = await http.post(form.action, data=dict(form.fields), files={"file": ("note.pdf", b"", "application/pdf")})
    assert answer.status_code in REFUSED


@pytest.mark.parametrize("asked", [{"acl": "public-read"}, {"x-amz-acl": "public-read"}])
async def test_a_form_makes_nothing_public(http, form, asked):
    await post(http, form, **asked)
    key = form.fields["key"].replace("${filename}", "note.pdf")

    assert (await http.get(f"{form.action}/{key}")).status_code in REFUSED
