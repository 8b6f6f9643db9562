"""The provider's products: registered, changed, tried out, closed; what their developers paste."""

import re

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from parvis.identity.v1 import identity_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Violation, conflict, invalid, not_found, precondition
from parvis_web.configurations import Values, configurations
from parvis_web.testing import text_of

HERE = "/o/durand/settings/products/p1"
SETTINGS = identity_pb2.ClientSettings(
    redirect_uris=["https://paie.example/retour"],
    post_logout_redirect_uris=["https://paie.example/"],
    scopes=["profile", "email"],
    token_endpoint_auth_method="client_secret_basic",
    id_token_signed_response_alg="ES256",
    subject_type="public",
    application_type="web",
    pkce_required=True,
    rotates_refresh_tokens=True,
)
TYPED = {"name": "Paie", "launch_url": "https://paie.example/", "redirect_uris": "https://paie.example/retour"}


def product(**changes):
    client = identity_pb2.Client(client_id="cid", settings=SETTINGS, has_secret=True)
    client.MergeFrom(identity_pb2.Client(**changes))
    return tenancy_pb2.Product(id="p1", name="Paie", launch_url="https://paie.example/", version=3, client=client)


@pytest.fixture
def shop(suite):
    suite.services.answers["GetProduct"] = product()
    return suite


def values(secret="s3cret", **changes):
    settings = identity_pb2.ClientSettings()
    settings.CopyFrom(SETTINGS)
    for name, value in changes.items():
        setattr(settings, name, value)
    return Values("https://portail.example", "cid", secret, settings)


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"])
def test_every_framework_gets_the_real_values(method):
    made = configurations(values(secret="s3cret" if "secret" in method else "", token_endpoint_auth_method=method))
    for each in made:
        assert "cid" in each.text, each.key
        assert "https://portail.example" in each.text, each.key
        assert ("s3cret" in each.text) == ("secret" in method), each.key
    assert len(made) >= 7


def test_no_configuration_has_a_place_that_was_not_filled():
    assert not [each.key for each in configurations(values()) if re.search(r"None|\{\w+\}|''|\"\"", each.text)]


@pytest.mark.parametrize("key", ["django", "authlib"])
def test_what_is_pasted_into_python_is_python(key):
    text = next(each.text for each in configurations(values()) if each.key == key)
    compile(text, key, "exec")


async def test_a_product_says_who_it_is_and_never_its_secret(shop):
    answer = await shop.get(HERE)
    assert answer.status_code == 200
    assert "THE-SECRET-YOU-COPIED" in answer.text
    assert "https://paie.example/retour" in answer.text
    assert "Names and language<br>Mail address" in answer.text


async def test_what_is_typed_is_registered(shop):
    typed = {
        **TYPED, "scopes": ["email", "phone"], "token_endpoint_auth_method": "private_key_jwt",
        "jwks_uri": "https://paie.example/jwks", "id_token_signed_response_alg": "PS256", "subject_type": "pairwise",
        "pkce_required": "1", "native": "1", "exchange_audiences": "aaa\r\nbbb",
        "backchannel_logout_uri": "https://paie.example/fin",
    }  # fmt: skip
    await shop.post("/o/durand/settings/products/new", typed)
    sent = shop.services.last("RegisterProduct").client
    assert list(sent.scopes) == ["email", "phone", "offline_access"]
    assert (sent.token_endpoint_auth_method, sent.jwks_uri) == ("private_key_jwt", "https://paie.example/jwks")
    assert (sent.id_token_signed_response_alg, sent.subject_type, sent.application_type) == (
        "PS256", "pairwise", "native",
    )  # fmt: skip
    assert (sent.pkce_required, sent.rotates_refresh_tokens, list(sent.exchange_audiences)) == (
        True, False, ["aaa", "bbb"],
    )  # fmt: skip


async def test_what_is_wrong_is_said_at_its_field_and_nothing_typed_is_lost(shop):
    wrong = [Violation("jwks_json", "keys_needed"), Violation("redirect_uris", "not_a_redirect_address")]
    shop.services.answers["RegisterProduct"] = invalid("client_invalid", wrong)
    answer = await shop.post("/o/durand/settings/products/new", {**TYPED, "description": "La paie de tous"})
    assert answer.status_code == 422
    assert "or say at which address they are" in text_of(answer)
    assert "La paie de tous" in answer.text


async def test_a_change_carries_the_version_that_was_read(shop):
    page = await shop.get(f"{HERE}/edit")
    await shop.post(f"{HERE}/edit", {**TYPED, "version": "3"})
    assert 'name="version" value="3"' in page.text
    assert shop.services.last("UpdateProduct").version == 3


