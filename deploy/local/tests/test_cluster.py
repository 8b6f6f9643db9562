"""The files for Kubernetes are those that docker-compose.yml leads to, and what Kubernetes understands."""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from parvis_local.layout import ROOT
from parvis_local.secret_files import Places, make_secrets

sys.path.insert(0, str(ROOT / "deploy/clusters"))
import compose_source
import generate
import kubernetes_files

COMPOSE = compose_source.read()
BASE, EXAMPLE, GATEWAY = (
    ROOT / each for each in ("deploy/kubernetes/base", "deploy/kubernetes/example", "gateway/traefik")
)
FILES = {
    path.stem: list(yaml.safe_load_all(path.read_text()))
    for path in sorted(BASE.glob("*.yml"))
    if path.stem != "kustomization"
}
RESOURCES = [resource for resources in FILES.values() for resource in resources]
OWN = list(yaml.safe_load_all((EXAMPLE / "backup.yml").read_text()))
#: What the operator is asked for, and what the example says of the rest.
SETTINGS = dict(
    re.findall(r"^#?((?:PARVIS_|TRAEFIK_|PGSSL)\w+)=(.*)$", (EXAMPLE / "parvis.env").read_text(), re.MULTILINE)
)


def of_kind(kind):
    return {each["metadata"]["name"]: each for each in RESOURCES if each["kind"] == kind}


def template_of(resource):
    """The pods that a resource makes."""
    inside = resource["spec"]["jobTemplate"] if resource["kind"] == "CronJob" else resource
    return inside["spec"]["template"]


#: Whatever runs: name of the pod's part → what pods are made of.
PODS = {
    template_of(each)["metadata"]["labels"]["app"]: template_of(each)
    for each in RESOURCES
    if each["kind"] in {"Deployment", "Job", "CronJob"}
}


def kustomization(folder):
    return yaml.safe_load((folder / "kustomization.yml").read_text())


def test_the_files_are_what_the_generator_writes():
    assert generate.kubernetes(COMPOSE) == FILES
    assert generate.kustomization(COMPOSE) == kustomization(BASE)
    assert generate.secrets_script(COMPOSE) == (ROOT / "deploy/kubernetes/secrets").read_text()


@pytest.mark.parametrize("resource", [*RESOURCES, *OWN], ids=lambda each: f"{each['kind']}-{each['metadata']['name']}")
def test_a_resource_is_one_of_kubernetes(resource):
    kubernetes_validate.validate(resource, kubernetes_validate.latest_version(), strict=True)


def test_what_kubernetes_does_not_know_is_refused():
    wrong = {**RESOURCES[0], "automountToken": True}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("name", compose_source.PROCESSES)
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
    scaled = of_kind("HorizontalPodAutoscaler").get(name)
    assert (scaled["spec"]["minReplicas"] if scaled else deployed["replicas"]) > 1
    assert "replicas" not in deployed or scaled is None, "an apply would take back what the autoscaler has done"
    assert name in of_kind("PodDisruptionBudget")


@pytest.mark.parametrize("name", kubernetes_files.PODS)
def test_a_pod_is_on_the_networks_of_its_container_and_each_is_a_policy(name):
    networks = {label.removeprefix("network/") for label in PODS[name]["metadata"]["labels"] if "/" in label}
    assert networks == set(COMPOSE["services"][name]["networks"])
    assert networks <= set(of_kind("NetworkPolicy"))


@pytest.mark.parametrize("name", kubernetes_files.PODS)
def test_a_pod_is_told_what_its_container_is_told(name):
    [container] = PODS[name]["spec"]["containers"]
    service = COMPOSE["services"][name]
    told = {each["name"] for each in container["env"]} | set(SETTINGS)
    assert container["image"] == service["image"]
    assert set(service.get("environment", {})) <= told
    assert container["envFrom"][-1] == {"configMapRef": {"name": "parvis-env"}}


# ------------------------------------------------------------------------------------------------ what is whose


def test_settings_stand_in_one_file_that_is_the_operators():
    assert "ConfigMap" not in {each["kind"] for each in RESOURCES}
    [made] = kustomization(EXAMPLE)["configMapGenerator"]
    assert (made["name"], made["envs"]) == ("parvis-env", ["parvis.env"])
    assert all((EXAMPLE / each).exists() for each in kustomization(EXAMPLE)["resources"])
    assert set(SETTINGS) >= compose_source.chosen() - {"PARVIS_DATABASE_SUPERUSER"}


def test_every_setting_of_the_example_is_known():
    known = (ROOT / ".env.example").read_text()
    assert [name for name in SETTINGS if name.startswith("PARVIS_") and f"{name}=" not in known] == []


