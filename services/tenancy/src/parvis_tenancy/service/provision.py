"""What every organisation starts with."""

from collections.abc import Mapping
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from parvis.tenancy.v1 import events_pb2
from parvis_kit.errors import conflict
from parvis_kit.ids import uuid7
from parvis_kit.text import search_key
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain import catalogue, records
from parvis_tenancy.domain.states import OrganisationKind
from parvis_tenancy.models import DirectoryEntry, Organisation, Profile, RightsRevision
from parvis_tenancy.service import messages
from parvis_tenancy.store import members, organisations
from parvis_tenancy.store.search import sort_key

_SLUGS_TRIED = 200


async def free_slug(unit: UnitOfWork, name: str) -> str:
    """A slug that nobody has. Raises CONFLICT slug_taken when all that were tried are taken."""
    for slug in islice(records.slugs_from(name), _SLUGS_TRIED):
        if await organisations.slug_is_free(unit, slug):
            return slug
    raise conflict("slug_taken")


async def make_organisation(
    unit: UnitOfWork,
    *,
    kind: OrganisationKind,
    provider_id: UUID | None,
    slug: str,
    name: str,
    record: Mapping[str, Any],
) -> tuple[Organisation, Profile]:
    """Makes an organisation with the starter profiles and enters it. Returns it with its *Administrator* profile.

    Without a provider it is one, and serves itself. Raises CONFLICT slug_taken.
    """
    organisation_id = uuid7()
    await unit.enter(organisation_id)
    organisation = Organisation(
        id=organisation_id,
        provider_id=provider_id or organisation_id,
        kind=int(kind),
        slug=slug,
        name=name,
        created_at=unit.now,
        sort_key=sort_key(name),
        search_key=search_key(name, slug, str(record.get("siren", ""))),
        **record,
    )
    unit.add(organisation)
    await unit.flush()
    unit.add(
        DirectoryEntry(
            organisation_id=organisation_id,
            slug=slug,
            name=name,
            accent=organisation.accent,
            kind=int(kind),
            sort_key=organisation.sort_key,
            search_key=search_key(name, slug),
        ),
        RightsRevision(organisation_id=organisation_id),
    )
    try:
        await unit.flush()
    except IntegrityError as error:
        raise conflict("slug_taken") from error
    administrator = await _starter_profiles(unit)
    organisation_changed(unit, organisation)
    unit.record("organisation.created", target_kind="organisation", target_id=organisation_id, slug=slug)
    return organisation, administrator


def organisation_changed(unit: UnitOfWork, organisation: Organisation) -> None:
    """Tells the others how the organisation is now."""
    event = events_pb2.OrganisationChanged(organisation=messages.organisation(organisation.model_dump()))
    unit.emit(event, aggregate_id=organisation.id, version=organisation.version)


async def _starter_profiles(unit: UnitOfWork) -> Profile:
    made = {
        starter.key: Profile(
            organisation_id=unit.organisation_id,
            id=uuid7(),
            name=starter.name,
            built_in=starter.key,
            sort_key=sort_key(starter.name),
            created_at=unit.now,
        )
        for starter in catalogue.STARTER_PROFILES
    }
    unit.add(*made.values())
    await unit.flush()
    for starter in catalogue.STARTER_PROFILES:
        await members.replace_rights(unit, made[starter.key].id, starter.rights)
    return made[catalogue.ADMINISTRATOR]
