"""`./parvis verify-audit` and `./parvis trail`: every service is asked, and what one finds is the answer."""

import json
import subprocess

import pytest

from parvis_local import command, trails
from parvis_local.ports import SERVICES


class Played:
    """A suite that runs, or does not."""

    def __init__(self, folder, *, running=True):
        self.layout = type("Layout", (), {"data": folder})
        self._running = running

    def is_running(self):
        return self._running

    def environment(self, service):
        return {"PARVIS_OF": service}


@pytest.fixture
def played(monkeypatch):
    """What was run; a test says what each command answers."""
    ran, answers = [], {}

    def run(command, env, **_):
        ran.append(command[2:])
        status, told = answers.get((env["PARVIS_OF"], command[3]), (0, ""))
        return subprocess.CompletedProcess(command, status, told, "")

    monkeypatch.setattr(trails.subprocess, "run", run)
    return ran, answers


def test_every_chain_and_every_anchor_is_checked(played, tmp_path, capsys):
    ran, _ = played
    assert trails.verify(Played(tmp_path)) == 0
    assert ran == [*([f"parvis_{each}", "verify-audit"] for each in SERVICES), ["parvis_tenancy", "verify-anchors"]]
    assert "Everything is as it was written." in capsys.readouterr().out


@pytest.mark.parametrize("broken", [("billing", "verify-audit"), ("tenancy", "verify-anchors")])
def test_what_a_check_finds_is_shown_and_is_the_status(played, tmp_path, capsys, broken):
    _, answers = played
    answers[broken] = (1, "act 5 was changed")
    assert trails.verify(Played(tmp_path)) == 1
    told = capsys.readouterr().out
    assert "act 5 was changed" in told
    assert "1 of 6 checks found something." in told


def test_acts_of_all_services_stand_in_one_order(played, tmp_path, capsys):
    _, answers = played
    for number, service in enumerate(SERVICES):
        answers[service, "trail"] = (
            0,
            json.dumps({"at": f"2026-11-2{number}", "service": service}) + "\nsomething else",
        )
    assert trails.show(Played(tmp_path), ["--act", "sign_in.failed"], 3) == 0
    shown = [json.loads(line)["service"] for line in capsys.readouterr().out.splitlines()]
    assert shown == list(reversed(SERVICES))[:3]
    assert played[0][0][1:] == ["trail", "--limit=3", "--act", "sign_in.failed"]


def test_the_keys_of_the_anchors_are_said(played, tmp_path, capsys):
    _, answers = played
    lines = [{"event": "audit_anchors_verified"}, {"event": "audit_anchor_key", "public_key": "ab" * 32}]
    answers["tenancy", "verify-anchors"] = (0, "\n".join(map(json.dumps, lines)))
    assert trails.verify(Played(tmp_path)) == 0
    assert f"✓ tenancy: anchors\n  signed by the public key {'ab' * 32}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "ran"),
    [
        ("run identity erasures", ["parvis_identity", "erasures"]),
        (
            "run identity erase-account -- orsel --confirm orsel",
            ["parvis_identity", "erase-account", "orsel", "--confirm", "orsel"],
        ),
        ("run tenancy -- verify-anchors --all", ["parvis_tenancy", "verify-anchors", "--all"]),
        ("run tenancy -- --help", ["parvis_tenancy", "--help"]),
        ("run tenancy", ["parvis_tenancy", "--help"]),  # without a command it would be the service itself
    ],
)
def test_a_command_of_a_service_is_run_as_the_suite_runs_it(played, tmp_path, monkeypatch, typed, ran):
    monkeypatch.setattr(command, "Suite", lambda _: Played(tmp_path))
    played[1][ran[0].removeprefix("parvis_"), ran[1]] = (2, "")
    options = command.parse(typed.split())
    assert options.act(options) == 2
    assert played[0] == [ran]


@pytest.mark.parametrize("passed_on", [["--role", "worker"], ["--role=api"], ["-x", "erasures"], [""]])
def test_a_service_is_not_started_a_second_time_by_hand(played, tmp_path, monkeypatch, passed_on):
    """Without a command's name it would be: what begins with a dash names none."""
    monkeypatch.setattr(command, "Suite", lambda _: Played(tmp_path))
    options = command.parse(["run", "identity", "--", *passed_on])
    with pytest.raises(ValueError, match="is no command"):
        options.act(options)
    assert played[0] == []


@pytest.mark.parametrize(
    "act", [trails.verify, lambda suite: trails.show(suite, [], 1), lambda suite: trails.run(suite, "identity", ["x"])]
)
def test_without_a_suite_it_says_what_to_do(tmp_path, capsys, act):
    assert act(Played(tmp_path, running=False)) == 1
    assert "./parvis up" in capsys.readouterr().out
