"""A proof waits where a service has to seal what it erased: outside that service, and not for ever."""

from types import SimpleNamespace
from uuid import UUID

import pytest

from parvis.tenancy.v1 import journal_pb2, tenancy_pb2
from parvis.trail.v1 import trail_pb2
from parvis_kit.errors import Kind, ServiceError, unavailable
from parvis_web import trail_files

UNSEALED = unavailable("service_unavailable", retry_after="1")


class Service:
    """The trail of a service that refuses so often, two acts a page."""

    def __init__(self, refusals, error=UNSEALED, before=2):
        self.refusals, self.error, self.before, self.asked = refusals, error, before, []

    async def ExportEntries(self, request):
        self.asked.append(request.after)
        if request.after == self.before and self.refusals:
            self.refusals -= 1
            raise self.error
        links = [
            trail_pb2.Link(seq=seq, content="{}", previous=b"", content_digest=b"", digest=b"")
            for seq in (request.after + 1, request.after + 2)
        ]
        return trail_pb2.ExportEntriesResponse(links=links, more=request.after < self.before, length=4)


def visit_of(service):
    async def token(*_):
        return SimpleNamespace(value="token")

    async def anchors(_):
        return journal_pb2.ListAnchorsResponse()

    return SimpleNamespace(
        organisation=SimpleNamespace(face=tenancy_pb2.Face(id=str(UUID(int=7)), slug="durand", name="Durand")),
        portal=SimpleNamespace(sessions=SimpleNamespace(token=token)),
        clients=SimpleNamespace(trails={"billing": service}, journal=SimpleNamespace(ListAnchors=anchors)),
        session=None,
    )


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """How long was waited, without waiting."""
    waited = []

    async def sleep(seconds):
        waited.append(seconds)

    monkeypatch.setattr(trail_files, "asyncio", SimpleNamespace(sleep=sleep))
    return waited


async def lines(service):
    return b"".join([part async for part in trail_files.proof(visit_of(service))]).splitlines()


@pytest.mark.parametrize("before", [0, 2])
async def test_a_page_that_is_not_sealed_yet_is_asked_for_again(pauses, before):
    service = Service(3, before=before)
    found = await lines(service)
    assert [b'"kind":"entry"' in each for each in found] == [False, *[True] * (2 + before), False]
    assert service.asked == ([0] * 4 if before == 0 else [0, 2, 2, 2, 2])
    assert pauses == [trail_files._PAUSE] * 3


async def test_a_sealer_that_rests_ends_the_file(pauses):
    with pytest.raises(ServiceError) as refused:
        await lines(Service(10_000))
    assert refused.value.kind is Kind.UNAVAILABLE
    assert len(pauses) == trail_files._TRIES - 1


@pytest.mark.parametrize("error", [unavailable("service_unavailable"), ServiceError(Kind.LIMIT, "x", retry_after="1")])
async def test_nobody_waits_for_a_service_that_is_down_or_refuses(pauses, error):
    with pytest.raises(ServiceError) as refused:
        await lines(Service(1, error))
    assert refused.value is error
    assert pauses == []
