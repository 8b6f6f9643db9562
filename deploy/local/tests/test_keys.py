"""`./parvis keys`: asks before it makes worthless what counts, and needs a suite that runs."""

import subprocess
import sys

import pytest

from parvis_local import keys
from parvis_local.command import parse


class Played:
    """A suite that runs, or does not."""

    def __init__(self, folder, *, running):
        self.layout = type("Layout", (), {"data": folder})
        self._running = running

    def is_running(self):
        return self._running

    def environment(self, service):
        return {"PARVIS_OF": service}


@pytest.fixture
def ran(monkeypatch):
    """The commands that were run, with what they were told."""
    commands = []

    def run(command, env, check):
        commands.append((command[1:], env["PARVIS_OF"], check))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(keys.subprocess, "run", run)
    return commands


def nobody(_):
    raise AssertionError("asked")


@pytest.mark.parametrize(("options", "passed_on"), [({"soon": False}, []), ({"soon": True}, ["--soon"])])
def test_new_keys_need_no_confirmation(ran, tmp_path, options, passed_on):
    assert keys.rotate(Played(tmp_path, running=True), **options, distrust=False, ask=nobody) == 0
    assert ran == [(["-m", "parvis_identity", "rotate-keys", *passed_on], "identity", False)]


@pytest.mark.parametrize("typed", ["", "y", "yes", "Distrust"])
def test_nothing_is_distrusted_unless_the_word_is_typed(ran, tmp_path, capsys, typed):
    assert keys.rotate(Played(tmp_path, running=True), soon=False, distrust=True, ask=lambda _: typed) == 1
    assert (ran, capsys.readouterr().out) == ([], "Nothing was changed.\n")


def test_who_types_the_word_distrusts(ran, tmp_path):
    assert keys.rotate(Played(tmp_path, running=True), soon=False, distrust=True, ask=lambda _: "distrust\n") == 0
    assert ran[0][0][-1] == "--distrust"


def test_a_suite_that_does_not_run_has_no_keys_to_change(ran, tmp_path, capsys):
    assert keys.rotate(Played(tmp_path, running=False), soon=False, distrust=False, ask=nobody) == 1
    assert ran == []
    assert "./parvis up" in capsys.readouterr().out


def test_soon_and_distrust_exclude_each_other():
    with pytest.raises(SystemExit):
        parse(["keys", "--soon", "--distrust"])


def test_it_runs_with_the_python_of_the_suite(ran, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/somewhere/python")
    keys.rotate(Played(tmp_path, running=True), soon=False, distrust=False, ask=nobody)
    assert ran
