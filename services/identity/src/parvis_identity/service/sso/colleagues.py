"""Colleagues who were here before their directory: SCIM made an account beside the one that they use. Once they have
proven theirs, the directory means that one, and the other is closed.
"""

from uuid import UUID

from parvis_identity.service import sessions
from parvis_identity.service.scim import people
from parvis_identity.service.sso.upstream import Refused
from parvis_identity.service.viewings import end_of_subject
from parvis_identity.store import scim_users as users
from parvis_identity.store import scim_writing as writing
from parvis_identity.store import sso as store
from parvis_kit.unit import UnitOfWork


async def give_way(unit: UnitOfWork, made: UUID, personal: UUID) -> None:
    """The directory's user who has the account `made` has the personal one from now on, as far as nobody ever came in
    with the first. The unit is in the firm. Raises Refused.
    """
    locked = await writing.lock_account(unit, made)
    if locked is None or locked["state"] != "active":
        raise Refused("account_closed", "The directory let the person in no more, in the meantime.")
    row = await users.of_account(unit, made, lock=True)
    another = await users.of_account(unit, personal)
    if row is None or another is not None or not await store.is_unused(unit, made):
        return
    version = people.version_after(unit, row["version"])
    await writing.save_user(unit, row["id"], account_id=personal, version=version)
    groups = (await users.groups_of(unit, [row["id"]])).get(row["id"], [])
    person, said = people.person_of(users.document_of(row), otherwise=row["active"]), await users.has_groups(unit)
    people.tell(unit, made, people.gone(person), version, (), groups_said=said)
    people.tell(unit, personal, person, version, groups, groups_said=said)
    unit.record("scim.user_linked", target_kind="account", target_id=personal, instead_of=str(made))
    await end_of_subject(unit, made)
    await sessions.disable_account(unit, made)
