"""A firm's administrator sets up a SAML provider."""

from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from identity_stage import make_stage
from saml_parts import ISSUER, key, provider_metadata, signed
from saml_stage import publishing

from parvis.identity.v1 import providers_pb2 as pb
from parvis_identity.models import SsoProvider
from parvis_identity.rpc import ProviderRpc
from parvis_identity.service.saml.signatures import fingerprint
from parvis_identity.service.sso.saml_metadata import MetadataReader
from parvis_kit.errors import Kind, ServiceError
from parvis_kit.ids import uuid7


@pytest.fixture(scope="module")
async def stage(database):
    return await make_stage(database, private_networks="127.0.0.0/8")


@pytest.fixture
async def call(stage):
    """Calls an RPC in the administrator's name."""
    person = await stage.person()
    firm = stage.town.found(f"cabinet-{str(uuid7())[-6:]}", "Cabinet Roche")
    stage.town.rights = {"sign_in.manage"}
    rpc = ProviderRpc(stage.providers, public_url="http://localhost:8600")

    @asynccontextmanager
    async def begin():
        async with stage.unit(firm.id, account_id=person.id) as unit:
            yield unit

    async def call(name: str, /, **fields):
        return await getattr(rpc, name)(begin, getattr(pb, f"{name}Request")(**fields))

    return call


@pytest.fixture
async def draft(call):
    return await call("CreateProvider", kind=pb.PROVIDER_KIND_SAML, template="saml", name="Annuaire")


async def update(call, before, **fields):
    return await call("UpdateProvider", id=before.id, version=before.version, **fields)


async def test_a_draft_says_what_is_to_be_typed_there(draft):
    base = f"http://localhost:8600/sso/{draft.id}"
    assert draft.entity_id == draft.own_metadata_url == f"{base}/metadata"
    assert (draft.acs_url, draft.slo_url) == (f"{base}/acs", f"{base}/slo")
    (own,) = draft.own_certificates
    assert own.current
    assert own.pem.startswith("-----BEGIN CERTIFICATE")


async def test_metadata_may_come_as_a_file(call, draft):
    found = await update(call, draft, metadata_document=provider_metadata(key(), key("next")))

    assert (found.issuer, found.metadata_url) == (ISSUER, "")
    assert [each.subject for each in found.certificates] == ["CN=provider", "CN=next"]
    assert len(found.certificates[0].fingerprint) == 95


async def test_metadata_may_be_at_an_address(call, draft):
    async with publishing() as place:
        place.body = provider_metadata(key())
        found = await update(call, draft, metadata_url=place.url)

    assert (found.issuer, found.metadata_url) == (ISSUER, place.url)


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"<!DOCTYPE html><html>Sign in</html>", 200, "xml_web_page"),
        (b"nothing", 404, "metadata_status"),
        (provider_metadata(), 200, "metadata_key_missing"),
        (b" " * 20_000_000, 200, "provider_not_reached"),
    ],
    ids=["a web page", "not found", "no key", "20 MB"],
)
async def test_what_is_no_metadata_is_said_at_its_field(call, draft, body, status, reason):
    async with publishing() as place:
        place.body, place.status = body, status
        with pytest.raises(ServiceError) as refused:
            await update(call, draft, metadata_url=place.url)

    (violation,) = refused.value.violations
    assert refused.value.kind is Kind.INVALID
    assert (violation.field, violation.reason) == ("metadata_url", reason)
    assert violation.params["detail"]


async def test_metadata_may_have_to_be_signed(call, draft):
    from lxml import etree

    root = etree.fromstring(provider_metadata(key()), etree.XMLParser(remove_comments=True))
    document = etree.tostring(signed(root, key("federation")))

    found = await update(
        call, draft, metadata_certificate=key("federation").pem, metadata_document=document, allows_cbc=True
    )

    assert found.issuer == ISSUER
    assert found.allows_cbc
    with pytest.raises(ServiceError) as refused:
        await update(call, found, metadata_document=provider_metadata(key()))
    assert refused.value.violations[0].reason == "signature_missing"


async def test_a_certificate_that_is_none_is_refused(call, draft):
    with pytest.raises(ServiceError) as refused:
        await update(call, draft, metadata_certificate="-----BEGIN CERTIFICATE-----")
    assert refused.value.violations[0].field == "metadata_certificate"


