"""Signing in with a firm's SAML provider: what is asked, what is understood of the answer, keys of both sides."""

from datetime import timedelta

import pytest
from identity_stage import PUBLIC_URL
from lxml import etree
from saml_parts import ISSUER, A, P, assertion, encrypted, form_of, key, provider_metadata, response, signed
from saml_stage import Scene, message_of, publishing

from parvis_identity.domain import saml as names
from parvis_identity.service.saml.signatures import signed_query
from parvis_identity.service.saml.trail import STEPS, Trail
from parvis_identity.service.sso.saml import Addresses
from parvis_identity.service.sso.upstream import Refused, Result
from parvis_kit.errors import ServiceError


@pytest.fixture
async def scene(stage) -> Scene:
    return Scene.on(stage)


@pytest.fixture
async def provider(scene):
    return await scene.provider()


async def test_a_request_is_signed_with_our_key_and_says_where_to_answer(scene, provider):
    begun = await scene.begun(provider, hint="anne.roche@exemple.fr")

    address, _, query = begun.location.partition("?tenant=1&")
    own = (await scene.keys.of(provider.id))[0]
    signed_query(query.partition("&login_hint")[0], "SAMLRequest", [own.certificate], Trail())
    root = message_of(begun.location)
    assert address == f"{ISSUER}/sso"
    assert root.get("ID") == begun.kept["request"]
    assert root.get("AssertionConsumerServiceURL") == f"{PUBLIC_URL}/sso/{provider.id}/acs"
    assert root.find(f"{{{P}}}NameIDPolicy").get("Format") == names.PERSISTENT
    assert root.get("ForceAuthn") is None
    assert "login_hint=anne.roche%40exemple.fr" in begun.location


async def test_whoever_must_prove_it_again_is_asked_to(scene, provider):
    assert message_of((await scene.begun(provider, force=True)).location).get("ForceAuthn") == "true"


async def test_an_answer_says_who_came(scene, provider):
    found = await scene.signed_in(provider)

    assert (found.subject, found.mail) == ("c0ffee-42", "anne.roche@exemple.fr")
    assert (found.given_name, found.family_name) == ("Anne", "Roche")
    assert found.groups == ("Paie", "Audit")
    assert found.session_index == "_s1"
    assert found.amr == ("pwd",)
    assert not found.multi_factor


async def test_every_step_is_reported_in_order(scene, provider):
    begun = await scene.begun(provider)
    words = scene.words(provider, begun)
    form = {"SAMLResponse": form_of(response(words, signed(assertion(words))))}

    _, checks = await scene.upstream.finish(provider, begun.kept, form)

    assert [each.name for each in checks] == list(STEPS)
    assert {each.result for each in checks} == {Result.PASSED}


async def test_what_failed_and_what_was_not_reached_are_reported(scene, provider):
    with pytest.raises(Refused) as refused:
        await scene.signed_in(provider, audiences=(("https://autre.exemple.fr",),))

    results = {each.name: each.result for each in refused.value.checks}
    assert results["signature"] == Result.PASSED
    assert results["audience"] == Result.FAILED
    assert results["first_time"] == Result.NOT_REACHED


async def test_replay__an_assertion_counts_once(scene, provider):
    begun = await scene.begun(provider)
    words = scene.words(provider, begun)
    root = response(words, signed(assertion(words)))
    await scene.taken(provider, begun, root)

    with pytest.raises(Refused) as refused:
        await scene.taken(provider, begun, root)

    assert refused.value.check == "assertion_repeated"


@pytest.mark.parametrize(
    ("name_format", "check"), [(names.TRANSIENT, "name_id_transient"), (names.MAIL_ADDRESS, "name_id_is_mail")]
)
async def test_a_name_that_does_not_last_is_nobody(scene, provider, name_format, check):
    with pytest.raises(Refused) as refused:
        await scene.signed_in(provider, name_format=name_format)

    assert refused.value.check == check


@pytest.mark.parametrize("name_format", [names.UNSPECIFIED, names.PERSISTENT])
async def test_an_address_is_no_name_that_lasts_whatever_it_is_called(scene, provider, name_format):
    with pytest.raises(Refused, match=r"user\.id") as refused:
        await scene.signed_in(provider, name_format=name_format, name_id="anne@orsel.example")

    assert refused.value.check == "name_id_is_mail"


