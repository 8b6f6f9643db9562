"""What tenancy is told by its environment."""

from collections.abc import Mapping
from typing import ClassVar

from parvis_kit.settings import ServiceSettings


class Settings(ServiceSettings):
    """The variables of every service, and one of tenancy's own."""

    service: ClassVar[str] = "tenancy"
    callers: ClassVar[Mapping[str, frozenset[str]]] = {
        "parvis.tenancy.v1.OrganisationService": frozenset({"web"}),
        # The face of a login address; the record that an invoice repeats.
        "parvis.tenancy.v1.OrganisationService.GetFace": frozenset({"identity"}),
        "parvis.tenancy.v1.OrganisationService.GetOrganisation": frozenset({"web", "billing"}),
        "parvis.tenancy.v1.MemberService": frozenset({"web"}),
        "parvis.tenancy.v1.RequestService": frozenset({"web"}),
        "parvis.tenancy.v1.ProductService": frozenset({"web"}),
        # What a customer can buy.
        "parvis.tenancy.v1.ProductService.ListSubscriptions": frozenset({"web", "billing"}),
        "parvis.tenancy.v1.ContactService": frozenset({"web"}),
        "parvis.tenancy.v1.ContactService.BatchGetContacts": frozenset({"documents", "billing"}),
        # Who signs in where, and with which product.
        "parvis.tenancy.v1.RightsService": frozenset({"identity"}),
        "parvis.tenancy.v1.RightsService.GetGrantSet": frozenset({"documents", "notify", "billing"}),
        "parvis.tenancy.v1.RightsService.ListAdviserChanges": frozenset({"documents", "billing"}),
        "parvis.tenancy.v1.RightsService.Check": frozenset({"web", "identity"}),
        "parvis.tenancy.v1.RightsService.BatchCheck": frozenset({"web"}),
        "parvis.tenancy.v1.RightsService.Explain": frozenset({"web"}),
        "parvis.tenancy.v1.RightsService.ListObjects": frozenset({"web"}),
        "parvis.tenancy.v1.RightsService.ListSubjects": frozenset({"web"}),
        "parvis.tenancy.v1.RightsService.GetRightsAt": frozenset({"web"}),
        "parvis.tenancy.v1.RightsService.Watch": frozenset({"web"}),
    }

    #: SHA-256, in hexadecimal, of the token with which the first administrator makes themself. Empty: nobody can.
    setup_token_sha256: str = ""
    #: Days after which a request for an account that nobody answered expires.
    request_days: int = 30
    #: Days after which whoever was declined may ask again.
    request_again_days: int = 7
