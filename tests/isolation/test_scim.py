"""The addresses of SCIM: each is for the directory of one firm, and for nobody else."""

import secrets
from unittest.mock import MagicMock

import pytest
from cases_scim import room, token

from parvis.identity.v1 import scim_pb2
from parvis_identity.domain.scim.schemas import GROUP, USER
from parvis_identity.http.app import make_app
from parvis_identity.http.scim import BASE

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PATHS = sorted(
    {route.path for route in make_app(MagicMock(guarded=lambda each: each)).routes if route.path.startswith(BASE)}
)
#: What has an id: the rest lists, and what it lists is the caller's own.
ONES = ("/Users/{id}", "/Groups/{id}")


@pytest.fixture(scope="session")
async def directories(world):
    """Tokens of two firms' directories, and what one of them has."""
    await room(world)
    mine = await token(world)
    request = scim_pb2.CreateScimTokenRequest(name="Isolation", days=1)
    tokens = await world.call("ScimService.GetScim", scim_pb2.GetScimRequest(), by="other-firm")
    for each in tokens.tokens:
        gone = scim_pb2.RevokeScimTokenRequest(id=each.id)
        await world.call("ScimService.RevokeScimToken", gone, by="other-firm")
    other = await world.call("ScimService.CreateScimToken", request, by="other-firm")
    revoked = await world.call("ScimService.CreateScimToken", request)
    await world.call("ScimService.RevokeScimToken", scim_pb2.RevokeScimTokenRequest(id=revoked.token.id))
    return {"rightful": mine.secret, "other-firm": other.secret, "revoked": revoked.secret}


@pytest.fixture(scope="session")
async def ask(cast, http):
    async def asked(bearer, method, path, body=None):
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        return await http.request(method, f"{cast.portal.url}{BASE}{path}", json=body, headers=headers)

    return asked


@pytest.fixture(scope="session")
async def there(ask, directories):
    """A user and a group of the firm."""
    name = f"iso-{secrets.token_hex(4)}"
    user = (await ask(directories["rightful"], "POST", "/Users", {"schemas": [USER], "userName": name})).json()
    group = {"schemas": [GROUP], "displayName": name, "members": [{"value": user["id"]}]}
    made = (await ask(directories["rightful"], "POST", "/Groups", group)).json()
    return {"name": name, "/Users/{id}": user["id"], "/Groups/{id}": made["id"]}


@pytest.mark.parametrize("who", ["nobody", "stranger", "revoked", "internal-token", "product-access-token"])
@pytest.mark.parametrize("path", PATHS)
async def test_only_a_directory_is_let_in(ask, directories, cast, ledger, path, who):
    bearers = {
        "nobody": "",
        "stranger": "parvis-scim-" + secrets.token_urlsafe(32),
        "revoked": directories["revoked"],
        "internal-token": (await cast.caller("administrator")).token,
        **(await cast.product_tokens("administrator")),
    }
    address = path.removeprefix(BASE).replace("{id}", "x").replace("{rest:path}", "x")

    async def asked():
        return [await ask(bearers[who], method, address, {}) for method in METHODS]

    answers, changed = await ledger.changed_by(asked, cast.firm, "identity")

    assert [answer.status_code for answer in answers] == [401] * len(METHODS)
    assert changed == set()


@pytest.mark.parametrize("path", ONES)
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_what_one_firm_has_is_not_there_for_another(ask, directories, there, cast, ledger, method, path):
    body = {"schemas": [USER if "Users" in path else GROUP], "userName": "x", "displayName": "x"}
    if method == "PATCH":
        body = {"Operations": [{"op": "replace", "path": "displayName", "value": "x"}]}
    address = path.replace("{id}", there[path])
    assert (await ask(directories["rightful"], "GET", address)).status_code == 200
    body = None if method in {"GET", "DELETE"} else body

    answer, changed = await ledger.changed_by(
        lambda: ask(directories["other-firm"], method, address, body), cast.firm, "identity"
    )

    assert answer.status_code == 404
    assert changed == set()


async def test_nor_is_it_found_or_named(ask, directories, there, cast, ledger):
    other, filter_ = directories["other-firm"], f'userName eq "{there["name"]}" or displayName eq "{there["name"]}"'
    members = [{"value": there["/Users/{id}"]}]
    group = {"schemas": [GROUP], "displayName": "x", "members": members}
    bulk = {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [{"method": "DELETE", "path": f"/Users/{there['/Users/{id}']}"}],
    }

    async def tried():
        found = [await ask(other, "POST", path, {"filter": filter_}) for path in ("/Users/.search", "/.search")]
        return found, await ask(other, "POST", "/Groups", group), await ask(other, "POST", "/Bulk", bulk)

    (found, made, bulked), changed = await ledger.changed_by(tried, cast.firm, "identity")

    assert [answer.json()["totalResults"] for answer in found] == [0, 0]
    assert made.status_code == 400
    assert bulked.json()["Operations"][0]["status"] == "404"
    assert changed == set()
