"""The page about what a firm's directory does over SCIM."""

import re

import pytest

from parvis.identity.v1 import scim_pb2 as pb
from parvis_kit.errors import Violation, invalid, precondition
from parvis_web.testing import Suite, text_of

HERE = "/o/durand/settings/sign-in/scim"
TOKEN = pb.ScimToken(id="0192f000-0000-7000-8000-0000000000d1", name="Entra ID", ending="x7Qf")


@pytest.fixture
def firm(suite: Suite) -> Suite:
    refused = [
        pb.RefusedOperation(what="POST User", name="anna", check="uniqueness", detail="Taken."),
        pb.RefusedOperation(what="POST User", name="-", check="unheard_of", detail="As the directory was told."),
    ]
    suite.services.answers |= {
        "GetScim": pb.Scim(address="https://x.example/scim/v2", tokens=[TOKEN], users=12, active_users=11, groups=3),
        "ListSynchronisations": pb.ListSynchronisationsResponse(
            synchronisations=[
                pb.Synchronisation(token_name="Entra ID", created=2000, disabled=1, refused=2, refusals=refused)
            ]
        ),
        "CreateScimToken": pb.NewScimToken(token=TOKEN, secret="parvis-scim-secret"),
        "RevokeScimToken": pb.RevokeScimTokenResponse(),
    }
    return suite


async def test_what_the_directory_did_is_said_in_words(firm: Suite):
    said = text_of(await firm.get(HERE))
    assert "2,000 people arrived, 1 person left, 2 refused" in said
    assert "Another person of your directory has this name or identifier already." in said
    assert "As the directory was told." in said
    assert "12 people, of whom 11 may come in" in said


async def test_what_a_moment_of_a_token_is_stands_beside_it_where_a_table_has_no_headings(firm: Suite):
    page = (await firm.get(HERE)).text
    assert re.findall(r'data-label="([^"]+)"', page) == ["Made", "Last used", "Counts until"]


async def test_without_a_token_the_page_says_what_to_do(firm: Suite):
    firm.services.answers["GetScim"] = pb.Scim(address="https://x.example/scim/v2")
    firm.services.answers["ListSynchronisations"] = pb.ListSynchronisationsResponse()
    said = text_of(await firm.get(HERE))
    assert "No token yet" in said
    assert "Nothing yet" in said


async def test_a_token_is_shown_once_and_never_kept(firm: Suite):
    answer = await firm.post(f"{HERE}/tokens/new", {"name": "Entra ID", "days": "365"})
    assert "parvis-scim-secret" in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert "parvis-scim-secret" not in (await firm.get(HERE)).text


@pytest.mark.parametrize(
    ("sent", "error", "said"),
    [
        ({"name": "", "days": "365"}, None, "This is needed."),
        (
            {"name": "Okta", "days": ""},
            invalid("scim_token_invalid", [Violation("days", "days_not_offered")]),
            "Choose how",
        ),
        ({"name": "Okta", "days": "365"}, precondition("too_many_tokens", most="2"), "Two tokens count already."),
    ],
    ids=["nameless", "for-ever", "third"],
)
async def test_what_was_typed_stays(firm: Suite, sent, error, said):
    if error is not None:
        firm.services.answers["CreateScimToken"] = error
    answer = await firm.post(f"{HERE}/tokens/new", sent)
    assert answer.status_code == 422
    assert said in text_of(answer)


async def test_a_revoked_token_leads_back(firm: Suite):
    answer = await firm.post(f"{HERE}/tokens/{TOKEN.id}/revoke", {})
    assert (answer.status_code, answer.headers["location"]) == (303, HERE)
