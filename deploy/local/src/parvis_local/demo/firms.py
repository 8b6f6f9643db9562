"""Makes the provider and its firms. Every function looks before it makes."""

import json
from datetime import UTC, datetime
from functools import partial

from parvis.billing.v1 import billing_pb2, billing_pb2_grpc
from parvis.documents.v1 import documents_pb2, documents_pb2_grpc
from parvis.identity.v1 import identity_pb2
from parvis.tenancy.v1 import tenancy_pb2, tenancy_pb2_grpc
from parvis_kit.caller import acting_for
from parvis_kit.errors import Kind, ServiceError
from parvis_local.demo.papers import typeset
from parvis_local.demo.portal import Person, Portal, eventually
from parvis_local.demo.story import DECLARED, PRODUCTS, PROVIDER, Firm, Party, Who, vat_number

KINDS = {
    "client": tenancy_pb2.CONTACT_KIND_CLIENT,
    "employee": tenancy_pb2.CONTACT_KIND_EMPLOYEE,
    "supplier": tenancy_pb2.CONTACT_KIND_SUPPLIER,
}


async def make_provider(portal: Portal) -> Person:
    """The provider and its administrator, signed in."""
    organisations = tenancy_pb2_grpc.OrganisationServiceStub(portal.peers.channel("tenancy"))
    link_file = portal.context.data / "demo.link"  # so that an interrupted load finds its way in again
    who = PROVIDER.administrator
    try:
        with acting_for(None):
            made = await organisations.SetUp(
                tenancy_pb2.SetUpRequest(
                    setup_token=portal.context.setup_token,
                    organisation_name=PROVIDER.name,
                    mail=who.mail,
                    given_name=who.given_name,
                    family_name=who.family_name,
                    locale="fr",
                )
            )
        link_file.write_text(made.activation_url)
    except ServiceError as error:
        if error.reason != "already_set_up":
            raise
    return await portal.activated(who.mail, link=link_file.read_text())


async def open_requests(portal: Portal, provider: Person) -> None:
    """Whoever knows the address may ask the provider for an account: its page is there to be seen."""
    stub = tenancy_pb2_grpc.RequestServiceStub(portal.peers.channel("tenancy"))
    async with provider.acting_for(next(iter((await provider.organisations()).values()))):
        await stub.SetRequestsAccepted(tenancy_pb2.SetRequestsAcceptedRequest(accepted=True))


async def make_products(portal: Portal, provider: Person) -> dict[str, str]:
    """Registers the products; name → id. The example's client goes to the file that it reads."""
    stub = tenancy_pb2_grpc.ProductServiceStub(portal.peers.channel("tenancy"))
    async with provider.acting_for(next(iter((await provider.organisations()).values()))):
        known = {
            product.name: product.id
            for product in (await stub.ListMyProducts(tenancy_pb2.ListMyProductsRequest())).products
        }
        for name, description, is_example in PRODUCTS:
            if name in known:
                continue
            url = portal.context.addresses["product"] if is_example else f"https://{name.lower()}.example"
            made = await stub.RegisterProduct(
                tenancy_pb2.RegisterProductRequest(
                    name=name,
                    description=description,
                    launch_url=f"{url}/start",
                    client=identity_pb2.ClientSettings(
                        redirect_uris=[f"{url}/callback"],
                        post_logout_redirect_uris=[f"{url}/"],
                        backchannel_logout_uri=f"{url}/backchannel-logout",
                        backchannel_logout_session_required=True,
                        scopes=["profile", "email", "offline_access"],
                        application_type="web",
                        token_endpoint_auth_method="client_secret_basic",  # noqa: S106 - the name of a method
                        id_token_signed_response_alg="ES256",  # noqa: S106 - an algorithm
                        subject_type="public",
                        pkce_required=True,
                        rotates_refresh_tokens=True,
                    ),
                )
            )
            known[name] = made.id
            if is_example:
                _write_client(portal, made)
                rights = [
                    tenancy_pb2.DeclaredRight(
                        code=code, name_fr=french, name_en=english, tab=name, scoped=scoped, requires=requires
                    )
                    for code, french, english, scoped, requires in DECLARED
                ]
                await stub.SaveProductRights(
                    tenancy_pb2.SaveProductRightsRequest(product_id=made.id, rights=rights, version=1)
                )
    return known


def _write_client(portal: Portal, made: tenancy_pb2.RegisteredProduct) -> None:
    client = {"client_id": made.client_id, "client_secret": made.client_secret}
    portal.context.product_file.write_text(json.dumps(client) + "\n")
    portal.context.product_file.chmod(0o600)


