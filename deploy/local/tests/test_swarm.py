"""deploy/swarm/stack.yml is what docker-compose.yml leads to, and asks for whatever an installation must choose."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from parvis_local.layout import ROOT

sys.path.insert(0, str(ROOT / "deploy/clusters"))
import compose_source
import generate

COMPOSE = compose_source.read()
STACK = yaml.safe_load((ROOT / "deploy/swarm/stack.yml").read_text())


def test_the_file_is_what_the_generator_writes():
    assert generate.swarm() == STACK


@pytest.mark.parametrize("name", compose_source.PROCESSES)
def test_a_service_of_the_stack_is_that_of_compose_several_times(name):
    made, service = STACK["services"][name], COMPOSE["services"][name]
    image, _, release = service["image"].partition(":")
    asked = f"{image}:${{PARVIS_VERSION:?{compose_source.MUST['PARVIS_VERSION']}}}"
    assert made["image"] in {asked, f"${{PARVIS_TRAEFIK_IMAGE:-traefik:{release}}}"}
    assert made["secrets"] == service["secrets"]
    assert set(made["networks"]) == set(service["networks"])
    assert made["deploy"]["update_config"]["order"] == ("stop-first" if name == "traefik" else "start-first")
    assert made["read_only"]
    assert made["cap_drop"] == ["ALL"]


def test_every_secret_and_network_of_the_stack_is_declared():
    used = {source for each in STACK["services"].values() for source, _ in compose_source.secrets_of(each)}
    assert used == set(STACK["secrets"])
    assert {name for each in STACK["services"].values() for name in each["networks"]} <= set(STACK["networks"])


def test_files_that_the_stack_names_are_there():
    folder = ROOT / "deploy/swarm"
    named = [*STACK["services"]["traefik"]["env_file"][:1], STACK["services"]["traefik"]["volumes"][0].split(":")[0]]
    assert [name for name in named if not Path(folder, name).exists()] == []


def test_the_stack_has_no_default_for_what_must_be_chosen():
    text = (ROOT / "deploy/swarm/stack.yml").read_text()
    asked = set(re.findall(r"\$\{(\w+):\?", " ".join(text.split())))
    assert asked == set(compose_source.MUST) - {"PARVIS_TRUSTED_PROXIES"}  # which is a network of the stack's own
    assert not asked & set(re.findall(r"\$\{(\w+):-", text))
    assert "localhost" not in text
    assert not re.search(r"parvis/\w+:\d", text)
    for service in STACK["services"].values():
        assert service["env_file"][-1].startswith("${PARVIS_ENV_FILE:?")


def test_the_gateway_reaches_the_store_under_the_name_that_services_are_told():
    told = {name: STACK["services"][name]["environment"] for name in ("traefik", "documents")}
    address = told["documents"]["PARVIS_STORE_INTERNAL_URL"]
    assert address == "${PARVIS_STORE_INTERNAL_URL:-https://store:8333}"
    assert told["traefik"]["PARVIS_STORE_BACKEND_URL"] == address


@pytest.mark.parametrize("place", ["docs/operations.md", "deploy/swarm/stack.yml"])
def test_the_stack_is_told_settings_without_the_quotes_that_a_shell_takes_away(tmp_path, place):
    example = re.sub(r"^#(?=[A-Z]+_\w+=)", "", (ROOT / ".env.example").read_text(), flags=re.MULTILINE)
    (tmp_path / ".env").write_text(example)
    [line] = re.findall(r"env -i sh -c .* > swarm\.env", (ROOT / place).read_text())
    subprocess.run(["sh", "-c", line], cwd=tmp_path, check=True, timeout=600)
    told = dict(each.split("=", 1) for each in (tmp_path / "swarm.env").read_text().splitlines())
    written = dict(re.findall(r"^(\w+)=(.*)$", example, re.MULTILINE))
    assert set(told) == {name for name in written if not name.startswith("COMPOSE_")}
    assert told == {name: written[name].strip("'") for name in told}
    assert json.loads(told["PARVIS_LEGAL"])["processors"] == []


def test_the_gateway_of_the_stack_sees_visitors():
    traefik = STACK["services"]["traefik"]
    assert {port["mode"] for port in traefik["ports"]} == {"host"}
    assert traefik["deploy"]["mode"] == "global"
    assert "replicas" not in traefik["deploy"]
