"""What a page says of an import's numbers."""

from parvis.identity.v1 import identity_pb2 as pb
from parvis_web.testing import text_of


async def test_how_many_accounts_are_imported_is_written_as_numbers_are(suite):
    found = pb.Import(id="i1", name="a.csv", state=pb.IMPORT_STATE_CHECKED, lines=50_000, created=50_000)
    suite.services.answers |= {"GetImport": found, "ListImportLines": pb.ListImportLinesResponse()}
    answer = await suite.get("/o/durand/settings/imports/i1")
    assert "Import 50,000 accounts" in text_of(answer)
