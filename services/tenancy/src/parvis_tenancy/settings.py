"""What tenancy is told by its environment."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field, SecretStr

import parvis_records
import parvis_trail
from parvis_records.retention import CENTURY, RetentionSettings


class Settings(RetentionSettings):
    """The variables of every service, and tenancy's own."""

    service: ClassVar[str] = "tenancy"
    callers: ClassVar[Mapping[str, frozenset[str]]] = {
        **parvis_records.CALLERS,
        **parvis_trail.CALLERS,
        "parvis.tenancy.v1.OrganisationService": frozenset({"web"}),
        # The face of a login address; the record that an invoice repeats.
        "parvis.tenancy.v1.OrganisationService.GetFace": frozenset({"identity"}),
        "parvis.tenancy.v1.OrganisationService.GetOrganisation": frozenset({"web", "billing", "identity"}),
        "parvis.tenancy.v1.MemberService": frozenset({"web"}),
        # What they keep about a person by their membership is exported.
        "parvis.tenancy.v1.MemberService.ListOwnMemberships": frozenset({"identity", "documents", "notify", "billing"}),
        "parvis.tenancy.v1.MemberService.GetMember": frozenset({"web", "identity"}),
        # Nobody who is the last is erased.
        "parvis.tenancy.v1.MemberService.ListAdministrations": frozenset({"identity"}),
        "parvis.tenancy.v1.RequestService": frozenset({"web"}),
        "parvis.tenancy.v1.DirectoryService": frozenset({"web"}),
        # Who arrived through a firm's provider, or came from its directory.
        "parvis.tenancy.v1.DirectoryService.SettlePerson": frozenset({"identity"}),
        "parvis.tenancy.v1.ProductService": frozenset({"web"}),
        "parvis.tenancy.v1.JournalService": frozenset({"web"}),
        "parvis.tenancy.v1.ClosingService": frozenset({"web"}),
        # What a customer can buy.
        "parvis.tenancy.v1.ProductService.ListSubscriptions": frozenset({"web", "billing"}),
        "parvis.tenancy.v1.ContactService": frozenset({"web"}),
        "parvis.tenancy.v1.ContactService.BatchGetContacts": frozenset({"documents", "billing"}),
        # Who signs in where, and with which product.
        "parvis.tenancy.v1.RightsService": frozenset({"identity"}),
        "parvis.tenancy.v1.RightsService.GetGrantSet": frozenset({"documents", "notify", "billing"}),
        "parvis.tenancy.v1.RightsService.ListAdviserChanges": frozenset({"documents", "billing"}),
        "parvis.tenancy.v1.RightsService.Check": frozenset({"web", "identity"}),
        "parvis.tenancy.v1.RightsService.BatchCheck": frozenset({"web", "identity"}),
        "parvis.tenancy.v1.RightsService.Explain": frozenset({"web"}),
        "parvis.tenancy.v1.RightsService.ListObjects": frozenset({"web"}),
        "parvis.tenancy.v1.RightsService.ListSubjects": frozenset({"web"}),
        "parvis.tenancy.v1.RightsService.GetRightsAt": frozenset({"web"}),
        "parvis.tenancy.v1.RightsService.Watch": frozenset({"web"}),
    }

    #: Comma-separated base64 of 32 bytes each: Ed25519 keys that sign the daily anchor of the audit trail. All of them
    #: sign, the first is the present one: to rotate, put a new one in front, and drop the old after a day.
    anchor_keys: SecretStr
    #: SHA-256, in hexadecimal, of the token with which the first administrator makes themself. Empty: nobody can.
    setup_token_sha256: str = Field(default="", pattern="^([0-9a-fA-F]{64})?$")
    #: Days after which a request for an account that nobody answered expires.
    request_days: int = Field(default=30, ge=1, le=365)
    #: Days after which whoever was declined may ask again.
    request_again_days: int = Field(default=7, ge=0, le=365)
    #: Questions a second that one product may ask in the long run (AuthZEN; a search counts as ten), ten seconds' worth
    #: at once; 0: as many as it likes.
    product_questions: int = Field(default=300, ge=0, le=100_000)
    #: Days for which a request that was answered is kept.
    kept_answers_days: int = Field(default=365, ge=30, le=CENTURY)