async def make_firm(portal: Portal, provider: Person, firm: Firm, products: dict[str, str]) -> None:
    """A firm with everything that the story tells of it."""
    organisation_id = await _customer(portal, provider, firm, products)
    administrator = await portal.activated(firm.members[0].mail)
    async with administrator.acting_for(organisation_id):
        await eventually(lambda: _record(portal, firm))
        members = await _members(portal, firm)
        await _assignments(portal, firm, members, products)
        for party in firm.contacts:
            portal.context.report(f"{firm.name} : {party.name}")
            await _contact(portal, administrator, firm, party, members)
    for member in firm.members[1:]:
        if member.signs_in:
            person = await portal.activated(member.mail)
            async with person.acting_for(organisation_id):  # the first arrival makes an invited member an active one
                pass
    for access in PROVIDER.accesses_that_sign_in():
        if access.slug == firm.slug:
            await portal.activated(access.person.mail, identifier=access.identifier, slug=firm.slug)


async def _customer(portal: Portal, provider: Person, firm: Firm, products: dict[str, str]) -> str:
    organisations = tenancy_pb2_grpc.OrganisationServiceStub(portal.peers.channel("tenancy"))
    sales = billing_pb2_grpc.EntitlementServiceStub(portal.peers.channel("billing"))
    own = await provider.organisations()
    async with provider.acting_for(next(iter(own.values()))):
        listed = await organisations.ListCustomers(tenancy_pb2.ListCustomersRequest(query=firm.name))
        found = {customer.slug: customer.id for customer in listed.organisations}
        if firm.slug not in found:
            administrator = firm.members[0]
            made = await organisations.CreateCustomer(
                tenancy_pb2.CreateCustomerRequest(
                    name=firm.name,
                    slug=firm.slug,
                    siren=firm.siren,
                    administrator_mail=administrator.mail,
                    administrator_given_name=administrator.given_name,
                    administrator_family_name=administrator.family_name,
                )
            )
            found[firm.slug] = made.id
        customer_id = found[firm.slug]
        request = billing_pb2.ListEntitlementsRequest(customer_id=customer_id, page_size=200)
        sold = {each.product_id for each in (await sales.ListEntitlements(request)).entitlements}
        for name, seats in firm.subscribed.items():
            if products[name] not in sold:
                await sales.SetEntitlement(
                    billing_pb2.SetEntitlementRequest(customer_id=customer_id, product_id=products[name], seats=seats)
                )
    return found[firm.slug]


async def _record(portal: Portal, firm: Firm) -> None:
    stub = tenancy_pb2_grpc.OrganisationServiceStub(portal.peers.channel("tenancy"))
    record = await stub.GetOrganisation(tenancy_pb2.GetOrganisationRequest())
    if record.legal_form:
        return
    record.legal_name, record.legal_form, record.capital = firm.legal_name, firm.legal_form, firm.capital
    record.siren, record.registry, record.vat_number = firm.siren, firm.registry, vat_number(firm.siren)
    record.address.CopyFrom(_address(firm.street, firm.postal_code, firm.city))
    record.telephone, record.mail, record.accent, record.iban = firm.telephone, firm.mail, firm.accent, firm.iban
    record.time_zone = record.time_zone or "Europe/Paris"
    await stub.UpdateOrganisation(tenancy_pb2.UpdateOrganisationRequest(organisation=record))


async def _members(portal: Portal, firm: Firm) -> dict[str, str]:
    """Invites the members; mail → membership."""
    organisations = tenancy_pb2_grpc.OrganisationServiceStub(portal.peers.channel("tenancy"))
    stub = tenancy_pb2_grpc.MemberServiceStub(portal.peers.channel("tenancy"))
    structures = {
        each.name: each.id
        for each in (await organisations.ListStructures(tenancy_pb2.ListStructuresRequest())).structures
    }
    for name in firm.structures:
        if name not in structures:
            structures[name] = (await organisations.CreateStructure(tenancy_pb2.CreateStructureRequest(name=name))).id
    profiles = {
        each.built_in: each.id for each in (await stub.ListProfiles(tenancy_pb2.ListProfilesRequest())).profiles
    }
    listed = await stub.ListMembers(tenancy_pb2.ListMembersRequest(page_size=200))
    known = {member.mail: member.id for member in listed.members}
    for who in firm.members:
        if who.mail not in known:
            made = await stub.InviteMember(
                tenancy_pb2.InviteMemberRequest(
                    mail=who.mail,
                    given_name=who.given_name,
                    family_name=who.family_name,
                    function=who.function,
                    profile_id=profiles[who.profile],
                    structure_id=structures.get(who.structure, ""),
                    locale="fr",
                )
            )
            known[who.mail] = made.id
    return known


