"""A cut: every service refuses by what it heard on the revocation stream, each time anew.

The promise is a second. How long it took is printed; a clock decides no test, so what fails is a service that is deaf.
"""

import asyncio
import statistics

from callers import Caller
from people import EVERYWHERE

from parvis.tenancy.v1 import tenancy_pb2

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
