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


@pytest.fixture
def part(monkeypatch, tmp_path):
    """Runs a file of tests as a part; a test of it may fail the first time only."""
    monkeypatch.setattr(testing, "ROOT", tmp_path)
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\nmarkers = ['full']\n")

    def run(text, *beside):
        path = tmp_path / "test_part.py"
        path.write_text(f"from pathlib import Path\nimport pytest\nONCE = Path({str(tmp_path / 'once')!r})\n{text}")
        count = Count()
        testing._pytest("part", [path, *beside], count, full=False, passed_on=())
        return count

    return run


ONCE = "def test_once():\n    there = ONCE.exists()\n    ONCE.touch()\n    assert there\n"
PASSES = "def test_passes(): pass\n"
FAILS = "def test_fails(): assert False\n"


def test_what_passes_at_a_second_go_is_told_and_does_not_fail_the_run(part):
    assert part(PASSES + ONCE) == Count(passed=2, unsteady=["test_part::test_once"])


def test_where_one_failure_is_the_finding_there_is_no_second_go(part, monkeypatch):
    monkeypatch.setattr(testing, "NEVER_AGAIN", {"part"})
    assert part(PASSES + ONCE) == Count(passed=1, failed=1)


def test_what_fails_each_time_fails_the_run(part):
    assert part(PASSES + ONCE + FAILS) == Count(passed=2, failed=1, unsteady=["test_part::test_once"])


def test_what_runs_beside_the_rest_is_told_and_counted_too(part, monkeypatch, tmp_path, capfd):
    monkeypatch.setattr(testing, "BESIDE", {"part": ("beside",)})
    (tmp_path / "beside").mkdir()
    (tmp_path / "beside" / "test_beside.py").write_text("def test_beside(): assert not 'here'\n")
    assert part(PASSES, tmp_path / "beside") == Count(passed=1, failed=1)
    assert "assert not 'here'" in capfd.readouterr().out


def test_many_failures_are_no_accident(part):
    many = "@pytest.mark.parametrize('n', range(6))\ndef test_many(n):\n    assert False\n"
    assert part(ONCE + PASSES + many) == Count(passed=1, failed=7)


def test_a_part_that_cannot_be_collected_is_broken(part):
    assert part("import nothing_of_that_name\n").broken == ["part"]


def test_a_skipped_test_is_not_a_passed_one(part):
    assert part(PASSES + "def test_skips(): pytest.skip('no')\n") == Count(passed=1, skipped=1)
