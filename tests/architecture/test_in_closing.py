"""While an organisation is being closed everything is read and nothing changed: what may be called then is what only
reads, and what a list below argues for. Each RPC is told by its name, so a new one cannot be forgotten.
"""

from importlib import import_module
from pathlib import Path

import pytest

from parvis.access.v1 import access_pb2

PROTOS = Path(__file__).parents[2] / "protos" / "parvis"
READS = ("Get", "List", "BatchGet", "Find", "Check", "BatchCheck", "Explain", "Read", "Export", "Watch", "Preview")
#: They do more than read, and are needed.
NEEDED = {
    "CloseOrganisation": "asked for again, the first day stands",
    "ReopenOrganisation": "it ends the closing",
    "RecordExport": "that somebody exported is an act of the trail",
    "StopFactorReset": "whoever is robbed of their account stops it",
    "PutOffMyFactor": "it stands between a sign-in and the pages",
}
#: Their names begin as if they read.
CHANGES = {
    "CheckDomain": "what the look finds is written",
    "PreviewDraft": "of what cannot be sent any more",
    "PreviewMove": "of what cannot be done any more",
}
METHODS = {
    method.full_name: method
    for path in sorted(PROTOS.glob("*/v*/*.proto"))
    for service in import_module(
        f"parvis.{path.parent.parent.name}.{path.parent.name}.{path.stem}_pb2"
    ).DESCRIPTOR.services_by_name.values()
    for method in service.methods
}


@pytest.mark.parametrize("name", sorted(METHODS))
def test_what_only_reads_goes_on_and_nothing_else(name):
    method = METHODS[name]
    rule = method.GetOptions().Extensions[access_pb2.rule]
    if rule.subject in {access_pb2.SUBJECT_ACCOUNT, access_pb2.SUBJECT_SERVICE}:
        assert not rule.in_closing, "it is not asked"
        return
    reads = method.name.startswith(READS) and method.name not in CHANGES
    assert (rule.viewable or rule.in_closing) == (reads or method.name in NEEDED)
    assert not (rule.viewable and rule.in_closing), "what changes nothing need not say so twice"
