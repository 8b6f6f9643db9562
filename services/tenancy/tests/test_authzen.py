"""About whom a product may ask, and what is said to whoever asks wrongly. Others' scenarios have files of their own."""

import pytest
from authzen_stage import ACCESS, Pep, make_world, refusal
from prometheus_client import REGISTRY

from parvis_kit.ids import uuid7


@pytest.fixture(scope="module")
async def world(stage, provider):
    world = await make_world(stage, provider, scoped=("read",), plain=("publish",))
    await world.person("anne", read="all", publish="all", contacts_read="mine", uses=True)
    await world.person("marc", read="mine")
    await world.person("gone", read="all", publish="all", state=3)
    await world.record("kerautret", "anne")
    await world.record("le-goff", "marc")
    return world


@pytest.fixture
async def pep(stage, world):
    return Pep(stage, world.product.client_id)


@pytest.fixture
def asked(world):
    return world.asked("anne", "read", "kerautret")


# About whom


async def test_a_closed_product_is_told_so(stage, provider):
    world = await make_world(stage, provider, scoped=("read",))
    await world.person("anne", read="all")
    await world.record("kerautret", "anne")
    pep, asked = Pep(stage, world.product.client_id), world.asked("anne", "read", "kerautret")
    await provider.call("SetProductOpen", id=world.product.id, open=False)
    assert await refusal(await pep.post("evaluation", asked)) == (403, "product_closed")
    several = await pep.ask("evaluations", {"evaluations": [asked]})
    assert several["evaluations"][0]["context"]["error"]["status"] == 403


async def test_organisations_that_do_not_subscribe_the_product_do_not_exist_for_it(stage, provider, world, pep):
    other = await make_world(stage, provider, scoped=("read",), name="Cabinet Voisin")
    await other.person("paul", read="all")
    await other.record("secret", "paul")
    answers = []
    for name in (str(other.organisation_id), other.slug, str(uuid7()), "nowhere"):
        asked = {**other.asked("paul", "read", "secret"), "action": world.action("read")}
        answer = await pep.ask("evaluation", {**asked, "context": {"organisation": name}})
        searched = await pep.ask("search/subject", {**asked, "context": {"organisation": name}})
        answers.append((answer, searched))
    assert all(each == answers[0] for each in answers)
    assert (answers[0][0]["decision"], answers[0][0]["context"]["reason"]) == (False, "organisation_unknown")
    assert (answers[0][1]["results"], answers[0][1]["context"]["reason"]) == ([], "organisation_unknown")


async def test_members_and_contacts_of_another_organisation_are_nobody_and_nothing(stage, provider, world, pep):
    other = await make_world(stage, provider, name="Cabinet Voisin")
    await other.person("paul", contacts_read="all")
    await other.record("secret", "paul")
    here = {"organisation": world.slug}
    foreign = {**world.asked("anne", "read", "kerautret"), "subject": other.subject("paul"), "context": here}
    assert (await pep.ask("evaluation", foreign))["context"]["reason"] == "subject_unknown"
    foreign = {**world.asked("anne", "read", "kerautret"), "resource": other.resource("secret"), "context": here}
    assert await pep.decides(foreign) is False


@pytest.mark.parametrize("by", ["organisation_id", "slug"])
async def test_the_organisation_is_named_by_identifier_or_short_name(world, pep, asked, by):
    assert await pep.decides({**asked, "context": {"organisation": str(getattr(world, by))}}) is True


async def test_the_organisation_must_be_named_where_several_could_be_meant(stage, provider, world):
    other = await make_world(stage, provider, name="Cabinet Voisin")
    await provider.call("SubscribeCustomer", product_id=other.product.id, organisation_id=str(world.organisation_id))
    pep = Pep(stage, other.product.client_id)
    await other.person("anne", uses=True)
    account_id = uuid7()
    for each in (world, other):
        await each.person("both", contacts_read="all")
        await each.run(
            "UPDATE memberships SET account_id = $3 WHERE organisation_id = $1 AND id = $2",
            each.organisation_id,
            each.people["both"],
            account_id,
        )
    asked = {
        "subject": {"type": "account", "id": str(account_id)}, "action": {"name": "use"}, "resource": other.itself,
    }  # fmt: skip
    assert await refusal(await pep.post("evaluation", asked)) == (400, "organisation_needed")
    several = await pep.ask("evaluations", {"evaluations": [asked]})
    assert several["evaluations"][0]["context"]["reason"] == "organisation_needed"
    named = {**asked, "context": {"organisation": other.slug}}
    assert (await pep.ask("evaluation", named))["context"]["reason"] == "not_assigned"
    alone = {**asked, "subject": other.subject("anne")}
    assert await pep.decides(alone) is True


