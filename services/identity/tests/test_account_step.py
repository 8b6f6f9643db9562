"""Links of an older portal."""

import pytest
from identity_stage import read

pytestmark = pytest.mark.usefixtures("nobody_failed_before")


@pytest.fixture(scope="module", autouse=True)
def firm(stage):
    return stage.town.found("durand", "Durand")


@pytest.mark.parametrize(
    ("query", "leads"),
    [
        ("step=sign-in", "/login"),
        ("step=sign-in&identifier=claire%40exemple.fr", "/login?login_hint=claire%40exemple.fr"),
        ("step=sign-in&organisation=durand&identifier=C0042", "/login/durand?login_hint=C0042"),
        ("step=first&organisation=durand&identifier=C0042", "/reset?first=1&organisation=durand&identifier=C0042"),
        ("step=forgotten&identifier=a%26b", "/reset?identifier=a%26b"),
        ("step=change", "/password"),
        ("step=sign-in&next=https://elsewhere.example/", "/login"),
    ],
)
async def test_a_link_leads_to_its_step(stage, query, leads):
    answer = await stage.browser().get(f"/activate?{query}")

    assert (answer.status_code, answer.headers["location"]) == (303, leads)


@pytest.mark.parametrize("query", ["step=other", "step=sign-in&organisation=nobody", "organisation=nobody", "step=%00"])
async def test_a_link_that_leads_nowhere_says_what_to_do(stage, query):
    answer = await stage.browser().get(f"/activate?{query}")

    assert answer.status_code in {400, 404}
    if answer.status_code == 404:
        assert "/login" in answer.text
        assert "/reset?first=1" in answer.text
        assert "Choisissez ce qui correspond" in read(answer)


async def test_the_address_alone_shows_the_choice(stage):
    answer = await stage.browser().get("/activate?organisation=durand")
    alone = await stage.browser().get("/activate")

    assert (answer.status_code, alone.status_code) == (200, 200)
    assert "/login/durand" in answer.text


async def test_the_step_says_nothing_of_accounts(stage):
    person = await stage.person()
    answers = [
        await stage.browser().get("/activate", params={"step": step, "identifier": identifier})
        for step in ("sign-in", "first", "forgotten")
        for identifier in (person.mail, "nobody@exemple.fr")
    ]
    places = [each.headers["location"].replace(person.mail.replace("@", "%40"), "X") for each in answers]

    assert [each.replace("nobody%40exemple.fr", "X") for each in places[1::2]] == places[::2]


async def test_a_first_visit_is_asked_for_the_identifier_and_not_told_that_something_was_forgotten(stage):
    address = "/reset?first=1&organisation=durand&identifier=C0042"
    shown = await stage.browser().get(address)
    empty = await stage.browser().submit(address, identifier="")

    assert 'value="C0042"' in shown.text
    assert empty.status_code == 422
    assert all("Première visite" in read(page) and "oublié" not in read(page) for page in (shown, empty))
