"""Requests of tenancy: organisations, members, products, rights."""

import secrets

import cases_identity
from cases import OWN, Refused, Rightful, case
from people import FIRM
from world import World

from parvis.identity.v1 import identity_pb2
from parvis.tenancy.v1 import tenancy_pb2 as pb
from parvis_kit.errors import Kind

CLIENT_OF_THE_FIRM = Rightful("a client sees the firm that it is a client of")
NAMES_THE_ORGANISATION = Rightful("the request names the organisation: sign-in asks before any is chosen")
PUBLIC = Rightful("shown on the firm's login page, before anyone is known")
ALL_STAFF = Rightful("all staff of the firm may see this")


@case("OrganisationService.GetFrame", others=OWN)
async def get_frame(_: World) -> pb.GetFrameRequest:
    return pb.GetFrameRequest()


@case("OrganisationService.GetHome", others=OWN)
async def get_home(_: World) -> pb.GetHomeRequest:
    return pb.GetHomeRequest()


@case(
    "OrganisationService.GetOrganisation",
    through=("web", "billing", "identity"),
    others=OWN,
    differs={"client": CLIENT_OF_THE_FIRM, "other-client": CLIENT_OF_THE_FIRM, "no-right": ALL_STAFF},
)
async def get_organisation(_: World) -> pb.GetOrganisationRequest:
    return pb.GetOrganisationRequest()


@case("OrganisationService.UpdateOrganisation", others=OWN)
async def update_organisation(world: World) -> pb.UpdateOrganisationRequest:
    record = await world.call("OrganisationService.GetOrganisation", pb.GetOrganisationRequest())
    return pb.UpdateOrganisationRequest(organisation=record)


@case("OrganisationService.ListMyOrganisations", differs={"other-client": CLIENT_OF_THE_FIRM, "no-right": ALL_STAFF})
async def list_my_organisations(_: World) -> pb.ListMyOrganisationsRequest:
    return pb.ListMyOrganisationsRequest()


@case("OrganisationService.ListCustomers", by="provider")
async def list_customers(_: World) -> pb.ListCustomersRequest:
    return pb.ListCustomersRequest()


@case("OrganisationService.CreateCustomer", by="provider")
async def create_customer(_: World) -> pb.CreateCustomerRequest:
    return pb.CreateCustomerRequest(
        name=f"Isolation {secrets.token_hex(4)}",
        administrator_mail=f"iso-{secrets.token_hex(4)}@isolation.example",
        administrator_given_name="Iso",
        administrator_family_name="Lation",
    )


@case(
    "OrganisationService.GetFace",
    through=("identity",),
    by="service",
    differs={"own-name-other-firm": PUBLIC, "own-name-of-nobody": PUBLIC},
)
async def get_face(_: World) -> pb.GetFaceRequest:
    return pb.GetFaceRequest(slug=FIRM)


ONCE = Refused((Kind.PRECONDITION,), ("already_set_up",))
FIRST_START = Rightful("no organisation is there yet: who holds the installation's token is its first administrator")


@case(
    "OrganisationService.SetUp",
    by="service",
    answer=ONCE,
    differs={"own-name-other-firm": FIRST_START, "own-name-of-nobody": FIRST_START},
)
async def set_up(world: World) -> pb.SetUpRequest:
    return pb.SetUpRequest(
        setup_token=world.cast.context.setup_token, organisation_name="Isolation", mail="iso@isolation.example",
        given_name="Iso", family_name="Lation",
    )  # fmt: skip


@case("OrganisationService.ListStructures", others=OWN)
async def list_structures(_: World) -> pb.ListStructuresRequest:
    return pb.ListStructuresRequest()


@case("OrganisationService.CreateStructure")
async def create_structure(world: World) -> pb.CreateStructureRequest:
    return pb.CreateStructureRequest(name=f"Isolation {secrets.token_hex(4)}", parent_id=world.structure_id)


@case("OrganisationService.UpdateStructure")
async def update_structure(world: World) -> pb.UpdateStructureRequest:
    made = await world.fresh_structure()
    return pb.UpdateStructureRequest(id=made.id, name="Isolation", parent_id=world.structure_id, version=made.version)


@case("OrganisationService.DeleteStructure")
async def delete_structure(world: World) -> pb.DeleteStructureRequest:
    return pb.DeleteStructureRequest(id=(await world.fresh_structure()).id)


@case("OrganisationService.ListReferents", others=OWN)
async def list_referents(_: World) -> pb.ListReferentsRequest:
    return pb.ListReferentsRequest()


@case("OrganisationService.SetReferents")
async def set_referents(world: World) -> pb.SetReferentsRequest:
    charged = [(await world.active_member()).id, world.member.id]
    return pb.SetReferentsRequest(duty=pb.DUTY_ACCOUNTING, membership_ids=charged)


@case("OrganisationService.ListProviderStaff", others=OWN)
async def list_provider_staff(_: World) -> pb.ListProviderStaffRequest:
    return pb.ListProviderStaffRequest()


@case("RequestService.ListRequests", others=OWN)
async def list_requests(world: World) -> pb.ListRequestsRequest:
    return pb.ListRequestsRequest(id=await world.access_request())


@case("RequestService.AcceptRequest")
async def accept_request(world: World) -> pb.AcceptRequestRequest:
    return pb.AcceptRequestRequest(id=await world.access_request(), profile_id=world.member.profile_id)


@case("RequestService.DeclineRequest")
async def decline_request(world: World) -> pb.DeclineRequestRequest:
    return pb.DeclineRequestRequest(id=await world.access_request())


