"""Requests of identity: accounts, sessions, clients. Most come from tenancy, which decided before it asked."""

import secrets
import uuid

from cases import (
    NOT_FOUND,
    OLD_PROOFS,
    OWN,
    RIGHT_MISSING,
    STAFF_ONLY,
    TOKENS,
    VIEWERS,
    Refused,
    Rightful,
    case,
)
from people import ADMINISTRATOR, FIRM
from world import World

from parvis.identity.v1 import identity_pb2 as pb
from parvis_kit.errors import Kind

TENANCY_DECIDED = Rightful("only tenancy may call, and it asked for the right of the person before")
A_PERSONS = Rightful("a personal account is the person's: every firm may invite its address")
#: People who may not even do it in their own firm are refused by tenancy; identity knows no rights.
BY_STAFF = {
    "no-right": TENANCY_DECIDED,
    "client": STAFF_ONLY,
    "other-client": STAFF_ONLY,
    "other-firm-client": STAFF_ONLY,
}


@case(
    "AccountService.EnsurePersonalAccount",
    through=("tenancy",),
    others=A_PERSONS,
    differs=BY_STAFF | {"own-name-of-nobody": A_PERSONS},
)
async def ensure_personal_account(_: World) -> pb.EnsurePersonalAccountRequest:
    return pb.EnsurePersonalAccountRequest(mail=ADMINISTRATOR, given_name="Claire", family_name="Orsel")


@case("AccountService.CreateManagedAccount", through=("tenancy",), others=OWN)
async def create_managed_account(world: World) -> pb.CreateManagedAccountRequest:
    """Asked again with the same id it gives the account that was made: to its firm, and to no other."""
    request = pb.CreateManagedAccountRequest(
        id=str(uuid.uuid4()), identifier=f"ISO-{secrets.token_hex(4)}", mail="iso@isolation.example"
    )
    await world.call("AccountService.CreateManagedAccount", request, through="tenancy")
    return request


@case(
    "AccountService.BatchGetAccounts",
    through=("tenancy",),
    others=OWN,
    differs={"no-right": TENANCY_DECIDED},
)
async def batch_get_accounts(world: World) -> pb.BatchGetAccountsRequest:
    member = await world.cast.member("administrator")
    return pb.BatchGetAccountsRequest(ids=[member.account_id, world.client_account_id])


@case("AccountService.MintLink", through=("tenancy", "notify"), by="service")
async def mint_link(world: World) -> pb.MintLinkRequest:
    return pb.MintLinkRequest(
        link_id=str(uuid.uuid4()), account_id=world.client_account_id, purpose=pb.LINK_PURPOSE_RESET,
        organisation_slug=FIRM,
    )  # fmt: skip


@case("AccountService.RevokeLinks", through=("tenancy",), others=OWN)
async def revoke_links(world: World) -> pb.RevokeLinksRequest:
    invited = await world.cast.invite(world.member.profile_id)
    return pb.RevokeLinksRequest(account_id=invited.account_id)


@case("AccountService.GetMyAccount")
async def get_my_account(_: World) -> pb.GetMyAccountRequest:
    return pb.GetMyAccountRequest()


@case("AccountService.UpdateMyAccount", differs={"other-client": Rightful("their own account is the firm's too")})
async def update_my_account(_: World) -> pb.UpdateMyAccountRequest:
    return pb.UpdateMyAccountRequest(given_name="Claire", family_name="Orsel", locale="fr")


@case("AccountService.GetMyErasure")
async def get_my_erasure(_: World) -> pb.GetMyErasureRequest:
    return pb.GetMyErasureRequest()


#: Nobody else tries with a token that is good: whoever is asked for is themself, and would be signed out everywhere.
HARMLESS = ("no-token", "own-name", "through-billing", "through-tenancy", *TOKENS, *OLD_PROOFS, *VIEWERS)
FIRMS_OWN = Refused((Kind.PRECONDITION,), ("account_of_firm",))


@case("AccountService.EraseMyAccount", by="client", answer=FIRMS_OWN, only=HARMLESS)
async def erase_my_account(_: World) -> pb.EraseMyAccountRequest:
    return pb.EraseMyAccountRequest()


#: As the installation's, so that the firm's people keep their passwords.
POLICY = pb.PasswordPolicy(minimum=8, digit=True, capital=True, special_characters="$?!&%*@")
NOTHING_WAITS = Refused((Kind.PRECONDITION,), ("no_address_change",))


@case("AccountService.ResendMyAddressChange", answer=NOTHING_WAITS)
async def resend_my_address_change(_: World) -> pb.ResendMyAddressChangeRequest:
    return pb.ResendMyAddressChangeRequest()


@case(
    "AccountService.CancelMyAddressChange",
    differs={"other-client": Rightful("their own account is the firm's too")},
)
async def cancel_my_address_change(_: World) -> pb.CancelMyAddressChangeRequest:
    return pb.CancelMyAddressChangeRequest()


