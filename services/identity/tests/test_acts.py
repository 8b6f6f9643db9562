"""Every use case of identity leaves an act in the trail: which, and where it is written."""

import ast
import re
from pathlib import Path

import pytest

import parvis_identity
from parvis.identity.v1 import identity_pb2

SERVICE = Path(parvis_identity.__file__).parent / "service"
_ACT = re.compile(r"[a-z_]+\.[a-z_]+")

#: What looks like an act and is a right of tenancy's, or a file of ours.
RIGHTS = {
    *("organisations.manage", "members.manage", "sign_in.manage"),
    *("parvis_identity.service", "public_mail_domains.txt"),
}
#: Module of `service` → the acts that it writes.
WRITTEN = {
    "account_links": {"account.linked", "account.link_refused", "sso.unlinked"},
    "accounts": {
        "account.created", "account.claimed", "account.changed", "account.mail_corrected", "account.activated",
        "links.revoked",
    },
    "address_changes": {
        "address.change_asked", "address.change_failed", "address.change_sent_again", "address.change_cancelled",
        "address.change_taken", "address.change_stopped", "address.changed", "address.undone", "address.confirmed",
        "address.confirmation_refused", "address.returned", "address.undo_taken",
    },
    "authentication": {"client.refused", "assertion.replayed"},
    "authorization": {"authorization.refused", "sign_in.declined", "consent.given", "product.refused"},
    "device_flow": {"device.allowed", "device.denied", "device.not_found"},
    "domains": {
        "sso_domain.added", "sso_domain.declined", "sso_domain.mail_asked", "sso_domain.refused", "sso_domain.removed",
        "sso_domain.verified",
    },
    "dpop": {"proof.replayed"},
    "erasures": {"account.erasure_asked", "account.erasure_waits", "account.erased"},
    "factor_offers": {"factor.put_off"},
    "factor_resets": {
        "factors.reset", "factors.reset_asked", "factors.reset_approved", "factors.reset_refused",
        "factors.reset_stopped", "factors.reset_declined", "factors.reset_lapsed",
    },
    "factors": {
        "factor.added", "factor.add_refused", "factor.renamed", "factor.removed", "factor.always_set",
        "recovery_codes.renewed", "browser.trust_ended",
    },
    "housekeeping": {"client.swept"},
    "idle": {"account.idle_unreachable"},
    "idle_notices": {"account.idle_kept"},
    "import_runs": {"import.started", "import.checking", "import.running", "import.discarded"},
    "imports": {"account.imported"},
    "known_by": {"consent.withdrawn"},
    "linking": {"account.linked", "account.unlinked"},
    "links": {"password.reset_requested", "password.reset_of_directory"},
    "logout": {"grant.cut", "logout.undelivered"},
    "own_erasure": {"account.erasure_refused"},
    "taken_back": {"account.erasure_taken_back"},
    "password_links": {"password.reset"},
    "policies": {"password_policy.saved"},
    "product_clients": {
        "client.registered", "client.changed", "client.secret_rotated", "client.opened", "client.closed",
    },
    "proven": {"request.sent"},
    "provisional_passwords": {"password.provisional_issued"},
    "registration": {"client.registered", "client.changed", "client.removed"},
    "requests": {"request.opened", "request.throttled", "request.proven"},
    "rotation": {"key.rotated", "keys.distrusted"},
    "closing": {"account.disabled", "account.reopened"},
    "second_factor": {
        "sign_in.done", "sign_in.factor_asked", "sign_in.outdated", "sign_in.stepped_up", "passkey.refused",
        "factor.throttled", "factor.refused", "recovery_code.used", "browser.trusted",
    },
    "sessions": {"session.ended", "session.expired", "account.disabled"},
    "sign_in": {
        "sign_in.failed", "sign_in.throttled", "sign_in.stepped_up", "password.proof_refused",
        "sign_in.must_choose", "sign_in.provisional_expired",
        "password.changed", "password.change_failed", "password.proof_outdated", "password.rehashed",
    },
    "sign_in_policies": {"sign_in_policy.saved"},
    "token_endpoint": {"grant.reused", "token.refused"},
    "token_exchange": {"token.exchanged"},
    "token_state": {"token.revoked"},
    "trials": {"client.trial_started", "client.tried"},
    "viewings": {"viewing.started", "viewing.refused", "viewing.ended"},
}  # fmt: skip

#: RPC → the act of its success; None with a reason where it changes nothing that anybody would ask after.
OF_RPCS = {
    "EnsurePersonalAccount": "account.created",
    "CreateManagedAccount": "account.created",
    "RevokeLinks": "links.revoked",
    "WithdrawMyApplication": "consent.withdrawn",
    "EraseMyAccount": "account.erasure_asked",
    "UpdateMyAccount": "account.changed",
    "ResendMyAddressChange": "address.change_sent_again",
    "CancelMyAddressChange": "address.change_cancelled",
    "CorrectManagedMail": "account.mail_corrected",
    "SavePasswordPolicy": "password_policy.saved",
    "IssueProvisionalPassword": "password.provisional_issued",
    "EndMyOtherSessions": "session.ended",
    "EndMySession": "session.ended",
    "StartViewing": "viewing.started",
    "EndViewing": "viewing.ended",
    "StartImport": "import.started",
    "RunImport": "import.running",
    "DiscardImport": "import.discarded",
    "RegisterClient": "client.registered",
    "UpdateClient": "client.changed",
    "RotateClientSecret": "client.secret_rotated",
    "SetClientOpen": "client.opened",
    "StartTrial": "client.trial_started",
    "FinishTrial": "client.tried",
}
#: What others decided and wrote down, or what is a part of something larger.
WITHOUT = {
    "MintLink": "the mail that carries it is written down by notify, its use by password_links",
    "AppendImport": "a part of a file whose import is written down",
}
READING = ("Get", "List", "Check", "Batch")
METHODS = {method.name for found in identity_pb2.DESCRIPTOR.services_by_name.values() for method in found.methods}


def literals(module: Path) -> set[str]:
    """The texts of a module that look like an act, but for those that are part of a longer one (docstrings, SQL)."""
    constants = (node.value for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Constant))
    return {each for each in constants if isinstance(each, str) and _ACT.fullmatch(each)} - RIGHTS


@pytest.mark.parametrize("module", sorted(SERVICE.glob("*.py")), ids=lambda module: module.stem)
def test_the_acts_of_a_module_are_those_that_are_listed(module):
    assert literals(module) == WRITTEN.get(module.stem, set())


def test_every_rpc_that_changes_something_leaves_an_act():
    changing = {name for name in METHODS if not name.startswith(READING)}
    assert changing == OF_RPCS.keys() | WITHOUT.keys()


def test_the_acts_of_rpcs_are_written_somewhere():
    assert set(OF_RPCS.values()) <= set().union(*WRITTEN.values())