@case("RequestService.SetRequestsAccepted", others=OWN)
async def set_requests_accepted(_: World) -> pb.SetRequestsAcceptedRequest:
    return pb.SetRequestsAcceptedRequest(accepted=True)


@case("RequestService.ListMyRequests", by="requested-member")
async def list_my_requests(_: World) -> pb.ListMyRequestsRequest:
    return pb.ListMyRequestsRequest()


@case("RequestService.WithdrawMyRequest", by="requested-member")
async def withdraw_my_request(world: World) -> pb.WithdrawMyRequestRequest:
    who = await world.cast.member("requested-member")
    return pb.WithdrawMyRequestRequest(id=await world.access_request(who.account_id))


@case("ProductService.ListMyProducts", others=OWN)
async def list_my_products(_: World) -> pb.ListMyProductsRequest:
    return pb.ListMyProductsRequest()


@case("ProductService.RegisterProduct", by="provider")
async def register_product(_: World) -> pb.RegisterProductRequest:
    address = f"https://{secrets.token_hex(4)}.example"
    return pb.RegisterProductRequest(name="Isolation", launch_url=address, redirect_uris=[f"{address}/callback"])


_SETTINGS = identity_pb2.ClientSettings(
    redirect_uris=["https://isolation.example/callback"],
    application_type="web",
    token_endpoint_auth_method="client_secret_basic",
    id_token_signed_response_alg="ES256",
    subject_type="public",
)


@case("ProductService.GetProduct", by="provider")
async def get_product(world: World) -> pb.GetProductRequest:
    return pb.GetProductRequest(id=world.product_id)


@case("ProductService.UpdateProduct", by="provider")
async def update_product(world: World) -> pb.UpdateProductRequest:
    made = await world.registered_product()
    return pb.UpdateProductRequest(
        id=made.id, name="Isolation", launch_url="https://isolation.example", version=1, client=_SETTINGS
    )


@case("ProductService.RotateProductSecret", by="provider")
async def rotate_product_secret(world: World) -> pb.RotateProductSecretRequest:
    return pb.RotateProductSecretRequest(id=(await world.registered_product()).id, keep_hours=1)


@case("ProductService.SetProductOpen", by="provider")
async def set_product_open(world: World) -> pb.SetProductOpenRequest:
    return pb.SetProductOpenRequest(id=(await world.registered_product()).id, open=False)


_PAGE = "/o/isolation/settings/products/x/try"


@case("ProductService.StartProductTrial", by="provider")
async def start_product_trial(world: World) -> pb.StartProductTrialRequest:
    return pb.StartProductTrialRequest(id=world.product_id, return_path=_PAGE)


@case("ProductService.FinishProductTrial", by="provider")
async def finish_product_trial(world: World) -> pb.FinishProductTrialRequest:
    return pb.FinishProductTrialRequest(
        id=world.product_id, state=await world.trial_state(_PAGE), error="access_denied"
    )


@case("ProductService.ListProductRights", by="provider")
async def list_product_rights(world: World) -> pb.ListProductRightsRequest:
    return pb.ListProductRightsRequest(product_id=world.product_id)


@case("ProductService.SaveProductRights", by="provider")
async def save_product_rights(world: World) -> pb.SaveProductRightsRequest:
    made = await world.registered_product()
    right = pb.DeclaredRight(
        code=f"i{secrets.token_hex(6)}.read", name_fr="Isolation", name_en="Isolation", tab="Isolation"
    )
    return pb.SaveProductRightsRequest(product_id=made.id, version=1, rights=[right])


@case("ProductService.SubscribeCustomer", by="provider")
async def subscribe_customer(world: World) -> pb.SubscribeCustomerRequest:
    return pb.SubscribeCustomerRequest(product_id=world.product_id, organisation_id=world.cast.firm)


@case("ProductService.ListSubscriptions", by="provider", through=("web", "billing"))
async def list_subscriptions(world: World) -> pb.ListSubscriptionsRequest:
    return pb.ListSubscriptionsRequest(organisation_id=world.cast.firm)


@case("ProductService.SetAssignment")
async def set_assignment(world: World) -> pb.SetAssignmentRequest:
    invited = await world.cast.invite(world.member.profile_id)
    return pb.SetAssignmentRequest(product_id=world.product_id, membership_id=invited.id, assigned=True)


@case("ProductService.SetStructureAssignments")
async def set_structure_assignments(world: World) -> pb.SetStructureAssignmentsRequest:
    return pb.SetStructureAssignmentsRequest(
        product_id=world.product_id, structure_id=(await world.fresh_structure()).id, assigned=True
    )


@case("ProductService.SetStructureSeats")
async def set_structure_seats(world: World) -> pb.SetStructureSeatsRequest:
    structure = await world.fresh_structure()
    return pb.SetStructureSeatsRequest(product_id=world.product_id, structure_id=structure.id, seats=0)


@case("ProductService.ListAssignments", others=OWN)
async def list_assignments(world: World) -> pb.ListAssignmentsRequest:
    return pb.ListAssignmentsRequest(membership_id=world.member.id)


@case("OrganisationService.GetPasswordPolicy", others=OWN)
async def get_password_policy(_: World) -> pb.GetPasswordPolicyRequest:
    return pb.GetPasswordPolicyRequest()


@case("OrganisationService.SavePasswordPolicy", others=OWN)
async def save_password_policy(_: World) -> pb.SavePasswordPolicyRequest:
    return pb.SavePasswordPolicyRequest(policy=cases_identity.POLICY)
