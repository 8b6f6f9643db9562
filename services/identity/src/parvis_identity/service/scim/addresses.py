"""Addresses that a directory may say its people have. An address of somebody else is refused: it belongs to an account
outside the firm, whose domain the firm has not shown to be its own. A member's own personal account is no stranger's.
"""

from collections.abc import Collection
from uuid import UUID

from parvis_identity.domain.scim.refusals import ScimRefusal, taken
from parvis_identity.service.mail_domains import of_address
from parvis_identity.service.organisations import Organisations
from parvis_identity.service.scim.directories import Directories, Directory
from parvis_identity.store import scim as store
from parvis_kit.errors import Kind, ServiceError

CHECK = "address_of_another_account"


class Addresses:
    """See the module."""

    def __init__(self, directories: Directories, organisations: Organisations) -> None:
        self._directories = directories
        self._organisations = organisations

    async def of_others(self, directory: Directory, mails: Collection[str]) -> frozenset[str]:
        """Those of these addresses (as compared) that are somebody else's. Raises ScimRefusal 503
        when tenancy cannot be asked.
        """
        if not mails:
            return frozenset()
        async with self._directories.acting(directory) as unit:
            owners = await store.owners_of(unit, list(mails))
            domains = {of_address(row["mail"]) for row in owners}
            own = await store.verified_domains(unit, list(domains)) if domains else set()
        found = set()
        for row in owners:
            mail = row["mail"]
            if of_address(mail) in own or mail in found:
                continue
            if row["kind"] != "personal" or not await self._is_member(row["id"], directory.organisation_id):
                found.add(mail)
        return frozenset(found)

    async def _is_member(self, account_id: UUID, organisation_id: UUID) -> bool:
        try:
            membership = await self._organisations.membership(account_id, organisation_id)
        except ServiceError as error:
            if error.kind is Kind.UNAVAILABLE:
                raise ScimRefusal(503, "A part of the server restarts. Try again.", check="unavailable") from error
            if error.kind is not Kind.NOT_FOUND:
                raise
            return False
        return membership.kind == "staff" and membership.account_id in {None, account_id}


def refusal() -> ScimRefusal:
    """The error for such an address. It names nobody."""
    return taken(
        "A mail address of this user belongs to an account outside the organisation, and its domain is not verified.",
        check=CHECK,
    )