def test_what_must_be_chosen_has_no_default_and_is_asked_for_by_name():
    said = (EXAMPLE / "parvis.env").read_text()
    must = {"PARVIS_PUBLIC_URL", "PARVIS_STORE_URL", "PARVIS_MAIL_DOMAIN", "PARVIS_TRUSTED_PROXIES"}
    assert must <= set(compose_source.MUST)
    for name in must:
        assert f"\n#{name}=" in said
    for service in compose_source.SERVICES:
        [container] = PODS[service]["spec"]["containers"]
        asked = {
            each["valueFrom"]["configMapKeyRef"]["key"]: each["valueFrom"]["configMapKeyRef"].get("optional", False)
            for each in container["env"]
            if "valueFrom" in each
        }
        assert asked == dict.fromkeys(must & set(COMPOSE["services"][service]["environment"]), False)
        assert not [each for each in container["env"] if "localhost" in each.get("value", "")]


def test_the_gateway_is_told_the_installations_own_addresses():
    [container] = PODS["traefik"]["spec"]["containers"]
    asked = {
        each["name"]: each["valueFrom"]["configMapKeyRef"]["key"] for each in container["env"] if "valueFrom" in each
    }
    assert asked["PARVIS_STORE_FRAME_ORIGIN"] == "PARVIS_PUBLIC_URL"
    assert asked["PARVIS_STORE_BACKEND_URL"] == "PARVIS_STORE_INTERNAL_URL"
    assert [each["configMapRef"]["name"] for each in container["envFrom"]] == ["traefik-env", "parvis-env"]


def test_the_gateways_files_are_all_taken():
    listed = {each["name"]: each.get("envs") or each["files"] for each in kustomization(GATEWAY)["configMapGenerator"]}
    there = sorted(str(path.relative_to(GATEWAY)) for path in (GATEWAY / "dynamic").iterdir())
    assert listed == {"traefik-env": ["traefik.env"], "traefik-dynamic": there}
    assert kustomization(BASE)["resources"] == [
        *(f"{name}.yml" for name in generate.kubernetes(COMPOSE)),
        "../../../gateway/traefik",
    ]


def test_nobody_in_front_is_believed_unless_named():
    trusted = [name for name in SETTINGS if name.endswith("TRUSTEDIPS")]
    assert len(trusted) == 4
    assert all(f"\n#{name}=" in (EXAMPLE / "parvis.env").read_text() for name in trusted)
    said = (GATEWAY / "traefik.env").read_text()
    for entry in ("PORTAL", "STORE"):
        assert f"TRAEFIK_ENTRYPOINTS_{entry}_FORWARDEDHEADERS_INSECURE=false" in said
    assert of_kind("Service")["traefik"]["spec"]["externalTrafficPolicy"] == "Local"


# ------------------------------------------------------------------------------------------------ secrets


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("installation") / "secrets"
    make_secrets(made, Places(smtp="smtp://relay.firm.example:587"))
    return made


@pytest.fixture
def kubectl(tmp_path):
    """Stands in for kubectl: writes down how it was called, an argument a line."""
    program = tmp_path / "bin" / "kubectl"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nfor each; do echo "$each"; done\n')
    program.chmod(0o755)
    return {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}


def made_secrets(folder, environment):
    """Name of each Secret → its keys with the file of each."""
    ran = subprocess.run(
        [ROOT / "deploy/kubernetes/secrets", folder], env=environment, check=True, capture_output=True, text=True
    )
    found = {}
    for each in ran.stdout.split("---\n"):
        lines = each.splitlines()
        if lines:
            assert lines[:3] == ["create", "secret", "generic"]
            pairs = (
                line.removeprefix("--from-file=").partition("=") for line in lines if line.startswith("--from-file=")
            )
            found[lines[3]] = {key: Path(file) for key, _, file in pairs}
    return found


def test_a_secret_is_one_pods_and_holds_what_its_container_reads(folder, kubectl):
    made = made_secrets(folder, kubectl)
    mounted = {
        name: [volume["secret"]["secretName"] for volume in template["spec"]["volumes"] if "secret" in volume]
        for name, template in PODS.items()
    }
    assert mounted == {name: [f"parvis-{name}"] for name in PODS}
    assert set(made) == {f"parvis-{name}" for name in PODS}
    for name in PODS:
        expected = {
            target: folder / compose_source.file_of(COMPOSE, source)
            for source, target in compose_source.secrets_of(COMPOSE["services"][name])
        }
        assert made[f"parvis-{name}"] == expected
        assert all(file.is_file() for file in expected.values())