async def _assignments(portal: Portal, firm: Firm, members: dict[str, str], products: dict[str, str]) -> None:
    stub = tenancy_pb2_grpc.ProductServiceStub(portal.peers.channel("tenancy"))
    for mail, names in firm.assigned.items():
        for name in names:
            request = tenancy_pb2.SetAssignmentRequest(
                product_id=products[name], membership_id=members[mail], assigned=True
            )
            # What was bought arrives from billing a moment later.
            await eventually(partial(stub.SetAssignment, request))


async def _contact(portal: Portal, person: Person, firm: Firm, party: Party, members: dict[str, str]) -> None:
    stub = tenancy_pb2_grpc.ContactServiceStub(portal.peers.channel("tenancy"))
    listed = await stub.ListContacts(tenancy_pb2.ListContactsRequest(kind=KINDS[party.kind], query=party.name))
    if known := next((contact for contact in listed.contacts if contact.name == party.name), None):
        record = await stub.GetContact(tenancy_pb2.GetContactRequest(id=known.id))
    else:
        record = await stub.CreateContact(_contact_request(party, members))
    people = {made.mail: made for made in record.people}
    for who in party.people[: party.accesses]:
        if not people[who.mail].HasField("access"):
            await stub.GrantAccess(
                tenancy_pb2.GrantAccessRequest(contact_id=record.contact.id, person_id=people[who.mail].id)
            )
    await _papers(portal, person, firm, party, record.contact.id)
    await _bills(portal, party, record.contact.id)


def _contact_request(party: Party, members: dict[str, str]) -> tenancy_pb2.CreateContactRequest:
    return tenancy_pb2.CreateContactRequest(
        contact=tenancy_pb2.Contact(
            kind=KINDS[party.kind],
            name=party.name,
            addresses=tenancy_pb2.ContactAddresses(main=party.mail),
            siren=party.siren,
            vat_number=vat_number(party.siren) if party.siren else "",
            address=_address(party.street, party.postal_code, party.city) if party.city else None,
            locale="fr",
        ),
        main_adviser_id=members.get(party.adviser, ""),
        people=[_person(who) for who in party.people],
    )


async def _papers(portal: Portal, person: Person, firm: Firm, party: Party, contact_id: str) -> None:
    if not party.papers:
        return
    folders = documents_pb2_grpc.FolderServiceStub(portal.peers.channel("documents"))
    documents = documents_pb2_grpc.DocumentServiceStub(portal.peers.channel("documents"))

    async def templates() -> dict[str, str]:
        answer = await folders.ListFolders(documents_pb2.ListFoldersRequest(contact_id=contact_id))
        if not answer.folders:
            raise ServiceError(Kind.NOT_FOUND, "folders_not_yet")
        return {folder.template.built_in: folder.template.id for folder in answer.folders}

    by_key = await eventually(templates)
    listed = await documents.ListDocuments(documents_pb2.ListDocumentsRequest(contact_id=contact_id, page_size=200))
    filed = {document.name for document in listed.documents}
    for paper in party.papers:
        if paper.name in filed:
            continue
        content = typeset(firm, party, paper)
        request = documents_pb2.StartUploadRequest(
            contact_id=contact_id,
            folder_template_id=by_key[paper.folder],
            name=paper.name,
            size=len(content),
            media_type="application/pdf",
        )
        await person.upload(request, content)


async def _bills(portal: Portal, party: Party, contact_id: str) -> None:
    if not party.bills:
        return
    stub = billing_pb2_grpc.InvoiceServiceStub(portal.peers.channel("billing"))
    listed = await eventually(lambda: stub.ListInvoices(billing_pb2.ListInvoicesRequest(contact_id=contact_id)))
    invoices = list(reversed(listed.invoices))
    for index, bill in enumerate(party.bills):
        if index < len(invoices):
            invoice = invoices[index]
        else:
            draft = billing_pb2.Invoice(contact_id=contact_id, payment_days=30, note=bill.note, currency="EUR")
            draft.supply_date = datetime.now(UTC).date().isoformat()
            for description, quantity, unit, price in bill.lines:
                draft.lines.add(description=description, quantity=quantity, unit=unit, unit_price=price, vat_rate="20")
            request = billing_pb2.SaveDraftRequest(invoice=draft)
            invoice = await eventually(partial(stub.SaveDraft, request))
        if bill.closed and invoice.state == billing_pb2.INVOICE_STATE_DRAFT:
            close = billing_pb2.CloseInvoiceRequest(id=invoice.id, version=invoice.version)
            await eventually(partial(stub.CloseInvoice, close))


def _address(street: str, postal_code: str, city: str) -> tenancy_pb2.PostalAddress:
    return tenancy_pb2.PostalAddress(lines=[street], postal_code=postal_code, city=city, country="FR")


def _person(who: Who) -> tenancy_pb2.Person:
    return tenancy_pb2.Person(
        given_name=who.given_name, family_name=who.family_name, function=who.function, mail=who.mail
    )
