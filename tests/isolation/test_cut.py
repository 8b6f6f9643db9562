"""A cut: every service refuses by what it heard on the revocation stream, each time anew.

The promise is a second. How long it took is printed; a clock decides no test, so what fails is a service that is deaf.
"""

import asyncio
import statistics
import time

from callers import Caller
from people import DEAF, EVERYWHERE, Member

from parvis.identity.v1 import identity_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import ServiceError

CUTS = 5
#: Seconds: tokens of the second of the end stay refused after a reopening (the margin of a revocation).
MARGIN = 1.1


async def test_a_cut_access_is_refused_everywhere(world, capsys):
    cast = world.cast
    await cast._hire("often-cut", dict.fromkeys(("notifications.configure", "invoices.read"), tenancy_pb2.SCOPE_ALL))
    member = await cast.member("often-cut")
    of_member = {"id": member.membership_id}
    slowest: list[float] = []
    for _ in range(CUTS):
        await member.take_token(cast.wires)
        caller = Caller("web", await member.token(cast.wires))
        await asyncio.gather(*(cast.wires.call(caller, *asked) for asked in EVERYWHERE.items()))
        await cast.as_administrator("MemberService.CutMember", tenancy_pb2.CutMemberRequest(**of_member))
        slowest.append(max(await asyncio.gather(*(cast.refused_after(caller, method) for method in EVERYWHERE))))
        await cast.as_administrator("MemberService.ReopenMember", tenancy_pb2.ReopenMemberRequest(**of_member))
        await asyncio.sleep(MARGIN)

    with capsys.disabled():
        print(f" cut to refusal by the slowest service, median of {CUTS}: {statistics.median(slowest):.3f} s ", end="")
    assert len(slowest) == CUTS


#: What is shown to who views as a client.
SHOWN = ("OrganisationService.GetFrame", "DocumentService.GetOverview", "InvoiceService.GetOverview")


async def looking(cast, viewer) -> Caller:
    """Somebody who sees the portal as the client does, at work in every service."""
    caller = Caller("web", await viewer.token(cast.wires))
    request = identity_pb2.StartViewingRequest(
        membership_id=(await cast.member("client")).membership_id, reason="isolation"
    )
    begun = await cast.wires.call(caller, "ViewingService.StartViewing", request)
    looks = Member(viewer.person, viewer.organisation_id, viewing_id=begun.id)
    caller = Caller("web", await looks.token(cast.wires))
    await asyncio.gather(*(cast.wires.call(caller, method, EVERYWHERE[method]) for method in SHOWN))
    return caller


async def test_who_looks_as_somebody_else_is_refused_everywhere_when_their_own_access_is_cut(world, capsys):
    cast = world.cast
    invited = await cast.invite((await cast.profiles())["administrator"].id)
    viewer = await cast._play("cut-viewer", await cast.portal.activated(invited.mail), cast.firm)
    caller = await looking(cast, viewer)

    await cast.as_administrator("MemberService.CutMember", tenancy_pb2.CutMemberRequest(id=viewer.membership_id))

    took = await asyncio.gather(*(cast.refused_after(caller, method) for method in SHOWN))
    with capsys.disabled():
        print(f" cut of the viewer to refusal by the slowest service: {max(took):.3f} s ", end="")


async def test_who_looks_as_somebody_else_is_refused_everywhere_when_they_lose_the_right(world, capsys):
    cast = world.cast
    profiles = await cast.profiles()
    invited = await cast.invite(profiles["administrator"].id)
    viewer = await cast._play("former-viewer", await cast.portal.activated(invited.mail), cast.firm)
    caller = await looking(cast, viewer)
    member = await cast.as_administrator(
        "MemberService.GetMember", tenancy_pb2.GetMemberRequest(id=viewer.membership_id)
    )

    request = tenancy_pb2.UpdateMemberRequest(
        id=member.id, profile_id=profiles["back_office"].id, version=member.version
    )
    await cast.as_administrator("MemberService.UpdateMember", request)

    took = await asyncio.gather(*(cast.refused_after(caller, method) for method in SHOWN))
    with capsys.disabled():
        print(f" loss of the right to refusal by the slowest service: {max(took):.3f} s ", end="")