def test_the_key_of_the_authority_never_leaves_the_folder(folder, kubectl):
    taken = {file.name for files in made_secrets(folder, kubectl).values() for file in files.values()}
    kept = {path.name for path in folder.iterdir() if stat.S_IMODE(path.stat().st_mode) == 0o400}
    assert kept == {"ca.key.pem", "setup_token"}
    assert not taken & kept
    for service in compose_source.SERVICES:
        others = [f"{other}.key.pem" for other in compose_source.SERVICES if other != service]
        assert not {file.name for file in made_secrets(folder, kubectl)[f"parvis-{service}"].values()} & set(others)


def test_a_file_that_is_missing_is_named_before_anything_is_made(folder, kubectl, tmp_path):
    folder = shutil.copytree(folder, tmp_path / "secrets")
    (folder / "anchor_keys").unlink()
    (folder / "smtp_url").write_text("")
    ran = subprocess.run(
        [ROOT / "deploy/kubernetes/secrets", folder], env=kubectl, check=False, capture_output=True, text=True
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    assert "lacks anchor_keys smtp_url" in ran.stderr
    assert "--missing" in ran.stderr


# ------------------------------------------------------------------------------------------------ who reaches whom

#: Engines are the operator's: what their Services are called in secrets and example, and which labels pods have.
ENGINES = {"postgres": {"network/database": "yes"}, "nats": {"network/bus": "yes"},
           "store": {"network/store": "yes", "network/store-front": "yes"}}  # fmt: skip
VISITORS = {"PARVIS_PUBLIC_URL", "PARVIS_STORE_URL"}  # addresses for browsers, who come from outside


def selects(selector, labels):
    wanted = selector.get("matchLabels", {}).items() <= labels.items()
    listed = all(labels.get(each["key"]) in each["values"] for each in selector.get("matchExpressions", ()))
    return wanted and listed


def admitted(direction, labels, peer, port):
    """Whether a policy lets pods with `labels` be reached by (ingress), or reach (egress), `peer`'s on `port`."""
    side = {"ingress": "from", "egress": "to"}[direction]
    return any(
        selects(policy["spec"]["podSelector"], labels)
        and any(selects(each.get("podSelector", {"matchLabels": {"no": "pod"}}), peer) for each in rule.get(side, ()))
        and port in [each["port"] for each in rule["ports"]]
        for policy in of_kind("NetworkPolicy").values()
        for rule in policy["spec"].get(direction, ())
    )


def reaches(labels, peer, port):
    return admitted("egress", labels, peer, port) and admitted("ingress", peer, labels, port)


def addressed(name, folder):
    """host:port of everything that the settings and secrets of a pod point at."""
    [container] = PODS[name]["spec"]["containers"]
    told = {
        each["name"]: each["value"] if "value" in each else SETTINGS[each["valueFrom"]["configMapKeyRef"]["key"]]
        for each in container["env"]
    }
    taken = COMPOSE["services"][name].get("environment", {})
    told |= {key: value for key, value in SETTINGS.items() if key in taken and key not in told}
    told |= {
        target: (folder / compose_source.file_of(COMPOSE, source)).read_text()
        for source, target in compose_source.secrets_of(COMPOSE["services"][name])
        if target.endswith("_url")
    }
    if name == "backup":  # which carries the addresses of all, and follows its own
        told = {key: value for key, value in told.items() if key == "nats_url" or key.startswith("PARVIS_")}
    if name.endswith("-migrate"):  # which opens its database, and nothing else
        told = {key: value for key, value in told.items() if key == "parvis_migration_url"}
    for key, value in told.items():
        if key not in VISITORS and not key.endswith(("_LISTEN", "_ADDRESS")):
            yield from re.findall(r"(?:://(?:[^@/\s]*@)?|\")([a-z.-]+):(\d+)(?=[/\s\"]|$)", value)
            yield from re.findall(r"^([a-z.-]+):(\d+)$", value)


@pytest.mark.parametrize("name", kubernetes_files.PODS)
def test_a_pod_reaches_what_its_settings_point_at(name, folder):
    labels, services, seen = PODS[name]["metadata"]["labels"], of_kind("Service"), []
    for host, port in set(addressed(name, folder)):
        seen.append(host)
        if host in ENGINES:
            own = {key: "yes" for key in ENGINES[host] if key in labels}
            assert own, f"{name} is on no network of {host}"
            assert reaches(labels, own, int(port))
        elif host in services:
            spec = services[host]["spec"]
            target = PODS[spec["selector"]["app"]]
            [to] = [each["targetPort"] for each in spec["ports"] if each["port"] == int(port)]
            [number] = [
                each["containerPort"] for each in target["spec"]["containers"][0]["ports"] if each["name"] == to
            ]
            assert reaches(labels, target["metadata"]["labels"], number), f"{name} does not reach {host}:{port}"
        else:
            assert host == "relay.firm.example"
            assert labels["network/outside"] == "yes"
    assert seen


def test_nobody_reaches_anybody_else():
    labels = {name: template["metadata"]["labels"] for name, template in PODS.items()}
    assert not reaches(labels["traefik"], labels["documents"], 8080)
    assert not reaches(labels["traefik"], labels["identity"], 9090)
    assert not reaches(labels["identity"], ENGINES["store"], 8333)
    assert not reaches(labels["identity-migrate"], labels["identity"], 9090)
    assert not reaches(labels["backup"], labels["identity"], 8080)
    nobody = of_kind("NetworkPolicy")["nobody"]["spec"]
    assert (nobody["podSelector"], "ingress" in nobody, nobody["policyTypes"]) == ({}, False, ["Ingress", "Egress"])


def test_metrics_are_read_from_a_namespace_that_says_so_and_from_no_other():
    policy = of_kind("NetworkPolicy")["watch"]["spec"]
    [rule] = policy["ingress"]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"network/watch": "yes"}}}]
    opened = {each["port"] for each in rule["ports"]}
    for name in compose_source.PROCESSES:
        template = PODS[name]
        assert selects(policy["podSelector"], template["metadata"]["labels"])
        port = int(template["metadata"]["annotations"]["prometheus.io/port"])
        assert port in opened
        assert port in {each["containerPort"] for each in template["spec"]["containers"][0]["ports"]}
    assert f"OPERATIONS_ADDRESS=:{kubernetes_files.METRICS['traefik']}\n" in (GATEWAY / "traefik.env").read_text()
    for other in of_kind("NetworkPolicy").values():
        others = [each for rule in other["spec"].get("ingress", ()) for each in rule.get("from", ())]
        assert other["metadata"]["name"] == "watch" or not [each for each in others if "namespaceSelector" in each]


