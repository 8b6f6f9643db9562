"""Products whose pairwise names are shared: the file of the sector must list their addresses."""

import json

import pytest
from test_product_clients import OTHER, begin, refused_with, registered, row_of, settings

from parvis.identity.v1 import identity_pb2 as pb
from parvis_identity.service.outgoing import Reply
from parvis_kit.errors import ServiceError


class Sector:
    """The file of a sector, wherever it is asked for."""

    def __init__(self, *listed):
        self.listed, self.asked = list(listed), []

    async def get(self, url, *, accept=""):
        del accept
        self.asked.append(url)
        return Reply(200, {}, json.dumps(self.listed).encode())


JOINED = {"subject_type": "pairwise", "sector_identifier_uri": "https://banque.example/sector.json"}
NOT_LISTED = {("sector_identifier_uri", "not_accepted")}


@pytest.fixture
def sector(stage, monkeypatch):
    found = Sector("https://banque.example/retour")
    monkeypatch.setattr(stage.client_rpc, "_outgoing", found)
    return found


async def test_a_product_joins_no_sector_that_does_not_list_it(stage, sector):
    assert await refused_with(stage, **JOINED) == NOT_LISTED

    made = await registered(stage, **JOINED, redirect_uris=sector.listed)
    assert (await row_of(stage, made.client_id)).settings.sector_identifier_uri == JOINED["sector_identifier_uri"]


async def test_a_product_is_not_changed_into_a_sector_that_does_not_list_it(stage, sector):
    made = await registered(stage)
    request = pb.UpdateClientRequest(client_id=made.client_id, name="Paie", settings=settings(**JOINED))

    with pytest.raises(ServiceError, match="client_invalid") as caught:
        await stage.client_rpc.UpdateClient(begin(stage), request)

    assert {(each.field, each.reason) for each in caught.value.violations} == NOT_LISTED
    assert (await row_of(stage, made.client_id)).settings.subject_type == "public"


async def test_for_a_client_of_another_organisation_no_sector_is_asked(stage, sector):
    made = await registered(stage)
    request = pb.UpdateClientRequest(client_id=made.client_id, name="Paie", settings=settings(**JOINED))

    with pytest.raises(ServiceError, match="client_not_found"):
        await stage.client_rpc.UpdateClient(begin(stage, OTHER), request)

    assert sector.asked == []
