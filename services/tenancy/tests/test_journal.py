"""What the page of the audit trail asks beside the trail: names of today, people, and that somebody exports it."""

import pytest
from tenancy_stage import refused

from parvis.tenancy.v1 import journal_pb2 as pb
from parvis_kit.errors import Kind
from parvis_kit.ids import uuid7


async def named(actor, *things):
    sent = [pb.NamedThing(kind=kind, id=str(id_)) for kind, id_ in things]
    return {each.kind: each.name for each in (await actor.call("BatchGetNames", things=sent)).things}


async def test_things_of_the_organisation_have_their_names_of_today(stage, admin):
    colleague = await stage.invite(admin, "adviser", "Nora Le Bihan")
    record = await stage.contact(admin, "Boulangerie Le Goff")
    found = await named(
        admin,
        ("membership", colleague.id),
        ("account", colleague.account_id),
        ("contact", record.contact.id),
        ("profile", colleague.profile_id),
        ("profile", uuid7()),
        ("domain", "no identifier"),
        ("invoice", uuid7()),
    )
    assert found == {
        "membership": "Nora Le Bihan",
        "account": "Nora Le Bihan",
        "contact": "Boulangerie Le Goff",
        "profile": "Conseiller",
    }


async def test_what_is_another_organisation_s_has_no_name(stage, provider, admin):
    other = await stage.firm(provider, "Cabinet Brume")
    colleague = await stage.invite(other, "adviser", "Nora Le Bihan")
    record = await stage.contact(other, "Boulangerie Le Goff")
    things = (("membership", colleague.id), ("account", colleague.account_id), ("contact", record.contact.id))
    assert await named(admin, *things) == {}


async def test_people_are_found_by_every_word(stage, admin):
    await stage.invite(admin, "adviser", "Nora Le Bihan")
    for query, names in (("bihan nora", ["Nora Le Bihan"]), ("bihan zoé", [])):
        assert [each.name for each in (await admin.call("FindPeople", query=query)).people] == names


async def test_an_export_is_an_act(stage, admin):
    await admin.call("RecordExport", format="csv")
    assert "trail.exported" in await stage.acts(admin)
    with refused(Kind.INVALID, "malformed_request"):
        await admin.call("RecordExport", format="docx")


@pytest.mark.parametrize("method", ["FindPeople", "BatchGetNames", "RecordExport"])
async def test_whoever_may_not_see_the_trail_is_told_nothing(stage, admin, method):
    adviser = await stage.colleague(admin, "adviser")
    with refused(Kind.FORBIDDEN, "right_missing") as caught:
        await adviser.call(method)
    assert caught.value.params == {"right": "audit.view"}
