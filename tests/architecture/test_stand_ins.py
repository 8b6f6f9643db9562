"""What tests/compose does before it has an engine: where images come from, and what it says when it cannot go on."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "compose"))

import engine
import standins

DEBIAN = """\
Types: deb
# http://snapshot.example/debian/20260101
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""
UPDATES = DEBIAN.replace("/debian\n", "/debian-security\n").replace("bookworm bookworm-updates", "bookworm-security")
FOREIGN = "Types: deb\nURIs: https://deb.somebody.example/node\nSuites: nodistro\nComponents: main\n"


@pytest.mark.parametrize(
    ("files", "mirror"),
    [
        ({"sources.list.d/a.sources": FOREIGN, "sources.list.d/b.sources": f"{UPDATES}\n{DEBIAN}"}, "mirror.example"),
        ({"sources.list": "# old\ndeb [arch=amd64] http://old.example/debian/ bookworm main\n"}, "old.example"),
        ({"sources.list": "deb http://other.example/cloud bookworm main\n"}, ""),
        ({}, ""),
    ],
)
def test_packages_come_from_where_apt_takes_debian_itself(tmp_path, files, mirror):
    (tmp_path / "sources.list.d").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    found = standins.debian_mirror(tmp_path)
    assert found.rstrip("/") == (f"http://{mirror}/debian" if mirror else "")


def test_without_an_engine_and_without_rights_the_reason_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(engine, "PACKAGES", dict.fromkeys(engine.PACKAGES, "docker.io"))
    with pytest.raises(engine.NoEngine, match=r"docker\.io cannot be installed"):
        engine.start()


def test_an_engine_that_refuses_is_quoted(monkeypatch, tmp_path):
    program = tmp_path / "dockerd"
    program.write_text("#!/bin/sh\necho 'failed to start daemon: iptables: Permission denied (you must be root)' >&2\n")
    program.chmod(0o755)
    for name in ("docker-compose", "debootstrap"):
        (tmp_path / name).symlink_to(program)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(engine, "DATA", tmp_path / "engine")
    monkeypatch.setattr(engine, "answers", lambda: False)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    with pytest.raises(engine.NoEngine, match="iptables: Permission denied"):
        engine.start()