# ------------------------------------------------------------------------------------------------ releases, backups


def test_a_release_has_jobs_of_its_own_which_go_when_they_have_ended():
    for name, job in of_kind("Job").items():
        [container] = template_of(job)["spec"]["containers"]
        assert name.endswith("-" + container["image"].rpartition(":")[2].replace(".", "-"))
        assert job["spec"]["ttlSecondsAfterFinished"] > 0
    named = {template_of(job)["metadata"]["labels"]["app"] for job in of_kind("Job").values()}
    assert named == {"databases", *compose_source.MIGRATIONS}


def test_each_resource_says_in_which_step_it_is_applied():
    steps = {"settings": {"ServiceAccount", "NetworkPolicy"}, "databases": {"Job"}, "migrate": {"Job"},
             "run": {"Deployment", "PodDisruptionBudget", "Service", "HorizontalPodAutoscaler", "CronJob"}}  # fmt: skip
    found = {step: set() for step in steps}
    for each in RESOURCES:
        found[each["metadata"]["labels"]["parvis/step"]].add(each["kind"])
    assert found == steps
    page = (ROOT / "docs/operations.md").read_text()
    order = [page.index(f"parvis/step={step}") for step in steps]
    assert order == sorted(order)
    [made] = kustomization(EXAMPLE)["configMapGenerator"]
    for labels in (
        made["options"]["labels"],
        kustomization(GATEWAY)["generatorOptions"]["labels"],
        *(each["metadata"]["labels"] for each in OWN),
    ):
        assert labels["parvis/step"] == "settings"


def test_backups_are_made_as_compose_makes_them():
    job, service = of_kind("CronJob")["backup"], COMPOSE["services"]["backup"]
    [container] = template_of(job)["spec"]["containers"]
    every = service["command"].index("--every")
    assert service["command"][every + 1] == "24h"
    assert re.fullmatch(r"\d+ \d+ \* \* \*", job["spec"]["schedule"])
    assert container["args"] == ["backup", "--to", kubernetes_files.BACKUPS, "--keep", "$(PARVIS_BACKUP_KEEP)"]
    assert f"\nPARVIS_BACKUP_KEEP={service['command'][-1]}\n" in (EXAMPLE / "parvis.env").read_text()
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    [claim] = [
        each["persistentVolumeClaim"]["claimName"]
        for each in template_of(job)["spec"]["volumes"]
        if "persistentVolumeClaim" in each
    ]
    assert claim == OWN[0]["metadata"]["name"]
    assert {each["name"]: each["mountPath"] for each in container["volumeMounts"]}["backup"] == "/volumes/backup"


def test_backups_lie_in_a_folder_of_their_own_below_the_claim():
    [container] = template_of(of_kind("CronJob")["backup"])["spec"]["containers"]
    folder = Path(container["args"][container["args"].index("--to") + 1])
    mounts = {each["name"]: Path(each["mountPath"]) for each in container["volumeMounts"]}
    assert folder not in mounts.values(), "a mount point is root's, and holds lost+found"
    assert mounts["backup"] in folder.parents
    assert f"`args: [restore, {folder}]`" in (ROOT / "docs/operations.md").read_text()
