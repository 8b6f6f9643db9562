"""Identity as a process: what it is wired from."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

from parvis.identity.v1 import (
    domains_pb2,
    events_pb2,
    factors_pb2,
    identity_pb2,
    policies_pb2,
    providers_pb2,
    scim_pb2,
)
from parvis_identity import events
from parvis_identity.commands import COMMANDS
from parvis_identity.domain import sessions as lives
from parvis_identity.holdings import HOLDINGS
from parvis_identity.http.app import make_app
from parvis_identity.http.site import Site
from parvis_identity.models import ProviderKind
from parvis_identity.rpc import (
    AccountRpc,
    ClientRpc,
    DomainRpc,
    FactorRpc,
    ImportRpc,
    PasswordRpc,
    ProviderRpc,
    ScimRpc,
    SessionRpc,
    SignInPolicyRpc,
    ViewingRpc,
)
from parvis_identity.service import housekeeping, rotation
from parvis_identity.service.account_links import AccountLinks
from parvis_identity.service.accounts import Links
from parvis_identity.service.authentication import Authentication
from parvis_identity.service.authorization import Authorization
from parvis_identity.service.breached import BreachedPasswords
from parvis_identity.service.client_keys import ClientKeys
from parvis_identity.service.clients import Clients
from parvis_identity.service.dns_proofs import DnsProofs
from parvis_identity.service.domains import Domains
from parvis_identity.service.dpop import Nonces, Proofs
from parvis_identity.service.factor_resets import FactorResets
from parvis_identity.service.factors import Factors
from parvis_identity.service.hashing import Hasher
from parvis_identity.service.import_runs import Imports, ImportWork
from parvis_identity.service.keys import KeyRing
from parvis_identity.service.logout import LogoutNotices
from parvis_identity.service.organisations import Tenancy
from parvis_identity.service.outgoing import Outgoing
from parvis_identity.service.own_erasure import OwnErasure
from parvis_identity.service.passkeys import Passkeys
from parvis_identity.service.password_links import PasswordLinks
from parvis_identity.service.provisional_passwords import ProvisionalPasswords
from parvis_identity.service.pushed import PushedRequests
from parvis_identity.service.refused_passwords import RefusedPasswords
from parvis_identity.service.registration import Registration
from parvis_identity.service.request_objects import RequestObjects
from parvis_identity.service.requests import Requests
from parvis_identity.service.scim.tokens import ScimTokens
from parvis_identity.service.sealing import Seal
from parvis_identity.service.second_factor import SecondFactors
from parvis_identity.service.sessions import OrganisationTokens
from parvis_identity.service.sign_in import Passwords
from parvis_identity.service.sign_in_policies import SignInPolicies
from parvis_identity.service.sso import notices
from parvis_identity.service.sso.arrival import Arrivals
from parvis_identity.service.sso.directory import TenancyDirectory
from parvis_identity.service.sso.oidc import OidcUpstream
from parvis_identity.service.sso.oidc_logout import OidcLogout
from parvis_identity.service.sso.oidc_reading import ConfigurationReader
from parvis_identity.service.sso.oidc_setup import OidcSetup
from parvis_identity.service.sso.providers import Providers
from parvis_identity.service.sso.saml_connections import Saml
from parvis_identity.service.sso.signing_in import SigningIn
from parvis_identity.service.token_endpoint import TokenEndpoint
from parvis_identity.service.tokens import Tokens
from parvis_identity.service.trials import Trials
from parvis_identity.service.viewings import Viewings
from parvis_identity.settings import Settings
from parvis_kit.app import Service, run
from parvis_kit.caller import Caller
from parvis_records import CONTRACT as RECORDS
from parvis_records import RecordsRpc, memberships_from
from parvis_trail import COMMANDS as TRAIL
from parvis_trail import CONTRACT, TrailRpc
from parvis_ui.pages import Pages


async def wire(settings: Settings) -> Service[Settings]:
    """The service, ready to serve."""
    lives.LIVES.idle = timedelta(hours=settings.session_idle_hours)
    lives.LIVES.absolute = timedelta(days=settings.session_days)
    ring = KeyRing(Seal(settings.key_encryption_keys.get_secret_value()))
    service: Service[Settings]

    async def own_keys() -> str:
        return ring.internal_keys()

    async def own_sessions(caller: Caller) -> bool:
        return await housekeeping.session_is_open(service.database, caller)

    service = Service(settings, fetch_keys=own_keys, confirm=own_sessions, knows_rights=False)
    service.heartbeat = events_pb2.RevocationHeartbeat()
    await housekeeping.prepare(service.database, ring, settings)

    organisations = Tenancy(service.peers)
    service.grpc.closing = organisations.closing
    clients = Clients()
    outgoing = Outgoing(settings.private_networks)
    keys = ClientKeys(outgoing)
    tokens = Tokens(ring, issuer=settings.public_url)
    links = Links(ring.link_secret, public_url=settings.public_url)
    viewings = Viewings(organisations, lifetime=timedelta(minutes=settings.viewing_minutes))
    exchange = OrganisationTokens(tokens, organisations, viewings, gateway_client=settings.web_client_id)
    events.listen(service.bus, viewings, organisations)

    endpoint = TokenEndpoint(tokens, clients, organisations)
    trials = Trials(endpoint, outgoing, issuer=settings.public_url, secret=ring.link_secret)
    domains = Domains(
        service.database,
        DnsProofs(settings.dns_servers),
        organisations,
        ring.link_secret,
        public_url=settings.public_url,
    )
    requests = Requests(service.database, ring.link_secret, public_url=settings.public_url)

    pages = Pages("parvis_identity")
    asyncio.get_running_loop().run_in_executor(None, pages.warm)  # nobody waits for it, neither the start nor a reader

    files = (domains_pb2, identity_pb2, policies_pb2, providers_pb2, scim_pb2)
    contract = {name: each for file in files for name, each in file.DESCRIPTOR.services_by_name.items()}
    service.offer(
        contract["AccountService"],
        AccountRpc(links, requests, domains, OwnErasure(organisations), gateway_client=settings.web_client_id),
    )
    service.offer(contract["SessionService"], SessionRpc(exchange, ring, gateway=settings.gateway))
    hasher = Hasher(settings)
    service.offer(
        contract["PasswordService"],
        PasswordRpc(
            settings.password_policy,
            ProvisionalPasswords(hasher, settings),
        ),
    )
    seal = Seal(settings.key_encryption_keys.get_secret_value())
    service.offer(CONTRACT, TrailRpc(organisations.allows))
    service.offer(
        RECORDS,
        RecordsRpc(
            HOLDINGS, memberships_from(service.peers), allows=organisations.allows, says="own", settings=settings
        ),
    )
    for name, rpc in {
        "ImportService": ImportRpc(Imports(organisations, seal)),
        "ClientService": ClientRpc(clients, trials, outgoing),
        "ViewingService": ViewingRpc(viewings),
        "ScimService": ScimRpc(ScimTokens(organisations), address=f"{settings.public_url}/scim/v2"),
        "DomainService": DomainRpc(domains),
        "SignInPolicyService": SignInPolicyRpc(SignInPolicies(organisations)),
    }.items():
        service.offer(contract[name], rpc)
    saml = Saml.over(service.database, outgoing, seal, public_url=settings.public_url)
    service.offer(
        contract["ProviderService"],
        ProviderRpc(
            Providers(
                organisations,
                seal,
                {ProviderKind.OIDC: OidcSetup(outgoing), ProviderKind.SAML: saml.setup},
                public_url=settings.public_url,
            ),
            public_url=settings.public_url,
        ),
    )
    resets = FactorResets(organisations, ring.link_secret, waits=timedelta(hours=settings.factor_reset_hours))
    service.offer(factors_pb2.DESCRIPTOR.services_by_name["FactorService"], FactorRpc(resets))

    second_factors = SecondFactors(service.database, ring, seal, Passkeys(settings.public_url, ring.link_secret))
    passwords = Passwords(
        service.database,
        hasher,
        ring,
        settings.password_policy,
        second_factors,
        refused=RefusedPasswords(
            organisations,
            public_url=settings.public_url,
            instance=settings.instance,
            breached=BreachedPasswords(listed) if (listed := settings.password_breached_list) else None,
        ),
        even_seconds=settings.refusal_seconds,
    )
    service.pages = make_app(
        Site(
            settings,
            service.database,
            pages,
            passwords=passwords,
            password_links=PasswordLinks(service.database, hasher, ring, passwords),
            authorization=Authorization(tokens, clients, organisations),
            authentication=Authentication(service.database, clients, keys, issuer=settings.public_url),
            proofs=Proofs(
                issuer=settings.public_url, nonces=Nonces(ring.link_secret) if settings.dpop_nonces else None
            ),
            pushed=PushedRequests(ring.link_secret),
            registration=Registration(service.database, clients, outgoing, settings),
            request_objects=RequestObjects(keys, outgoing, issuer=settings.public_url),
            requests=requests,
            account_links=AccountLinks(service.database, passwords, organisations),
            sso=SigningIn(
                service.database,
                seal,
                Arrivals(organisations),
                TenancyDirectory(service.peers),
                second_factors,
                {
                    ProviderKind.OIDC: OidcUpstream(outgoing, seal, public_url=settings.public_url),
                    ProviderKind.SAML: saml.upstream,
                },
            ),
            oidc_logout=OidcLogout(service.database, outgoing),
            saml=saml,
            second_factors=second_factors,
            domains=domains,
            factor_resets=resets,
            factors=Factors(service.database, ring, seal, second_factors.passkeys),
            tokens=tokens,
            ring=ring,
            clients=clients,
            organisations=organisations,
        )
    )
    ring.followed = asyncio.create_task(rotation.follow(service.database, ring))  # whatever the role: all of them sign
    service.background(housekeeping.retention(service.database, settings).run)
    imports, told = (
        ImportWork(service.database, organisations, ring, seal),
        LogoutNotices(service.database, tokens, outgoing),
    )
    for work in (
        imports.run,
        told.run,
        saml.reader.run,
        ConfigurationReader(service.database, outgoing).run,
        domains.check_for_ever,
        partial(housekeeping.expire_for_ever, service.database),
        partial(housekeeping.erase_for_ever, service.database, organisations),
        partial(housekeeping.look_for_idle, service.database, organisations, settings.kept_idle_accounts_days),
        partial(notices.warn_for_ever, service.database),
        partial(rotation.rotate_for_ever, service.database, ring, settings.key_lifetime),
    ):
        service.background(work)
    return service


def main(argv: Sequence[str] | None = None) -> None:
    """The command line; see `parvis_kit.app`."""
    run(Settings, wire, argv, {**COMMANDS, **TRAIL})