async def test_an_account_is_known_by_what_the_product_knows_it_by(world, pep):
    asked = world.asked("anne", "read", "kerautret")
    asked["subject"] = {"type": "account", "id": str(world.accounts["anne"])}
    assert await pep.decides(asked) is True
    found = await pep.ask("search/subject", {**asked, "subject": {"type": "account"}})
    assert {"type": "account", "id": str(world.accounts["anne"])} in found["results"]


async def test_a_product_with_identifiers_of_its_own_asks_about_members(stage, world, asked):
    pep = Pep(stage, world.product.client_id, subject_type="pairwise")
    account = {**asked, "subject": {"type": "account", "id": str(world.accounts["anne"])}}
    assert await refusal(await pep.post("evaluation", account)) == (400, "subject_type_pairwise")
    assert (await pep.ask("search/subject", {**account, "subject": {"type": "account"}}))["results"] == []
    assert await pep.decides(asked) is True


# What is asked


async def test_a_no_says_why(world, pep):
    reasons = [
        (await pep.ask("evaluation", each))["context"]["reason"]
        for each in (
            world.asked("marc", "read", "kerautret"),
            world.asked("marc", "publish"),
            world.asked("gone", "read", "kerautret"),
            {**world.asked("marc", "publish"), "action": {"name": "use"}},
            {**world.asked("marc", "publish"), "action": {"name": f"{world.word}.absent"}},
            {**world.asked("marc", "publish"), "action": {"name": "invoices.edit"}},
            world.asked("marc", "publish", "kerautret"),
            {**world.asked("anne", "publish"), "resource": {"type": "product", "id": "another"}},
            {**world.asked("anne", "read", "kerautret"), "resource": {"type": "contact", "id": "no-uuid"}},
        )
    ]
    assert reasons == [
        "out_of_scope", "right_missing", "membership_ended", "not_assigned", "action_unknown", "action_unknown",
        "action_not_for_resource", "resource_unknown", "resource_unknown",
    ]  # fmt: skip


async def test_nobody_reaches_a_contact_that_is_not_there(world, pep):
    asked = {**world.asked("anne", "read", "kerautret"), "resource": {"type": "contact", "id": str(uuid7())}}
    assert await pep.decides(asked) is False
    assert (await pep.ask("search/subject", asked))["results"] == []


async def test_using_the_product_and_reading_contacts_can_be_asked_of_any_product(world, pep):
    use = {**world.asked("anne", "publish"), "action": {"name": "use"}}
    read = {**world.asked("anne", "read", "kerautret"), "action": {"name": "contacts.read"}}
    assert [await pep.decides(each) for each in (use, read)] == [True, True]
    users = await pep.ask("search/subject", use)
    assert users["results"] == [world.subject("anne")]
    found = await pep.ask("search/resource", {**use, "resource": {"type": "product"}})
    assert found["results"] == [world.itself]
    may = await pep.ask("search/action", use)
    assert {each["name"] for each in may["results"]} == {
        "use", "contacts.read", f"{world.word}.read", f"{world.word}.publish",
    }  # fmt: skip


async def test_a_right_that_was_withdrawn_grants_nothing(stage, provider):
    world = await make_world(stage, provider, scoped=("read",))
    await world.person("anne", read="all")
    await world.record("kerautret", "anne")
    pep, asked = Pep(stage, world.product.client_id), world.asked("anne", "read", "kerautret")
    before = await pep.decides(asked)
    await provider.call("SaveProductRights", product_id=world.product.id, version=2, confirm_withdrawal=True)
    after = await pep.ask("evaluation", asked)
    assert (before, after["decision"], after["context"]["reason"]) == (True, False, "action_unknown")


@pytest.mark.parametrize(
    ("part", "reason"), [("subject", "subject_type_unknown"), ("resource", "resource_type_unknown")]
)
async def test_a_kind_that_does_not_exist_is_an_error_that_names_those_that_do(pep, asked, part, reason):
    asked[part]["type"] = "spaceship"
    answer = await pep.post("evaluation", asked)
    assert await refusal(answer) == (400, reason)
    assert ("member" if part == "subject" else "contact") in answer.json()["detail"]


async def test_answers_carry_a_revision_that_later_questions_may_name(pep, asked):
    revision = (await pep.ask("evaluation", asked))["context"]["revision"]
    assert await pep.decides({**asked, "context": {"revision": revision}}) is True
    for future in (revision + 1, 10**30):
        answer = await pep.post("evaluation", {**asked, "context": {"revision": future}})
        assert await refusal(answer) == (400, "revision_from_the_future")


@pytest.mark.parametrize(
    "context", [{"revision": "7"}, {"revision": -1}, {"organisation": 3}, {"organisation": ""}, "x"]
)
async def test_a_context_that_says_nothing_understandable_is_an_error(pep, asked, context):
    assert await refusal(await pep.post("evaluation", {**asked, "context": context})) == (400, "malformed_request")


# How


SEMANTICS = {
    "execute_all": [True, False, True, False],
    "deny_on_first_deny": [True, False],
    "permit_on_first_permit": [True],
}


