"""Requests of the pages about contacts, folders, invoices, mails and one's own account."""

from pages import Sent, _name, fills
from world import World

from parvis.tenancy.v1 import tenancy_pb2

PERSON = {"given_name": "Iso", "family_name": "Lation", "mail": "iso@isolation.example"}


async def _record(world: World) -> tuple[dict[str, str], dict[str, str]]:
    """A fresh contact, and its person."""
    record = await world.fresh_contact()
    return {"id": record.contact.id}, {"person_id": record.people[0].id}


async def _access(world: World, *, cut: bool = False) -> dict[str, str]:
    contact, _ = await _record(world)
    access, _ = await world.cast.grant_access(contact["id"])
    if cut:
        request = tenancy_pb2.CutAccessRequest(membership_id=access.membership_id)
        await world.call("ContactService.CutAccess", request)
    return contact | {"membership_id": access.membership_id}


@fills("POST /o/{slug}/contacts/new")
async def new_contact(world: World) -> Sent:
    typed = {"kind": "client", "name": _name(), "main": "iso@isolation.example", "main_adviser_id": world.member.id}
    return Sent({}, typed, "/o/{slug}/contacts/new")


@fills("POST /o/{slug}/contacts/{id}/edit")
async def edit_contact(world: World) -> Sent:
    contact, _ = await _record(world)
    return Sent(contact, {"telephone": "01 02 03 04 05"}, "/o/{slug}/contacts/{id}/edit")


@fills("POST /o/{slug}/contacts/{id}/erase")
async def erase_contact(world: World) -> Sent:
    contact, _ = await _record(world)
    return Sent(contact, {"understood": "1"}, "/o/{slug}/contacts/{id}/erase")


@fills("POST /o/{slug}/contacts/{id}/people/new")
async def add_person(world: World) -> Sent:
    contact, _ = await _record(world)
    return Sent(contact, PERSON)


@fills("POST /o/{slug}/contacts/{id}/people/{person_id}")
async def save_person(world: World) -> Sent:
    contact, person = await _record(world)
    return Sent(contact | person, PERSON | {"function": "Gérante"})


@fills("POST /o/{slug}/contacts/{id}/people/{person_id}/access")
async def grant_access(world: World) -> Sent:
    contact, person = await _record(world)
    return Sent(contact | person, {"reach": "all"})


@fills("POST /o/{slug}/contacts/{id}/accesses/{membership_id}/folders")
async def limit_access(world: World) -> Sent:
    return Sent(await _access(world), {"reach": "some", "folders": [world.template.id]})


@fills("POST /o/{slug}/contacts/{id}/accesses/{membership_id}/mail")
async def correct_mail(world: World) -> Sent:
    return Sent(await _access(world), {"mail": "iso-2@isolation.example"})


@fills("POST /o/{slug}/contacts/{id}/accesses/{membership_id}/password")
@fills("POST /o/{slug}/contacts/{id}/accesses/{membership_id}/resend")
@fills("POST /o/{slug}/contacts/{id}/accesses/{membership_id}/cut")
async def open_access(world: World) -> Sent:
    return Sent(await _access(world), {})


@fills("POST /o/{slug}/contacts/{id}/accesses/{membership_id}/reopen")
async def reopen_access(world: World) -> Sent:
    return Sent(await _access(world, cut=True), {})


@fills("POST /o/{slug}/contacts/{id}/advisers")
async def set_advisers(world: World) -> Sent:
    contact, _ = await _record(world)
    return Sent(
        contact, {"member.0": world.member.id, "role.0": "main", "act": "save"}, "/o/{slug}/contacts/{id}/advisers"
    )


@fills("POST /o/{slug}/settings/folders/new")
async def new_folder(_: World) -> Sent:
    page = "/o/{slug}/settings/folders/new?audience=supplier"
    return Sent({}, {"name": _name(), "audience": "supplier"}, page)


