"""Rights that a product declares: they exist in the organisations that subscribe it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from parvis.tenancy.v1 import events_pb2, tenancy_pb2
from parvis_kit.bus import Delivery
from parvis_kit.errors import conflict, precondition
from parvis_kit.server import Begin
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain.declared import MOST, Declared, wrong_declarations
from parvis_tenancy.service import authority, catalogue
from parvis_tenancy.service.fields import Fields
from parvis_tenancy.store import declared, rights

_NAME, _TAB = 80, 40
#: Organisations that are named when a right is in use; the rest is counted.
_NAMED = 5


@dataclass(slots=True)
class _InUse:
    """Where rights are held that are to be withdrawn."""

    profiles: int = 0
    members: int = 0
    organisations: list[str] = field(default_factory=list)


async def of_product(unit: UnitOfWork, product_id: UUID) -> tenancy_pb2.ProductRights:
    """What a product declares. Raises NOT_FOUND product_not_found."""
    product = await catalogue.owned(unit, product_id)
    return await _message(unit, product_id, product.version, {})


async def save(
    begin: Begin, request: tenancy_pb2.SaveProductRightsRequest, product_id: UUID
) -> tenancy_pb2.ProductRights:
    """Makes the rights of the request those of the product; what is missing is withdrawn, and grants nothing any more.

    Where something is withdrawn that is held, it says how much, and wants to be told that this is meant: PRECONDITION
    right_in_use. Raises NOT_FOUND product_not_found, CONFLICT stale_version, INVALID fields_invalid.
    """
    fields = Fields()
    wanted = _written(fields, request.rights)
    async with begin() as unit:
        lost = await _check(unit, product_id, request, wanted, fields)
        where = await declared.subscribers(unit, product_id) if lost else []
    in_use = {code: _InUse() for code in lost}
    for each in where:
        async with begin() as unit:  # one after the other: a transaction sees one organisation
            await unit.enter(each.id)
            for code, (profiles, members) in (await declared.held(unit, lost)).items():
                in_use[code].profiles += profiles
                in_use[code].members += members
                in_use[code].organisations.append(each.name)
    in_use = {code: found for code, found in in_use.items() if found.organisations}
    if in_use and not request.confirm_withdrawal:
        raise _refusal(in_use)
    async with begin() as unit:
        product = await catalogue.owned(unit, product_id, lock=True)
        await _check(unit, product_id, request, wanted, fields)  # somebody may have been faster than we counted
        before = await _reaching(unit, product_id)
        if taken := await declared.replace(unit, product_id, wanted):
            raise conflict("right_code_taken", right=taken)
        product.version += 1
        await unit.flush()
        if before != await _reaching(unit, product_id):  # else words changed, and nobody's rights
            event = events_pb2.ProductRightsDeclared(product_id=str(product_id))
            unit.emit(event, aggregate_id=product_id, version=product.version)
        unit.record(
            "product.rights_declared",
            target_kind="product",
            target_id=product_id,
            rights=" ".join(each.code for each in wanted),
            withdrawn=" ".join(lost),
        )
        return await _message(unit, product_id, product.version, in_use)


async def spread(delivery: Delivery, event: events_pb2.ProductRightsDeclared) -> None:
    """What members may do changed wherever the product is subscribed: each organisation counts it, and says so. Those
    that did when the message came before are passed over.
    """
    async with delivery.begin() as unit:
        where = await declared.subscribers(unit, UUID(event.product_id))
    for each in where:
        async with delivery.begin() as unit:
            await unit.enter(each.id)
            if await declared.first_time(unit, delivery.envelope.id):
                authority.grants_changed(unit, await rights.next_revision(unit, "product.rights_declared"))


async def _check(
    unit: UnitOfWork,
    product_id: UUID,
    request: tenancy_pb2.SaveProductRightsRequest,
    wanted: Sequence[Declared],
    fields: Fields,
) -> list[str]:
    """The codes that would be withdrawn. Raises what `save` says; `fields` knows what is wrong with the texts."""
    product = await catalogue.owned(unit, product_id)
    if product.version != request.version:
        raise conflict("stale_version", version=str(product.version))
    for wrong in wrong_declarations(wanted, await declared.standing(unit, product_id)):
        fields.wrong(f"rights[{wrong.index}].{wrong.field}", wrong.reason, right=wrong.about)
    fields.settle()
    kept = {each.code for each in wanted}
    return [row["code"] for row in await declared.of_product(unit, product_id) if row["code"] not in kept]


async def _reaching(unit: UnitOfWork, product_id: UUID) -> dict[str, bool]:
    """What decisions rest on: the codes, and whether each can be limited."""
    return {row["code"]: row["scoped"] for row in await declared.of_product(unit, product_id)}


def _written(fields: Fields, sent: Sequence[tenancy_pb2.DeclaredRight]) -> list[Declared]:
    if len(sent) > MOST:
        fields.wrong("rights", "too_many", most=str(MOST))
    return [
        Declared(
            code=each.code.strip(),
            tab=fields.text(f"rights[{index}].tab", each.tab, longest=_TAB, required=True),
            name_fr=fields.text(f"rights[{index}].name_fr", each.name_fr, longest=_NAME, required=True),
            name_en=fields.text(f"rights[{index}].name_en", each.name_en, longest=_NAME, required=True),
            scoped=each.scoped,
            requires=tuple(dict.fromkeys(filter(None, (code.strip() for code in each.requires)))),
        )
        for index, each in enumerate(sent[:MOST])
    ]


def _refusal(in_use: dict[str, _InUse]) -> Exception:
    names = sorted({name for found in in_use.values() for name in found.organisations})
    return precondition(
        "right_in_use",
        rights=", ".join(in_use),
        profiles=str(sum(found.profiles for found in in_use.values())),
        members=str(sum(found.members for found in in_use.values())),
        organisations=str(len(names)),
        where=", ".join(names[:_NAMED]),
    )


async def _message(
    unit: UnitOfWork, product_id: UUID, version: int, in_use: dict[str, _InUse]
) -> tenancy_pb2.ProductRights:
    return tenancy_pb2.ProductRights(
        rights=[tenancy_pb2.DeclaredRight(**row) for row in await declared.of_product(unit, product_id)],
        version=version,
        withdrawn=[
            tenancy_pb2.RightInUse(
                code=code, profiles=found.profiles, members=found.members, organisations=len(found.organisations)
            )
            for code, found in in_use.items()
        ],
    )
