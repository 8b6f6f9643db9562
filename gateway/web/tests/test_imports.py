"""What a page says of an import's numbers."""

import re

import pytest

from parvis.identity.v1 import identity_pb2 as pb
from parvis_web.testing import text_of


async def test_how_many_accounts_are_imported_is_written_as_numbers_are(suite):
    found = pb.Import(id="i1", name="a.csv", state=pb.IMPORT_STATE_CHECKED, lines=50_000, created=50_000)
    suite.services.answers |= {"GetImport": found, "ListImportLines": pb.ListImportLinesResponse()}
    answer = await suite.get("/o/durand/settings/imports/i1")
    assert "Import 50,000 accounts" in text_of(answer)


@pytest.mark.parametrize("state", [pb.IMPORT_STATE_CHECKING, pb.IMPORT_STATE_CHECKED, pb.IMPORT_STATE_IMPORTING])
async def test_the_question_to_discard_stands_outside_what_is_replaced(suite, state):
    found = pb.Import(id="i1", name="a.csv", state=state, lines=3, created=1)
    suite.services.answers |= {"GetImport": found, "ListImportLines": pb.ListImportLinesResponse()}
    page = await suite.get("/o/durand/settings/imports/i1")
    part = await suite.get("/o/durand/settings/imports/i1", headers={"HX-Request": "true", "HX-Target": "progress"})
    assert re.search(r'<dialog id="discard"', page.text)
    assert "<dialog" not in part.text
    assert 'href="#discard"' in part.text
