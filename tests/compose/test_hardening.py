"""What a container may do, read from the engine and tried from inside."""

import json

import pytest
from stack import ENGINES, OURS, Stack

EVERY = (*ENGINES, *OURS)

TRY = """
import ctypes, json, os
def tried(path):
    try:
        open(path, "w").close()
    except OSError as error:
        return type(error).__name__ if not isinstance(error, OSError) else os.strerror(error.errno)
    os.unlink(path)
    return "written"
status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines() if ":" in line)
found = {
    "uid": os.getuid(),
    "capabilities": [status[name].strip() for name in ("CapPrm", "CapEff", "CapBnd")],
    "no_new_privileges": status["NoNewPrivs"].strip(),
    "root": tried("/tried"),
    "own_folder": tried("/opt/parvis/tried") if os.path.isdir("/opt/parvis") else "Read-only file system",
    "temporary": tried("/tmp/tried"),
    "chown": "",
}
try:
    os.setuid(0)
    found["chown"] = "became root"
except PermissionError:
    found["chown"] = "refused"
print(json.dumps(found))
"""


@pytest.mark.parametrize("service", EVERY)
def test_the_engine_gives_a_container_nothing_that_it_does_not_need(stack: Stack, service):
    seen = stack.inspect(service)
    host, config = seen["HostConfig"], seen["Config"]
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert not host["Privileged"]
    assert any(option.startswith("no-new-privileges") for option in host["SecurityOpt"])
    assert config["User"].partition(":")[0] not in {"", "0", "root"}
    assert host["Memory"] > 0
    assert host["NanoCpus"] > 0
    assert 0 < host["PidsLimit"] <= 512
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert config.get("Healthcheck", {}).get("Test")
    assert not [mount for mount in seen["Mounts"] if mount["Destination"].endswith("docker.sock")]


@pytest.mark.parametrize("service", EVERY)
def test_from_inside_a_container_is_as_poor_as_it_looks(stack: Stack, service):
    answer = stack.python(service, TRY)
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    assert found["uid"] != 0
    assert {int(each, 16) for each in found["capabilities"]} == {0}
    assert found["no_new_privileges"] == "1"
    assert found["root"] == "Read-only file system"
    assert found["own_folder"] == "Read-only file system"
    assert found["temporary"] == "written"
    assert found["chown"] == "refused"


@pytest.mark.parametrize("service", OURS)
def test_no_secret_stands_in_the_environment_of_a_container(stack: Stack, service):
    environment = "\n".join(stack.inspect(service)["Config"]["Env"])
    held = [file for file in stack.secrets.iterdir() if file.is_file() and len(file.read_text().strip()) >= 16]
    assert held
    assert not [file.name for file in held if file.read_text().strip() in environment]
