"""What tenancy is told by its environment."""

from collections.abc import Mapping
from typing import ClassVar

from parvis_kit.settings import ServiceSettings

_SERVICES = frozenset({"identity", "documents", "notify", "billing", "web"})


class Settings(ServiceSettings):
    """The variables of every service, and one of tenancy's own."""

    service: ClassVar[str] = "tenancy"
    callers: ClassVar[Mapping[str, frozenset[str]]] = {
        # identity asks for faces of login addresses, billing for the record that an invoice repeats.
        "parvis.tenancy.v1.OrganisationService": _SERVICES,
        "parvis.tenancy.v1.MemberService": frozenset({"web"}),
        "parvis.tenancy.v1.ProductService": frozenset({"web"}),
        "parvis.tenancy.v1.ContactService": frozenset({"web", "documents", "notify", "billing"}),
        "parvis.tenancy.v1.RightsService": _SERVICES,
    }

    #: SHA-256, in hexadecimal, of the token with which the first administrator makes themself. Empty: nobody can.
    setup_token_sha256: str = ""
