"""Pages of seats, of what customers bought, of structures and of referents."""

import pytest

from parvis.billing.v1 import billing_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Violation, conflict, invalid, precondition
from parvis_kit.ids import uuid7
from parvis_ui.translations import Words, words
from parvis_web.pages.seats import number, taken
from parvis_web.sentences import sentence
from parvis_web.testing import Suite, text_of

HERE = "/o/durand/settings/applications/p1"
ZOE, CUT = str(uuid7()), str(uuid7())
EXHAUSTED = {"product": "Paie", "seats": "2", "used": "2", "missing": "1", "provider": "Éditeur", "helpers": ""}


def paie(**changes):
    part = tenancy_pb2.StructureSeats(structure_id="s1", structure_name="Lyon", seats=1, used=1)
    fields = {"seats": 2, "used": 1, "membership_ids": [ZOE], "reserved": [part], "open_seats": 1, **changes}
    return tenancy_pb2.ProductAssignments(product_id="p1", product_name="Paie", **fields)


@pytest.fixture(autouse=True)
def answers(suite: Suite):
    members = [
        tenancy_pb2.Member(id=ZOE, given_name="Zoé", family_name="Abgrall", state=2),
        tenancy_pb2.Member(id=CUT, given_name="Marc", family_name="Le Goff", state=3),
    ]
    structures = [
        tenancy_pb2.Structure(id="s1", name="Lyon", version=4),
        tenancy_pb2.Structure(id="s2", parent_id="s1", name="Lyon 3"),
        tenancy_pb2.Structure(id="s3", name="Nantes"),
    ]
    had = tenancy_pb2.Subscription(product_id="p1", product_name="Paie", subscribed=True, seats=2, used=2)
    other = tenancy_pb2.Subscription(product_id="p2", product_name="Actes")
    suite.services.answers |= {
        "ListAssignments": tenancy_pb2.ListAssignmentsResponse(products=[paie()]),
        "ListMembers": tenancy_pb2.ListMembersResponse(members=members, total=2),
        "ListStructures": tenancy_pb2.ListStructuresResponse(structures=structures),
        "ListSubscriptions": tenancy_pb2.ListSubscriptionsResponse(
            organisation_name="Lenoir", subscriptions=[other, had]
        ),
        "ListEntitlements": billing_pb2.ListEntitlementsResponse(
            entitlements=[billing_pb2.Entitlement(product_id="p1", seats=1, version=7)]
        ),
        "ListReferents": tenancy_pb2.ListReferentsResponse(
            referents=[tenancy_pb2.Referent(duty=tenancy_pb2.DUTY_TECHNICAL, membership_id=ZOE, name="Zoé Abgrall")]
        ),
        "ListProviderStaff": tenancy_pb2.ListProviderStaffResponse(
            provider_name="Éditeur",
            staff=[tenancy_pb2.ProviderStaff(name="Paule Provost", function="Ventes", rights=["products.manage"])],
        ),
    }


@pytest.mark.parametrize(
    ("typed", "read"), [("25", 25), ("1 000", 1000), ("0", 0), ("", None), ("-1", None), ("2,5", None), ("٣", None)]
)
def test_a_number_of_seats_is_read_as_people_write_it(typed, read):
    assert number(typed) == read


@pytest.mark.parametrize(
    ("seats", "used", "said"),
    [
        (None, 1, ("1 seat taken, no limit", "ok")),
        (3, 1, ("1 of 3 seats taken", "ok")),
        (3, 3, ("3 of 3 seats taken", "wait")),
        (3, 5, ("5 of 3 seats taken: 2 too many", "bad")),
    ],
)
def test_seats_are_said_in_words(seats, used, said):
    assert taken(Words("en"), seats, used) == said


async def test_an_application_says_who_has_it_and_what_is_reserved(suite: Suite):
    answer = await suite.get(HERE)
    shown = text_of(answer)
    assert "1 of 2 seats taken" in shown
    assert "1 of 1 seats taken" in shown
    assert "Reserved to nobody: 0 of 1 seats taken" in shown
    assert "Take back from Zoé Abgrall" in answer.text
    assert "Assign to Marc Le Goff" not in answer.text