async def test_people_may_be_known_by_an_attribute_that_lasts(scene):
    provider = await scene.provider(claim_names={"subject": "objectidentifier"})

    found = await scene.signed_in(provider, name_format=names.TRANSIENT, attributes={"objectidentifier": ("9f1c",)})

    assert found.subject == "9f1c"
    assert message_of((await scene.begun(provider)).location).find(f"{{{P}}}NameIDPolicy").get("Format") is None


async def test_an_attribute_with_two_values_is_nobody(scene):
    provider = await scene.provider(claim_names={"subject": "objectidentifier"})

    with pytest.raises(Refused) as refused:
        await scene.signed_in(provider, attributes={"objectidentifier": ("9f1c", "9f1d")})

    assert refused.value.check == "subject_missing"


async def test_the_firm_says_which_attribute_is_what(scene):
    provider = await scene.provider(claim_names={"groups": "service", "mail": "courriel"})

    found = await scene.signed_in(provider, attributes={"service": ("Social",), "courriel": ("a@exemple.fr",)})

    assert (found.groups, found.mail) == (("Social",), "a@exemple.fr")


async def test_two_factors_are_understood(scene, provider):
    found = await scene.signed_in(provider, context="https://refeds.org/profile/mfa")
    assert found.multi_factor
    by_claim = await scene.signed_in(
        provider, attributes={names.METHODS: ("http://schemas.microsoft.com/claims/multipleauthn",)}
    )
    assert by_claim.multi_factor


async def test_what_the_provider_refused_is_said(scene, provider):
    with pytest.raises(Refused, match="status_not_success: The provider answered: Responder"):
        await scene.signed_in(provider, status="urn:oasis:names:tc:SAML:2.0:status:Responder")


async def test_an_assertion_that_is_encrypted_to_our_key_is_opened(scene):
    provider = await scene.provider(wants_encrypted=True)
    begun = await scene.begun(provider)
    words = scene.words(provider, begun)

    root = response(words, encrypted(signed(assertion(words)), (await scene.keys.of(provider.id))[0]))

    assert (await scene.taken(provider, begun, root)).subject == "c0ffee-42"


async def test_our_keys_take_over_from_each_other_without_an_outage(scene, provider):
    before = (await scene.keys.of(provider.id))[0]
    await scene.keys.add_next(provider.id)
    _, after = await scene.keys.of(provider.id)
    published = etree.fromstring(await scene.upstream.own_metadata(provider))

    async def opens(own) -> bool:
        begun = await scene.begun(provider)
        words = scene.words(provider, begun)
        return bool(await scene.taken(provider, begun, response(words, encrypted(signed(assertion(words)), own))))

    async def signs(own) -> bool:
        try:
            query = (await scene.begun(provider)).location.partition("?tenant=1&")[2]
            return bool(signed_query(query, "SAMLRequest", [own.certificate], Trail()))
        except Refused:
            return False

    assert len(list(published.iter(f"{{{names.METADATA}}}KeyDescriptor"))) == 4
    assert await signs(before)
    assert await opens(before)
    assert await opens(after)

    await scene.keys.use_next(provider.id)

    assert await signs(after)
    assert await opens(before)
    assert await opens(after)


async def test_there_is_no_next_key_until_one_is_made(scene, provider):
    await scene.keys.of(provider.id)

    with pytest.raises(ServiceError) as refused:
        await scene.keys.use_next(provider.id)

    assert refused.value.reason == "no_next_key"


async def test_our_metadata_is_signed_and_names_our_addresses(scene, provider):
    from parvis_identity.service.saml import signatures
    from parvis_identity.service.saml.xml import parse

    own = (await scene.keys.of(provider.id))[0]
    root = signatures.verified(parse(await scene.upstream.own_metadata(provider), Trail()), [own.certificate], Trail())

    addresses = Addresses.of(PUBLIC_URL, provider)
    assert root.get("entityID") == addresses.entity_id
    assert root.find(f".//{{{names.METADATA}}}AssertionConsumerService").get("Location") == addresses.answer_at


