"""Rights that products declare: what can be declared, what is withdrawn, who hears of it."""

from datetime import UTC, datetime

import pytest
from tenancy_stage import refused

from parvis.tenancy.v1 import events_pb2, tenancy_pb2
from parvis_kit.caller import Caller
from parvis_kit.envelope import Envelope, subject_of
from parvis_kit.errors import Kind
from parvis_kit.ids import uuid7
from parvis_kit.testing import eventually
from parvis_tenancy.service import declaring


def right(code="notes.read", **fields):
    named = {"name_fr": "Consulter les notes", "name_en": "Read notes", "tab": "Notes"}
    return tenancy_pb2.DeclaredRight(code=code, **{**named, **fields})


@pytest.fixture
def word():
    """The first word of this test's codes: rights of all products of a provider have codes of their own."""
    return f"n{uuid7().hex[-12:]}"


async def declare(provider, product, *rights, version=1, **fields):
    return await provider.call("SaveProductRights", product_id=product.id, rights=rights, version=version, **fields)


async def wrong(provider, product, *rights):
    with refused(Kind.INVALID, "fields_invalid") as caught:
        await declare(provider, product, *rights)
    return {(each.field, each.reason) for each in caught.value.violations}


async def test_a_product_declares_rights_and_shows_them(stage, provider, word):
    product = await stage.product(provider)
    rights = [
        right(f"{word}.read", scoped=True, requires=["contacts.read"]),
        right(f"{word}.edit", scoped=True, requires=[f"{word}.read"], name_fr="Modifier", name_en="Edit"),
    ]

    saved = await declare(provider, product, *rights)

    listed = await provider.call("ListProductRights", product_id=product.id)
    assert list(saved.rights) == list(listed.rights) == rights
    assert (saved.version, listed.version) == (2, 2)


async def test_what_is_missing_is_withdrawn_and_can_be_declared_again(stage, provider, word):
    product = await stage.product(provider)
    both = [right(f"{word}.read"), right(f"{word}.edit")]
    await declare(provider, product, *both)

    left = await declare(provider, product, both[1], version=2)
    back = await declare(provider, product, *both, version=3)

    assert ([each.code for each in left.rights], list(back.rights)) == ([f"{word}.edit"], both)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"code": "Notes.read"}, ("rights[0].code", "right_code_malformed")),
        ({"code": "notes"}, ("rights[0].code", "right_code_malformed")),
        ({"code": "notes.read.all"}, ("rights[0].code", "right_code_malformed")),
        ({"code": "contacts.read"}, ("rights[0].code", "right_code_reserved")),
        ({"code": "invoices.print"}, ("rights[0].code", "right_code_reserved")),
        ({"name_fr": " "}, ("rights[0].name_fr", "required")),
        ({"name_en": "x" * 81}, ("rights[0].name_en", "too_long")),
        ({"tab": ""}, ("rights[0].tab", "required")),
        ({"requires": ["notes.absent"]}, ("rights[0].requires", "required_unknown")),
        ({"requires": ["products.manage"]}, ("rights[0].requires", "required_unknown")),
        ({"requires": ["notes.read"]}, ("rights[0].requires", "requires_itself")),
        ({"requires": ["contacts.read"]}, ("rights[0].requires", "requires_scoped")),
    ],
)
async def test_a_right_that_cannot_be_declared_is_named_with_what_is_wrong(stage, provider, fields, reason):
    product = await stage.product(provider)
    assert await wrong(provider, product, right(**fields)) == {reason}
    assert not (await provider.call("ListProductRights", product_id=product.id)).rights


async def test_all_that_is_wrong_is_said_at_once(stage, provider):
    product = await stage.product(provider)
    found = await wrong(provider, product, right("Notes", name_fr="", requires=["notes.absent"]))
    assert {field for field, _ in found} == {"rights[0].code", "rights[0].name_fr", "rights[0].requires"}


