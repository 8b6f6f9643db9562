"""The entry script and the quality gates, on small inputs."""

import importlib.machinery
import importlib.util
import json
from pathlib import Path

import pytest

from parvis_local import checks, credentials
from parvis_local.layout import ROOT, Layout
from parvis_local.ports import Ports
from parvis_local.servers.traefik import static_configuration


@pytest.fixture
def entry():
    loader = importlib.machinery.SourceFileLoader("parvis_entry", str(ROOT / "parvis"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("parvis_entry", loader))
    loader.exec_module(module)
    return module


def test_a_fingerprint_changes_with_content_and_with_names(entry, tmp_path, monkeypatch):
    monkeypatch.setattr(entry, "ROOT", tmp_path)
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("same")
    two.write_text("same")
    before = entry.fingerprint([one])
    assert before != entry.fingerprint([two])
    one.write_text("other")
    assert before != entry.fingerprint([one])


def test_every_member_of_the_workspace_is_installed(entry):
    installed = {path for pattern in entry.MEMBERS for path in entry.glob(pattern)}
    on_disk = {
        str(file.parent.relative_to(ROOT))
        for depth in ("*", "*/*")
        for file in ROOT.glob(f"{depth}/pyproject.toml")
        if ".venv" not in file.parts
    }
    assert installed == on_disk


def test_secrets_stay_and_new_ones_are_added(tmp_path):
    layout = Layout(tmp_path)
    layout.make()
    first = credentials.load_or_make(layout)
    kept = layout.secrets / "credentials.json"
    of_an_older_release = json.loads(kept.read_text())
    del of_an_older_release["setup_token"]
    kept.write_text(json.dumps(of_an_older_release))
    second = credentials.load_or_make(layout)
    assert second.nats == first.nats
    assert second.setup_token
    assert second.setup_token != first.setup_token


def test_a_base_port_out_of_range_is_refused():
    with pytest.raises(ValueError, match="between 1024 and"):
        Ports(65000)


def test_a_copied_file_is_seen_through_the_names_of_services(tmp_path: Path):
    one, two = tmp_path / "one.py", tmp_path / "two.py"
    one.write_text("import parvis_identity\n\nclass IdentitySettings: ...\n")
    two.write_text("import parvis_billing\nclass BillingSettings: ...\n")
    assert checks._essence(one) == checks._essence(two)


def test_the_gateway_forwards_no_alias_of_a_header_anywhere():
    settings = static_configuration()
    entry_points = {name.split("_")[2] for name in settings if name.startswith("TRAEFIK_ENTRYPOINTS_")}
    assert entry_points == {"PORTAL", "STORE", "OPERATIONS"}
    assert all(settings[f"TRAEFIK_ENTRYPOINTS_{each}_HTTP_ALIASHEADERSSTRATEGY"] == "delete" for each in entry_points)
