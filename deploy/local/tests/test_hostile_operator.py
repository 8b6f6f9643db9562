"""What an operator may type or meet: each ends with a readable line and a status, and nothing is half done."""

import json
import os
import subprocess
import sys
import time
from signal import SIGINT

import httpx
import pytest

from parvis_local import command, ending, secret_files, supply
from parvis_local.credentials import load_or_make
from parvis_local.layout import Layout
from parvis_local.secret_files import Places
from parvis_local.servers.postgres import refuse_other_release
from parvis_local.state import SuiteState, read
from parvis_local.suite import Suite, SuiteFailed, explain

MOST_LINES = 3


@pytest.fixture
def typed(capsys, tmp_path, monkeypatch):
    """Types a command, in which DATA stands for a folder of the test; its status and what it said."""
    monkeypatch.chdir(tmp_path)

    def run(line):
        with pytest.raises(SystemExit) as ended:
            command.main([each.replace("DATA", str(tmp_path)) for each in line.split()])
        said = capsys.readouterr()
        return ended.value.code, said.out + said.err

    return run


def a_file(folder):
    (folder / "file").write_text("x")


def no_rights(folder):
    (folder / "other").mkdir(mode=0o000)


def damaged(name):
    def damage(folder):
        (folder / "suite" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "suite" / name).write_text('{"half')

    return damage


def backups_of_somebody(folder):
    (folder / "backups" / "fooZ").mkdir(parents=True)
    (folder / "backups" / "fooZ" / "manifest.json").write_text("{}")


@pytest.mark.parametrize(
    ("line", "found", "says"),
    [
        ("status --data DATA/none", None, "No suite runs on"),
        ("dead-letters --data DATA/none", None, "No suite runs on"),
        ("dead-letters replay --all --data DATA/none", None, "No suite runs on"),
        ("verify-audit --data DATA/none", None, "No suite runs on"),
        ("trail --data DATA/none", None, "No suite runs on"),
        ("keys --distrust --data DATA/none", None, "No suite runs on"),
        ("logs identity --data DATA/none", None, "There is no log"),
        ("logs /etc/*", None, "There is no log"),
        ("backup --data DATA/none --to DATA/to", None, "holds no suite"),
        ("restore DATA/none --data DATA/new", None, "neither a backup folder nor a backup"),
        ("restore DATA/file --data DATA/new", a_file, "neither a backup folder nor a backup"),
        ("up --data DATA/file --detach", a_file, "DATA/file"),
        ("up --port 99999 --data DATA/none", None, "between 1024 and"),
        ("up --only nonsense --data DATA/suite --port 1", None, "between 1024 and"),
        ("up --data DATA/suite", damaged("installation.json"), "installation.json is damaged"),
        ("doctor --data DATA/suite", damaged("secrets/credentials.json"), "credentials.json is damaged"),
        ("doctor --targets nonsense", None, "No address for nonsense"),
        ("doctor --targets identity=http://[::1", None, "identity does not answer"),
        ("doctor --targets web=https://127.0.0.1:1 --ca DATA/none", None, "DATA/none"),
        ("doctor --targets web=https://127.0.0.1:1 --ca DATA/file", a_file, "holds no certificate of an authority"),
        ("doctor --ca DATA/file", a_file, "--ca is for --targets"),
        ("run identity --data DATA/none -- --role worker", None, "no command"),
        ("doctor --targets identity=http://x:port", None, "identity does not answer"),
        ("doctor --targets web=http://127.0.0.1:1 --backups DATA/backups", backups_of_somebody, "no complete backup"),
        ("doctor --targets identity=http://127.0.0.1:1 --backups DATA/file", a_file, "no complete backup"),
        ("check nonsense", None, "There is no gate nonsense"),
        ("test nonsense", None, "There is no test part"),
        ("bench nonsense", None, "There is no bench"),
        ("secrets --out DATA/file", a_file, "holds no new secret"),
        ("secrets --out DATA/s --hosts ,", None, "--hosts are names"),
        ("secrets --out DATA/s --hosts portail.é.example", None, "--hosts are names"),
        ("secrets --out DATA/s --postgres nowhere", None, "--postgres is HOST:PORT"),
        ("secrets --out DATA/s --nats a:1@b:2", None, "--nats is HOST:PORT"),
        ("secrets --out DATA/s --smtp relay.test", None, "--smtp is an address"),
        ("secrets --out DATA/s --renew-certificates", None, "holds no"),
        ("secrets --out DATA/s --new-authority", None, "holds no certificates"),
    ],
)  # fmt: skip
def test_a_line_says_what_to_do(typed, tmp_path, line, found, says):
    if found:
        found(tmp_path)
    before = {path for path in tmp_path.rglob("*") if path.is_file()}

    status, said = typed(line)

    assert status not in {0, None}
    assert says.replace("DATA", str(tmp_path)) in said.replace("\n", " ")
    assert "Traceback" not in said
    assert "fault of Parvis" not in said
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == before, "nothing is half done"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything")
@pytest.mark.parametrize("line", ["up --data DATA/other/x", "secrets --out DATA/other/x", "doctor --data DATA/other/x"])
def test_a_folder_without_rights_is_named(typed, tmp_path, line):
    no_rights(tmp_path)
    status, said = typed(line)
    (tmp_path / "other").chmod(0o700)
    assert (status, "other" in said, "Permission denied" in said) == (1, True, True)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (SuiteFailed("PostgreSQL: no room"), "PostgreSQL: no room"),
        (PermissionError(13, "Permission denied", "/x"), "/x: Permission denied. Run it as the account"),
        (OSError(28, "No space left on device"), "No space left on device. Make room"),
        (TimeoutError(), "TimeoutError. ./parvis doctor"),
        (EOFError(), "standard input has ended. Nothing was done."),
        (subprocess.CalledProcessError(2, ["git", "log"]), "This step ended with status 2: git log"),
        (RuntimeError("of ours"), "RuntimeError: of ours\nThis is a fault of Parvis."),
    ],
)
def test_an_error_is_told_to_whoever_typed_the_command(error, says):
    told = []

    def act():
        raise error

    assert ending.ended(act, told.append) == 1
    assert told[0].startswith(says) or says in told[0]
    assert told[0].count("\n") < MOST_LINES


