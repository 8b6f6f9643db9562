"""Those who set up how a firm signs in hear of each act that decides whom a directory means."""

from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import pytest
from identity_stage import make_stage
from saml_parts import ISSUER, key, provider_metadata
from saml_stage import Scene
from scim_parts import directory

from parvis.identity.v1 import providers_pb2 as pb
from parvis.identity.v1.events_pb2 import NoticeForAdministrators
from parvis_identity.models import SsoProvider
from parvis_identity.rpc import ProviderRpc
from parvis_identity.service.saml.signatures import fingerprint
from parvis_identity.service.sso import notices
from parvis_kit.ids import uuid7


@pytest.fixture(scope="module")
async def stage(database):
    return await make_stage(database, private_networks="127.0.0.0/8")


@dataclass
class Setting:
    """A firm, and its administrator who sets up a directory."""

    stage: object
    firm: object
    person: object
    rpc: ProviderRpc

    @asynccontextmanager
    async def begin(self):
        async with self.stage.unit(self.firm.id, account_id=self.person.id) as unit:
            yield unit

    async def call(self, name, /, **fields):
        request = getattr(pb, f"{name}Request")(**fields)
        if name == "DeleteProvider":
            async with self.begin() as unit:
                return await self.rpc.DeleteProvider(unit, request)
        return await getattr(self.rpc, name)(self.begin, request)

    async def tested(self, provider_id):
        await self.stage.run("UPDATE sso_providers SET tried_at = now() WHERE id = :id", id=UUID(provider_id))

    async def update(self, provider_id, **fields):
        found = await self.call("GetProvider", id=provider_id)
        return await self.call("UpdateProvider", id=provider_id, version=found.version, **fields)

    async def told(self):
        """What the administrators of the firm heard, in order."""
        async with self.stage.unit() as unit:
            rows = await unit.fetch(
                "SELECT payload FROM outbox WHERE subject = 'parvis.identity.v1.NoticeForAdministrators'"
                " AND organisation_id = $1 ORDER BY id",
                self.firm.id,
            )
        return [NoticeForAdministrators.FromString(row["payload"]) for row in rows]


@pytest.fixture
async def setting(stage):
    person = await stage.person()
    stage.town.rights = {"sign_in.manage"}
    firm = stage.town.found(f"cabinet-{uuid7().hex[-8:]}", "Cabinet Roche")
    return Setting(stage, firm, person, ProviderRpc(stage.providers, public_url="http://localhost:8600"))


async def live(setting):
    """A SAML provider in service."""
    made = await setting.call("CreateProvider", kind=pb.PROVIDER_KIND_SAML, template="saml", name="Annuaire")
    await setting.update(made.id, metadata_document=provider_metadata(key()))
    await setting.tested(made.id)
    await setting.call("SetProviderState", id=made.id, state=pb.PROVIDER_STATE_LIVE)
    return made.id


async def test_the_life_of_a_directory_is_told_with_who_did_it(setting):
    provider_id = await live(setting)
    await setting.call("SetProviderState", id=provider_id, state=pb.PROVIDER_STATE_OFF)
    await setting.call("DeleteProvider", id=provider_id)

    told = await setting.told()

    kinds = [each.kind for each in told]
    assert kinds == ["directory_added", "directory_live", "directory_off", "directory_deleted"]
    assert {(each.values["provider"], each.values["who"]) for each in told} == {("Annuaire", setting.person.name)}


CHANGES = {
    "subject": {"set_claim_names": True, "claim_names": {"subject": "uid"}},
    "scim_match": {"scim_match": "uid"},
    "second_factor": {"accepts_amr": True},
    "certificates": {
        "metadata_document": provider_metadata(key(), key("next")),
        "confirmed_keys": [fingerprint(key("next").certificate)],
    },
}


@pytest.mark.parametrize("what", CHANGES)
async def test_a_change_of_what_trust_rests_on_is_told(setting, what):
    provider_id = await live(setting)
    before = len(await setting.told())

    await setting.update(provider_id, **CHANGES[what])

    told = (await setting.told())[before:]
    assert [(each.kind, each.values["what"]) for each in told] == [("directory_changed", what)]


async def test_a_new_secret_of_a_directory_out_of_service_is_told(setting, stage):
    made = await setting.call("CreateProvider", kind=pb.PROVIDER_KIND_OIDC, template="oidc", name="Annuaire")
    await stage.run("UPDATE sso_providers SET state = 'off' WHERE id = :id", id=UUID(made.id))

    await setting.update(made.id, client_secret="another", client_id="another")

    told = (await setting.told())[-1]
    assert (told.kind, told.values["what"]) == ("directory_changed", "client_id,secret")
    assert "another" not in str(told)


async def test_neither_its_name_nor_a_draft_is_worth_a_mail(setting):
    made = await setting.call("CreateProvider", kind=pb.PROVIDER_KIND_SAML, template="saml", name="Brouillon")
    await setting.update(made.id, metadata_document=provider_metadata(key()), scim_match="uid")
    provider_id = await live(setting)
    before = len(await setting.told())

    await setting.update(provider_id, name="Autre nom", metadata_document=provider_metadata(key()))

    assert len(await setting.told()) == before


async def test_a_token_is_told(setting, stage):
    await directory(stage, setting.firm.slug)

    told = (await setting.told())[-1]
    assert (told.kind, told.values["provider"]) == ("directory_token", "Entra ID")


@pytest.mark.parametrize(("days", "marks"), [(40, []), (20, ["30"]), (5, ["7"]), (-1, [])])
async def test_a_certificate_near_its_end_is_told_once_for_each_mark(setting, stage, days, marks):
    metadata = provider_metadata(key(f"of {days}", days=days + 0.5), key("older", days=1)).decode()
    if days < 1:
        metadata = provider_metadata(key(f"of {days}", days=-0.5)).decode()
    row = await Scene.on(stage).provider(organisation_id=setting.firm.id, metadata_document=metadata)

    for _ in range(2):
        await notices.warn_of_certificates(stage.database)

    told = await setting.told()
    async with stage.unit(setting.firm.id) as unit:
        journal = await unit.fetch(
            "SELECT details FROM audit WHERE act = 'provider.certificate_ends' AND target_id = $1", str(row.id)
        )
    assert [each.kind for each in told] == ["directory_certificate"] * len(marks)
    assert [each["details"]["days"] for each in journal] == marks


async def test_of_two_certificates_the_last_one_counts_and_a_new_one_is_told_anew(setting, stage):
    scene = Scene.on(stage)
    soon = provider_metadata(key("soon", days=3)).decode()
    row = await scene.provider(organisation_id=setting.firm.id, metadata_document=soon)
    await notices.warn_of_certificates(stage.database)
    both = provider_metadata(key("soon", days=3), key("later", days=25)).decode()
    async with stage.unit() as unit:
        (await unit.get(SsoProvider, row.id)).metadata_document = both

    await notices.warn_of_certificates(stage.database)

    told = await setting.told()
    assert [each.kind for each in told] == ["directory_certificate"] * 2
    assert told[0].values["until"] < told[1].values["until"]
    assert row.issuer == ISSUER
