"""Requests of the portal's pages with real identifiers: what stands in each address, what each form sends."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import cases_scim
from browsing import Asked, form_of
from cases_factors import REASON, with_factor
from cases_factors import asked as reset_asked
from google.protobuf import json_format
from people import FIRM, PROVIDER
from world import World, patiently

from parvis.identity.v1 import factors_pb2, identity_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_web.access import PageRoute
from parvis_web.pages import AREAS

ROUTES: dict[str, PageRoute] = {
    f"{method} {route.path}": route for area in AREAS for route in area.routes for method in route.methods
}
#: Rights that only the provider's staff have: their pages are the provider's.
PROVIDERS = {"organisations.manage", "products.manage"}
Ids = dict[str, str]

_OF_A_DIRECTORY = ("/there", "/here", "/claims", "/try", "/live")


@dataclass(frozen=True, slots=True)
class Sent:
    """What a form sends. `shown_on`: the page where it stands, whose fields are sent but for `values`."""

    ids: Ids
    values: dict[str, Any]
    shown_on: str = ""
    body: dict[str, Any] | None = None
    files: dict[str, tuple[str, bytes]] | None = None


Fill = Callable[[World], Awaitable[Sent]]
FILLS: dict[str, Fill] = {}


def places_of(world: World) -> dict[str, Ids]:
    """Address → the identifiers that stand in it, for what is only read."""
    contact, person = {"id": world.contact.id}, {"person_id": world.person_id}
    folder = contact | {"folder_id": world.template.id}
    return {
        "/o/{slug}/settings/people/{id}": {"id": world.member.id},
        "/o/{slug}/settings/people/{id}/why": {"id": world.member.id},
        "/o/{slug}/settings/people/{id}/factors": {"id": world.member.id},
        "/o/{slug}/contacts/{id}/rights": contact,
        "/o/{slug}/contacts/{id}/erase": contact,
        "/o/{slug}/settings/people/{id}/rights": {"id": world.member.id},
        "/o/{slug}/settings/people/{id}/superior": {"id": world.member.id},
        "/o/{slug}/settings/people/requests/{id}": {"id": world.request_id},
        "/o/{slug}/settings/profiles/{id}": {"id": world.member.profile_id},
        "/o/{slug}/customers/{id}/subscribe": {"id": world.cast.firm},
        "/o/{slug}/customers/{id}/products/{product_id}": {"id": world.cast.firm, "product_id": world.product_id},
        "/o/{slug}/settings/applications/{id}": {"id": world.product_id},
        "/o/{slug}/settings/applications/{id}/structures/{structure_id}": {
            "id": world.product_id,
            "structure_id": world.structure_id,
        },
        "/o/{slug}/settings/structures/{id}": {"id": world.structure_id},
        "/o/{slug}/settings/referents/{duty}": {"duty": "technical"},
        "/o/{slug}/settings/sign-in/mapping/rules/{place}": {"place": "new"},
        "/o/{slug}/settings/products/{id}": {"id": world.product_id},
        "/o/{slug}/settings/products/{id}/edit": {"id": world.product_id},
        "/o/{slug}/settings/products/{id}/try": {"id": world.product_id},
        "/o/{slug}/settings/products/{id}/rights/new": {"id": world.product_id},
        "/o/{slug}/settings/products/{id}/rights/{code}": {"id": world.product_id, "code": "portfolios.read"},
        **{
            f"/o/{{slug}}/settings/sign-in/directories/{{id}}{page}": {"id": world.provider_id}
            for page in ("", *_OF_A_DIRECTORY)
        },
        "/o/{slug}/settings/sign-in/domains/{id}": {"id": world.domain_id},
        "/o/{slug}/contacts/{id}": contact,
        "/o/{slug}/contacts/{id}/edit": contact,
        "/o/{slug}/contacts/{id}/people/new": contact,
        "/o/{slug}/contacts/{id}/people/{person_id}": contact | person,
        "/o/{slug}/contacts/{id}/people/{person_id}/access": contact | person,
        "/o/{slug}/contacts/{id}/accesses/{membership_id}/folders": contact | {"membership_id": world.access_id},
        "/o/{slug}/contacts/{id}/accesses/{membership_id}/password": contact | {"membership_id": world.access_id},
        "/o/{slug}/contacts/{id}/accesses/{membership_id}/mail": contact | {"membership_id": world.access_id},
        "/o/{slug}/contacts/{id}/accesses/{membership_id}/view": contact | {"membership_id": world.access_id},
        "/o/{slug}/settings/people/{id}/view": {"id": world.member.id},
        "/o/{slug}/contacts/{id}/advisers": contact,
        "/o/{slug}/settings/folders/{id}": {"id": world.template.id},
        "/o/{slug}/contacts/{id}/folders/{folder_id}": folder,
        "/o/{slug}/contacts/{id}/folders/{folder_id}/upload": folder,
        "/o/{slug}/contacts/{id}/folders/{folder_id}/uploads/{upload_id}": folder | {"upload_id": world.sent_id},
        "/o/{slug}/documents/{id}": {"id": world.document.id},
        "/o/{slug}/documents/{id}/content": {"id": world.document.id},
        "/o/{slug}/documents/{id}/download": {"id": world.document.id},
        "/o/{slug}/uploads/{id}": {"id": world.upload_id},
        "/o/{slug}/uploads/{id}/parts": {"id": world.upload_id},
        "/o/{slug}/settings/imports/{id}": {"id": world.import_id},
        "/o/{slug}/settings/imports/{id}/report": {"id": world.import_id},
        "/o/{slug}/invoices/{id}": {"id": world.invoice.id},
        "/o/{slug}/invoices/{id}/edit": {"id": world.draft_id},
        "/o/{slug}/notifications/{id}": {"id": world.message_id},
        "/o/{slug}/settings/audit/{service}/{id}": {"service": "tenancy", "id": world.entry_id},
        "/o/{slug}/settings/templates/{kind}/{locale}": {"kind": "document-filed", "locale": "en"},
    }


def fills(address: str) -> Callable[[Fill], Fill]:
    """Registers what is sent to "POST /o/{slug}/…"."""

    def add(fill: Fill) -> Fill:
        FILLS[address] = fill
        return fill

    return add


async def asked(world: World, name: str) -> Asked:
    """The request of a route, as its rightful reader sends it."""
    method, path = name.split(" ", 1)
    slug = PROVIDER if ROUTES[name].rule.right in PROVIDERS else FIRM
    if method == "GET":
        return Asked(method, path.format(slug=slug, **places_of(world).get(path, {})))
    sent = await FILLS[name](world)
    address = path.format(slug=slug, **sent.ids)
    values = sent.values
    if sent.shown_on:
        reader = await world.cast.reader(rightful(name))
        page = await reader.person._http.get(f"{world.cast.portal.url}{sent.shown_on.format(slug=slug, **sent.ids)}")
        values = form_of(page.text, address) | values
    return Asked(method, address, values, sent.body, sent.files)


#: Pages of those who wait for an organisation.
WAITING = "/requests/{slug}"


def rightful(name: str) -> str:
    """Who a route is for. The administrator has several sessions here, which go on; and what one of two routes takes
    back is not there for the other.
    """
    if WAITING in name:
        return "requested-member"
    if name == "POST /account/applications/withdraw":
        return "no-right"
    if name.endswith("end-others"):
        return "reader"
    return "provider" if ROUTES[name].rule.right in PROVIDERS else "administrator"


def _name() -> str:
    return f"Isolation {secrets.token_hex(4)}"


def _mail() -> str:
    return f"iso-{secrets.token_hex(4)}@isolation.example"


# The firm: people, profiles, record, applications


@fills("POST /o/{slug}/applications/{id}/assign-to-me")
async def assign_to_me(world: World) -> Sent:
    return Sent({"id": world.product_id}, {})


@fills("POST /o/{slug}/settings/people/{id}/view")
async def view_as_member(world: World) -> Sent:
    return Sent({"id": world.member.id}, {"reason": "isolation"}, "/o/{slug}/settings/people/{id}/view")


@fills("POST /o/{slug}/contacts/{id}/accesses/{membership_id}/view")
async def view_as_client(world: World) -> Sent:
    page = "/o/{slug}/contacts/{id}/accesses/{membership_id}/view"
    return Sent({"id": world.contact.id, "membership_id": world.access_id}, {"reason": "isolation"}, page)


@fills("POST /o/{slug}/viewing/end")
async def leave_viewing(_: World) -> Sent:
    return Sent({}, {})


@fills("POST /o/{slug}/settings/people/invite")
async def invite(world: World) -> Sent:
    page = "/o/{slug}/settings/people/invite"
    typed = {"mail": _mail(), "given_name": "Iso", "family_name": "Lation", "profile_id": world.member.profile_id}
    return Sent({}, typed, page)


@fills("POST /requests/{slug}/withdraw")
async def withdraw_request(world: World) -> Sent:
    await world.access_request((await world.cast.member("requested-member")).account_id)
    return Sent({}, {})


@fills("POST /o/{slug}/settings/people/requests")
async def take_requests(_: World) -> Sent:
    return Sent({}, {"accepted": "1"})


@fills("POST /o/{slug}/settings/people/requests/{id}/accept")
async def accept_request(world: World) -> Sent:
    return Sent({"id": await world.access_request()}, {"profile_id": world.member.profile_id})


@fills("POST /o/{slug}/settings/people/requests/{id}/decline")
async def decline_request(world: World) -> Sent:
    return Sent({"id": await world.access_request()}, {"reason": "Isolation"})


@fills("POST /o/{slug}/settings/people/{id}")
async def change_person(world: World) -> Sent:
    invited = await world.cast.invite(world.member.profile_id)
    return Sent({"id": invited.id}, {"function": "Isolation"}, "/o/{slug}/settings/people/{id}")


@fills("POST /o/{slug}/settings/people/{id}/resend")
@fills("POST /o/{slug}/settings/people/{id}/withdraw")
async def invited(world: World) -> Sent:
    return Sent({"id": (await world.cast.invite(world.member.profile_id)).id}, {})


@fills("POST /o/{slug}/settings/people/{id}/cut")
async def cut(world: World) -> Sent:
    return Sent({"id": (await world.active_member()).id}, {})


@fills("POST /o/{slug}/settings/people/{id}/reopen")
async def reopen(world: World) -> Sent:
    member = await world.active_member()
    await world.call("MemberService.CutMember", tenancy_pb2.CutMemberRequest(id=member.id))
    return Sent({"id": member.id}, {})


@fills("POST /o/{slug}/settings/people/{id}/factors")
async def ask_for_reset(world: World) -> Sent:
    return Sent({"id": (await with_factor(world)).id}, {"reason": REASON})


@fills("POST /o/{slug}/settings/people/{id}/factors/approve")
@fills("POST /o/{slug}/settings/people/{id}/factors/stop")
async def waiting_reset(world: World) -> Sent:
    member_id, reset_id = await reset_asked(world)
    return Sent({"id": member_id}, {"reset_id": reset_id})


@fills("POST /o/{slug}/settings/people/{id}/products")
async def assign(world: World) -> Sent:
    member = await world.cast.invite(world.member.profile_id)
    return Sent({"id": member.id}, {"product_id": world.product_id, "assigned": "1"})


@fills("POST /o/{slug}/settings/profiles/{id}/delete")
async def delete_profile(world: World) -> Sent:
    profile = await world.cast.profile(_name(), {"members.read": tenancy_pb2.SCOPE_ALL})
    return Sent({"id": profile.id}, {"version": profile.version})


@fills("POST /o/{slug}/settings/people/{id}/rights")
async def personal_rights(world: World) -> Sent:
    invited = await world.cast.invite(world.member.profile_id)
    return Sent({"id": invited.id}, {"version": invited.version, "right.members.read": "2"})


@fills("POST /o/{slug}/settings/people/{id}/superior")
async def superior(world: World) -> Sent:
    invited = await world.cast.invite(world.member.profile_id)
    return Sent({"id": invited.id}, {"version": invited.version, "manager": world.member.id})


@fills("POST /o/{slug}/settings/profiles/new")
async def new_profile(_: World) -> Sent:
    return Sent({}, {"name": _name(), "all": ["members.read"]})


@fills("POST /o/{slug}/settings/profiles/{id}")
async def save_profile(world: World) -> Sent:
    profile = await world.cast.profile(_name(), {"members.read": tenancy_pb2.SCOPE_ALL})
    return Sent({"id": profile.id}, {"name": _name()}, "/o/{slug}/settings/profiles/{id}")


@fills("POST /o/{slug}/settings/organisation")
async def save_record(_: World) -> Sent:
    return Sent({}, {}, "/o/{slug}/settings/organisation")


@fills("POST /o/{slug}/settings/sign-in/scim/tokens/new")
async def make_scim_token(world: World) -> Sent:
    await cases_scim.room(world)
    return Sent({}, {"name": "Isolation"}, "/o/{slug}/settings/sign-in/scim/tokens/new")


@fills("POST /o/{slug}/settings/sign-in/scim/tokens/{id}/revoke")
async def revoke_scim_token(world: World) -> Sent:
    return Sent({"id": (await cases_scim.token(world)).token.id}, {})


@fills("POST /o/{slug}/settings/sign-in/policy")
async def save_sign_in_policy(_: World) -> Sent:
    return Sent({}, {}, "/o/{slug}/settings/sign-in/policy")


@fills("POST /o/{slug}/settings/passwords")
async def save_passwords(_: World) -> Sent:
    return Sent({}, {}, "/o/{slug}/settings/passwords")


@fills("POST /o/{slug}/settings/applications/{id}")
async def assign_application(world: World) -> Sent:
    member = await world.cast.invite(world.member.profile_id)
    return Sent({"id": world.product_id}, {"membership_id": member.id, "assigned": "1"})


@fills("POST /o/{slug}/settings/applications/{id}/structures/{structure_id}")
@fills("POST /o/{slug}/settings/applications/{id}/structures/{structure_id}/everybody")
async def seats_of_a_structure(world: World) -> Sent:
    ids = {"id": world.product_id, "structure_id": (await world.fresh_structure()).id}
    return Sent(ids, {"seats": "0", "name": "Isolation", "assigned": "1"})


@fills("POST /o/{slug}/settings/structures/{id}")
@fills("POST /o/{slug}/settings/structures/{id}/delete")
async def changed_structure(world: World) -> Sent:
    made = await world.fresh_structure()
    return Sent({"id": made.id}, {"name": _name(), "parent_id": world.structure_id, "version": str(made.version)})


@fills("POST /o/{slug}/settings/referents/{duty}")
async def referents(world: World) -> Sent:
    return Sent({"duty": "accounting"}, {"membership_ids": world.member.id})


@fills("POST /o/{slug}/settings/sign-in/mapping")
async def default_of_the_mapping(world: World) -> Sent:
    found = await world.mapping()
    values = {"act": "default", "default_profile_id": world.member.profile_id, "version": str(found.version)}
    return Sent({}, values)


@fills("POST /o/{slug}/settings/sign-in/mapping/rules/{place}")
async def rule_of_the_mapping(world: World) -> Sent:
    found = await world.mapping()
    given = {"value": _name(), "profile_id": found.rules[0].profile_id, "structure_id": world.structure_id}
    return Sent({"place": "new"}, given | {"version": str(found.version)})


@fills("POST /o/{slug}/settings/sign-in/mapping/save")
async def saved_mapping(world: World) -> Sent:
    return Sent({}, {"mapping": json_format.MessageToJson(await world.mapping())})


@fills("POST /o/{slug}/settings/people/{id}/directory")
async def directory_hand(world: World) -> Sent:
    member = await world.directory_member()
    return Sent({"id": member.id}, {"followed": "0", "version": str(member.version)})


@fills("POST /o/{slug}/settings/structures")
async def new_structure(world: World) -> Sent:
    return Sent({}, {"name": _name(), "parent_id": world.structure_id})


# The provider: customers and products


@fills("POST /o/{slug}/customers/factors")
async def ask_for_reset_as_provider(world: World) -> Sent:
    return Sent({}, {"identifier": (await with_factor(world)).mail, "reason": REASON})


@fills("POST /o/{slug}/customers/factors/stop")
async def stop_reset_as_provider(world: World) -> Sent:
    wanted = factors_pb2.RequestProviderFactorResetRequest(identifier=(await with_factor(world)).mail, reason=REASON)
    reset = await world.call("FactorService.RequestProviderFactorReset", wanted, by="provider")
    return Sent({}, {"reset_id": reset.id})


@fills("POST /o/{slug}/customers/new")
async def new_customer(_: World) -> Sent:
    typed = {"administrator_mail": _mail(), "administrator_given_name": "Iso", "administrator_family_name": "Lation"}
    return Sent({}, typed | {"name": _name()})


@fills("POST /o/{slug}/customers/{id}/products/{product_id}")
async def sell(world: World) -> Sent:
    made = await world.registered_product()
    return Sent({"id": world.cast.firm, "product_id": made.id}, {"seats": "3", "product_name": "Patrimonia"})


@fills("POST /o/{slug}/settings/products/new")
async def new_product(_: World) -> Sent:
    address = f"https://{secrets.token_hex(4)}.example"
    return Sent({}, {"name": _name(), "launch_url": address, "redirect_uris": f"{address}/callback"})


@fills("POST /o/{slug}/settings/products/{id}/edit")
async def save_product(world: World) -> Sent:
    made = await world.registered_product()
    return Sent({"id": made.id}, {"name": _name()}, "/o/{slug}/settings/products/{id}/edit")


@fills("POST /o/{slug}/settings/products/{id}/secret")
@fills("POST /o/{slug}/settings/products/{id}/open")
@fills("POST /o/{slug}/settings/products/{id}/try")
async def registered_product(world: World) -> Sent:
    return Sent({"id": (await world.registered_product()).id}, {"keep_hours": "24", "open": "0"})


@fills("POST /o/{slug}/settings/products/{id}/rights/new")
async def declare_right(world: World) -> Sent:
    made = await world.registered_product()
    named = {"name_fr": "Isolation", "name_en": "Isolation", "tab": "Isolation", "version": "1"}
    return Sent({"id": made.id}, named | {"code": f"i{secrets.token_hex(6)}.read"})


@fills("POST /o/{slug}/settings/products/{id}/rights/{code}")
async def change_right(world: World) -> Sent:
    named = {"name_fr": _name(), "name_en": "Isolation", "tab": "Isolation", "version": "2"}
    return Sent(await world.declared_right(), named)


@fills("POST /o/{slug}/settings/products/{id}/rights/{code}/withdraw")
async def withdraw_right(world: World) -> Sent:
    return Sent(await world.declared_right(), {"version": "2"})


# Accounts from another platform


async def _import(world: World, *, checked: bool = False) -> str:
    made = identity_pb2.StartImportRequest(name="iso.csv", size=5)
    import_id = (await world.call("ImportService.StartImport", made, by="provider")).id
    part = identity_pb2.AppendImportRequest(id=import_id, part=b"mail\n")
    await world.call("ImportService.AppendImport", part, by="provider")
    if checked:
        await world.call(
            "ImportService.RunImport", identity_pb2.RunImportRequest(id=import_id, dry=True), by="provider"
        )
        async for _ in patiently():
            found = await world.call(
                "ImportService.GetImport", identity_pb2.GetImportRequest(id=import_id), by="provider"
            )
            if found.state == identity_pb2.IMPORT_STATE_CHECKED:
                break
    return import_id


@fills("POST /o/{slug}/settings/imports")
async def upload_accounts(_: World) -> Sent:
    return Sent({}, {}, files={"file": ("iso.csv", b"mail\n")})


@fills("POST /o/{slug}/settings/imports/{id}/run")
async def run_import(world: World) -> Sent:
    return Sent({"id": await _import(world, checked=True)}, {})


@fills("POST /o/{slug}/settings/imports/{id}/discard")
async def discard_import(world: World) -> Sent:
    return Sent({"id": await _import(world)}, {})


# Files on their way in


def _announced(world: World) -> dict[str, Any]:
    wanted = world.upload_request()
    return {
        "name": wanted.name, "size": wanted.size, "type": wanted.media_type,
        "contact_id": wanted.contact_id, "folder_template_id": wanted.folder_template_id,
    }  # fmt: skip


@fills("POST /o/{slug}/contacts/{id}/folders/{folder_id}/upload")
async def start_form_upload(world: World) -> Sent:
    return Sent({"id": world.contact.id, "folder_id": world.template.id}, {})


@fills("POST /o/{slug}/uploads")
async def start_upload(world: World) -> Sent:
    return Sent({}, {}, body=_announced(world))


@fills("POST /o/{slug}/uploads/{id}/complete")
async def complete_upload(world: World) -> Sent:
    return Sent({"id": (await world.sent_upload()).id}, {}, body={})


@fills("DELETE /o/{slug}/uploads/{id}")
async def abort_upload(world: World) -> Sent:
    return Sent({"id": (await world.upload()).id}, {})
