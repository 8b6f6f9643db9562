"""docker-compose.yml and the files beside it, read as they stand: what every container promises, and who meets whom."""

import inspect
import json
import re
import socket
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from pydantic_settings import BaseSettings

from parvis_local.credentials import DATABASES
from parvis_local.layout import ROOT
from parvis_local.ports import SERVICES
from parvis_local.secret_files import Places, make_secrets
from parvis_local.servers.traefik import static_configuration

MAIN = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
BESIDE = sorted((ROOT / "deploy" / "compose").glob("*.yml"))
ENGINES = ("postgres", "nats", "store")
#: What alone leads to each network: whoever else is put on it meets what it does not use.
NEEDS = {
    "edge": {"traefik"},
    "front": {"traefik", "identity", "tenancy", "web"},
    "store-front": {"traefik", "store"},
    "store": {"store", "documents", "billing", "backup"},
    "database": {"postgres", "databases", "backup", *DATABASES, *(f"{name}-migrate" for name in DATABASES)},
    "bus": {"nats", "backup", *DATABASES},
    "calls": set(DATABASES),
    "outside": {"identity", "notify", "mail"},
}
VOLUMES = {
    name
    for path in [ROOT / "docker-compose.yml", *BESIDE]
    for name in yaml.safe_load(path.read_text()).get("volumes", ())
}
VARIABLE = re.compile(r"\$\{(\w+)")
ENTRY = re.compile(r"^#?(PARVIS_\w+|COMPOSE_\w+)=", re.MULTILINE)


def containers(document, kind="full"):
    """Containers by name; `full` leaves out overrides that only change another file's."""
    return {name: each for name, each in document["services"].items() if kind != "full" or "restart" in each}


def everything():
    """(file, name, container) of the main file, and of the others what they define whole."""
    for path in [ROOT / "docker-compose.yml", *BESIDE]:
        for name, each in containers(yaml.safe_load(path.read_text())).items():
            yield pytest.param(each, id=f"{path.stem}:{name}")


def networks(container):
    return set(container.get("networks") or ())


@pytest.mark.parametrize("container", list(everything()))
def test_a_container_has_no_rights_and_limits(container):
    user = int(container["user"].partition(":")[0])
    assert user > 0
    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert "cap_add" not in container
    assert "privileged" not in container
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"\d+[mg]", container["mem_limit"])
    assert 0 < container["cpus"] <= 2
    assert container["pids_limit"] <= 512
    assert container["logging"]["options"] == {"max-size": "10m", "max-file": "5"}


@pytest.mark.parametrize("container", list(everything()))
def test_a_container_stops_in_time_starts_again_and_says_how_it_is(container):
    assert container["stop_grace_period"]
    if container["restart"] == "no":  # a one-shot: it ends, and its end says how it went
        assert container["healthcheck"] == {"disable": True}
    else:
        assert container["restart"] == "unless-stopped"
        assert set(container["healthcheck"]) == {"test", "interval", "timeout", "start_period", "retries"}


@pytest.mark.parametrize("container", list(everything()))
def test_nothing_of_the_root_is_written_but_memory_and_named_volumes(container):
    places = ("/tmp:", "/var/run/postgresql:", "/mail:")  # noqa: S108 - of a container
    assert all(each.startswith(places) for each in container["tmpfs"])
    assert all("size=" in each for each in container["tmpfs"])
    for volume in container.get("volumes", ()):
        source, _, rest = volume.partition(":")
        assert source in VOLUMES or rest.endswith(":ro"), volume


def test_who_is_on_a_network_uses_it():
    found = {name: set() for name in MAIN["networks"]}
    for name, container in MAIN["services"].items():
        for network in networks(container):
            found[network].add(name)
    assert found == NEEDS


