"""Writes deploy/kubernetes/*.yml and deploy/swarm/stack.yml from docker-compose.yml, the one source.

    python deploy/kubernetes/generate.py

Taken over: images, variables, secrets, networks, limits, accounts. Added: how many replicas, how they are replaced, and
what only a cluster has (budgets, autoscaling, network policies).
"""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("identity", "tenancy", "documents", "notify", "billing", "web")
PROCESSES = (*SERVICES, "traefik")
MIGRATIONS = tuple(f"{name}-migrate" for name in SERVICES)
REPLICAS, AT_MOST = 2, 10
#: Seconds until all callers have found a replica that is new: they look each quarter of a minute, names are kept a bit.
FOUND = 25
TAKEN_OVER = ("image", "user", "read_only", "cap_drop", "healthcheck", "stop_grace_period", "logging", "secrets")
#: The engines are not ours to run in a cluster: operators of PostgreSQL, NATS and the store do that better.
ENGINES = {"database": 5432, "bus": 4222, "store": 8333, "store-front": 8333}
ACCOUNT = 10001
Tree = dict[str, Any]


def main() -> None:
    """Writes both."""
    compose = read()
    for name, resources in kubernetes(compose).items():
        (ROOT / f"deploy/kubernetes/{name}.yml").write_text(HEAD_KUBERNETES + yaml.dump_all(resources, **STYLE))
    (ROOT / "deploy/swarm/stack.yml").write_text(
        HEAD_SWARM + yaml.dump(swarm(compose), **STYLE, default_flow_style=None)
    )


STYLE: Tree = {"sort_keys": False, "width": 120, "allow_unicode": True, "Dumper": type("D", (yaml.SafeDumper,), {})}
STYLE["Dumper"].ignore_aliases = lambda *_: True
HEAD_KUBERNETES = """\
# Made by deploy/kubernetes/generate.py from docker-compose.yml: change that. How to use it: docs/operations.md.
# Needed beside it: Secret `parvis` (the files of ./parvis secrets), ConfigMaps `traefik-env`, `traefik-dynamic`
# (gateway/traefik), and Services `postgres`, `nats`, `store` (or their addresses in the secrets), whose pods carry
# the labels network/database, network/bus, network/store, network/store-front: "yes". ConfigMap parvis-env is yours.
"""
HEAD_SWARM = """\
# Made by deploy/kubernetes/generate.py from docker-compose.yml: change that.
#   docker stack deploy -c deploy/swarm/stack.yml parvis
# The engines and the migrations run first, as docs/operations.md says; secrets are made with `docker secret create`.
"""


def read(*, defaults: bool = True) -> Tree:
    """docker-compose.yml, with `defaults` in place of variables."""
    text = (ROOT / "docker-compose.yml").read_text()
    found: Tree = yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text) if defaults else text)
    return found


def chosen(compose: Tree) -> Tree:
    """What an installation chooses, with its defaults: the variables that compose takes from .env."""
    raw, found = read(defaults=False), {}
    for name in SERVICES:
        for key, value in raw["services"][name]["environment"].items():
            if str(value).startswith("${"):
                found[key] = str(compose["services"][name]["environment"][key])
    return found | {"PARVIS_TRUSTED_PROXIES": "10.0.0.0/8"}


def secrets_of(service: Tree) -> list[tuple[str, str]]:
    """Name and file of each secret of a container."""
    each = [
        secret if isinstance(secret, dict) else {"source": secret, "target": secret} for secret in service["secrets"]
    ]
    return [(secret["source"], secret["target"]) for secret in each]


def file_of(compose: Tree, secret: str) -> str:
    """The file of ./parvis secrets that a secret is."""
    return Path(compose["secrets"][secret]["file"]).name


def megabytes(limit: str) -> int:
    """512m or 1g."""
    return int(limit[:-1]) * {"m": 1, "g": 1024}[limit[-1]]


# ------------------------------------------------------------------------------------------------ Kubernetes


def kubernetes(compose: Tree) -> dict[str, list[Tree]]:
    """All resources, by the file that holds them: what is shared, then each process."""
    services = compose["services"]
    made: list[Tree] = [
        resource("v1", "ServiceAccount", "parvis", automountServiceAccountToken=False),
        resource("v1", "ConfigMap", "parvis-env", data=dict(sorted(chosen(compose).items()))),
        resource("networking.k8s.io/v1", "NetworkPolicy", "nobody", spec={
            "podSelector": {}, "policyTypes": ["Ingress", "Egress"],
            "egress": [{"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}],
        }),
        *(network(name) for name in ("front", "calls", *ENGINES)),
        resource("networking.k8s.io/v1", "NetworkPolicy", "edge", spec={
            "podSelector": {"matchLabels": {"network/edge": "yes"}}, "policyTypes": ["Ingress"],
            "ingress": [{"ports": [{"port": 443}, {"port": 8443}]}],
        }),
        resource("networking.k8s.io/v1", "NetworkPolicy", "outside", spec={
            "podSelector": {"matchLabels": {"network/outside": "yes"}}, "policyTypes": ["Egress"],
            "egress": [{"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": PRIVATE}}]}],
        }),
    ]  # fmt: skip
    files = {"shared": made}
    for name in PROCESSES:
        files[name] = [deployment(name, services[name], compose), budget(name), *entries(name)]
        if name != "traefik":
            files[name] = [migration(f"{name}-migrate", services[f"{name}-migrate"], compose), *files[name]]
            files[name].append(autoscaler(name))
    return files


PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"]


def resource(version: str, kind: str, name: str, **more: Any) -> Tree:
    """With its name and our label."""
    labels = {"app.kubernetes.io/part-of": "parvis", "app.kubernetes.io/name": name}
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "labels": labels}, **more}


def network(name: str) -> Tree:
    """Pods that are on one network of compose reach each other there, on its ports."""
    member = {"podSelector": {"matchLabels": {f"network/{name}": "yes"}}}
    port = {"front": [8080], "calls": [9090]}.get(name) or [ENGINES[name]]
    ports = [{"port": each, "protocol": "TCP"} for each in port]
    return resource("networking.k8s.io/v1", "NetworkPolicy", name, spec={
        "podSelector": member["podSelector"], "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [member], "ports": ports}], "egress": [{"to": [member], "ports": ports}],
    })  # fmt: skip


def container(name: str, service: Tree, compose: Tree) -> Tree:
    """One container and the volumes that it needs, as a pod's spec."""
    environment = dict(service.get("environment", {}))
    if "PARVIS_PEERS" in environment:  # headless Services: a name stands for all replicas
        environment["PARVIS_PEERS"] = environment["PARVIS_PEERS"].replace(':9090"', '-calls:9090"')
        environment = {key: value for key, value in environment.items() if key not in chosen(compose)}
    items = [{"key": file_of(compose, source), "path": target, "mode": 0o440} for source, target in secrets_of(service)]
    made: Tree = {
        "name": name,
        "image": service["image"],
        "env": [{"name": key, "value": str(value)} for key, value in sorted(environment.items())],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "resources": {
            "requests": {"cpu": "250m", "memory": f"{megabytes(service['mem_limit']) // 2}Mi"},
            "limits": {"memory": f"{megabytes(service['mem_limit'])}Mi"},
        },
        "volumeMounts": [
            {"name": "secrets", "mountPath": "/run/secrets", "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a pod's own
        ],
    }
    volumes: list[Tree] = [
        {"name": "secrets", "secret": {"secretName": "parvis", "items": items}},
        {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
    ]
    if name == "traefik":
        made["command"] = service["entrypoint"]
        made["envFrom"] = [{"configMapRef": {"name": "traefik-env"}}]
        made["volumeMounts"].append({"name": "dynamic", "mountPath": "/etc/traefik/dynamic", "readOnly": True})
        volumes.append({"name": "dynamic", "configMap": {"name": "traefik-dynamic"}})
    else:
        made["envFrom"] = [{"configMapRef": {"name": "parvis-env"}}]
    return {
        "serviceAccountName": "parvis",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,  # its variables begin with names of ours
        "securityContext": {
            "runAsNonRoot": True, "runAsUser": ACCOUNT, "runAsGroup": ACCOUNT, "fsGroup": ACCOUNT,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [made],
        "volumes": volumes,
    }  # fmt: skip


def labels(name: str, service: Tree) -> Tree:
    """Who a pod is, and on which networks."""
    return {"app": name, **{f"network/{each}": "yes" for each in sorted(service["networks"])}}


def deployment(name: str, service: Tree, compose: Tree) -> Tree:
    """Replicas of which one more comes before one leaves."""
    spec = container(name, service, compose)
    [made] = spec["containers"]
    if name == "traefik":
        probe: Tree = {"exec": {"command": service["healthcheck"]["test"][1:]}}
        made["ports"] = [{"name": "portal", "containerPort": 443}, {"name": "files", "containerPort": 8443}]
        spec["securityContext"]["sysctls"] = [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]
    else:
        probe = {"httpGet": {"path": "/health/ready", "port": "http"}}
        made["livenessProbe"] = {"httpGet": {"path": "/health/live", "port": "http"}, "periodSeconds": 10,
                                 "timeoutSeconds": 5, "failureThreshold": 6}  # fmt: skip
        made["ports"] = [{"name": "http", "containerPort": 8080}]
        if name != "web":
            made["ports"].append({"name": "grpc", "containerPort": 9090})
    made["readinessProbe"] = {**probe, "periodSeconds": 2, "timeoutSeconds": 5, "failureThreshold": 2}
    made["startupProbe"] = {**probe, "periodSeconds": 2, "timeoutSeconds": 5, "failureThreshold": 45}
    spec["terminationGracePeriodSeconds"] = int(service["stop_grace_period"].rstrip("s"))
    spec["topologySpreadConstraints"] = [
        {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway",
         "labelSelector": {"matchLabels": {"app": name}}}
    ]  # fmt: skip
    return resource("apps/v1", "Deployment", name, spec={
        "replicas": REPLICAS,
        "minReadySeconds": FOUND,
        "selector": {"matchLabels": {"app": name}},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "template": {"metadata": {"labels": labels(name, service)}, "spec": spec},
    })  # fmt: skip


def migration(name: str, service: Tree, compose: Tree) -> Tree:
    """Applied before the Deployment of the same release: its schema also runs the release before."""
    spec = container(name, service, compose)
    spec["containers"][0]["args"] = service["command"]
    spec["restartPolicy"] = "Never"
    return resource("batch/v1", "Job", name, spec={
        "backoffLimit": 3, "ttlSecondsAfterFinished": 3600,
        "template": {"metadata": {"labels": labels(name, service)}, "spec": spec},
    })  # fmt: skip


def budget(name: str) -> Tree:
    """A node that is emptied takes one replica at a time."""
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": {"app": name}}}
    return resource("policy/v1", "PodDisruptionBudget", name, spec=spec)


def autoscaler(name: str) -> Tree:
    """Pages and calls are processor time."""
    target = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 200}},
    }
    return resource("autoscaling/v2", "HorizontalPodAutoscaler", name, spec={
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "minReplicas": REPLICAS, "maxReplicas": AT_MOST, "metrics": [target],
    })  # fmt: skip