@pytest.mark.parametrize(("semantic", "expected"), SEMANTICS.items(), ids=SEMANTICS)
async def test_several_questions_are_answered_as_far_as_is_wanted(world, pep, semantic, expected):
    several = [world.asked(who, "read", "kerautret") for who in ("anne", "marc", "anne", "marc")]
    answer = await pep.ask("evaluations", {"evaluations": several, "options": {"evaluations_semantic": semantic}})
    assert [each["decision"] for each in answer["evaluations"]] == expected


async def test_a_failure_counts_as_a_denial(world, pep):
    several = [{}, world.asked("anne", "read", "kerautret")]
    options = {"evaluations_semantic": "deny_on_first_deny"}
    assert len((await pep.ask("evaluations", {"evaluations": several, "options": options}))["evaluations"]) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"evaluations": [{}], "options": {"evaluations_semantic": "whatever"}},
        {"evaluations": [{}] * 201},
        {"evaluations": {}},
        {"evaluations": [{}], "subject": "anne"},
        [],
        '"text"',
    ],
    ids=["unknown-semantic", "too-many", "no-array", "a-default-that-is-none", "an-array", "a-text"],
)
async def test_a_batch_that_is_none_is_an_error_as_a_whole(pep, body):
    assert await refusal(await pep.post("evaluations", body)) == (400, "malformed_request")


@pytest.mark.parametrize(
    "page", [{"limit": -1}, {"limit": "1"}, {"token": 3}, {"token": "not-one-of-ours"}, {"token": "x" * 3000}, []]
)
async def test_a_page_that_is_none_is_an_error(world, pep, page):
    asked = {**world.asked("anne", "read", "kerautret"), "page": page}
    assert await refusal(await pep.post("search/resource", asked)) == (400, "malformed_request")


async def test_pages_of_resources_follow_each_other(world, pep):
    asked = world.asked("anne", "read", "kerautret")
    first = await pep.ask("search/resource", {**asked, "page": {"limit": 1}})
    token = first["page"]["next_token"]
    second = await pep.ask("search/resource", {**asked, "page": {"limit": 1, "token": token}})
    assert [first["results"], second["results"]] == [[world.resource("kerautret")], [world.resource("le-goff")]]
    assert (first["page"]["total"], second["page"]["next_token"]) == (2, "")


@pytest.mark.parametrize(
    "text", ["\u0000", "\ud800", "a\nb", "x" * 257], ids=["nul", "half-a-pair", "two-lines", "long"]
)
async def test_names_that_are_none_are_errors(pep, asked, text):
    asked["subject"]["id"] = text
    assert (await pep.post("evaluation", asked)).status_code == 400


@pytest.mark.parametrize("text", ["[" * 100_000, '{"subject":' * 50_000], ids=["arrays", "objects"])
async def test_a_body_that_is_deep_is_an_error_and_no_more(pep, asked, text):
    assert (await pep.post("evaluation", text)).status_code == 400
    assert await pep.decides(asked) is True


async def test_a_body_that_is_too_large_is_refused(pep):
    assert await refusal(await pep.post("evaluation", '"' + "x" * (1 << 20) + '"')) == (413, "too_large")


async def test_a_body_that_does_not_say_how_large_it_is_is_refused_as_well(pep):
    async def parts():
        for _ in range(5):
            yield b" " * (1 << 18)

    assert await refusal(await pep.post("evaluation", parts())) == (413, "too_large")


async def test_errors_are_in_french_for_whoever_asks_for_it(pep):
    english, french = [await pep.post("evaluation", "{", Accept_Language=each) for each in ("en", "fr-FR,fr;q=0.9")]
    assert (english.json()["detail"], french.json()["detail"]) == (
        "The body is not valid JSON.", "Le corps n’est pas du JSON valide.",
    )  # fmt: skip


async def test_a_request_identifier_that_could_do_harm_is_not_repeated(pep, asked):
    answer = await pep.post("evaluation", asked, X_Request_ID="x" * 300)
    assert (answer.status_code, "x-request-id" in answer.headers) == (200, False)


async def test_answers_are_kept_by_nobody(pep, asked):
    assert (await pep.post("evaluation", asked)).headers["cache-control"] == "no-store"


async def test_operators_see_how_long_products_wait(pep, asked):
    def answered():
        labels = {"endpoint": "evaluation", "status": "200"}
        return REGISTRY.get_sample_value("parvis_authzen_seconds_count", labels) or 0

    before = answered()
    await pep.decides(asked)
    assert answered() == before + 1


async def test_other_methods_and_addresses_are_problems_too(pep):
    assert await refusal(await pep.http.get(f"{ACCESS}/evaluation")) == (405, "method_not_allowed")
    assert await refusal(await pep.http.get(f"{ACCESS}/nothing")) == (404, "not_found")