async def test_a_code_stands_once(stage, provider, word):
    product = await stage.product(provider)
    twice = await wrong(provider, product, right(f"{word}.read"), right(f"{word}.read"))
    assert twice == {("rights[1].code", "right_declared_twice")}


async def test_a_code_is_never_that_of_another_product_even_if_that_one_withdrew_it(stage, provider, word):
    first, second = [await stage.product(provider) for _ in range(2)]
    await declare(provider, first, right(f"{word}.read"))
    await declare(provider, first, version=2)
    assert await wrong(provider, second, right(f"{word}.read")) == {("rights[0].code", "right_code_taken")}


async def test_rights_do_not_require_each_other_in_a_circle(stage, provider, word):
    product = await stage.product(provider)
    first = right(f"{word}.read", requires=[f"{word}.edit"])
    second = right(f"{word}.edit", requires=[f"{word}.read"])
    assert ("rights[0].requires", "requires_in_a_circle") in await wrong(provider, product, first, second)


async def test_a_right_over_some_contacts_never_becomes_one_over_all(stage, provider, word):
    product = await stage.product(provider)
    await declare(provider, product, right(f"{word}.read", scoped=True))
    with refused(Kind.INVALID, "fields_invalid") as caught:
        await declare(provider, product, right(f"{word}.read"), version=2)
    assert [each.reason for each in caught.value.violations] == ["scope_lost"]


async def test_more_rights_than_a_grid_can_show_are_refused(stage, provider, word):
    product = await stage.product(provider)
    many = [right(f"{word}.r{number}x") for number in range(101)]
    assert await wrong(provider, product, *many) == {("rights", "too_many")}


async def test_of_two_who_change_the_rights_the_second_is_told(stage, provider, word):
    product = await stage.product(provider)
    await declare(provider, product, right(f"{word}.read"))
    with refused(Kind.CONFLICT, "stale_version"):
        await declare(provider, product, right(f"{word}.edit"))


async def test_a_right_that_is_held_is_withdrawn_by_whoever_knows_it(stage, provider, admin, word):
    product = await stage.product(provider, admin)
    await declare(provider, product, right(f"{word}.read"), right(f"{word}.edit"))
    profile = await held_in_a_profile(stage, admin, f"{word}.read")

    with refused(Kind.PRECONDITION, "right_in_use") as caught:
        await declare(provider, product, right(f"{word}.edit"), version=2)
    kept = await provider.call("ListProductRights", product_id=product.id)
    done = await declare(provider, product, right(f"{word}.edit"), version=2, confirm_withdrawal=True)

    told = {name: caught.value.params[name] for name in ("rights", "profiles", "organisations", "where")}
    assert told == {
        "rights": f"{word}.read", "profiles": "1", "organisations": "1", "where": "Cabinet Armor",
    }  # fmt: skip
    assert profile
    assert (len(kept.rights), kept.version) == (2, 2)
    assert [(each.code, each.profiles, each.organisations) for each in done.withdrawn] == [(f"{word}.read", 1, 1)]


async def held_in_a_profile(stage, admin, code):
    profile_id = await stage.profile(admin, "junior")
    await stage.rows(
        admin,
        "INSERT INTO profile_rights (organisation_id, profile_id, code, scope) VALUES ($1, $2, $3, 2)",
        admin.organisation_id,
        profile_id,
        code,
    )
    return profile_id


async def test_subscribers_hear_that_rights_changed_and_nobody_else(stage, provider, admin, word):
    product = await stage.product(provider, admin)
    other = await stage.firm(provider, "Cabinet Voisin")
    before = [len(await stage.events(each, events_pb2.GrantsChanged)) for each in (admin, other)]

    await declare(provider, product, right(f"{word}.read"))

    async def told():
        return len(await stage.events(admin, events_pb2.GrantsChanged)) > before[0]

    assert await eventually(told)
    newest = (await stage.events(admin, events_pb2.GrantsChanged))[-1]
    assert (list(newest.membership_ids), newest.revision > 1) == ([], True)
    assert len(await stage.events(other, events_pb2.GrantsChanged)) == before[1]


