"""Requests of identity about the second factors of others."""

import re
from datetime import UTC, datetime
from html import unescape

from cases import OWN, RIGHT_MISSING, case
from world import World

from parvis.identity.v1 import factors_pb2 as pb
from parvis.tenancy.v1 import tenancy_pb2
from parvis_identity.domain import totp

#: Asked of tenancy with the caller's own token.
ASKED = {"no-right": RIGHT_MISSING}
REASON = "Vue au bureau, pièce d’identité à la main."


async def with_factor(world: World) -> tenancy_pb2.Member:
    """A colleague who has just added an application."""
    invited = await world.cast.invite((await world.cast.profiles())["junior"].id)
    person = await world.cast.portal.activated(invited.mail)
    http, address = person._http, f"{world.cast.portal.url}/factors/application"
    page = (await http.get(address)).text
    seed = totp.read_seed(re.search(r'class="copy-text">([A-Z2-7 ]+)<', page)[1])
    form = {name: unescape(value) for name, value in re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page)}
    form["code"] = totp.code_at(seed, totp.step_of(datetime.now(UTC)))
    await http.post(address, data=form, headers={"Origin": world.cast.portal.url})
    return invited


async def asked(world: World) -> tuple[str, str]:
    """A member, and their reset that another administrator asked for."""
    cast, other = world.cast, "second-administrator"
    if other not in cast._members:
        invited = await cast.invite((await cast.profiles())["administrator"].id)
        await cast._play(other, await cast.portal.activated(invited.mail), cast.firm)
    member = await with_factor(world)
    request = pb.RequestFactorResetRequest(membership_id=member.id, reason=REASON)
    told = await world.call("FactorService.RequestFactorReset", request, by=other)
    return member.id, told.reset.id


@case("FactorService.GetMemberFactors")
async def get_member_factors(world: World) -> pb.GetMemberFactorsRequest:
    return pb.GetMemberFactorsRequest(membership_id=world.member.id)


@case("FactorService.RequestFactorReset")
async def request_factor_reset(world: World) -> pb.RequestFactorResetRequest:
    return pb.RequestFactorResetRequest(membership_id=(await with_factor(world)).id, reason=REASON)


@case("FactorService.ApproveFactorReset")
async def approve_factor_reset(world: World) -> pb.ApproveFactorResetRequest:
    return pb.ApproveFactorResetRequest(reset_id=(await asked(world))[1])


@case("FactorService.StopFactorReset")
async def stop_factor_reset(world: World) -> pb.StopFactorResetRequest:
    return pb.StopFactorResetRequest(reset_id=(await asked(world))[1])


@case("FactorService.RequestProviderFactorReset", by="provider", differs=ASKED)
async def request_provider_factor_reset(world: World) -> pb.RequestProviderFactorResetRequest:
    return pb.RequestProviderFactorResetRequest(identifier=(await with_factor(world)).mail, reason=REASON)


@case("FactorService.ListFactorResets", by="provider", differs=ASKED)
async def list_factor_resets(_: World) -> pb.ListFactorResetsRequest:
    return pb.ListFactorResetsRequest()


@case("FactorService.PutOffMyFactor", others=OWN)
async def put_off_my_factor(_: World) -> pb.PutOffMyFactorRequest:
    return pb.PutOffMyFactorRequest()
