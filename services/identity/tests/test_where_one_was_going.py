"""Where somebody was going is where they arrive, whatever stands between: the sign-in, a second factor, a firm's
directory, an invitation.
"""

from urllib.parse import quote

import pytest
from factor_parts import with_application
from identity_stage import make_stage
from oidc_directory import directory_running
from sso_parts import come_back, leave, provider_of
from test_sso_invitations import firm, invite  # noqa: F401 - a fixture

from parvis_kit.ids import uuid7

SECRET = "s" * 43
FACTOR = "/factors/01a20630-509c-7dde-b48d-dc6eeecc6089"


@pytest.fixture(scope="module")
async def stage(database):
    return await make_stage(database, private_networks="127.0.0.0/8")


@pytest.fixture
async def directory(firm):  # noqa: F811 - the fixture
    async with directory_running() as made:
        made.person |= {"sub": f"u-{uuid7()}", "email": f"anne@{firm.slug}.example"}
        yield made


@pytest.fixture
async def provider(stage, firm, directory):  # noqa: F811 - the fixture
    return await provider_of(stage, firm, directory)


@pytest.mark.parametrize(
    "page",
    ["/factors", "/factors/application", "/factors/passkey", "/factors/codes", FACTOR, "/links",
     "/password", "/address", "/factors/enrol?organisation=roche"],
)  # fmt: skip
async def test_whoever_is_not_signed_in_comes_back_to_the_page(stage, page):
    browser, person = stage.browser(), await stage.person()

    asked = (await browser.get(page)).headers["location"]
    signed_in = await browser.sign_in(person.mail, at=asked)

    assert asked == f"/login?next={quote(page, safe='')}"
    assert signed_in.headers["location"] == page


@pytest.mark.parametrize("page", ["/step-up", "/sso/step-up"])
@pytest.mark.parametrize(
    ("going", "leads"),
    [
        ("/links", "/login?next=%2Flinks"),
        (
            "/auth/proven?next=%2Faccount",
            "/login?next=%2Fauth%2Fproven%3Fnext%3D%252Faccount",
        ),
        ("/o/roche/people", "/o/roche/people"),  # the portal asks for the sign-in itself
        ("https://intrus.test/", "/account"),
        ("", "/account"),
    ],
)
async def test_a_proof_leads_back_through_the_sign_in(stage, page, going, leads):
    answer = await stage.browser().get(page, params={"next": going})

    assert answer.headers["location"] == leads


async def test_whoever_signs_in_as_somebody_else_at_the_second_factor_goes_there_too(stage):
    person, _, _ = await with_application(stage)
    browser = stage.browser()
    asked = (await browser.sign_in(person.mail, at="/login?next=/links")).headers["location"]

    assert 'href="/login?next=%2Flinks"' in (await browser.get(asked)).text


async def test_a_sign_in_that_took_too_long_begins_again_with_where_it_was_going(stage, provider, directory):
    browser, other = stage.browser(), stage.browser()
    answer = directory.sign_in(await leave(browser, provider, next=f"/sso/link/{SECRET}"))
    await stage.run("UPDATE sso_attempts SET expires_at = now() WHERE provider_id = :id", id=provider.id)

    mine, elsewhere = await come_back(browser, provider, answer), await come_back(other, provider, answer)

    again = f"/sso/{provider.id}/start"
    assert f'href="{again}?next={quote(f"/sso/link/{SECRET}", safe="")}"' in mine.text
    assert SECRET not in elsewhere.text
    assert f'href="{again}"' in elsewhere.text


async def test_an_invitation_that_leads_to_the_directory_carries_it_along(stage, firm, provider, directory):  # noqa: F811
    _, token = await invite(stage, firm, directory.person["email"])

    page = await stage.browser().get(f"/activate/{token}", params={"next": "/links"})

    assert f"/sso/{provider.id}/start?next=%2Flinks&amp;" in page.text