@case("AccountService.CorrectManagedMail", through=("tenancy",), differs={"no-right": TENANCY_DECIDED})
async def correct_managed_mail(world: World) -> pb.CorrectManagedMailRequest:
    access, _ = await world.cast.grant_access((await world.fresh_contact()).contact.id)
    return pb.CorrectManagedMailRequest(
        account_id=access.account_id, mail=f"iso-{secrets.token_hex(4)}@isolation.example"
    )


async def _import(world: World) -> str:
    """An import with its file."""
    made = await world.call("ImportService.StartImport", pb.StartImportRequest(name="iso.csv", size=5), by="provider")
    await world.call("ImportService.AppendImport", _part(made.id), by="provider")
    return made.id


def _part(import_id: str) -> pb.AppendImportRequest:
    return pb.AppendImportRequest(id=import_id, part=b"mail\n")


#: Asked of tenancy with the caller's own token, whose membership has ended or is another organisation's.
ASKED = {"no-right": RIGHT_MISSING}


def import_case(method: str):
    return case(f"ImportService.{method}", by="provider", differs=ASKED)


@import_case("StartImport")
async def start_import(_: World) -> pb.StartImportRequest:
    return pb.StartImportRequest(name="iso.csv", size=5)


@import_case("AppendImport")
async def append_import(world: World) -> pb.AppendImportRequest:
    made = await world.call("ImportService.StartImport", pb.StartImportRequest(name="iso.csv", size=5), by="provider")
    return _part(made.id)


@import_case("RunImport")
async def run_import(world: World) -> pb.RunImportRequest:
    return pb.RunImportRequest(id=await _import(world), dry=True)


@import_case("GetImport")
async def get_import(world: World) -> pb.GetImportRequest:
    return pb.GetImportRequest(id=await _import(world))


@import_case("ListImports")
async def list_imports(_: World) -> pb.ListImportsRequest:
    return pb.ListImportsRequest()


@import_case("ListImportLines")
async def list_import_lines(world: World) -> pb.ListImportLinesRequest:
    return pb.ListImportLinesRequest(id=await _import(world), limit=10)


@import_case("DiscardImport")
async def discard_import(world: World) -> pb.DiscardImportRequest:
    return pb.DiscardImportRequest(id=await _import(world))


@case("PasswordService.GetPasswordPolicy", through=("tenancy",), others=OWN, differs={"no-right": TENANCY_DECIDED})
async def get_password_policy(_: World) -> pb.GetPasswordPolicyRequest:
    return pb.GetPasswordPolicyRequest()


@case(
    "PasswordService.SavePasswordPolicy",
    through=("tenancy",),
    others=OWN,
    differs={"no-right": TENANCY_DECIDED},
)
async def save_password_policy(_: World) -> pb.SavePasswordPolicyRequest:
    return pb.SavePasswordPolicyRequest(policy=POLICY)


@case("PasswordService.IssueProvisionalPassword", through=("tenancy",), differs={"no-right": TENANCY_DECIDED})
async def issue_provisional_password(world: World) -> pb.IssueProvisionalPasswordRequest:
    access, _ = await world.cast.grant_access((await world.fresh_contact()).contact.id)
    return pb.IssueProvisionalPasswordRequest(account_id=access.account_id)


OF_THE_INSTALLATION = Rightful("a session is of a person, whatever organisations they then act for")
ASKED_BY_ALL = {"own-name-other-firm": OF_THE_INSTALLATION, "own-name-of-nobody": OF_THE_INSTALLATION}


@case("SessionService.GetOrganisationToken", by="service", differs=ASKED_BY_ALL)
async def get_organisation_token(world: World) -> pb.GetOrganisationTokenRequest:
    member = await world.cast.member("administrator")
    return pb.GetOrganisationTokenRequest(refresh_token=member.person._refresh_token, organisation_id=world.cast.firm)


EVERY_SERVICE = ("web", "tenancy", "documents", "notify", "billing")


@case("SessionService.ListSigningKeys", through=EVERY_SERVICE, by="service", differs=ASKED_BY_ALL)
async def list_signing_keys(_: World) -> pb.ListSigningKeysRequest:
    return pb.ListSigningKeysRequest()


@case("SessionService.CheckSession", through=EVERY_SERVICE, by="service", differs=ASKED_BY_ALL)
async def check_session(world: World) -> pb.CheckSessionRequest:
    member = await world.cast.member("administrator")
    return pb.CheckSessionRequest(session_id=await world.session_id(), account_id=member.account_id)


@case("SessionService.ListMySessions")
async def list_my_sessions(_: World) -> pb.ListMySessionsRequest:
    return pb.ListMySessionsRequest()


@case("SessionService.EndMySession")
async def end_my_session(world: World) -> pb.EndMySessionRequest:
    return pb.EndMySessionRequest(session_id=await world.fresh_session_id())


@case("AccountService.ListMyApplications")
async def list_my_applications(_: World) -> pb.ListMyApplicationsRequest:
    return pb.ListMyApplicationsRequest()


@case("AccountService.WithdrawMyApplication")
async def withdraw_my_application(world: World) -> pb.WithdrawMyApplicationRequest:
    await world.cast.redeem(await world.cast.product_code("administrator"))
    return pb.WithdrawMyApplicationRequest(client_id=world.cast.product["client_id"])


