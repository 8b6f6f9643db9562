"""The files for clusters are those that docker-compose.yml leads to, and what Kubernetes and Swarm understand."""

import importlib.util
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from parvis_local.layout import ROOT

spec = importlib.util.spec_from_file_location("generate", ROOT / "deploy/kubernetes/generate.py")
generate = importlib.util.module_from_spec(spec)
spec.loader.exec_module(generate)
COMPOSE = generate.read()
FILES = {
    path.stem: list(yaml.safe_load_all(path.read_text())) for path in sorted((ROOT / "deploy/kubernetes").glob("*.yml"))
}
RESOURCES = [resource for resources in FILES.values() for resource in resources]
STACK = yaml.safe_load((ROOT / "deploy/swarm/stack.yml").read_text())


def of_kind(kind):
    return {each["metadata"]["name"]: each for each in RESOURCES if each["kind"] == kind}


def test_the_files_are_what_the_generator_writes():
    assert generate.kubernetes(COMPOSE) == FILES
    assert generate.swarm(COMPOSE) == STACK


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda each: f"{each['kind']}-{each['metadata']['name']}")
def test_a_resource_is_one_of_kubernetes(resource):
    kubernetes_validate.validate(resource, kubernetes_validate.latest_version(), strict=True)


def test_what_kubernetes_does_not_know_is_refused():
    wrong = {**RESOURCES[0], "automountToken": True}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("name", generate.PROCESSES)
def test_a_pod_may_do_nothing_and_one_replica_comes_before_another_leaves(name):
    deployed = of_kind("Deployment")[name]["spec"]
    pod = deployed["template"]["spec"]
    [container] = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert not pod["automountServiceAccountToken"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert {"readinessProbe", "startupProbe", "resources"} <= set(container)
    assert deployed["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert deployed["replicas"] > 1
    assert name in of_kind("PodDisruptionBudget")


@pytest.mark.parametrize("name", [*generate.PROCESSES, *generate.MIGRATIONS])
def test_a_pod_is_on_the_networks_of_its_container_and_each_is_a_policy(name):
    deployed = (of_kind("Deployment") | of_kind("Job"))[name]["spec"]["template"]
    networks = {label.removeprefix("network/") for label in deployed["metadata"]["labels"] if "/" in label}
    assert networks == set(COMPOSE["services"][name]["networks"])
    assert networks <= set(of_kind("NetworkPolicy"))


@pytest.mark.parametrize("name", [*generate.PROCESSES, *generate.MIGRATIONS])
def test_a_pod_is_told_what_its_container_is_told(name):
    pod = (of_kind("Deployment") | of_kind("Job"))[name]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    service = COMPOSE["services"][name]
    told = {each["name"] for each in container["env"]} | set(of_kind("ConfigMap")["parvis-env"]["data"])
    assert container["image"] == service["image"]
    assert set(service["environment"]) <= told
    files = {each["path"] for each in pod["volumes"][0]["secret"]["items"]}
    assert files == {target for _, target in generate.secrets_of(service)}


@pytest.mark.parametrize("name", generate.PROCESSES)
def test_a_service_of_the_stack_is_that_of_compose_several_times(name):
    made, service = STACK["services"][name], COMPOSE["services"][name]
    assert (made["image"], made["secrets"]) == (service["image"], service["secrets"])
    assert set(made["networks"]) == set(service["networks"])
    assert made["deploy"]["update_config"]["order"] == "start-first"
    assert made["read_only"]
    assert made["cap_drop"] == ["ALL"]


def test_every_secret_and_network_of_the_stack_is_declared():
    used = {source for each in STACK["services"].values() for source, _ in generate.secrets_of(each)}
    assert used == set(STACK["secrets"])
    assert {name for each in STACK["services"].values() for name in each["networks"]} <= set(STACK["networks"])


def test_files_that_the_stack_names_are_there():
    folder = ROOT / "deploy/swarm"
    named = STACK["services"]["traefik"]["env_file"] + [STACK["services"]["traefik"]["volumes"][0].split(":")[0]]
    assert [name for name in named if not Path(folder, name).exists()] == []
