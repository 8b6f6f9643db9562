"""parvis.identity.v1.ClientService."""

import json
from datetime import datetime, timedelta
from typing import Any

from google.protobuf.json_format import ParseDict
from google.protobuf.timestamp_pb2 import Timestamp

from parvis.identity.v1 import identity_pb2 as pb
from parvis_identity.domain.client_metadata import DEVICE
from parvis_identity.models import Client
from parvis_identity.service import product_clients
from parvis_identity.service.clients import Clients
from parvis_identity.service.outgoing import Outgoing
from parvis_identity.service.product_clients import Wanted
from parvis_identity.service.protocol import SCOPES
from parvis_identity.service.trials import Trials
from parvis_kit import ids
from parvis_kit.server import Begin, in_steps
from parvis_kit.unit import UnitOfWork

_PLAIN = [
    "backchannel_logout_uri",
    "backchannel_logout_session_required",
    "application_type",
    "token_endpoint_auth_method",
    "jwks_uri",
    "id_token_signed_response_alg",
    "subject_type",
    "sector_identifier_uri",
    "profile",
    "pkce_required",
    "rotates_refresh_tokens",
]
_LISTS = ("redirect_uris", "post_logout_redirect_uris", "exchange_audiences")


class ClientRpc:
    """See the contract."""

    def __init__(self, clients: Clients, trials: Trials, outgoing: Outgoing) -> None:
        self._clients = clients
        self._trials = trials
        self._outgoing = outgoing

    @in_steps
    async def RegisterClient(self, begin: Begin, request: pb.RegisterClientRequest) -> pb.RegisteredClient:
        if request.HasField("settings"):
            wanted = wanted_of(request.settings)
        else:
            wanted = Wanted(list(request.redirect_uris), list(request.post_logout_redirect_uris))
        product_id = ids.parse_optional(request.product_id, "product_id")
        await product_clients.check_sector(self._outgoing, wanted)
        async with begin() as unit:
            client, secret = await product_clients.register(
                unit, request.name, wanted, product_id=product_id, organisation_id=unit.organisation_or_none
            )
        return pb.RegisteredClient(client_id=client.client_id, client_secret=secret)

    async def GetClient(self, unit: UnitOfWork, request: pb.GetClientRequest) -> pb.Client:
        return message(await product_clients.owned(unit, request.client_id))

    @in_steps
    async def UpdateClient(self, begin: Begin, request: pb.UpdateClientRequest) -> pb.RegisteredClient:
        wanted = wanted_of(request.settings)
        async with begin() as unit:
            await product_clients.owned(unit, request.client_id)
        await product_clients.check_sector(self._outgoing, wanted)
        async with begin() as unit:
            client, secret = await product_clients.update(unit, request.client_id, request.name, wanted)
        return self._changed(client, secret)

    @in_steps
    async def RotateClientSecret(self, begin: Begin, request: pb.RotateClientSecretRequest) -> pb.RegisteredClient:
        async with begin() as unit:
            keep = timedelta(hours=request.keep_hours)
            client, secret = await product_clients.rotate_secret(unit, request.client_id, keep)
        return self._changed(client, secret)

    @in_steps
    async def SetClientOpen(self, begin: Begin, request: pb.SetClientOpenRequest) -> pb.Client:
        async with begin() as unit:
            client = await product_clients.set_open(unit, request.client_id, open_=request.open)
        self._clients.forget(client.client_id)
        return message(client)

    async def StartTrial(self, unit: UnitOfWork, request: pb.StartTrialRequest) -> pb.Trial:
        address = await self._trials.start(unit, request.client_id, request.return_path)
        return pb.Trial(authorization_url=address)

    @in_steps
    async def FinishTrial(self, begin: Begin, request: pb.FinishTrialRequest) -> pb.TrialReport:
        error = (request.error, request.error_description)
        async with begin() as unit:
            client, told, before = await self._trials.redeem(
                unit, request.client_id, request.state, request.code, error
            )
        if not before:
            told = told | {"probes": await self._trials.probe(client)}
            async with begin() as unit:
                await self._trials.keep(unit, request.state, told)
        return ParseDict(told, pb.TrialReport())

    def _changed(self, client: Client, secret: str) -> pb.RegisteredClient:
        """Once it is committed: what was read before is the old one."""
        self._clients.forget(client.client_id)
        return pb.RegisteredClient(client_id=client.client_id, client_secret=secret)


def wanted_of(settings: pb.ClientSettings) -> Wanted:
    """What a provider wants, from the contract."""
    values: dict[str, Any] = {name: list(getattr(settings, name)) for name in (*_LISTS, "scopes")}
    values |= {name: getattr(settings, name) for name in (*_PLAIN, "jwks_json", "devices")}
    return Wanted(**values)


def message(client: Client) -> pb.Client:
    """A client as it travels."""
    settings = pb.ClientSettings(
        **{name: getattr(client, name) for name in (*_PLAIN, *_LISTS)},
        scopes=[scope for scope in client.scope.split() if scope in SCOPES and scope != "openid"],
        jwks_json=json.dumps(client.jwks, indent=2) if client.jwks is not None else "",
        devices=DEVICE in client.grant_types,
    )
    until = client.previous_secret_until
    return pb.Client(
        client_id=client.client_id,
        settings=settings,
        created_at=_moment(client.created_at),
        closed_at=_moment(client.closed_at),
        used_at=_moment(client.used_at),
        refused_at=_moment(client.refused_at),
        refused_for=client.refused_for,
        has_secret=bool(client.secret_digest),
        previous_secret_until=_moment(until) if until is not None and until > datetime.now(until.tzinfo) else None,
    )


def _moment(at: datetime | None) -> Timestamp | None:
    if at is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(at)
    return stamp