@fills("POST /o/{slug}/settings/folders/{id}")
async def save_folder(world: World) -> Sent:
    template = await world.fresh_template()
    return Sent({"id": template.id}, {"name": _name()}, "/o/{slug}/settings/folders/{id}")


LINE = {
    "lines[1].description": "Isolation",
    "lines[1].quantity": "1",
    "lines[1].unit": "u",
    "lines[1].unit_price": "10",
    "lines[1].vat_rate": "20",
}


@fills("POST /o/{slug}/invoices/new")
async def new_draft(world: World) -> Sent:
    page = "/o/{slug}/invoices/new?contact=" + world.contact.id
    return Sent({}, LINE | {"act": "save", "contact_id": world.contact.id}, page)


@fills("POST /o/{slug}/invoices/{id}/edit")
async def save_draft(world: World) -> Sent:
    draft = await world.draft()
    return Sent({"id": draft.id}, {"act": "save", "note": "Isolation"}, "/o/{slug}/invoices/{id}/edit")


@fills("POST /o/{slug}/invoices/{id}/close")
async def close_invoice(world: World) -> Sent:
    draft = await world.draft()
    return Sent({"id": draft.id}, {"version": str(draft.version)})


@fills("POST /o/{slug}/invoices/{id}/delete")
async def delete_draft(world: World) -> Sent:
    return Sent({"id": (await world.draft()).id}, {})


MAIL = {"kind": "document-filed", "locale": "en"}
TEMPLATE = "/o/{slug}/settings/templates/{kind}/{locale}"


@fills(f"POST {TEMPLATE}")
async def save_template(_: World) -> Sent:
    return Sent(MAIL, {"act": "save"}, TEMPLATE)


@fills(f"POST {TEMPLATE}/reset")
async def reset_template(_: World) -> Sent:
    return Sent(MAIL | {"kind": "deposit-received"}, {})


@fills("POST /o/{slug}/account")
async def save_account(_: World) -> Sent:
    return Sent({}, {}, "/o/{slug}/account")


@fills("POST /account/address/resend")
@fills("POST /account/address/cancel")
async def change_of_address(_: World) -> Sent:
    return Sent({}, {"back": "/account"})


@fills("POST /account/data/erase")
async def erase_account(_: World) -> Sent:
    """Without the box that is to be ticked: nobody is erased."""
    return Sent({}, {})


@fills("POST /o/{slug}/settings/data/closing")
async def close_organisation(_: World) -> Sent:
    """Under another name: no organisation is closed."""
    return Sent({}, {"name": "no firm's name"})


@fills("POST /o/{slug}/settings/data/closing/reopen")
async def reopen_organisation(_: World) -> Sent:
    return Sent({}, {})


@fills("POST /o/{slug}/account/sessions/{id}/end")
async def end_session(world: World) -> Sent:
    return Sent({"id": await world.fresh_session_id()}, {})


@fills("POST /account/sessions/{id}/end")
async def end_session_alone(world: World) -> Sent:
    return Sent({"id": await world.fresh_session_id()}, {})


@fills("POST /o/{slug}/account/sessions/end-others")
async def end_others(_: World) -> Sent:
    return Sent({}, {})


@fills("POST /account/sessions/end-others")
async def end_others_alone(_: World) -> Sent:
    return Sent({}, {})


@fills("POST /o/{slug}/account/applications/withdraw")
async def withdraw_application(world: World) -> Sent:
    return await _known(world, "administrator")


@fills("POST /account/applications/withdraw")
async def withdraw_application_alone(world: World) -> Sent:
    colleague = await world.cast.member("no-right")
    assigned = tenancy_pb2.SetAssignmentRequest(
        product_id=world.product_id, membership_id=colleague.membership_id, assigned=True
    )
    await world.cast.as_administrator("ProductService.SetAssignment", assigned)
    return await _known(world, "no-right")


async def _known(world: World, name: str) -> Sent:
    """The product knows somebody, who may take that back."""
    await world.cast.redeem(await world.cast.product_code(name))
    return Sent({}, {"client_id": world.cast.product["client_id"]})
