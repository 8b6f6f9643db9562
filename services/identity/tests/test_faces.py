"""Faces are kept for a minute: inventing slugs costs nobody else theirs."""

from uuid import uuid4

import pytest

from parvis.tenancy.v1 import tenancy_pb2
from parvis_identity.service import organisations
from parvis_identity.service.organisations import Tenancy
from parvis_kit.errors import ServiceError, not_found, unavailable


class Played:
    """Channels to a tenancy that knows the firms "durand" and "petit", and counts what it is asked."""

    def __init__(self):
        self.asked: list[str] = []
        self.down = False

    def channel(self, _peer):
        return self

    def unary_unary(self, *_, **__):
        async def call(request):
            self.asked.append(request.slug)
            if self.down:
                raise unavailable("service_unavailable")
            if request.slug not in {"durand", "petit"}:
                raise not_found()
            return tenancy_pb2.Face(id=str(uuid4()), slug=request.slug, name=request.slug.title())

        return call


@pytest.fixture
def played():
    return Played()


@pytest.fixture
def tenancy(played, monkeypatch):
    monkeypatch.setattr(organisations, "_KNOWN", 3)
    return Tenancy(played)


async def test_invented_slugs_drive_out_no_face(tenancy, played):
    await tenancy.face("durand")
    for number in range(10):
        await tenancy.face(f"nobody-{number}")

    played.down = True
    assert (await tenancy.face("durand")).name == "Durand"
    assert played.asked.count("durand") == 1


async def test_of_invented_slugs_the_oldest_is_forgotten_first(tenancy, played):
    for number in range(4):
        await tenancy.face(f"nobody-{number}")
    for number in (3, 2, 1, 0):
        assert await tenancy.face(f"nobody-{number}") is None

    assert played.asked == ["nobody-0", "nobody-1", "nobody-2", "nobody-3", "nobody-0"]


async def test_a_face_that_is_no_longer_fresh_is_shown_while_tenancy_is_down(tenancy, played, monkeypatch):
    monkeypatch.setattr(organisations, "_FRESH", -1.0)
    await tenancy.face("petit")
    played.down = True

    assert (await tenancy.face("petit")).slug == "petit"
    with pytest.raises(ServiceError, match="service_unavailable"):
        await tenancy.face("durand")