def test_a_worker_is_on_the_networks_of_its_service_but_not_behind_the_gateway():
    for service in SERVICES:
        beside = yaml.safe_load((ROOT / "deploy" / "compose" / f"{service}.yml").read_text())["services"]
        assert networks(beside[f"{service}-worker"]) == networks(MAIN["services"][service]) - {"front"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_worker_is_told_what_its_service_is_told(service):
    worker = yaml.safe_load((ROOT / "deploy" / "compose" / f"{service}.yml").read_text())["services"]
    own, worker = MAIN["services"][service], worker[f"{service}-worker"]

    def told(container):
        return {name: " ".join(str(value).split()) for name, value in container["environment"].items()}

    assert told(own) == told(worker) | {"PARVIS_GRPC_LISTEN": own["environment"]["PARVIS_GRPC_LISTEN"]}
    assert own["secrets"] == worker["secrets"]
    assert (own["mem_limit"], own["cpus"]) == (worker["mem_limit"], worker["cpus"])


def test_only_networks_that_lead_out_lead_out():
    open_ones = {name for name, network in MAIN["networks"].items() if not network.get("internal")}
    assert open_ones == {"edge", "outside"}


def test_only_the_gateway_has_ports_of_the_machine():
    published = {name for name, each in MAIN["services"].items() if "ports" in each}
    assert published == {"traefik", "mail"}
    assert all(port.startswith("127.0.0.1:") for port in MAIN["services"]["mail"]["ports"])


def test_the_issuer_has_one_address_for_everybody():
    attached = MAIN["services"]["traefik"]["networks"]
    portal = "${PARVIS_PORTAL_HOST:-parvis.localhost}"
    assert portal in attached["edge"]["aliases"]
    assert portal in attached["front"]["aliases"]
    inside = MAIN["services"]["traefik"]["environment"]["TRAEFIK_ENTRYPOINTS_PORTAL_ADDRESS"]
    assert f"{inside[1:]}:{inside[1:]}" in MAIN["services"]["traefik"]["ports"]
    assert all(
        MAIN["services"][name]["environment"]["PARVIS_PUBLIC_URL"].startswith("${PARVIS_PUBLIC_URL")
        for name in DATABASES
    )


def test_only_the_gateway_may_say_who_a_visitor_is():
    [range_] = MAIN["networks"]["front"]["ipam"]["config"]
    for name in DATABASES:
        assert MAIN["services"][name]["environment"]["PARVIS_TRUSTED_PROXIES"] == range_["subnet"]


def test_traefik_keeps_the_one_configuration_and_changes_addresses_only():
    traefik = MAIN["services"]["traefik"]
    assert traefik["env_file"][0] == "gateway/traefik/traefik.env"
    changed = {name for name in traefik["environment"] if name in static_configuration()}
    # `traefik healthcheck` asks plainly: it has an entry point of its own, on the container's loopback.
    assert changed - {"TRAEFIK_PING_ENTRYPOINT"} == {
        "TRAEFIK_ENTRYPOINTS_PORTAL_ADDRESS", "TRAEFIK_ENTRYPOINTS_STORE_ADDRESS",
    }  # fmt: skip
    assert traefik["environment"]["TRAEFIK_ENTRYPOINTS_HEALTH_ADDRESS"].startswith("127.0.0.1:")


def test_whoever_listens_in_containers_speaks_tls_and_is_asked_over_it():
    """But for the mail sink, which is for trying, at a port of this machine's loopback."""
    for path in [ROOT / "docker-compose.yml", *BESIDE]:
        for name, each in containers(yaml.safe_load(path.read_text())).items():
            told = each.get("environment") or {}
            if "PARVIS_HTTP_LISTEN" in told and name != "mail":
                assert told["PARVIS_HTTP_TLS"] == "true", (path, name)
            addresses = {key for key, value in told.items() if re.match(r"http://\w+:8080", str(value))}
            assert addresses == set(), (path, name)
    traefik = MAIN["services"]["traefik"]["environment"]
    assert traefik["PARVIS_TLS_CA"] == "/run/secrets/tls_ca"
    operations = {key: value for key, value in traefik.items() if key.startswith("TRAEFIK_ENTRYPOINTS_OPERATIONS")}
    assert operations == {"TRAEFIK_ENTRYPOINTS_OPERATIONS_HTTP_TLS": "true"}


def test_no_secret_is_a_variable():
    for name, container in MAIN["services"].items():
        for variable, value in (container.get("environment") or {}).items():
            secret = re.search(r"PASSWORD|SECRET|_KEY$|TOKEN|DATABASE_URL|MIGRATION_URL|NATS_URL|SMTP_URL", variable)
            assert not secret or str(value).startswith("/run/secrets/"), f"{name}: {variable}"


WHO_CONNECTS = [
    pytest.param(container, id=f"{path.stem}:{name}")
    for path in [ROOT / "docker-compose.yml", *BESIDE]
    for name, container in containers(yaml.safe_load(path.read_text())).items()
    if networks(container) & {"database", "bus"} and name not in ENGINES
]


@pytest.mark.parametrize("container", WHO_CONNECTS)
def test_whoever_reaches_postgresql_or_nats_asks_for_tls_and_believes_our_authority(container):
    told = container["environment"]
    mounted = {f"/run/secrets/{each if isinstance(each, str) else each['target']}" for each in container["secrets"]}
    assert told["PGSSLMODE"] == "${PARVIS_DATABASE_SSLMODE:-verify-full}"
    for name, variable in (("PGSSLROOTCERT", "PARVIS_DATABASE_CA"), ("PARVIS_NATS_CA", "PARVIS_NATS_CA")):
        assert told[name].removeprefix(f"${{{variable}:-").removesuffix("}") in mounted


def test_postgresql_and_nats_take_nobody_who_speaks_plainly():
    told = (ROOT / "deploy" / "compose" / "pg_hba.conf").read_text().splitlines()
    kinds = [line.split()[0] for line in told if line and not line.startswith("#")]
    assert kinds == ["local", "hostssl"]
    assert {"-cssl=on", "-chba_file=/etc/parvis/pg_hba.conf"} < set(MAIN["services"]["postgres"]["command"])
    assert "handshake_first: true" in (ROOT / "deploy" / "compose" / "nats.conf").read_text()
    for name in ("postgres", "nats"):
        engine = MAIN["services"][name]
        assert engine["entrypoint"][:3] == ["sh", "/etc/parvis/certified", {"nats": "nats-server"}.get(name, name)]
        assert engine["init"] is True  # it has a child beside the engine
        assert {f"{name}_certificate", f"{name}_key"} <= {
            each["source"] for each in engine["secrets"] if isinstance(each, dict)
        }


def test_each_service_has_its_own_secrets_and_no_others():
    for service in DATABASES:
        for name in (service, f"{service}-migrate"):
            mounted = {each if isinstance(each, str) else each["source"] for each in MAIN["services"][name]["secrets"]}
            of_others = {
                each for each in mounted for other in DATABASES if other != service and each.startswith(f"{other}_")
            }
            assert of_others - {"web_client_secret"} == set(), name
            assert (f"{service}_migration_url" in mounted) is name.endswith("-migrate")


def test_the_secrets_that_are_mounted_are_those_that_are_made(tmp_path):
    made = {name for name, _ in make_secrets(tmp_path / "secrets", Places())}
    mounted = {Path(each["file"]).name for each in MAIN["secrets"].values()}
    kept = {"setup_token", "ca.key.pem"}  # for people, not for containers
    assert mounted == made - kept
    used = [each for container in MAIN["services"].values() for each in container.get("secrets", ())]
    assert {each if isinstance(each, str) else each["source"] for each in used} == set(MAIN["secrets"])


def test_a_backup_holds_every_secret_under_its_own_name():
    mounted = [each if isinstance(each, str) else each["source"] for each in MAIN["services"]["backup"]["secrets"]]
    named = [each if isinstance(each, str) else each["target"] for each in MAIN["services"]["backup"]["secrets"]]
    assert set(mounted) == set(MAIN["secrets"])
    assert named == [Path(MAIN["secrets"][source]["file"]).name for source in mounted]


@pytest.mark.parametrize("path", BESIDE, ids=lambda path: path.stem)
def test_nobody_waits_for_a_container_that_is_not_started(path):
    beside = yaml.safe_load(path.read_text())["services"]
    merged = {name: {**MAIN["services"].get(name, {}), **beside.get(name, {})} for name in {*MAIN["services"], *beside}}
    for name, container in merged.items():
        for awaited in container.get("depends_on", ()):
            missing = set(merged[awaited].get("profiles", ())) - set(container.get("profiles", ()))
            assert not missing, f"{name} waits for {awaited}, which only {missing} starts"


def test_the_store_is_spoken_to_over_tls():
    """How it is, and that it stays so when certificates change: test_store_tls.py."""
    default = "${PARVIS_STORE_INTERNAL_URL:-https://store:8333}"
    told = {name: MAIN["services"][name]["environment"] for name in ("documents", "billing", "backup")}
    assert {each["PARVIS_STORE_INTERNAL_URL"] for each in told.values()} == {default}
    assert MAIN["services"]["traefik"]["environment"]["PARVIS_STORE_BACKEND_URL"] == "https://store:8333"
    for name in ("documents", "billing", "traefik", "backup"):
        secrets = [each if isinstance(each, str) else each["source"] for each in MAIN["services"][name]["secrets"]]
        assert "tls_ca" in secrets


def test_a_backup_is_told_the_store_that_services_are_told():
    told, wanted = (MAIN["services"][name]["environment"] for name in ("backup", "documents"))
    names = {"PARVIS_STORE_INTERNAL_URL", "PARVIS_STORE_BUCKET", "PARVIS_STORE_REGION"}
    assert {name: told[name] for name in names} == {name: wanted[name] for name in names}
    assert {"store_access_key", "store_secret_key"} < {
        each for each in MAIN["services"]["backup"]["secrets"] if isinstance(each, str)
    }


def test_the_stand_in_of_a_store_is_healthy_while_the_store_answers():
    store = yaml.safe_load((ROOT / "deploy" / "compose" / "minio.yml").read_text())["services"]["store"]
    program = store["healthcheck"]["test"]
    with socket.create_server(("127.0.0.1", 0)) as there:
        url = f"http://127.0.0.1:{there.getsockname()[1]}"
        command, environment = [sys.executable, *program[2:]], {"PARVIS_STORE_INTERNAL_URL": url}
        assert subprocess.run(command, env=environment, check=False, capture_output=True).returncode == 0
    assert subprocess.run(command, env=environment, check=False, capture_output=True).returncode == 1


def settings_classes():
    """Of the five services and the pages, with groups of settings inside."""
    for name in (*SERVICES, "web"):
        module = import_module(f"parvis_{name}.settings")
        yield from (each for _, each in inspect.getmembers(module, inspect.isclass) if issubclass(each, BaseSettings))


def variables():
    """Every variable that a service reads."""
    for each in settings_classes():
        prefix = each.model_config["env_prefix"]
        for name, field in each.model_fields.items():
            if not (inspect.isclass(field.annotation) and issubclass(field.annotation, BaseSettings)):
                yield f"{prefix}{name}".upper()


def interpolated():
    """Every variable that the compose files and the gateway's configuration read."""
    files = [ROOT / "docker-compose.yml", *BESIDE]
    for path in files:
        lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
        yield from VARIABLE.findall("\n".join(lines))
    for path in (ROOT / "gateway" / "traefik" / "dynamic").glob("*.yml"):
        yield from re.findall(r'env "(PARVIS_EDGE_\w+)"', path.read_text())


def test_every_variable_is_explained_and_nothing_else():
    explained = ENTRY.findall((ROOT / ".env.example").read_text())
    assert len(explained) == len(set(explained))
    known = set(variables()) | set(interpolated()) | {"PARVIS_DATABASE_SUPERUSER", "COMPOSE_PROJECT_NAME"}
    missing, unknown = known - set(explained), set(explained) - known
    assert not missing, "not in .env.example"
    assert not unknown, "in .env.example, and nothing reads it"


def test_each_entry_stands_below_words():
    lines = (ROOT / ".env.example").read_text().splitlines()
    for number, line in enumerate(lines):
        if ENTRY.match(line):
            above = next(each for each in reversed(lines[:number]) if not ENTRY.match(each))
            assert above.startswith("# "), line


def test_defaults_in_the_example_are_the_defaults():
    said = dict(re.findall(r"^#(PARVIS_\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    given = ("LISTEN", "HTTP_TLS", "PROXIES", "HASHING_THREADS", "PASSWORD_SPECIAL", "PEERS", "STORE_REGION")
    for each in settings_classes():
        for name, field in each.model_fields.items():
            variable = f"{each.model_config['env_prefix']}{name}".upper()
            value = said.get(variable, "")
            if not value or field.is_required() or any(word in variable for word in given):
                continue
            default = field.default
            if isinstance(default, bool | int | float):
                assert float(json.loads(value)) == float(default), variable
            elif isinstance(default, str) and default:
                assert value == default, variable
