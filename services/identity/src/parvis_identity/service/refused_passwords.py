"""Passwords that nobody may choose, whatever signs they hold: the commonest, those that hold a name which everybody
knows, and those of a mounted list. Asked when a password is chosen, never at a sign-in.

The commonest are the 30,000 of the package `zxcvbn` (MIT), counted by Mark Burnett in leaked lists. The names are ours,
the installation's and its host's, and those of the organisation that the password is chosen for: its own account's, or
the one that invited.
"""

from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

from parvis_identity.domain.familiar import context_words, holds_one, is_common
from parvis_identity.service.breached import BreachedPasswords
from parvis_identity.service.mail_domains import own_label
from parvis_identity.service.organisations import Organisations
from parvis_kit.errors import ServiceError

_OURS = "Parvis"


class RefusedPasswords:
    """See the module. `breached`: the mounted list, where there is one."""

    def __init__(
        self,
        organisations: Organisations,
        *,
        public_url: str,
        instance: str = "",
        breached: BreachedPasswords | None = None,
    ) -> None:
        self._organisations = organisations
        self._words = context_words((_OURS, instance, own_label(urlsplit(public_url).hostname or "")))
        self._breached = breached

    async def reasons(self, password: str, organisation_id: UUID | None, slug: str = "") -> tuple[str, ...]:
        """Codes of why a password is refused: `contains_name`, `common`, `breached`. The organisation is known by its
        id or by its slug; where tenancy does not answer, people choose a password all the same.
        """
        words = self._words | await self._of_organisation(organisation_id, slug)
        found = ["contains_name"] if holds_one(password, words) else []
        if is_common(password, commonest()):
            found.append("common")
        elif self._breached is not None and await self._breached.has(password):
            found.append("breached")
        return tuple(found)

    async def _of_organisation(self, organisation_id: UUID | None, slug: str) -> frozenset[str]:
        try:
            if organisation_id is not None:
                face = await self._organisations.face_by_id(organisation_id)
            else:
                face = await self._organisations.face(slug) if slug else None
        except ServiceError:
            face = None
        return context_words((face.name, face.slug)) if face else frozenset()


@cache
def commonest() -> frozenset[str]:
    """The commonest passwords, in small letters. Their file is read alone: the package would build six dictionaries."""
    package = find_spec("zxcvbn")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("zxcvbn")
    file = Path(package.origin).with_name("frequency_lists").with_suffix(".py")
    spec = spec_from_file_location("commonest_passwords", file)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(str(file))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    listed: list[str] = module.FREQUENCY_LISTS["passwords"]
    return frozenset(listed)