def entries(name: str) -> list[Tree]:
    """How it is found: traefik from outside, services by name."""
    selector = {"app": name}
    if name == "traefik":
        ports = [{"name": "portal", "port": 443, "targetPort": "portal"},
                 {"name": "files", "port": 8443, "targetPort": "files"}]  # fmt: skip
        spec = {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "selector": selector, "ports": ports}
        return [resource("v1", "Service", name, spec=spec)]
    http = {"selector": selector, "ports": [{"name": "http", "port": 8080, "targetPort": "http"}]}
    made = [resource("v1", "Service", name, spec=http)]
    if name != "web":
        grpc = {
            "clusterIP": "None",
            "selector": selector,
            "ports": [{"name": "grpc", "port": 9090, "targetPort": "grpc"}],
        }
        made.append(resource("v1", "Service", f"{name}-calls", spec=grpc))
    return made


# ------------------------------------------------------------------------------------------------ Swarm


def swarm(compose: Tree) -> Tree:
    """The services and the gateway of docker-compose.yml, replicated; `tasks.<name>` stands for all replicas."""
    services: Tree = {}
    for name in PROCESSES:
        service = compose["services"][name]
        environment = dict(service.get("environment", {}))
        if "PARVIS_PEERS" in environment:
            environment["PARVIS_PEERS"] = re.sub(r'"(\w+):9090"', r'"tasks.\1:9090"', environment["PARVIS_PEERS"])
        made = {key: service[key] for key in TAKEN_OVER if key in service}
        networks = service["networks"]
        made |= {
            "environment": environment,
            "networks": networks,
            "tmpfs": [each.split(":")[0] for each in service["tmpfs"]],
        }
        if name == "traefik":
            made |= {"entrypoint": service["entrypoint"], "ports": service["ports"], "sysctls": service["sysctls"],
                     "env_file": ["../../gateway/traefik/traefik.env"],
                     "volumes": ["../../gateway/traefik/dynamic:/etc/traefik/dynamic:ro"]}  # fmt: skip
        else:
            made["init"] = True
            # Nothing waits between a replica that comes and one that leaves: so who leaves answers on for that long.
            made["environment"]["PARVIS_DRAIN_SECONDS"] = FOUND + 5
            made["stop_grace_period"] = f"{FOUND + 35}s"
        made["deploy"] = {
            "replicas": REPLICAS,
            "update_config": {"order": "start-first", "parallelism": 1, "failure_action": "rollback"},
            "rollback_config": {"order": "start-first", "parallelism": 1},
            "restart_policy": {"condition": "any"},
            "placement": {"max_replicas_per_node": 2},
            "resources": {"limits": {"cpus": str(service["cpus"]), "memory": service["mem_limit"],
                                     "pids": service["pids_limit"]}},
        }  # fmt: skip
        services[name] = made
    networks = {name: {"driver": "overlay", **network} for name, network in compose["networks"].items()}
    wanted = sorted({source for name in PROCESSES for source, _ in secrets_of(compose["services"][name])})
    return {
        "version": "3.9",  # docker 20.10 reads no file without it, later ones ignore it
        "services": services,
        "networks": networks,
        "secrets": {name: {"external": True} for name in wanted},
    }


if __name__ == "__main__":
    main()