async def test_those_who_have_it_are_shown_first_and_everybody_on_demand(suite: Suite):
    asked = []
    for address in (HERE, f"{HERE}?who=all"):
        await suite.get(address)
        asked.append(suite.services.last("ListMembers").product_id)
    suite.services.answers["ListMembers"] = tenancy_pb2.ListMembersResponse()
    assert asked == ["p1", ""]
    assert "Nobody has it yet" in text_of(await suite.get(HERE))


async def test_more_than_there_are_is_said_before_anything_else(suite: Suite):
    suite.services.answers["ListAssignments"] = tenancy_pb2.ListAssignmentsResponse(products=[paie(used=3, over=True)])
    shown = text_of(await suite.get(HERE))
    assert "More seats are taken than there are" in shown
    assert "3 of 2 seats taken: 1 too many" in shown


async def test_who_is_refused_a_seat_stays_on_the_page_and_is_told_what_to_do(suite: Suite):
    suite.services.answers["SetAssignment"] = precondition("seats_exhausted", structure="", **EXHAUSTED)
    answer = await suite.post(HERE, {"membership_id": ZOE, "assigned": "1"})
    assert answer.status_code == 422
    assert "Paie: 2 of 2 seats are taken, 1 missing." in text_of(answer)
    assert "or ask Éditeur for more seats." in text_of(answer)


async def test_a_structure_that_is_full_is_named(suite: Suite):
    suite.services.answers["SetStructureAssignments"] = precondition("seats_exhausted", structure="Lyon", **EXHAUSTED)
    answer = await suite.post(f"{HERE}/structures/s1/everybody", {"assigned": "1"})
    assert answer.status_code == 422
    assert "2 of the 2 seats of Lyon are taken" in text_of(answer)


async def test_seats_are_reserved_and_given_back(suite: Suite):
    for typed, seats in (("2", 2), ("", 0)):
        await suite.post(f"{HERE}/structures/s1", {"seats": typed, "name": "Lyon"})
        sent = suite.services.last("SetStructureSeats")
        assert (sent.structure_id, sent.HasField("seats"), sent.seats) == ("s1", bool(typed), seats)
    answer = await suite.post(f"{HERE}/structures/s1", {"seats": "deux", "name": "Lyon"})
    assert (answer.status_code, "Write a whole number" in text_of(answer)) == (422, True)


async def test_whoever_is_invited_with_applications_is_invited_with_all_of_them(suite: Suite):
    page = await suite.get("/o/durand/settings/people/invite")
    typed = {"mail": "x@y.example", "given_name": "X", "family_name": "Y", "profile_id": "p", "product_ids": "p1"}
    suite.services.answers["InviteMember"] = precondition("seats_exhausted", structure="", **EXHAUSTED)
    answer = await suite.post("/o/durand/settings/people/invite", typed)
    assert "1 of 2 seats taken" in text_of(page)
    assert list(suite.services.last("InviteMember").product_ids) == ["p1"]
    assert answer.status_code == 422
    assert 'value="p1" id="f-product_ids" checked' in answer.text


async def test_whose_seat_is_gone_comes_back_and_it_is_said(suite: Suite):
    back = tenancy_pb2.Member(id=ZOE, given_name="Zoé", family_name="Abgrall", state=2, products_lost=["Paie"])
    suite.services.answers["ReopenMember"] = back
    answer = await suite.post(f"/o/durand/settings/people/{ZOE}/reopen")
    suite.services.answers["GetMember"] = back
    assert answer.status_code == 303
    assert "without Paie: no seat was free" in text_of(await suite.get(f"/o/durand/settings/people/{ZOE}"))


