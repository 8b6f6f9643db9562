"""What images are made of: a part of the lock, the packages of this repository, a list of what is inside."""

import http.server
import importlib.util
import json
import re
import ssl
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

from parvis_local.authority import identity_of, make_identities
from parvis_local.layout import ROOT

IMAGES = ROOT / "deploy" / "images"
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()


def script(name):
    spec = importlib.util.spec_from_file_location(f"images_{name}", IMAGES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


subset, sbom, health_py = script("subset"), script("sbom"), script("health")
LOCK = """asyncpg==0.32.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
Jinja2==3.1.6 ; python_version > '3' \\
    --hash=sha256:cc
typing-extensions==4.16.0 \\
    --hash=sha256:dd
"""


def test_the_lines_of_the_lock_are_taken_whole():
    assert "".join(subset.lines({"jinja2", "asyncpg"}, LOCK)) == LOCK[: LOCK.index("typing")]


def test_what_the_lock_does_not_hold_is_named():
    with pytest.raises(ValueError, match="does not hold uvloop: run"):
        list(subset.lines({"uvloop"}, LOCK))


def test_every_package_of_the_lock_is_found():
    lock = (ROOT / "requirements.lock").read_text()
    assert len(subset.blocks(lock)) == len(
        {subset.canonical(each) for each in re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)}
    )


def test_a_service_takes_what_it_requires_and_no_tests():
    ours, others = subset.needed(["parvis-billing"], subset.workspace())
    names = {subset.name_of(each) for each in others}
    assert {"parvis-billing", "parvis-kit", "parvis-protos", "parvis-advisers", "parvis-watch"} <= set(ours)
    assert not {"parvis-web", "parvis-identity", "parvis-local"} & set(ours)
    assert {"asyncpg", "typst", "grpcio"} <= names
    assert not {"pytest", "ruff", "playwright", "hypothesis", "argon2-cffi"} & names


def test_nothing_of_a_working_copy_but_what_is_listed_gets_into_an_image():
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    let_in = {line.removeprefix("!") for line in rules if line.startswith("!")}
    packages = {folder.relative_to(ROOT).parts[0] for folder in subset.workspace().values()}
    assert rules[0] == "*"
    assert let_in == packages | {"requirements.lock", "pyproject.toml", "LICENSE", "protos", "deploy"}
    # What COPY names is no working copy as a whole: neither its .git nor the files of whoever builds.
    copied = [
        each for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE) for each in line.split()[:-1]
    ]
    assert not [each for each in copied if each in {".", "./", "*"} or ".git" in each]


def test_the_dockerfile_copies_every_package_of_the_repository():
    for folder in subset.workspace().values():
        path = folder.relative_to(ROOT).as_posix()
        assert f"COPY {path}/pyproject.toml {path}/\n" in DOCKERFILE, f"{path} is not in deploy/Dockerfile"
        top = path.partition("/")[0]
        assert f"COPY {path} {path}\n" in DOCKERFILE or f"COPY {top} {top}\n" in DOCKERFILE
        assert f"!{top}\n" in (ROOT / ".dockerignore").read_text()


def test_the_dockerfile_is_read_by_the_classic_builder_too():
    assert not re.search(r"--mount|<<|--link|--chmod|# *syntax=", DOCKERFILE)


def test_an_image_runs_without_rights_and_says_how_it_is():
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    assert "USER 10001:10001" in final
    assert "HEALTHCHECK" in final
    assert re.search(r"^ENTRYPOINT", final, re.MULTILINE)
    assert not re.search(r"apt-get|curl|gcc", final)


def test_the_list_of_what_is_inside_names_packages_as_scanners_know_them(tmp_path):
    made = json.loads(subprocess.check_output([sys.executable, IMAGES / "sbom.py", "parvis/billing", "1.2.3"]))
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.6")
    assert made["metadata"]["component"]["version"] == "1.2.3"
    by_name = {each["name"]: each for each in made["components"]}
    assert re.fullmatch(r"pkg:pypi/asyncpg@[\d.]+", by_name["asyncpg"]["purl"])
    assert "purl" not in by_name["parvis-kit"]  # ours: no index has it
    references = [each["bom-ref"] for each in made["components"]]
    assert len(set(references)) == len(references)
    status = tmp_path / "status"
    status.write_text(
        "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36-9\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n"
    )
    assert [each["purl"] for each in sbom.debian_packages(status)] == ["pkg:deb/debian/libc6@2.36-9?arch=amd64"]


@contextmanager
def answering(said, context=None, host="127.0.0.1"):
    """The port of one that answers /health/ready as it is told, over TLS where there is a context."""

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(said["status"] if self.path == "/health/ready" else 404)
            self.end_headers()
            self.wfile.write(b'{"failing": "NATS cannot be reached"}')

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer((host, 0), Answers)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def service():
    """Answers /health/ready as it is told."""
    said = {"status": 200}
    with answering(said) as port:
        yield port, said


def health(port, **told):
    return subprocess.run(
        [sys.executable, "-I", "-S", IMAGES / "health.py"],
        env={"PARVIS_HTTP_LISTEN": f"0.0.0.0:{port}", **told},
        capture_output=True,
        text=True,
        check=False,
    )


def test_health_says_what_a_container_waits_for(service):
    port, said = service
    assert health(port).returncode == 0
    said["status"] = 503
    waiting = health(port)
    assert (waiting.returncode, waiting.stdout) == (1, '{"failing": "NATS cannot be reached"}\n')


@pytest.mark.parametrize(
    ("listen", "asked"),
    [
        ("0.0.0.0:8080", ("127.0.0.1", 8080)),
        (":8080", ("127.0.0.1", 8080)),
        ("[::]:8080", ("::1", 8080)),
        (":::8080", ("::1", 8080)),
        ("[2001:db8::7]:8081", ("2001:db8::7", 8081)),
        ("10.0.0.7:8081", ("10.0.0.7", 8081)),
    ],
)
def test_health_is_asked_where_the_service_listens(listen, asked):
    assert health_py.asked(listen) == asked


def test_health_of_a_service_that_does_not_listen():
    nobody = health(1)
    assert nobody.returncode == 1
    assert "nothing answers at 0.0.0.0:1:" in nobody.stdout


def test_health_says_that_an_address_without_a_port_is_none():
    said = health("", PARVIS_HTTP_LISTEN="[::1]")
    assert (said.returncode, said.stdout) == (1, "PARVIS_HTTP_LISTEN is HOST:PORT, and is '[::1]'\n")


def test_health_is_asked_over_tls_where_the_service_speaks_it(service, tmp_path):
    """A plain listener is not what it expects, nor one whose certificate another authority has signed."""
    for name in ("ours", "another"):
        (tmp_path / name).mkdir()
        make_identities(("web",), tmp_path / name)
    own = identity_of("web", tmp_path / "ours")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(own.certificate, own.key)
    told = {"PARVIS_HTTP_TLS": "true", "PARVIS_TLS_CA": str(own.authority)}
    with answering({"status": 200}, context) as port:
        assert health(port, **told).returncode == 0
        strange = health(port, **told | {"PARVIS_TLS_CA": str(tmp_path / "another" / "ca.pem")})
        assert (strange.returncode, "certificate verify failed" in strange.stdout) == (1, True)
        assert health(port).returncode == 1
    with answering({"status": 200}, context, "127.0.0.2") as port:  # an address that no certificate bears
        assert health(port, **told, PARVIS_HTTP_LISTEN=f"127.0.0.2:{port}").returncode == 0
    assert health(service[0], **told).returncode == 1
