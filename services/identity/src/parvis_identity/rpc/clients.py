"""parvis.identity.v1.ClientService."""

from parvis.identity.v1 import identity_pb2 as pb
from parvis_identity.service.clients import Clients
from parvis_kit import ids
from parvis_kit.unit import UnitOfWork


class ClientRpc:
    """See the contract."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    async def RegisterClient(self, unit: UnitOfWork, request: pb.RegisterClientRequest) -> pb.RegisteredClient:
        client, secret = await self._clients.register(
            unit,
            name=request.name,
            redirect_uris=request.redirect_uris,
            post_logout_redirect_uris=request.post_logout_redirect_uris,
            product_id=ids.parse_optional(request.product_id, "product_id"),
        )
        return pb.RegisteredClient(client_id=client.client_id, client_secret=secret)