def test_a_fault_shows_where_it_is_to_whoever_asks(monkeypatch):
    monkeypatch.setenv(ending.SHOW, "1")
    with pytest.raises(ZeroDivisionError):
        ending.ended(lambda: 1 // 0, print)


def test_whoever_stops_reading_gets_no_complaint():
    program = "from parvis_local.ending import ended; raise SystemExit(ended(lambda: print('x' * 10**6) or 0, print))"
    done = subprocess.run(f'{sys.executable} -c "{program}" | head -c 1', shell=True, capture_output=True, text=True)  # noqa: S602, PLW1510 - a pipe is what is looked at
    assert (done.stdout, done.stderr) == ("x", "")


@pytest.mark.parametrize("line", ["sbom", "check audit", "doctor --targets identity=http://10.255.255.1:9"])
def test_an_interrupted_command_says_so_and_no_more(line, tmp_path):
    told = tmp_path / "told"
    with told.open("w") as file:  # with what it has read of itself: interrupted once its commands are there
        reading = [sys.executable, "-X", "importtime", "-m", "parvis_local", *line.split()]
        running = subprocess.Popen(reading, stdout=subprocess.DEVNULL, stderr=file)
    give_up = time.monotonic() + 60
    while "parvis_local.command\n" not in told.read_text():
        assert time.monotonic() < give_up, told.read_text()[-2000:]
        time.sleep(0.01)
    running.send_signal(SIGINT)
    running.wait(60)
    assert "Traceback" not in told.read_text()
    assert running.returncode in {130, 0, 1}, told.read_text()[-2000:]  # it may have ended before


def test_secrets_are_all_made_or_none(tmp_path, monkeypatch):
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "mine").write_text("x")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(secret_files, "make_identities", full)
    assert secret_files.main(folder, Places(), missing=False) == 1
    assert [path.name for path in folder.iterdir()] == ["mine"]


def test_a_release_before_reads_what_a_newer_one_left(tmp_path):
    layout = Layout(tmp_path)
    layout.make()
    known = load_or_make(layout)
    kept = layout.secrets / "credentials.json"
    kept.write_text(kept.read_text().replace("{", '{"of_a_newer_release": "x",', 1))
    layout.state.write_text('{"port": 9000, "demo": true, "newer": 1, "parts": []}')

    assert load_or_make(layout) == known
    assert "of_a_newer_release" in kept.read_text()
    assert read(layout).port == 9000


@pytest.mark.parametrize("name", ["database_superuser", "store_encryption_key", "key_encryption_key", "anchor_key"])
@pytest.mark.parametrize("how", ["gone", "empty"])
def test_a_key_that_data_was_made_with_is_never_made_anew(tmp_path, name, how):
    layout = Layout(tmp_path)
    layout.make()
    load_or_make(layout)
    file = layout.secrets / "credentials.json"
    held = json.loads(file.read_text()) | {name: ""}
    file.write_text(json.dumps({key: value for key, value in held.items() if how == "empty" or key != name}))

    with pytest.raises(ValueError, match=f"lacks {name}: .* Bring the file back"):
        load_or_make(layout)


@pytest.mark.parametrize("made_by", ["16\n", "", "99\n"])
def test_a_volume_of_another_postgresql_is_refused_with_what_to_do(tmp_path, made_by):
    (tmp_path / "PG_VERSION").write_text(made_by)
    with pytest.raises(ValueError, match=r"was made by PostgreSQL .* make a backup there"):
        refuse_other_release(tmp_path)


def test_what_a_part_says_itself_is_all_that_is_said(tmp_path):
    state = SuiteState(9000, demo=True, note="Billing ended with status 1", failed_part="billing")
    state.log_end = ["before", "billing does not start: PARVIS_DATABASE_URL is missing"]
    told = explain(state, Layout(tmp_path)).splitlines()
    assert told == [
        "billing does not start: PARVIS_DATABASE_URL is missing",
        f"The whole log: {tmp_path}/logs/billing.log",
    ]


def test_a_suite_whose_state_is_damaged_is_not_said_to_be_none(tmp_path, monkeypatch):
    suite = Suite(tmp_path)
    suite.layout.make()
    suite.layout.state.write_text("{")
    monkeypatch.setattr("parvis_local.state.is_held", lambda _: True)
    with pytest.raises(SuiteFailed, match="is damaged"):
        suite.stop()


@pytest.mark.parametrize(
    "answer", ["[]", '{"results": [null]}', '{"results": [{"vulns": [{}]}]}', "<html>", '{"results": []}']
)
def test_nonsense_of_whoever_knows_vulnerabilities_is_no_pass(monkeypatch, answer):
    response = httpx.Response(200, text=answer, request=httpx.Request("POST", supply.PLACE))
    monkeypatch.setattr(supply.httpx, "post", lambda *_, **__: response)
    with pytest.raises(supply.NotAsked):
        list(supply.vulnerable([{"type": "library", "purl": "pkg:pypi/x@1"}]))


def test_an_address_that_is_none_is_no_pass(monkeypatch):
    monkeypatch.setattr(supply, "PLACE", "http://[::1")
    with pytest.raises(supply.NotAsked):
        list(supply.vulnerable([{"type": "library", "purl": "pkg:pypi/x@1"}]))
