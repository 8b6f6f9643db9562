"""The addresses at which products ask tenancy: each answers a product's own token only, about organisations that
subscribe it, and nobody else, with the same real identifiers.
"""

import json
from unittest.mock import MagicMock

import pytest
from people import FIRM, OTHER_FIRM

from parvis_tenancy.http.app import make_app

ACCESS = "/api/tenancy/access/v1"
#: What anybody may read: it says where what is asked, and nothing of anybody.
OPEN = {"GET /.well-known/authzen-configuration", "GET /api/tenancy/openapi.json"}
#: What is asked at each address, of the firm's own contact and members.
ASKED = {
    f"POST {ACCESS}/evaluation": {"subject", "action", "resource"},
    f"POST {ACCESS}/evaluations": {"subject", "action", "resource"},
    f"POST {ACCESS}/search/subject": {"subject", "action", "resource"},
    f"POST {ACCESS}/search/resource": {"subject", "action", "resource"},
    f"POST {ACCESS}/search/action": {"subject", "resource"},
}


def test_every_address_of_tenancy_is_known():
    app = make_app(MagicMock(), MagicMock(), public_url="http://localhost").app
    described = {f"{method.upper()} {path}" for path, methods in app.openapi()["paths"].items() for method in methods}
    assert described | {f"GET {app.openapi_url}"} == OPEN | ASKED.keys()
    assert (app.docs_url, app.redoc_url) == (None, None)


@pytest.fixture(scope="module")
async def asked(cast, world):
    """A question to which the answer is yes: the firm's administrator reads its contact."""
    member = await cast.member("administrator")
    return {
        "subject": {"type": "member", "id": member.membership_id},
        "action": {"name": "contacts.read"},
        "resource": {"type": "contact", "id": world.contact.id},
        "context": {"organisation": FIRM},
    }


async def token_of(http, cast, client_id, secret):
    answer = await http.post(
        f"{cast.portal.url}/oauth2/token", data={"grant_type": "client_credentials"}, auth=(client_id, secret)
    )
    return answer.json()["access_token"]


@pytest.fixture(scope="module")
async def product_token(http, cast):
    """Of the product that the firm subscribes."""
    known = json.loads(cast.context.product_file.read_text())
    return await token_of(http, cast, known["client_id"], known["client_secret"])


async def answer_to(http, cast, name, asked, token=""):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    parts = {part: asked[part] for part in (*ASKED[name], "context")}
    return await http.post(f"{cast.portal.url}{name.removeprefix('POST ')}", json=parts, headers=headers)


def yes(name, answer):
    """Whether an answer gives anything."""
    told = answer.json()
    return bool(told["results"] if "search" in name else told["decision"])


@pytest.mark.parametrize("name", ASKED)
async def test_a_product_is_answered_about_a_firm_that_subscribes_it(http, cast, asked, product_token, name):
    answer = await answer_to(http, cast, name, asked, product_token)
    assert (answer.status_code, yes(name, answer)) == (200, True)


@pytest.mark.parametrize("name", ASKED)
async def test_a_product_that_the_firm_does_not_subscribe_learns_nothing(http, cast, world, asked, name):
    other = await world.registered_product()
    token = await token_of(http, cast, other.client_id, other.client_secret)
    answer = await answer_to(http, cast, name, asked, token)
    assert (answer.status_code, yes(name, answer)) == (200, False)
    assert answer.json()["context"]["reason"] == "organisation_unknown"


@pytest.mark.parametrize("name", ASKED)
async def test_what_is_of_one_firm_is_not_there_in_another(http, cast, asked, product_token, name):
    elsewhere = {**asked, "context": {"organisation": OTHER_FIRM}}
    answer = await answer_to(http, cast, name, elsewhere, product_token)
    assert answer.status_code == 200
    assert asked["subject"]["id"] not in answer.text
    assert asked["resource"]["id"] not in answer.text
    if name.rpartition("/")[2] not in {"subject", "resource"}:
        assert not yes(name, answer)


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize("who", ["nobody", "internal", "product-access-token", "product-id-token"])
async def test_nobody_else_is_answered(http, cast, asked, name, who):
    if who == "nobody":
        token = ""
    elif who == "internal":
        token = (await cast.caller("administrator")).token
    else:
        token = (await cast.product_tokens("administrator"))[who]
    assert (await answer_to(http, cast, name, asked, token)).status_code == 401
