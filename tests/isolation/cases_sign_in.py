"""Requests of identity about how an organisation's staff signs in."""

import secrets

from cases import OWN, STAFF_ONLY, Refused, case
from world import LASTING_DOMAIN, World

from parvis.identity.v1 import domains_pb2, providers_pb2
from parvis.identity.v1 import policies_pb2 as pb
from parvis_kit.errors import Kind

CLIENTS = {"other-firm-client": STAFF_ONLY}
#: Names of those that no other case deletes.
LASTING = {"Lu", "Changé", "Éteint", "Clé"}


@case("SignInPolicyService.GetSignInPolicy", others=OWN, differs=CLIENTS)
async def get_sign_in_policy(_: World) -> pb.GetSignInPolicyRequest:
    return pb.GetSignInPolicyRequest()


@case("SignInPolicyService.SaveSignInPolicy", others=OWN, differs=CLIENTS)
async def save_sign_in_policy(world: World) -> pb.SaveSignInPolicyRequest:
    told = await world.call("SignInPolicyService.GetSignInPolicy", pb.GetSignInPolicyRequest())
    policy = pb.SignInPolicy(sso=pb.SSO_MODE_OFF, factors=pb.FACTOR_MODE_OFFERED, version=told.policy.version)
    return pb.SaveSignInPolicyRequest(policy=policy)


async def provider(world: World) -> providers_pb2.SsoProvider:
    """A provider of the firm that was never connected."""
    found = await world.call("ProviderService.ListProviders", providers_pb2.ListProvidersRequest())
    others = [each for each in found.providers if each.name not in LASTING]
    never = [each for each in others if not each.issuer]
    connected = [each for each in others if each.issuer][1:]  # the first is the one that is tried (`world.directory`)
    # Twenty at most; the latest wait for their cases.
    for each in (*never, *connected)[:5] if len(found.providers) > 15 else ():
        await world.call("ProviderService.DeleteProvider", providers_pb2.DeleteProviderRequest(id=each.id))
    return await _made(world, "Isolation")


async def lasting(world: World, name: str) -> providers_pb2.SsoProvider:
    """One that no other case deletes: who may is asked last, when the others have made theirs."""
    found = await world.call("ProviderService.ListProviders", providers_pb2.ListProvidersRequest())
    return next((each for each in found.providers if each.name == name), None) or await _made(world, name)


async def _made(world: World, name: str) -> providers_pb2.SsoProvider:
    made = providers_pb2.CreateProviderRequest(kind=providers_pb2.PROVIDER_KIND_OIDC, template="oidc", name=name)
    return await world.call("ProviderService.CreateProvider", made)


@case("ProviderService.ListProviders", others=OWN, differs=CLIENTS)
async def list_providers(world: World) -> providers_pb2.ListProvidersRequest:
    await provider(world)
    return providers_pb2.ListProvidersRequest()


@case("ProviderService.GetProvider")
async def get_provider(world: World) -> providers_pb2.GetProviderRequest:
    return providers_pb2.GetProviderRequest(id=(await lasting(world, "Lu")).id)


@case("ProviderService.CreateProvider", others=OWN, differs=CLIENTS)
async def create_provider(world: World) -> providers_pb2.CreateProviderRequest:
    await provider(world)
    return providers_pb2.CreateProviderRequest(kind=providers_pb2.PROVIDER_KIND_OIDC, template="oidc", name="Isolation")


@case("ProviderService.UpdateProvider")
async def update_provider(world: World) -> providers_pb2.UpdateProviderRequest:
    made = await lasting(world, "Changé")
    return providers_pb2.UpdateProviderRequest(id=made.id, version=made.version, name="Changé")


@case("ProviderService.StartProviderTrial")
async def start_provider_trial(world: World) -> providers_pb2.StartProviderTrialRequest:
    return providers_pb2.StartProviderTrialRequest(id=(await world.directory()).id)


@case("ProviderService.GetProviderTrial")
async def get_provider_trial(world: World) -> providers_pb2.GetProviderTrialRequest:
    request = providers_pb2.StartProviderTrialRequest(id=(await world.directory()).id)
    begun = await world.call("ProviderService.StartProviderTrial", request)
    return providers_pb2.GetProviderTrialRequest(id=begun.id)


@case("ProviderService.SetProviderState")
async def set_provider_state(world: World) -> providers_pb2.SetProviderStateRequest:
    made = await lasting(world, "Éteint")
    return providers_pb2.SetProviderStateRequest(id=made.id, state=providers_pb2.PROVIDER_STATE_OFF)


@case("ProviderService.DeleteProvider")
async def delete_provider(world: World) -> providers_pb2.DeleteProviderRequest:
    return providers_pb2.DeleteProviderRequest(id=(await provider(world)).id)


@case("ProviderService.RotateProviderKey", answer=Refused((Kind.PRECONDITION,), ("no_next_key",)))
async def rotate_provider_key(world: World) -> providers_pb2.RotateProviderKeyRequest:
    """An OpenID provider knows us by a secret."""
    return providers_pb2.RotateProviderKeyRequest(id=(await lasting(world, "Clé")).id, use=True)


async def domain(world: World) -> domains_pb2.Domain:
    """A fresh mail domain of the firm that is not proven; the oldest go: a firm has fifty at most."""
    found = await world.call("DomainService.ListDomains", domains_pb2.ListDomainsRequest())
    ours = sorted((each for each in found.domains if each.name != LASTING_DOMAIN), key=lambda each: each.id)
    for each in ours[:-30]:
        await world.call("DomainService.RemoveDomain", domains_pb2.RemoveDomainRequest(id=each.id))
    added = domains_pb2.AddDomainRequest(name=f"{secrets.token_hex(6)}.isolation.example")
    return await world.call("DomainService.AddDomain", added)


@case("DomainService.ListDomains", others=OWN, differs=CLIENTS)
async def list_domains(_: World) -> domains_pb2.ListDomainsRequest:
    return domains_pb2.ListDomainsRequest()


@case("DomainService.AddDomain", others=OWN, differs=CLIENTS)
async def add_domain(_: World) -> domains_pb2.AddDomainRequest:
    return domains_pb2.AddDomainRequest(name=f"{secrets.token_hex(6)}.isolation.example")


@case("DomainService.CheckDomain")
async def check_domain(world: World) -> domains_pb2.CheckDomainRequest:
    return domains_pb2.CheckDomainRequest(id=(await domain(world)).id)


@case("DomainService.SendDomainMail")
async def send_domain_mail(world: World) -> domains_pb2.SendDomainMailRequest:
    return domains_pb2.SendDomainMailRequest(id=(await domain(world)).id)


@case("DomainService.RemoveDomain")
async def remove_domain(world: World) -> domains_pb2.RemoveDomainRequest:
    return domains_pb2.RemoveDomainRequest(id=(await domain(world)).id)