async def test_a_private_key_is_sealed_in_the_database(scene, provider):
    await scene.keys.of(provider.id)
    async with scene.stage.unit() as unit:
        (row,) = await unit.fetch("SELECT sealed FROM sso_keys WHERE provider_id = $1", provider.id)
    assert b"\x30\x82" not in row["sealed"][:64]


# The provider's keys change.


async def test_a_key_that_the_metadata_names_beside_the_other_signs_at_once(scene):
    provider = await scene.provider(metadata_document=provider_metadata(key(), key("next")).decode())

    assert await scene.signed_in(provider, with_key=key("next"))
    assert await scene.signed_in(provider)


async def test_a_key_that_nobody_announced_is_looked_up_once(scene):
    async with publishing() as place:
        place.body = provider_metadata(key("next"))
        provider = await scene.provider(metadata_url=place.url)
        await _aged(scene, provider)

        assert await scene.signed_in(await scene.stored(provider), with_key=key("next"))

        with pytest.raises(Refused):
            await scene.signed_in(await scene.stored(provider), with_key=key("intruder"))
        assert place.asked == 1


async def test_metadata_is_read_again_and_a_bad_one_changes_nothing(scene):
    async with publishing() as place:
        place.body = provider_metadata(key("next"), key())
        provider = await scene.provider(metadata_url=place.url)
        await _aged(scene, provider)
        assert await scene.reader.again(await scene.stored(provider))

        place.body = b"<!doctype html><html><body>Sign in"
        await _aged(scene, provider)
        assert not await scene.reader.again(await scene.stored(provider))

        row = await scene.stored(provider)
        assert row.metadata_problem == "xml_web_page"
        assert row.metadata_failed_at is not None
        assert await scene.signed_in(row, with_key=key("next"))
        assert await scene.stage.audited("sso.metadata_changed") >= 1
        assert await scene.stage.audited("sso.metadata_unusable") >= 1


async def test_metadata_of_another_provider_is_not_taken(scene):
    async with publishing() as place:
        place.body = provider_metadata(key("intruder"), issuer="https://intrus.test")
        provider = await scene.provider(metadata_url=place.url)
        await _aged(scene, provider)

        assert not await scene.reader.again(await scene.stored(provider))
        assert (await scene.stored(provider)).metadata_problem == "metadata_provider"


async def test_twenty_megabytes_are_not_read(scene):
    async with publishing() as place:
        place.body = b"<x>" + b"a" * 20_000_000
        with pytest.raises(Refused, match=r"provider_not_reached.*too large"):
            await scene.reader.fetched(place.url)


async def test_a_provider_that_is_not_there_is_said(scene):
    with pytest.raises(Refused, match="provider_not_reached"):
        await scene.reader.fetched("http://127.0.0.1:9/metadata")


async def test_whoever_is_due_is_taken_by_one_process(scene):
    from parvis_identity.store import saml as store

    provider = await scene.provider(metadata_url="https://annuaire.exemple.fr/metadata")
    async with scene.stage.unit() as unit:
        mine = await store.due(unit, lease=timedelta(minutes=2), most=100)
    async with scene.stage.unit() as unit:
        again = await store.due(unit, lease=timedelta(minutes=2), most=100)
    assert provider.id in mine
    assert provider.id not in again


async def _aged(scene, provider) -> None:
    async with scene.stage.unit() as unit:
        await unit.fetch(
            "UPDATE sso_providers SET metadata_read_at = now() - interval '1 day', metadata_failed_at = NULL"
            " WHERE id = $1 RETURNING 1",
            provider.id,
        )


async def test_names_with_a_qualifier_are_kept_whole(scene, provider):
    begun = await scene.begun(provider)
    words = scene.words(provider, begun)
    inner = assertion(words)
    inner.find(f".//{{{A}}}NameID").set("SPNameQualifier", "https://portail")

    found = await scene.taken(provider, begun, response(words, signed(inner)))

    assert found.name_id == f"c0ffee-42\n{names.PERSISTENT}\n\nhttps://portail"
