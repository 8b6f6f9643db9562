"""Every act that a service records has its sentence on the page of the audit trail, and no sentence is of none."""

import ast
from pathlib import Path

from parvis_web.trail_acts import ACTS, GROUPS, SAYS

ROOT = Path(__file__).parents[2]
#: Acts whose name is put together where they are recorded: file → what it can be.
PUT_TOGETHER = {
    "billing/src/parvis_billing/service/drafts.py": {"invoice.drafted", "invoice.changed"},
    "documents/src/parvis_documents/service/uploads.py": {
        "upload.started", "upload.completed", "upload.aborted",
    },
    "identity/src/parvis_identity/service/address_changes.py": {"address.change_taken", "address.change_stopped"},
    "identity/src/parvis_identity/service/domains.py": {
        "sso_domain.pending", "sso_domain.verified", "sso_domain.lost", "sso_domain.off",
        "sso_domain.claimed", "sso_domain.shared",
    },
    "identity/src/parvis_identity/service/import_runs.py": {
        "import.checking", "import.checked", "import.running", "import.done", "import.failed",
    },
    "identity/src/parvis_identity/service/linking.py": {"account.linked", "account.unlinked"},
    "identity/src/parvis_identity/service/refusals.py": {
        "token.refused", "proof.replayed", "authorization.refused", "client.refused", "sso.refused",
    },
    "identity/src/parvis_identity/service/scim/users.py": {
        "scim.user_changed", "scim.user_disabled", "scim.user_reopened",
    },
    "identity/src/parvis_identity/service/sign_in.py": {"address.change_failed", "password.change_failed"},
    "identity/src/parvis_identity/service/sso/oidc_reading.py": {"sso.metadata_unusable", "sso.metadata_changed"},
    "identity/src/parvis_identity/service/sso/providers.py": {
        "provider.live", "provider.off", "provider.key_added", "provider.key_changed",
    },
    "identity/src/parvis_identity/service/sso/saml_metadata.py": {"sso.metadata_unusable", "sso.metadata_changed"},
    "notify/src/parvis_notify/service/sending.py": {"message.sent", "message.failed", "message.cancelled"},
    "notify/src/parvis_notify/service/templates.py": {"template.saved", "template.reset"},
    "tenancy/src/parvis_tenancy/service/arrivals.py": {"membership.linked", "membership.unlinked"},
    "tenancy/src/parvis_tenancy/service/directory.py": {"member.directory_hand"},
    "tenancy/src/parvis_tenancy/service/hierarchy.py": {"member.moved"},
    "tenancy/src/parvis_tenancy/service/limits.py": {"member.limited"},
    "tenancy/src/parvis_tenancy/service/personal.py": {"member.rights_set"},
    "tenancy/src/parvis_tenancy/service/profiles.py": {"profile.made", "profile.changed"},
    "tenancy/src/parvis_tenancy/service/requests.py": {"requests.opened", "requests.closed"},
    "tenancy/src/parvis_tenancy/service/seats.py": {
        "product.assigned", "product.taken_back", "product.assigned_to_structure", "product.taken_back_from_structure",
    },
}  # fmt: skip


def names(node):
    """What an argument can be; None when only a run can tell."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return {node.value}
    if isinstance(node, ast.IfExp):
        both = names(node.body), names(node.orelse)
        return None if None in both else both[0] | both[1]
    return None


def recorded():
    """Acts that stand in the sources, and files where some are put together."""
    found, together = set(), set()
    for path in [
        *ROOT.glob("services/*/src/**/*.py"),
        *ROOT.glob("trail/src/**/*.py"),
        *ROOT.glob("records/src/**/*.py"),
    ]:
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "record"):
                continue
            if not any(keyword.arg in {"target_kind", None} for keyword in node.keywords):
                continue
            acts = names(node.args[0])
            if acts is None:
                together.add(path.relative_to(ROOT / "services").as_posix())
            found |= acts or set()
    return found, together


FOUND, TOGETHER = recorded()
#: Acts that earlier releases recorded: rows of theirs are still read.
EARLIER: set[str] = set()


def test_acts_whose_names_are_put_together_are_listed():
    assert set(PUT_TOGETHER) == TOGETHER


def test_every_act_has_its_sentence():
    acts = FOUND | set().union(*PUT_TOGETHER.values())
    assert sorted(acts - set(SAYS)) == [], "write what it says in gateway/web/src/parvis_web/trail_acts.py"


def test_no_sentence_is_of_an_act_that_nothing_records():
    acts = FOUND | set().union(*PUT_TOGETHER.values()) | EARLIER
    assert sorted(set(SAYS) - acts) == []


def test_each_act_is_of_one_kind_that_has_a_name():
    assert sum(map(len, ACTS.values())) == len(SAYS)
    assert set(ACTS) == set(GROUPS)
