"""Profiles: how far each right reaches, who may give it that far, and what happens when two people write at once."""

import re
from typing import Any

import pytest

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import conflict, precondition
from parvis_web import grids
from parvis_web.testing import Suite, text_of

ID = "0192f000-0000-7000-8000-0000000000aa"
PLACE = f"/o/durand/settings/profiles/{ID}"
MINE, ALL, ATTACHED, GROUP = (
    tenancy_pb2.SCOPE_MINE, tenancy_pb2.SCOPE_ALL, tenancy_pb2.SCOPE_ATTACHED, tenancy_pb2.SCOPE_GROUP,
)  # fmt: skip
RIGHTS = (
    tenancy_pb2.Right(code="members.read", group="people"),
    tenancy_pb2.Right(code="contacts.read", group="clients", scoped=True),
    tenancy_pb2.Right(code="contacts.edit", group="clients", scoped=True),
    tenancy_pb2.Right(
        code="notes.read", group="Carnets", scoped=True, name_fr="Lire les carnets", name_en="Read notebooks"
    ),
)


def _granted(**rights: int) -> list[tenancy_pb2.GrantedRight]:
    return [
        tenancy_pb2.GrantedRight(code=code.replace("_", "."), scope=scope)  # type: ignore[arg-type] # the numbers of the contract
        for code, scope in rights.items()
    ]


@pytest.fixture(autouse=True)
def answers(suite: Suite):
    profile = tenancy_pb2.Profile(
        id=ID, name="Paie", version=7, members=4, rights=_granted(members_read=ALL, contacts_read=GROUP)
    )
    own = tenancy_pb2.RightsAt(rights=_granted(members_read=ALL, contacts_read=GROUP, notes_read=ALL))
    suite.services.answers |= {
        "ListProfiles": tenancy_pb2.ListProfilesResponse(profiles=[profile]),
        "ListRights": tenancy_pb2.ListRightsResponse(rights=RIGHTS),
        "GetRightsAt": own,
        "SaveProfile": profile,
    }


def _cells(page: str, code: str) -> dict[str, str]:
    """Value of each radio button of a right → its attributes."""
    found = re.findall(rf'<input type="radio" name="right\.{re.escape(code)}" value="(\d)"([^>]*)>', page)
    return dict(found)


async def test_every_scope_can_be_chosen_and_what_is_stored_is_shown(suite: Suite):
    page = (await suite.get(PLACE)).text
    cells = _cells(page, "contacts.read")
    assert list(cells) == ["0", "1", "3", "4", "2"], "from nothing to everything, in the order of their reach"
    assert [value for value, told in cells.items() if "checked" in told] == [str(GROUP)]


async def test_a_form_that_is_sent_back_untouched_changes_nothing(suite: Suite):
    page = (await suite.get(PLACE)).text
    sent: dict[str, Any] = {
        f"right.{right.code}": value
        for right in RIGHTS
        for value, told in _cells(page, right.code).items()
        if "checked" in told and "disabled" not in told
    }
    sent |= dict(re.findall(r'<input type="hidden" name="(right\.[^"]+)" value="(\d)"', page))
    answer = await suite.post(PLACE, {"name": "Paie", "version": "7", **sent})
    assert answer.headers["location"] == PLACE
    saved = suite.services.last("SaveProfile").profile
    assert grids.granted(saved.rights) == {"members.read": ALL, "contacts.read": GROUP}
    assert saved.version == 7


async def test_what_lies_above_ones_own_rights_is_shown_but_cannot_be_chosen(suite: Suite):
    page = (await suite.get(PLACE)).text
    assert "disabled" in _cells(page, "contacts.read")[str(ALL)]
    assert "disabled" not in _cells(page, "contacts.read")[str(ATTACHED)]
    assert all("disabled" in told for told in _cells(page, "contacts.edit").values())
    assert "You hold it as far as “+ group”: you cannot give it further." in page
    assert "You do not hold this right" in page


async def test_what_is_granted_above_ones_own_rights_is_kept(suite: Suite):
    suite.services.answers["GetRightsAt"] = tenancy_pb2.RightsAt(rights=_granted(contacts_read=MINE))
    page = (await suite.get(PLACE)).text
    assert f'<input type="hidden" name="right.contacts.read" value="{int(GROUP)}"' in page