async def at_a_product(world, name: str):
    """A colleague whom the product of the firm knows; what it was given."""
    cast = world.cast
    invited = await cast.invite((await cast.profiles())["administrator"].id)
    member = await cast._play(name, await cast.portal.activated(invited.mail), cast.firm)
    assigned = tenancy_pb2.SetAssignmentRequest(
        product_id=world.product_id, membership_id=member.membership_id, assigned=True
    )
    await cast.as_administrator("ProductService.SetAssignment", assigned)
    return member, (await cast.redeem(await cast.product_code(name))).json()


async def test_what_a_product_was_granted_for_the_firm_is_worth_nothing_after_a_cut(world, capsys):
    cast = world.cast
    member, told = await at_a_product(world, "cut-at-a-product")
    userinfo, bearer = f"{cast.portal.url}/oauth2/userinfo", {"Authorization": f"Bearer {told['access_token']}"}
    assert (await cast.portal._http.get(userinfo, headers=bearer)).status_code == 200

    await cast.as_administrator("MemberService.CutMember", tenancy_pb2.CutMemberRequest(id=member.membership_id))

    started = time.monotonic()
    while (await cast.portal._http.get(userinfo, headers=bearer)).status_code == 200:
        assert time.monotonic() - started < DEAF, "identity has not heard of the cut"
        await asyncio.sleep(0.01)
    with capsys.disabled():
        print(f" cut to refusal of a product's token: {time.monotonic() - started:.3f} s ", end="")


async def test_the_family_of_a_product_s_refresh_token_is_worth_nothing_after_a_cut_even_once_access_is_back(world):
    cast = world.cast
    member, told = await at_a_product(world, "cut-with-a-family")

    async def refreshed(token: str):
        form = {"grant_type": "refresh_token", "refresh_token": token}
        auth = (cast.product["client_id"], cast.product["client_secret"])
        return (await cast.portal._http.post(f"{cast.portal.url}/oauth2/token", data=form, auth=auth)).json()

    told = await refreshed(told["refresh_token"])
    of_member = {"id": member.membership_id}

    await cast.as_administrator("MemberService.CutMember", tenancy_pb2.CutMemberRequest(**of_member))

    started = time.monotonic()
    while (answer := await refreshed(told["refresh_token"])).get("error") != "invalid_grant":
        assert time.monotonic() - started < DEAF, "identity has not heard of the cut"
        told = answer
        await asyncio.sleep(0.01)
    await cast.as_administrator("MemberService.ReopenMember", tenancy_pb2.ReopenMemberRequest(**of_member))
    assert (await refreshed(told["refresh_token"]))["error"] == "invalid_grant"


async def test_the_family_of_the_gateway_gives_no_token_of_the_firm_after_a_cut(world):
    """A colleague's sign-in goes on, and opens nothing of the firm; a client's own account is signed out."""
    cast = world.cast
    invited = await cast.invite((await cast.profiles())["administrator"].id)
    colleague = await cast._play("cut-at-the-gateway", await cast.portal.activated(invited.mail), cast.firm)
    await cast._cut_client()
    client = cast._members["cut-client"]
    await cast.as_administrator("MemberService.CutMember", tenancy_pb2.CutMemberRequest(id=colleague.membership_id))

    for member, reason in ((colleague, "no_membership"), (client, "session_ended")):
        assert await refusal_of(cast, member, reason) == reason


async def refusal_of(cast, member: Member, wanted: str) -> str:
    """Why the gateway gets no token of the firm for somebody: the one that is waited for, or the last."""
    started, last = time.monotonic(), ""
    while last != wanted and time.monotonic() - started < DEAF:
        try:
            await member.take_token(cast.wires)
        except ServiceError as error:
            last = error.reason
        await asyncio.sleep(0.01)
    return last