async def test_a_customer_s_products_count_what_was_bought_before_tenancy_has_heard_of_it(suite: Suite):
    answer = await suite.get("/o/durand/customers/c1/subscribe")
    shown = text_of(answer)
    assert "2 of 1 seats taken: 1 too many" in shown
    assert shown.index("Paie") < shown.index("Actes")


@pytest.mark.parametrize(("typed", "seats"), [("", None), ("12", 12)])
async def test_what_is_sold_carries_the_version_that_was_read(suite: Suite, typed, seats):
    page = await suite.get("/o/durand/customers/c1/products/p1")
    assert 'name="version" value="7"' in page.text
    await suite.post("/o/durand/customers/c1/products/p1", {"seats": typed, "version": "7", "product_name": "Paie"})
    sent = suite.services.last("SetEntitlement")
    assert (sent.customer_id, sent.product_id, sent.version) == ("c1", "p1", 7)
    assert (sent.seats if sent.HasField("seats") else None) == seats


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (conflict("stale_version", version="8"), "Somebody else changed this"),
        (
            invalid("fields_invalid", [Violation("seats", "out_of_range", {"least": "0", "most": "9"})]),
            "between 0 and 9",
        ),
    ],
)
async def test_what_cannot_be_sold_says_why_and_keeps_what_was_typed(suite: Suite, error, said):
    suite.services.answers["SetEntitlement"] = error
    answer = await suite.post("/o/durand/customers/c1/products/p1", {"seats": "77", "version": "7"})
    assert answer.status_code == 422
    assert said in text_of(answer)
    assert 'value="77"' in answer.text


async def test_a_structure_is_never_offered_to_itself_nor_to_what_is_below(suite: Suite):
    page = await suite.get("/o/durand/settings/structures/s1")
    assert '<option value="s3"' in page.text
    assert '<option value="s2"' not in page.text
    await suite.post("/o/durand/settings/structures/s1", {"name": "Lyon", "parent_id": "s3", "version": "4"})
    sent = suite.services.last("UpdateStructure")
    assert (sent.id, sent.parent_id, sent.version) == ("s1", "s3", 4)


async def test_what_uses_a_structure_is_counted_where_it_is_not_deleted(suite: Suite):
    counted = {"members": "3", "structures": "1", "tiers": "0", "products": "2"}
    suite.services.answers["DeleteStructure"] = precondition("structure_in_use", name="Lyon", **counted)
    answer = await suite.post("/o/durand/settings/structures/s1/delete", {"name": "Lyon"})
    assert answer.status_code == 422
    assert "People in it: 3; structures that are part of it: 1" in text_of(answer)


async def test_referents_say_who_and_what_is_missing_and_who_can_act(suite: Suite):
    shown = text_of(await suite.get("/o/durand/settings/referents"))
    assert "Nobody yet" in shown
    assert "Who at Éditeur can act for you" in shown
    assert "Paule Provost Ventes Register products and subscribe customers" in " ".join(shown.split())


async def test_of_one_duty_one_is_chosen_and_nobody_is_a_choice(suite: Suite):
    page = await suite.get("/o/durand/settings/referents/technical")
    assert f'type="radio" name="membership_ids" value="{ZOE}"' in page.text
    await suite.post("/o/durand/settings/referents/technical", {"membership_ids": ""})
    sent = suite.services.last("SetReferents")
    assert (sent.duty, list(sent.membership_ids)) == (tenancy_pb2.DUTY_TECHNICAL, [])
    assert (await suite.get("/o/durand/settings/referents/unknown")).status_code == 404


@pytest.mark.parametrize(
    ("helpers", "said"), [("", "an administrator can raise"), ("Anne", "ask for a higher number: Anne.")]
)
def test_whoever_granted_enough_accesses_is_told_who_can_help(helpers, said):
    error = precondition("access_quota_reached", quota="3", used="3", helpers=helpers)
    assert said in sentence(Words("en"), error)


def test_french_shortens_before_a_name_in_what_errors_say():
    error = precondition("seats_short", structure="Angers", **EXHAUSTED)
    assert "licences d’Angers" in sentence(words("fr", "parvis_web"), error)