async def test_another_name_for_a_right_is_no_news_to_anybodys_rights(stage, provider, admin, word):
    product = await stage.product(provider, admin)
    await declare(provider, product, right(f"{word}.read"))
    told = [each.product_id for each in await stage.events(provider, events_pb2.ProductRightsDeclared)]

    await declare(provider, product, right(f"{word}.read", name_en="See notes"), version=2)

    after = [each.product_id for each in await stage.events(provider, events_pb2.ProductRightsDeclared)]
    assert (told.count(product.id), after.count(product.id)) == (1, 1)


async def test_news_of_rights_that_comes_again_goes_on_where_it_stopped(stage, provider, word):
    firms = [await stage.firm(provider, f"Cabinet {name}") for name in ("Un", "Deux")]
    product = await stage.product(provider, *firms)
    event = events_pb2.ProductRightsDeclared(product_id=product.id)
    envelope = Envelope(
        uuid7(), subject_of(event), "tenancy", datetime.now(UTC), provider.organisation_id, 0, 1, {}
    )  # fmt: skip

    async def raised():
        query = "SELECT revision FROM rights_revisions WHERE organisation_id = $1"
        return [(await stage.rows(each, query, each.organisation_id))[0]["revision"] for each in firms]

    before = await raised()
    with pytest.raises(RuntimeError):
        await declaring.spread(StoppedAfter(stage, envelope, 2), event)
    between = await raised()
    for _ in range(2):
        await declaring.spread(StoppedAfter(stage, envelope, 99), event)
    after = await raised()

    assert sorted(now - then for now, then in zip(between, before, strict=True)) == [0, 1]
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1]


class StoppedAfter:
    """A delivery whose process ends after so many transactions."""

    def __init__(self, stage, envelope, steps):
        self.envelope = envelope
        self._stage = stage
        self._steps = steps

    def begin(self):
        if self._steps == 0:
            raise RuntimeError("stopped")
        self._steps -= 1
        own = Caller("tenancy")
        return self._stage.service.database.begin(own, organisation_id=self.envelope.organisation_id)


async def test_only_the_provider_declares_rights(stage, provider, admin, word):
    product = await stage.product(provider, admin)
    with refused(Kind.FORBIDDEN, "right_missing"):
        await declare(admin, product, right(f"{word}.read"))
    assert "product.rights_declared" not in await stage.acts(admin)


async def test_declaring_leaves_an_act(stage, provider, word):
    product = await stage.product(provider)
    await declare(provider, product, right(f"{word}.read"))
    assert "product.rights_declared" in await stage.acts(provider)


async def test_the_rights_of_a_product_are_among_those_of_its_subscribers(stage, provider, admin, word):
    product = await stage.product(provider, admin)
    other = await stage.firm(provider, "Cabinet Voisin")
    await declare(provider, product, right(f"{word}.read", scoped=True, tab="Notes"))

    mine, theirs = [(await each.call("ListRights")).rights for each in (admin, other)]

    shown = next(each for each in mine if each.code == f"{word}.read")
    assert (shown.group, shown.scoped, shown.name_fr, shown.name_en) == (
        "Notes", True, "Consulter les notes", "Read notes",
    )  # fmt: skip
    assert f"{word}.read" not in [each.code for each in theirs]


async def test_a_profile_grants_a_declared_right_until_it_is_withdrawn(stage, provider, admin, word):
    product = await stage.product(provider, admin)
    await declare(provider, product, right(f"{word}.read"))
    profile = tenancy_pb2.Profile(
        name=f"Notes {word}", rights=[tenancy_pb2.GrantedRight(code=f"{word}.read", scope=tenancy_pb2.SCOPE_ALL)]
    )

    made = await admin.call("SaveProfile", profile=profile)
    await declare(provider, product, version=2, confirm_withdrawal=True)

    left = next(each for each in (await admin.call("ListProfiles")).profiles if each.id == made.id)
    assert ([each.code for each in made.rights], list(left.rights)) == ([f"{word}.read"], [])
