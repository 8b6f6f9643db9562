"""The tenancy service: how it is wired."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from uuid import UUID

from parvis.billing.v1 import events_pb2 as billing_events
from parvis.identity.v1 import events_pb2 as identity_events
from parvis.identity.v1 import identity_pb2, identity_pb2_grpc
from parvis.records.v1 import events_pb2 as records_events
from parvis.tenancy.v1 import closing_pb2, journal_pb2, tenancy_pb2
from parvis.tenancy.v1 import events_pb2 as tenancy_events
from parvis_kit.app import Service, run
from parvis_kit.caller import Caller, acting_for
from parvis_kit.errors import ServiceError, unauthenticated
from parvis_kit.grants import GrantSet, from_message
from parvis_kit.server import Begin
from parvis_kit.tokens import FetchKeys
from parvis_records import CONTRACT as RECORDS
from parvis_records import RecordsRpc, erasure
from parvis_records.retention import Retention
from parvis_tenancy import events, retention
from parvis_tenancy.commands import COMMANDS
from parvis_tenancy.holdings import HOLDINGS
from parvis_tenancy.http.app import make_app
from parvis_tenancy.http.callers import ProductTokens
from parvis_tenancy.rpc.closings import ClosingRpc
from parvis_tenancy.rpc.contacts import ContactRpc
from parvis_tenancy.rpc.directory import DirectoryRpc
from parvis_tenancy.rpc.journal import JournalRpc
from parvis_tenancy.rpc.members import MemberRpc
from parvis_tenancy.rpc.organisations import OrganisationRpc
from parvis_tenancy.rpc.products import ProductRpc
from parvis_tenancy.rpc.requests import RequestRpc
from parvis_tenancy.rpc.rights import RightsRpc
from parvis_tenancy.service import closings, counting, declaring, erasing, members, organisations, requests, rights
from parvis_tenancy.service.accounts import Identity
from parvis_tenancy.service.anchoring import Anchors, Signers, trails_of
from parvis_tenancy.service.asking import Asking
from parvis_tenancy.service.product_decisions import Decisions
from parvis_tenancy.settings import Settings
from parvis_trail import COMMANDS as TRAIL
from parvis_trail import CONTRACT, TrailRpc

#: Events that are handled at once: people of a directory who arrive together are settled together.
_AT_ONCE = 48


async def wire(
    settings: Settings,
    *,
    identity: Identity | None = None,
    fetch_keys: FetchKeys | None = None,
    fetch_product_keys: FetchKeys | None = None,
) -> Service[Settings]:
    """The service with all it answers and listens to. Tests play identity: its stubs and its keys."""

    async def keys_of_products() -> str:
        stub = identity_pb2_grpc.SessionServiceStub(service.peers.channel("identity"))
        with acting_for(None):
            return (await stub.ListSigningKeys(identity_pb2.ListSigningKeysRequest(of_products=True))).jwks_json

    async def compile_grants(caller: Caller) -> GrantSet:
        """Grant sets are compiled here: the service that decides asks nobody."""
        if caller.membership_id is None:
            raise unauthenticated("no_membership")
        own = Caller(settings.service)
        async with service.database.begin(own, organisation_id=caller.organisation_id) as unit:
            try:
                return from_message(await rights.compiled(unit, caller.membership_id))
            except ServiceError as error:
                raise unauthenticated("membership_ended") from error

    async def own_memberships(begin: Begin) -> Sequence[tuple[UUID, UUID]]:
        async with begin() as unit:
            return await members.own(unit)

    service: Service[Settings] = Service(settings, fetch_grants=compile_grants, fetch_keys=fetch_keys)
    service.heartbeat = identity_events.RevocationHeartbeat()  # behind the accesses that are cut here
    if identity is None:
        channel = service.peers.channel("identity")
        identity = Identity(
            accounts=identity_pb2_grpc.AccountServiceStub(channel),
            clients=identity_pb2_grpc.ClientServiceStub(channel),
            passwords=identity_pb2_grpc.PasswordServiceStub(channel),
        )
    patience = requests.Patience(
        answer=timedelta(days=settings.request_days), again=timedelta(days=settings.request_again_days)
    )
    offered = tenancy_pb2.DESCRIPTOR.services_by_name
    for name, rpc in {
        "OrganisationService": OrganisationRpc(identity, settings.setup_token_sha256),
        "MemberService": MemberRpc(identity),
        "RequestService": RequestRpc(identity, patience),
        "ProductService": ProductRpc(identity),
        "ContactService": ContactRpc(identity),
        "RightsService": RightsRpc(),
        "DirectoryService": DirectoryRpc(),
    }.items():
        service.offer(offered[name], rpc)
    service.offer(closing_pb2.DESCRIPTOR.services_by_name["ClosingService"], ClosingRpc())
    anchors = Anchors(service.database, Signers(settings.anchor_keys.get_secret_value()), trails_of(service.peers))
    service.offer(journal_pb2.DESCRIPTOR.services_by_name["JournalService"], JournalRpc(anchors))
    service.probes.add("anchor", partial(counting.look, service.database))
    service.offer(CONTRACT, TrailRpc())
    service.offer(RECORDS, RecordsRpc(HOLDINGS, own_memberships, says="organisation", settings=settings))
    tokens = ProductTokens(
        fetch_product_keys or keys_of_products, issuer=settings.public_url, each_second=settings.product_questions
    )
    service.pages = make_app(Asking(service.database, Decisions()), tokens, public_url=settings.public_url)
    service.bus.on_steps(identity_events.AccountActivated, events.account_activated)
    service.bus.on_steps(records_events.AccountErased, erasing.account_erased)
    service.bus.on_steps(records_events.ContactErased, partial(erasure.contact_erased, HOLDINGS))
    service.bus.on(records_events.OrganisationRecordsErased, closings.answered)
    service.bus.on_steps(identity_events.AccountChanged, events.account_changed)
    service.bus.on_steps(identity_events.AccountLinked, events.account_linked)
    service.bus.on_steps(identity_events.AccountUnlinked, events.account_unlinked)
    service.bus.concurrency = _AT_ONCE
    service.bus.on_steps(identity_events.DirectoryPersonChanged, events.People().changed)
    service.bus.on_steps(tenancy_events.DirectoryMappingSaved, events.mapping_saved)
    service.bus.on_steps(tenancy_events.ProductRightsDeclared, declaring.spread)
    service.bus.on(identity_events.NoticeForAdministrators, events.notice_for_administrators)
    service.bus.on(identity_events.AccessRequested, events.Requests(patience).access_requested)
    service.bus.on(billing_events.EntitlementChanged, events.entitlement_changed)
    for work in (
        lambda: requests.expire_for_ever(service.database),
        anchors.make_for_ever,
        lambda: closings.settle_for_ever(service.database),
        Retention(service.database, retention.terms(settings)).run,
        lambda: organisations.refresh_keys_for_ever(service.database),
    ):
        service.background(work)
    return service


def main(argv: Sequence[str] | None = None) -> None:
    """`python -m parvis_tenancy`; commands and roles are those of every service."""
    run(Settings, wire, argv, {**COMMANDS, **TRAIL})