async def test_who_was_overtaken_keeps_what_they_typed(shop):
    shop.services.answers["UpdateProduct"] = conflict("stale_version", version="4")
    answer = await shop.post(f"{HERE}/edit", {**TYPED, "name": "Paie 2", "version": "3"})
    assert (answer.status_code, "Paie 2" in answer.text) == (422, True)
    assert 'name="version" value="4"' in answer.text


async def test_a_change_that_makes_a_secret_shows_it(shop):
    shop.services.answers["UpdateProduct"] = tenancy_pb2.RegisteredProduct(
        id="p1", client_id="cid", client_secret="n3w"
    )
    answer = await shop.post(f"{HERE}/edit", {**TYPED, "version": "3"})
    assert ("n3w" in answer.text, answer.headers["cache-control"]) == (True, "no-store")


@pytest.mark.parametrize(("hours", "said"), [("0", "has stopped working"), ("24", "another 24 hours")])
async def test_a_new_secret_says_what_becomes_of_the_old_one(shop, hours, said):
    shop.services.answers["RotateProductSecret"] = tenancy_pb2.RegisteredProduct(
        id="p1", client_id="cid", client_secret="n3w"
    )
    answer = await shop.post(f"{HERE}/secret", {"keep_hours": hours})
    assert shop.services.last("RotateProductSecret").keep_hours == int(hours)
    assert (said in text_of(answer), answer.headers["cache-control"]) == (True, "no-store")


async def test_an_overlap_is_one_of_those_offered(shop):
    await shop.post(f"{HERE}/secret", {"keep_hours": "9999"})
    assert shop.services.last("RotateProductSecret").keep_hours == 0


async def test_a_try_out_goes_to_the_sign_in_and_comes_back_to_this_product(shop):
    shop.services.answers["StartProductTrial"] = identity_pb2.Trial(
        authorization_url="http://localhost:8600/oauth2/authorize?state=s"
    )
    answer = await shop.post(f"{HERE}/try")
    assert shop.services.last("StartProductTrial").return_path == f"{HERE}/try"
    assert answer.headers["location"] == "/oauth2/authorize?state=s"


async def test_a_closed_product_is_not_tried(shop):
    shop.services.answers["StartProductTrial"] = precondition("client_closed")
    assert (await shop.post(f"{HERE}/try")).headers["location"] == HERE


async def test_a_try_out_shows_what_came(shop):
    shop.services.answers["FinishProductTrial"] = identity_pb2.TrialReport(
        assigned=True,
        authorization_url="https://portail.example/oauth2/authorize?scope=openid",
        id_token_header_json='{"alg": "ES256"}',
        id_token_claims_json='{"sub": "42"}',
        userinfo_json='{"email": "claire@orsel.example"}',
        probes=[identity_pb2.TrialProbe(member="redirect_uri", address="https://x.example/", trouble="Autre chose")],
    )
    answer = text_of(await shop.get(f"{HERE}/try?state=s&code=c"))
    assert all(each in answer for each in ("ES256", "42", "claire@orsel.example", "Autre chose", "It works"))


async def test_a_try_out_that_was_refused_says_why(shop):
    shop.services.answers["FinishProductTrial"] = identity_pb2.TrialReport(
        error="invalid_scope", error_description="The scope is unknown."
    )
    answer = text_of(await shop.get(f"{HERE}/try?state=s&error=invalid_scope"))
    assert "invalid_scope" in answer
    assert "The scope is unknown." in answer


async def test_a_try_out_that_is_over_leads_back(shop):
    shop.services.answers["FinishProductTrial"] = not_found("trial_not_found")
    assert (await shop.get(f"{HERE}/try?state=s")).headers["location"] == HERE
    assert (await shop.get(f"{HERE}/try")).headers["location"] == HERE


@pytest.mark.parametrize(
    ("refused_for", "said"),
    [
        ("redirect_uri https://autre.example/cb", "https://autre.example/cb to come back to"),
        ("proof client_secret_basic", "its secret or its key is not the registered one"),
        ("proof client_secret_post", "client_secret_post instead of client_secret_basic"),
    ],
)
async def test_a_product_says_what_it_was_refused_for_until_it_works(shop, refused_for, said):
    client = {"refused_for": refused_for, "refused_at": Timestamp(seconds=2000), "used_at": Timestamp(seconds=1000)}
    shop.services.answers["GetProduct"] = product(**client)
    failed = text_of(await shop.get(HERE))
    shop.services.answers["GetProduct"] = product(**client | {"used_at": Timestamp(seconds=3000)})
    works = text_of(await shop.get(HERE))
    assert (said in failed, said in works) == (True, False)