async def test_our_key_is_changed_in_two_steps(call, draft):
    two = await call("RotateProviderKey", id=draft.id)
    one = await call("RotateProviderKey", id=draft.id, use=True)

    assert [each.current for each in two.own_certificates] == [True, False]
    assert [each.current for each in one.own_certificates] == [True]
    assert one.own_certificates[0].fingerprint == two.own_certificates[1].fingerprint
    with pytest.raises(ServiceError) as refused:
        await call("RotateProviderKey", id=draft.id, use=True)
    assert refused.value.reason == "no_next_key"


async def test_another_entity_id_is_another_provider_once_people_sign_in_with_it(stage, call, draft):
    found = await update(call, draft, metadata_document=provider_metadata(key()))
    await stage.run("UPDATE sso_providers SET state = 'live' WHERE id = :id", id=draft.id)

    with pytest.raises(ServiceError) as refused:
        await update(call, found, metadata_document=provider_metadata(key(), issuer="https://autre.exemple.fr"))
    renewed = await update(
        call, found, metadata_document=provider_metadata(key("next")), confirmed_keys=[name_of(key("next"))]
    )

    assert [(each.field, each.reason) for each in refused.value.violations] == [("metadata_document", "issuer_fixed")]
    assert renewed.issuer == ISSUER


async def test_metadata_at_an_address_that_became_anothers_is_not_taken(stage, call, draft):
    async with publishing() as place:
        place.body = provider_metadata(key())
        await update(call, draft, metadata_url=place.url)
        place.body = provider_metadata(key("other"), issuer="https://autre.exemple.fr")
        reader = MetadataReader(stage.database, stage.outgoing)
        async with stage.unit() as unit:
            row = await unit.get(SsoProvider, UUID(draft.id))
        row.metadata_read_at = None
        assert not await reader.again(row)

    found = await call("GetProvider", id=draft.id)
    assert (found.issuer, found.metadata_problem) == (ISSUER, "metadata_provider")
    assert [each.subject for each in found.certificates] == ["CN=provider"]


async def live(stage, call, draft, *keys):
    """The provider in service, with keys in a file."""
    made = await update(call, draft, metadata_document=provider_metadata(*keys))
    await stage.run("UPDATE sso_providers SET state = 'live' WHERE id = :id", id=UUID(made.id))
    return made


async def unconfirmed(call, before, *keys, **fields):
    with pytest.raises(ServiceError) as error:
        await update(call, before, metadata_document=provider_metadata(*keys), **fields)
    assert (error.value.kind, error.value.reason) == (Kind.PRECONDITION, "keys_unconfirmed")
    return {name: [line.split(" ")[0] for line in said.splitlines()] for name, said in error.value.params.items()}


def name_of(of) -> str:
    return fingerprint(of.certificate)


async def test_other_keys_of_one_in_service_are_taken_by_their_names_alone(stage, call, draft):
    made = await live(stage, call, draft, key())

    asked = await unconfirmed(call, made, key(), key("intruder"))
    gone = await unconfirmed(call, made, key("intruder"), confirmed_keys=[name_of(key())])
    taken = await update(
        call, made, metadata_document=provider_metadata(key("next")), confirmed_keys=[name_of(key("next"))]
    )

    assert asked == {"added": [name_of(key("intruder"))], "kept": [name_of(key())], "gone": []}
    assert gone == {"added": [name_of(key("intruder"))], "kept": [], "gone": [name_of(key())]}
    assert [each.fingerprint for each in taken.certificates] == [name_of(key("next"))]


async def test_keys_that_it_had_and_those_of_a_draft_are_asked_of_nobody(stage, call, draft):
    made = await update(call, draft, metadata_document=provider_metadata(key(), key("next")))
    made = await live(stage, call, made, key(), key("next"))

    fewer = await update(call, made, metadata_document=provider_metadata(key("next")))

    assert [each.fingerprint for each in fewer.certificates] == [name_of(key("next"))]


async def test_at_the_address_that_is_known_they_may_change_and_at_another_they_are_compared(stage, call, draft):
    async with publishing() as place, publishing() as other:
        place.body, other.body = provider_metadata(key()), provider_metadata(key("intruder"))
        made = await update(call, draft, metadata_url=place.url)
        await stage.run("UPDATE sso_providers SET state = 'live' WHERE id = :id", id=UUID(made.id))
        place.body = provider_metadata(key("next"))

        same = await update(call, made, metadata_url=place.url)
        with pytest.raises(ServiceError, match="keys_unconfirmed"):
            await update(call, same, metadata_url=other.url)

    assert [each.fingerprint for each in same.certificates] == [name_of(key("next"))]
