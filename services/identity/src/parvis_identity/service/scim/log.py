"""What directories did lately: minutes of one token that follow each other are one synchronisation."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from parvis_identity.domain.scim.refusals import ScimRefusal
from parvis_identity.models import ScimLog
from parvis_identity.service.scim.addresses import CHECK
from parvis_identity.service.scim.directories import Directories, Directory
from parvis_identity.service.sso import notices
from parvis_identity.store import openid as openid_store
from parvis_identity.store import scim as store
from parvis_kit.unit import UnitOfWork

#: Quiet for longer: what comes then is another synchronisation. (Entra ID comes every forty minutes.)
QUIET = timedelta(minutes=10)
MOST = 30
#: Administrators are told no more often of the same.
WARNED = timedelta(hours=1)
_LOOKED_AT = 2000
_LONGEST = 120


@dataclass(slots=True)
class Synchronisation:
    """What a token did in one go."""

    token_id: UUID
    token_name: str
    token_ending: str
    began: datetime
    ended: datetime
    counts: Counter[str] = field(default_factory=Counter)
    notes: list[dict[str, str]] = field(default_factory=list)


async def latest(unit: UnitOfWork) -> list[Synchronisation]:
    """The last ones, newest first."""
    rows = await store.log(unit, unit.now - store.KEPT, _LOOKED_AT)
    return grouped(rows, await store.names_of_tokens(unit))[:MOST]


def grouped(rows: Sequence[ScimLog], names: dict[UUID, tuple[str, str]]) -> list[Synchronisation]:
    """Minutes, newest first, as synchronisations, newest first."""
    found: list[Synchronisation] = []
    going_on: dict[UUID, Synchronisation] = {}
    for row in rows:
        run = going_on.get(row.token_id)
        if run is None or run.began - row.minute > QUIET:
            name, ending = names.get(row.token_id, ("", ""))
            run = going_on[row.token_id] = Synchronisation(row.token_id, name, ending, row.minute, row.minute)
            found.append(run)
        run.began = row.minute
        run.counts.update({name: getattr(row, name) for name in store.COUNTED})
        run.notes = [*row.notes, *run.notes][: store.MOST_NOTES]
    return found


class Refusals:
    """Keeps what was refused: a directory's administrator looks here first."""

    def __init__(self, directories: Directories) -> None:
        self._directories = directories

    async def keep(self, directory: Directory, what: str, refused: Sequence[tuple[str, ScimRefusal]]) -> None:
        """`what`: method and kind of resource; and the name of each, as far as the request had one."""
        if not refused:
            return
        async with self._directories.acting(directory) as unit:
            for name, why in refused:
                if why.check == CHECK:
                    await self._warn(unit, directory)
                    unit.record("scim.refused", target_kind="scim_user", target_id=_plain(name), check=why.check)
            notes = [
                {"what": what, "name": _plain(name), "check": why.check, "detail": why.detail} for name, why in refused
            ]
            await store.note(unit, directory.token_id, {"refused": len(refused)}, notes)

    async def _warn(self, unit: UnitOfWork, directory: Directory) -> None:
        """Those who set up how the firm signs in hear of it, once an hour for one token."""
        if await openid_store.first_time(unit, "scim warning", str(directory.token_id), "", unit.now + WARNED):
            name, _ = (await store.names_of_tokens(unit))[directory.token_id]
            await notices.tell(unit, "directory_address_refused", directory.token_id, name)


def _plain(name: str) -> str:
    return "".join(each for each in name if each.isprintable())[:_LONGEST] or "-"
