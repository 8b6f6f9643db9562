"""What a provider does with its products and their OpenID clients."""

from tenancy_stage import refused

from parvis.identity.v1 import identity_pb2
from parvis_kit.errors import Kind, invalid
from parvis_kit.ids import uuid7

SETTINGS = identity_pb2.ClientSettings(redirect_uris=["https://paie.example/cb"], subject_type="pairwise")


async def change(provider, product, version=1, **changes):
    values = {"name": "Paie", "launch_url": "https://paie.example/", "client": SETTINGS, **changes}
    return await provider.call("UpdateProduct", id=product.id, version=version, **values)


async def test_a_product_is_registered_with_all_of_its_client(stage, provider):
    made = await provider.call("RegisterProduct", name="Paie", launch_url="https://paie.example/", client=SETTINGS)

    found = await provider.call("GetProduct", id=made.id)

    assert (found.name, found.client.settings, found.version) == ("Paie", SETTINGS, 1)


async def test_a_product_and_its_client_change_together(stage, provider):
    product = await stage.product(provider)

    await change(provider, product, name="Paie 2", description="La paie", launch_url="https://neuf.example/")

    found = await provider.call("GetProduct", id=product.id)
    told = (found.name, found.description, found.launch_url, found.client.settings.subject_type, found.version)
    assert told == ("Paie 2", "La paie", "https://neuf.example/", "pairwise", 2)


async def test_what_identity_refuses_changes_nothing(stage, provider):
    product = await stage.product(provider)
    stage.identity.refusal = invalid("client_invalid")

    with refused(Kind.INVALID, "client_invalid"):
        await change(provider, product, name="Autre")
    stage.identity.refusal = None

    assert (await provider.call("GetProduct", id=product.id)).name == "Paie Facile"


async def test_of_two_who_change_one_is_told(stage, provider):
    product = await stage.product(provider)
    await change(provider, product)
    with refused(Kind.CONFLICT, "stale_version"):
        await change(provider, product)


async def test_an_unsafe_address_is_refused_before_identity_is_asked(stage, provider):
    product = await stage.product(provider)
    with refused(Kind.INVALID, "fields_invalid"):
        await change(provider, product, launch_url="javascript:alert(1)")


async def test_a_new_secret_is_passed_on(stage, provider):
    product = await stage.product(provider)
    assert (await provider.call("RotateProductSecret", id=product.id, keep_hours=24)).client_secret == "kept 24 h"


async def test_a_product_is_closed_and_opened_again(stage, provider):
    product = await stage.product(provider)
    closed = [
        (await provider.call("SetProductOpen", id=product.id, open=open_)).client.HasField("closed_at")
        for open_ in (False, True)
    ]
    assert closed == [True, False]


async def test_a_closed_product_is_launched_by_nobody_and_lists_say_so(stage, provider):
    product = await stage.product(provider)

    async def listed() -> list[bool]:
        mine = (await provider.call("ListMyProducts")).products
        return [each.closed for each in mine if each.id == product.id]

    await provider.call("SetProductOpen", id=product.id, open=False)
    closed = await listed()
    await provider.call("SetProductOpen", id=product.id, open=True)
    assert (closed, await listed()) == ([True], [False])


async def test_a_try_out_is_of_the_products_client(stage, provider):
    product = await stage.product(provider)
    begun = await provider.call("StartProductTrial", id=product.id, return_path="/o/x/y")
    ended = await provider.call("FinishProductTrial", id=product.id, state="s")
    assert begun.authorization_url.endswith(f"client_id={product.client_id}")
    assert ended.scope == f"{product.client_id} s"


async def test_what_is_not_the_providers_is_not_found(stage, provider, admin):
    nobodys = str(uuid7())
    for method in ("GetProduct", "RotateProductSecret", "SetProductOpen", "StartProductTrial", "FinishProductTrial"):
        with refused(Kind.NOT_FOUND, "product_not_found"):
            await provider.call(method, id=nobodys)
        with refused(Kind.FORBIDDEN, "right_missing"):
            await admin.call(method, id=nobodys)


async def test_every_act_is_written_down(stage, provider):
    product = await stage.product(provider)
    await change(provider, product)
    await provider.call("RotateProductSecret", id=product.id)
    await provider.call("SetProductOpen", id=product.id)
    await provider.call("StartProductTrial", id=product.id)

    acts = [act for act in await stage.acts(provider) if act.startswith("product.")]

    wanted = {"product.registered", "product.changed", "product.secret_rotated", "product.closed"}
    assert wanted | {"product.trial_started"} <= set(acts)
