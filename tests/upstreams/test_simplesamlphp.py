"""SimpleSAMLphp signs somebody in through our pages, and out: it checks our signatures, we check its own."""

import html
import re
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from identity_stage import PUBLIC_URL
from saml_stage import Scene
from simplesamlphp import saml_directory

from parvis_identity.domain import saml as names
from parvis_kit.ids import uuid7


@pytest.fixture(scope="module")
def running():
    with saml_directory() as made:
        yield made


@pytest.fixture
def directory(running):
    running.set()
    said = {"givenName": ["Anne"], "sn": ["Roche"], "groups": ["Paie", "Audit"]}
    running.knows({"anne": {**said, "mail": [f"{uuid7()}@orsel.example"]}})
    return running


@pytest.fixture
async def provider(stage, directory):
    """Set up as its administrator does: its metadata by address, ours as a file."""
    scene = Scene.on(stage)
    firm = stage.town.found(f"orsel-{str(uuid7())[-6:]}", "Cabinet Orsel")
    row = await scene.provider(
        organisation_id=firm.id, organisation_slug=firm.slug,
        issuer=directory.metadata, metadata_url=directory.metadata,
        metadata_document=(await scene.reader.fetched(directory.metadata)).decode(), metadata_read_at=None,
    )  # fmt: skip
    directory.declare(await scene.upstream.own_metadata(row))
    return row


class There:
    """A browser at the directory."""

    def __init__(self, ours) -> None:
        self.ours = ours
        self.http = httpx.AsyncClient(trust_env=False, follow_redirects=True)

    async def sign_in(self, provider, name: str = "anne", **query) -> httpx.Response:
        """To the directory and its own sign-in page, and back with what it says."""
        left = await self.ours.get(f"/sso/{provider.id}/start", params=query)
        page = await self.http.get(left.headers["location"])
        if 'name="username"' in page.text:
            place = {key: html.unescape(value) for key, value in _hidden(page.text).items()}
            page = await self.http.post(str(page.url), data={**place, "username": name, "password": "password"})
        return await self.bring(page)

    async def bring(self, page: httpx.Response) -> httpx.Response:
        """Sends the form that the directory made to our address, and lets the browser come for the answer."""
        assert page.status_code == 200, page.text[:2000]
        target = re.search(r'<form[^>]*action="([^"]+)"', page.text)
        assert target, page.text[:3000]
        fields = {key: html.unescape(value) for key, value in _hidden(page.text).items()}
        address = urlsplit(html.unescape(target[1])).path
        posted = await self.ours.stage.browser().http.post(address, data=fields, headers={"Origin": "http://there"})
        if posted.status_code != 303:
            return posted
        return await self.ours.get(posted.headers["location"])

    async def leads_to_us(self, address: str) -> str:
        """Where on our side the directory's redirects end."""
        while not address.startswith(PUBLIC_URL):
            answer = await self.http.get(address, follow_redirects=False)
            address = urljoin(address, answer.headers["location"])
        return address.removeprefix(PUBLIC_URL)


def _hidden(text: str) -> dict[str, str]:
    found = re.findall(r"<input[^>]*>", text)
    named = [(re.search(r'name="([^"]+)"', each), re.search(r'value="([^"]*)"', each)) for each in found]
    return {name[1]: value[1] for name, value in named if name and value}


@pytest.fixture
def there(stage):
    return There(stage.browser())


async def test_somebody_signs_in(stage, there, provider):
    arrived = await there.sign_in(provider, next="/links")

    assert (arrived.status_code, arrived.headers.get("location")) == (303, "/links"), arrived.text
    organisation_id, person = stage.town.settled[-1]
    assert organisation_id == provider.organisation_id
    assert list(person.groups) == ["Paie", "Audit"]
    assert (person.given_name, person.family_name) == ("Anne", "Roche")


async def test_whoever_is_signed_in_there_comes_back_at_once_as_the_same_person(stage, there, provider):
    await there.sign_in(provider)
    again = await there.sign_in(provider)

    assert again.status_code == 303
    query = "SELECT count(*) AS n FROM sso_identities WHERE provider_id = $1 AND subject = 'anne'"
    async with stage.unit() as unit:
        assert (await unit.fetch(query, provider.id))[0]["n"] == 1


async def test_an_assertion_that_it_encrypts_is_opened_where_the_firm_allows_its_algorithm(
    stage, there, directory, provider
):
    directory.set({"assertion.encryption": True})
    refused = await there.sign_in(provider)
    assert "encryption_algorithm" in refused.text

    await stage.run("UPDATE sso_providers SET allows_cbc = true WHERE id = :id", id=provider.id)
    assert (await there.sign_in(provider)).status_code == 303


@pytest.mark.parametrize(("whole", "alone"), [(True, False), (False, True), (True, True)])
async def test_either_signature_is_enough(there, directory, provider, whole, alone):
    directory.set({"saml20.sign.response": whole, "saml20.sign.assertion": alone})
    assert (await there.sign_in(provider)).status_code == 303


async def test_what_it_signs_with_sha_1_is_refused(there, directory, provider):
    directory.set({"signature.algorithm": f"{names.SIGNATURE}rsa-sha1"})
    assert "signature_algorithm" in (await there.sign_in(provider)).text


async def test_its_key_changes_without_anybody_doing_anything(there, directory, provider):
    directory.new_key()
    assert (await there.sign_in(provider)).status_code == 303


async def test_a_sign_out_there_is_a_sign_out_here(there, directory, provider):
    await there.sign_in(provider)
    assert (await there.ours.get("/links")).status_code == 200

    asked = await there.leads_to_us(f"{directory.url}/saml2/idp/SingleLogoutService.php?ReturnTo={directory.url}/bye")
    answered = await there.ours.get(asked)

    assert (await there.ours.get("/links")).status_code == 303
    gone = await there.http.get(answered.headers["location"])
    assert f"{directory.url}/bye" in [str(each.url) for each in (*gone.history, gone)]


async def test_our_sign_out_is_one_there(stage, there, provider):
    await there.sign_in(provider)
    async with stage.unit() as unit:
        query = "SELECT name_id, session_index FROM session_proofs WHERE provider_id = $1"
        (proof,) = await unit.fetch(query, provider.id)

    location = await stage.saml.upstream.logout(
        provider,
        name_id=proof["name_id"],
        session_index=proof["session_index"],
        hint="",
        back=f"{PUBLIC_URL}/signed-out?from=there",
    )
    done = await there.ours.get(await there.leads_to_us(location))

    assert (done.status_code, done.headers["location"]) == (303, "/signed-out?from=there")
    left = await there.ours.get(f"/sso/{provider.id}/start")
    assert 'name="username"' in (await there.http.get(left.headers["location"])).text
