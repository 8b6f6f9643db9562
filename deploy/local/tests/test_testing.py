"""./parvis test: what cannot run on a machine is neither passed nor silently left out."""

import pytest

from parvis_local import testing
from parvis_local.testing import Count, closing_line


@pytest.fixture
def _no_engine(monkeypatch, tmp_path):
    script = tmp_path / "engine.py"
    script.write_text("import sys\nprint('iptables: Permission denied', file=sys.stderr)\nsys.exit(3)\n")
    monkeypatch.setattr(testing, "PREPARED", {"compose": str(script)})
    monkeypatch.setattr(testing, "_chosen", lambda name, *, full: {"compose": [tmp_path]})
    monkeypatch.setattr(testing, "_install", lambda say, *, browser: None)


@pytest.mark.usefixtures("_no_engine")
def test_a_part_asked_for_by_name_fails_where_it_cannot_run(capfd):
    assert testing.run("compose", full=False) == 1
    assert "compose: not run, because iptables: Permission denied" in capfd.readouterr().out


def test_the_closing_line_counts_what_did_not_run_apart():
    count = Count(passed=12, skipped=1, not_run={"compose": "no engine runs"})
    assert closing_line(count) == "12 passed, 0 failed, 1 skipped; compose: not run, because no engine runs"
