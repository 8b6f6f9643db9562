"""The five-profile example: what its table says is what each holder can do, over gRPC, REST and in the pages."""

import json

import pytest
from browsing import succeeded
from five_profiles import CALLS, CLIENTS, PLAIN, PROFILES, RIGHTS, SCOPED, Team, holds, reaches
from pages import ROUTES
from people import FIRM

from parvis.tenancy.v1 import tenancy_pb2
from parvis_tenancy.domain.catalogue import CATALOGUE

#: Rights that products declare: what they stand for is in the product, which asks over REST.
DECLARED = ("portfolios.read", "portfolios.propose", "models.publish")
EVALUATION = "/api/tenancy/access/v1/evaluation"


@pytest.fixture(scope="session")
async def team(cast, world):
    team = Team(cast, world)
    await team.open()
    return team


@pytest.fixture(scope="session")
async def product(http, cast):
    """The product that the firm has: its identifier, and a token of its own."""
    known = json.loads(cast.context.product_file.read_text())
    answer = await http.post(
        f"{cast.portal.url}/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(known["client_id"], known["client_secret"]),
    )
    return known["client_id"], answer.json()["access_token"]


async def test_the_table_has_every_right_of_the_grid(world):
    grid = await world.call("MemberService.ListRights", tenancy_pb2.ListRightsRequest())
    shown = {right.code: right.scoped for right in grid.rights}
    assert {code: shown.get(code) for code in RIGHTS} == {code: code in SCOPED for code in RIGHTS}
    # Other tests let products declare rights; ours are all here.
    assert {right.code for right in CATALOGUE if not right.provider_only} <= set(RIGHTS)
    assert CALLS.keys() | set(DECLARED) == set(RIGHTS)


@pytest.mark.parametrize("right", RIGHTS)
@pytest.mark.parametrize("profile", PROFILES)
async def test_decisions_are_those_of_the_table(team, profile, right):
    clients = CLIENTS if right in SCOPED else ("",)
    questions = [
        tenancy_pb2.Question(
            membership_id=team.people[profile].membership_id,
            right=right,
            resource=tenancy_pb2.ResourceRef(type="contact", id=team.clients[client].id) if client else None,
        )
        for client in clients
    ]
    answer = await team.world.call("RightsService.BatchCheck", tenancy_pb2.BatchCheckRequest(questions=questions))
    expected = [reaches(profile, right, client) if client else holds(profile, right) for client in clients]
    assert [each.allowed for each in answer.decisions] == expected


@pytest.mark.parametrize("right", CALLS)
@pytest.mark.parametrize("profile", PROFILES)
async def test_calls_get_through_as_the_table_says(team, profile, right):
    if right in PLAIN:
        assert await team.may(profile, right, "apart") is holds(profile, right)
    else:
        done = {client: await team.may(profile, right, client) for client in CLIENTS}
        assert done == {client: reaches(profile, right, client) for client in CLIENTS}


@pytest.mark.parametrize("right", ["contacts.read", *DECLARED])
@pytest.mark.parametrize("profile", PROFILES)
async def test_a_product_is_told_what_the_table_says(http, team, product, profile, right):
    client_id, token = product

    async def ask(kind, what):
        asked = {
            "subject": {"type": "member", "id": team.people[profile].membership_id},
            "action": {"name": right},
            "resource": {"type": kind, "id": what},
            "context": {"organisation": FIRM},
        }
        address = f"{team.cast.portal.url}{EVALUATION}"
        answer = await http.post(address, json=asked, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200, answer.text
        return answer.json()["decision"]

    if right in PLAIN:
        assert await ask("product", client_id) is holds(profile, right)
    else:
        told = {client: await ask("contact", team.clients[client].id) for client in CLIENTS}
        assert told == {client: reaches(profile, right, client) for client in CLIENTS}


#: Pages that are read: of the firm, and of one contact.
BARE = sorted(name for name, route in ROUTES.items() if name.startswith("GET ") and route.path.count("{") == 1)
OF_A_CONTACT = sorted(
    name
    for name, route in ROUTES.items()
    if name.startswith("GET /o/{slug}/contacts/{id}") and route.path.count("{") == 2
)


@pytest.mark.parametrize("profile", PROFILES)
async def test_pages_open_as_the_table_says(team, profile):
    name = profile if profile == "administrator" else f"five-{profile}"
    reader = await team.cast.reader(name)
    wrong = {}

    async def opens(path):
        answer = await reader.person._http.get(f"{team.cast.portal.url}{path}", follow_redirects=False)
        return succeeded(answer)

    for each in BARE:
        route = ROUTES[each]
        if route.rule.right in RIGHTS and "{slug}" in route.path:
            path = route.path.format(slug=FIRM)
            if await opens(path) is not holds(profile, route.rule.right):
                wrong[path] = route.rule.right
    for each in OF_A_CONTACT:
        route = ROUTES[each]
        if route.rule.right not in SCOPED:
            continue
        for client in CLIENTS:
            path = route.path.format(slug=FIRM, id=team.clients[client].id)
            if await opens(path) is not reaches(profile, route.rule.right, client):
                wrong[f"{route.path} of {client}"] = route.rule.right
    assert wrong == {}
