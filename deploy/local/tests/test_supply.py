"""What comes from others: hashes, licences, known vulnerabilities; and the list of it all."""

import http.server
import json
import threading
from datetime import date

import httpx
import pytest

from parvis_local import checks, supply

RULES = {
    "anywhere": {"MIT": "", "Apache-2.0": ""},
    "tools": {"GPL-3.0-or-later": ""},
    "names": {"MIT License": "MIT"},
    "read": {"silent": ["MIT", ""]},
}


def pin(name, licence=None, **more):
    made = {"type": "library", "name": name, "version": "1", "purl": f"pkg:npm/{name}@1", "hashes": [{}], **more}
    return made if licence is None else made | {"licenses": [{"expression": licence}]}


FINE = (pin("a", "MIT"), pin("b", "Apache-2.0"), pin("c", "GPL-3.0-or-later"), pin("d", "MIT License"), pin("silent"))


def licences(*pins, in_images=frozenset()):
    return list(supply.foreign_licences([*FINE, *pins], RULES, in_images))


def test_everything_that_is_locked_is_in_the_document_with_hashes_and_licences():
    components = supply.document()["components"]
    lock = (supply.ROOT / "requirements.lock").read_text()
    npm = json.loads((supply.ROOT / "gateway/ui/package-lock.json").read_text())["packages"]
    by_purl = {each["purl"]: each for each in components}
    assert len(by_purl) == len(components)
    assert sum(purl.startswith("pkg:pypi/") for purl in by_purl) == sum(
        "==" in line.split(";")[0] for line in lock.split("\n")
    )
    assert sum(purl.startswith("pkg:npm/") for purl in by_purl) == len(npm) - 1
    assert "pkg:docker/postgres@" in " ".join(by_purl)
    hashes = {each["content"] for each in components if each["type"] == "library" for each in each["hashes"]}
    assert lock.count("--hash=sha256:") == sum(len(digest) == 64 for digest in hashes)
    assert list(supply.problems()) == []


def test_a_pin_without_a_hash_is_named():
    assert list(supply.unproven([pin("a"), pin("b", hashes=[])])) == ["pkg:npm/b@1 is pinned without a hash"]


def test_what_images_hold_is_known_without_what_only_checks_and_tests_need():
    held = supply.in_images()
    assert {"asyncpg", "grpcio", "greenlet", "cryptography", "python-stdnum"} <= held
    assert not {"djlint", "mypy", "hypothesis", "ruff", "pytest"} & held


def test_a_licence_is_allowed_where_somebody_argued_for_it():
    assert licences() == []
    assert licences(pin("e", "(MIT OR AGPL-3.0-only) AND Apache-2.0")) == []
    assert licences(pin("e", "AGPL-3.0-only")) == ["e is under AGPL-3.0-only, which supply.toml does not allow here"]
    assert licences(pin("e", "MIT AND AGPL-3.0-only"))
    assert licences(pin("e")) == ["e does not say its licence: read it, and write it down"]


def test_what_a_tool_may_be_under_no_image_may_hold():
    assert licences(in_images=frozenset({"c"})) == [
        "c is under GPL-3.0-or-later, which supply.toml does not allow here"
    ]


def test_a_word_that_nothing_needs_any_more_is_taken_out():
    assert list(supply.foreign_licences(FINE[:-1], RULES, frozenset())) == [
        "supply.toml: nothing is under or called 'silent' any more"
    ]


@pytest.fixture
def advisories(monkeypatch):
    """Answers as OSV does: `known` is what it knows."""
    known, asked = {}, []

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            queries = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
            asked.append(len(queries))
            found = [known.get(each["package"]["purl"], []) for each in queries]
            body = json.dumps({"results": [{"vulns": [{"id": each} for each in ids]} if ids else {} for ids in found]})
            self.send_response(known.get("status", 200))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(supply, "PLACE", f"http://127.0.0.1:{server.server_port}/v1/querybatch")
    yield known, asked
    server.shutdown()
    server.server_close()


def test_a_known_vulnerability_is_named_with_the_pin_that_has_it(advisories):
    known, asked = advisories
    components = supply.document()["components"]
    assert list(supply.vulnerable(components)) == []
    bad = next(each["purl"] for each in components if each["name"] == "jinja2")
    known[bad] = ["GHSA-1", "PYSEC-2"]
    assert list(supply.vulnerable(components)) == [f"{bad}: GHSA-1", f"{bad}: PYSEC-2"]
    assert asked[0] == sum(each["type"] == "library" for each in components)


def test_what_was_accepted_is_accepted_until_its_day(advisories, monkeypatch):
    known, _ = advisories
    known["pkg:npm/a@1"] = ["GHSA-1"]
    rules = {"advisories": {"GHSA-1": {"reason": "…", "until": date(2027, 1, 31)}}}
    monkeypatch.setattr(supply, "accepted", lambda: rules)
    assert list(supply.vulnerable(FINE, date(2027, 1, 31))) == []
    assert "look again" in next(supply.vulnerable(FINE, date(2027, 2, 1)))
    known.clear()
    assert list(supply.vulnerable(FINE)) == ["supply.toml: GHSA-1 concerns nothing any more"]


def test_an_error_without_words_is_told_by_its_kind(monkeypatch):
    def silent(*_, **__):
        raise httpx.ReadTimeout("")

    monkeypatch.setattr(supply.httpx, "post", silent)
    with pytest.raises(supply.NotAsked, match="cannot be asked: ReadTimeout"):
        list(supply.vulnerable(FINE))


def test_a_gate_that_could_not_ask_says_so_loudly_and_fails_where_it_is_required(advisories, monkeypatch, capsys):
    known, _ = advisories
    known["status"] = 503
    assert checks.run(["audit"]) == 0
    said = capsys.readouterr().out
    assert "NOT COMPARED WITH KNOWN VULNERABILITIES" in said
    assert "503" in said
    assert "✓ audit" not in said
    monkeypatch.setenv("PARVIS_AUDIT", "required")
    assert checks.run(["audit"]) == 1
    known.clear()
    assert checks.run(["audit"]) == 0
    assert "✓ audit" in capsys.readouterr().out
