"""Rows that statements bring which are written by hand, beside what SQLAlchemy loads."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from parvis_identity.models import Account, SsoAttempt, SsoProvider
from parvis_identity.store.rows import Insertion, Reading
from parvis_kit.ids import uuid7

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FIRM, ACCOUNT, PROVIDER, STATE = UUID(int=1), uuid7(), uuid7(), uuid7().bytes
ROWS = {
    ACCOUNT: Account(
        id=ACCOUNT, kind="managed", organisation_id=FIRM, identifier=str(ACCOUNT), identifier_key=str(ACCOUNT), mail="",
        given_name="Anne", family_name="Roche", address={"country": "FR"}, created_at=NOW,
    ),
    PROVIDER: SsoProvider(
        id=PROVIDER, organisation_id=FIRM, organisation_slug="roche", kind="oidc", template="oidc", name="Annuaire",
        claim_names={"mail": "upn"}, sealed_secret=b"\x01\x02", created_at=NOW, changed_at=NOW,
    ),
    STATE: SsoAttempt(
        digest=STATE, provider_id=PROVIDER, purpose="trial", browser=b"\x00", sealed=b"", created_at=NOW,
        expires_at=NOW, report={"passed": True, "checks": []},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
async def written(stage):
    async with stage.unit() as unit:
        for row in ROWS.values():
            await Insertion(type(row))(unit, row)
    return stage


@pytest.mark.parametrize("key", ROWS, ids=["account", "provider", "attempt"])
async def test_a_row_read_by_hand_is_the_row_that_was_written(written, key):
    model = type(ROWS[key])
    reading, named = Reading(model, "t"), next(column.name for column in model.__table__.primary_key)
    query = f"SELECT 0, {reading.columns} FROM {model.__tablename__} t WHERE {named} = $1"  # noqa: S608 - the models'

    async with written.unit() as unit:
        found = await unit.fetch(query, key)

    assert reading(found[0], start=1).model_dump() == ROWS[key].model_dump()
