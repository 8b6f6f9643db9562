"""`./parvis keys`: asks before it makes worthless what counts, and needs a suite that runs."""

import io
import subprocess
import sys

import pytest

from parvis_local import keys
from parvis_local.command import parse
from parvis_local.ending import ended


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
def test_who_types_renew_renews(ran, tmp_path, options, passed_on):
    assert keys.rotate(Played(tmp_path, running=True), **options, distrust=False, ask=lambda _: "renew\n") == 0
    assert ran == [(["-m", "parvis_identity", "rotate-keys", *passed_on], "identity", False)]


@pytest.mark.parametrize("typed", ["", "y", "yes", "distrust"])
def test_keys_stay_unless_the_word_is_typed(ran, tmp_path, capsys, typed):
    assert keys.rotate(Played(tmp_path, running=True), soon=False, distrust=False, ask=lambda _: typed) == 1
    assert (ran, capsys.readouterr().out) == ([], "Nothing was changed.\n")


@pytest.mark.parametrize(("soon", "when"), [(False, "in a day"), (True, "in minutes")])
def test_the_question_says_what_happens_and_when(ran, tmp_path, soon, when):
    asked = []
    keys.rotate(Played(tmp_path, running=True), soon=soon, distrust=False, ask=lambda text: asked.append(text) or "")
    assert when in asked[0]
    assert ran == []


def test_who_is_sure_is_not_asked(ran, tmp_path):
    assert keys.rotate(Played(tmp_path, running=True), soon=False, distrust=False, sure=True, ask=nobody) == 0
    assert parse(["keys", "--yes"]).yes
    assert len(ran) == 1


def test_who_is_sure_is_asked_before_keys_are_worth_nothing(ran, tmp_path):
    assert keys.rotate(Played(tmp_path, running=True), soon=False, distrust=True, sure=True, ask=lambda _: "renew") == 1
    assert ran == []


def test_where_nobody_can_answer_nothing_is_done(ran, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    said = []
    status = ended(lambda: keys.rotate(Played(tmp_path, running=True), soon=False, distrust=False), said.append)
    assert (status, ran) == (1, [])
    assert "nobody can answer here" in said[0]


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
    keys.rotate(Played(tmp_path, running=True), soon=False, distrust=False, sure=True, ask=nobody)
    assert ran