THEIR_DEVICES = Rightful("everybody signs their own devices out, and nobody else's")


@case(
    "SessionService.EndMyOtherSessions",
    by="reader",
    others=THEIR_DEVICES,
    differs={"other-client": THEIR_DEVICES, "no-right": THEIR_DEVICES},
)
async def end_my_other_sessions(_: World) -> pb.EndMyOtherSessionsRequest:
    """Not the administrator's: they have several here."""
    return pb.EndMyOtherSessionsRequest()


VIEWED_BY = dict.fromkeys(("no-right", "out-of-scope", "reader"), RIGHT_MISSING) | {"other-firm-client": STAFF_ONLY}
NOT_YOURS = Refused((Kind.NOT_FOUND, Kind.FORBIDDEN), ("membership_not_found", "right_missing"))


@case("ViewingService.StartViewing", others=NOT_YOURS, differs=VIEWED_BY)
async def start_viewing(world: World) -> pb.StartViewingRequest:
    client = await world.cast.member("client")
    return pb.StartViewingRequest(membership_id=client.membership_id, reason="isolation")


@case("ViewingService.EndViewing")
async def end_viewing(world: World) -> pb.EndViewingRequest:
    begun = await world.call("ViewingService.StartViewing", await start_viewing(world))
    return pb.EndViewingRequest(id=begun.id)


@case("ViewingService.ListViewings", others=NOT_YOURS, differs=VIEWED_BY)
async def list_viewings(world: World) -> pb.ListViewingsRequest:
    client = await world.cast.member("client")
    return pb.ListViewingsRequest(membership_id=client.membership_id)


@case(
    "ClientService.RegisterClient",
    through=("tenancy",),
    by="provider",
    others=TENANCY_DECIDED,
    differs=BY_STAFF_OF_THE_PROVIDER
    if (
        BY_STAFF_OF_THE_PROVIDER := {
            "client": STAFF_ONLY,
            "other-client": STAFF_ONLY,
            "other-firm-client": STAFF_ONLY,
            "administrator": TENANCY_DECIDED,
            "provider-no-right": TENANCY_DECIDED,
            "no-right": TENANCY_DECIDED,
        }
    )
    else None,
)
async def register_client(_: World) -> pb.RegisterClientRequest:
    return pb.RegisterClientRequest(name="Isolation", redirect_uris=["https://isolation.example/callback"])


#: A client is its provider's; of the provider's own people, tenancy asks for the right.
OF_PROVIDER = {"administrator": NOT_FOUND, "provider-no-right": TENANCY_DECIDED, "other-firm-client": STAFF_ONLY}
#: A try-out is of whoever began it.
OF_ONE_PERSON = OF_PROVIDER | {"provider-no-right": NOT_FOUND}
PAGE = "/o/isolation/settings/products/x/try"


@case("ClientService.GetClient", through=("tenancy",), by="provider", others=NOT_FOUND, differs=OF_PROVIDER)
async def get_client(world: World) -> pb.GetClientRequest:
    return pb.GetClientRequest(client_id=world.product_client_id)


@case("ClientService.UpdateClient", through=("tenancy",), by="provider", others=NOT_FOUND, differs=OF_PROVIDER)
async def update_client(world: World) -> pb.UpdateClientRequest:
    settings = pb.ClientSettings(
        redirect_uris=["https://isolation.example/callback"],
        application_type="web",
        token_endpoint_auth_method="client_secret_basic",
        id_token_signed_response_alg="ES256",
        subject_type="public",
    )
    made = await world.registered_product()
    return pb.UpdateClientRequest(client_id=made.client_id, name="Isolation", settings=settings)


@case("ClientService.RotateClientSecret", through=("tenancy",), by="provider", others=NOT_FOUND, differs=OF_PROVIDER)
async def rotate_client_secret(world: World) -> pb.RotateClientSecretRequest:
    return pb.RotateClientSecretRequest(client_id=(await world.registered_product()).client_id, keep_hours=1)


@case("ClientService.SetClientOpen", through=("tenancy",), by="provider", others=NOT_FOUND, differs=OF_PROVIDER)
async def set_client_open(world: World) -> pb.SetClientOpenRequest:
    return pb.SetClientOpenRequest(client_id=(await world.registered_product()).client_id, open=False)


@case("ClientService.StartTrial", through=("tenancy",), by="provider", others=NOT_FOUND, differs=OF_PROVIDER)
async def start_trial(world: World) -> pb.StartTrialRequest:
    return pb.StartTrialRequest(client_id=world.product_client_id, return_path=PAGE)


@case("ClientService.FinishTrial", through=("tenancy",), by="provider", others=NOT_FOUND, differs=OF_ONE_PERSON)
async def finish_trial(world: World) -> pb.FinishTrialRequest:
    state = await world.trial_state(PAGE)
    return pb.FinishTrialRequest(client_id=world.product_client_id, state=state, error="access_denied")