async def test_all_rights_that_one_holds_are_applied_and_nothing_is_saved(suite: Suite):
    answer = await suite.post(
        PLACE, {"name": "Paie", "version": "7", "act": "everything", "right.contacts.read": str(int(MINE))}
    )
    assert "SaveProfile" not in suite.services.calls
    for code, scope in {"members.read": ALL, "contacts.read": GROUP, "notes.read": ALL}.items():
        assert "checked" in _cells(answer.text, code)[str(int(scope))], code
    assert "checked" in _cells(answer.text, "contacts.edit")["0"]
    assert "Nothing is saved yet" in answer.text


@pytest.mark.parametrize(("language", "label"), [("fr", "Lire les carnets"), ("en", "Read notebooks")])
async def test_rights_of_products_have_a_tab_of_their_own(suite: Suite, language: str, label: str):
    suite.client.cookies.set("parvis_lang", language)
    page = (await suite.get(PLACE)).text
    assert ">Carnets</label>" in page
    assert label in page


async def test_what_was_carried_along_is_said(suite: Suite):
    carried = [tenancy_pb2.CarriedRight(code="contacts.read", scope=ATTACHED, because="contacts.edit")]
    suite.services.answers["SaveProfile"] = tenancy_pb2.Profile(id=ID, name="Paie", carried=carried)
    answer = await suite.post(
        PLACE, {"name": "Paie", "version": "7", "right.contacts.edit": "3"}, follow_redirects=True
    )
    assert "For “Create and change clients” to work, these go with it: See clients" in answer.text
    assert "their own clients and those of colleagues attached to them" in answer.text


async def test_two_who_write_at_once_see_both_versions_and_nothing_typed_is_lost(suite: Suite):
    suite.services.answers["SaveProfile"] = conflict("stale_version", version="7")
    answer = await suite.post(
        PLACE, {"name": "Paie et RH", "version": "6", "right.contacts.read": "3", "reason": "Nouvelle équipe"}
    )
    assert answer.status_code == 409
    theirs = answer.text.split("Yours, in the form", 1)[1].split("</table>", 1)[0]
    assert "Paie et RH" in theirs
    assert "their own clients and those of their group" in theirs
    assert "their own clients and those of colleagues attached to them" in theirs
    assert "checked" in _cells(answer.text, "contacts.read")["3"]
    assert 'value="Nouvelle équipe"' in answer.text
    assert 'name="version" value="7"' in answer.text, "saving again replaces what was just seen"


async def test_a_copy_holds_no_more_than_whoever_makes_it(suite: Suite):
    suite.services.answers["GetRightsAt"] = tenancy_pb2.RightsAt(rights=_granted(contacts_read=MINE))
    page = (await suite.get(f"/o/durand/settings/profiles/new?from={ID}")).text
    assert "checked" in _cells(page, "contacts.read")[str(int(MINE))]
    assert "checked" in _cells(page, "members.read")["0"]
    assert 'value="Paie (copy)"' in page


async def test_an_inactive_profile_says_so_and_stays_inactive(suite: Suite):
    profile = tenancy_pb2.Profile(id=ID, name="Ancien", inactive=True)
    suite.services.answers["ListProfiles"] = tenancy_pb2.ListProfilesResponse(profiles=[profile])
    assert "inactive" in (await suite.get("/o/durand/settings/profiles")).text
    assert re.search(r'name="inactive"[^>]*checked', (await suite.get(PLACE)).text)
    await suite.post(PLACE, {"name": "Ancien", "inactive": "1"})
    assert suite.services.last("SaveProfile").profile.inactive


async def test_a_profile_is_deleted_with_one_for_those_who_have_it(suite: Suite):
    assert "Profile that they get instead" in (await suite.get(PLACE)).text
    suite.services.answers["DeleteProfile"] = precondition("profile_in_use", members="4", names="Hugo Petit, Léa Roy")
    told = await suite.post(f"{PLACE}/delete", {"version": "7"}, follow_redirects=True)
    assert "among them Hugo Petit, Léa Roy" in text_of(told)
    suite.services.answers["DeleteProfile"] = tenancy_pb2.DeleteProfileResponse(moved=4)
    told = await suite.post(f"{PLACE}/delete", {"version": "7", "replacement": "b"}, follow_redirects=True)
    assert suite.services.last("DeleteProfile").replacement_id == "b"
    assert "4 people have another one now" in text_of(told)


async def test_an_inactive_profile_is_not_offered_to_anybody_new(suite: Suite):
    old = tenancy_pb2.Profile(id="o", name="Ancien", inactive=True)
    suite.services.answers["ListProfiles"] = tenancy_pb2.ListProfilesResponse(profiles=[old])
    assert "Ancien" not in (await suite.get("/o/durand/settings/people/invite")).text
