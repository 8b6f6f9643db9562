"""First start: the provider and its first administrator, once, for whoever holds the set-up token."""

import hashlib
import hmac

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.caller import acting_for
from parvis_kit.errors import forbidden, precondition
from parvis_kit.ids import uuid7
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain.states import OrganisationKind
from parvis_tenancy.service import invitations, provision
from parvis_tenancy.service.accounts import Identity, PersonName
from parvis_tenancy.service.fields import Fields
from parvis_tenancy.service.invitations import Invitation
from parvis_tenancy.store import organisations, rights


async def set_up(
    unit: UnitOfWork, identity: Identity, token_sha256: str, request: tenancy_pb2.SetUpRequest
) -> tenancy_pb2.SetUpResponse:
    """Makes the provider. Raises FORBIDDEN setup_token_wrong, PRECONDITION already_set_up, INVALID fields_invalid.

    The link is in the answer, since no mail server is configured yet: no invitation is announced.
    """
    given = hashlib.sha256(request.setup_token.encode()).hexdigest()
    if not token_sha256 or not request.setup_token or not hmac.compare_digest(given, token_sha256.lower()):
        raise forbidden("setup_token_wrong")
    if await organisations.provider_exists(unit):
        raise precondition("already_set_up")
    fields = Fields()
    name = fields.text("organisation_name", request.organisation_name, required=True)
    mail = fields.mail("mail", request.mail, required=True)
    person = PersonName(
        given_name=fields.person_name("given_name", request.given_name),
        family_name=fields.person_name("family_name", request.family_name),
        locale=fields.locale("locale", request.locale),
    )
    fields.settle()
    slug = await provision.free_slug(unit, name)
    organisation, administrator = await provision.make_organisation(
        unit, kind=OrganisationKind.PROVIDER, provider_id=None, slug=slug, name=name, record={}
    )
    with acting_for(organisation.id):
        account = await identity.personal_account(mail, person)
        revision = await rights.next_revision(unit, "member.invited")
        membership = await invitations.enrol(unit, Invitation(mail, person), account, administrator, revision)
        url = await identity.activation_link(uuid7(), account.id, slug)
    unit.record("member.invited", target_kind="membership", target_id=membership.id, profile=administrator.name)
    return tenancy_pb2.SetUpResponse(activation_url=url, slug=slug)
