"""The resources of deploy/kubernetes/base, and the script that makes its Secrets."""

from collections.abc import Iterator
from typing import Any

from compose_source import (
    AT_MOST,
    FOUND,
    MIGRATIONS,
    MUST,
    PROCESSES,
    REPLICAS,
    Tree,
    chosen,
    file_of,
    megabytes,
    secrets_of,
)  # fmt: skip

#: Whatever runs, and has a Secret of its own.
PODS = (*PROCESSES, *MIGRATIONS, "databases", "backup")
#: The engines are not ours to run in a cluster: operators of PostgreSQL, NATS and the store do that better.
ENGINES = {"database": 5432, "bus": 4222, "store": 8333, "store-front": 8333}
ACCOUNT = 10001
#: The folder of the backups: in the claim, which is mounted above it.
BACKUPS = "/volumes/backup/parvis"
#: Where each process tells its metrics.
METRICS = {name: 8620 if name == "traefik" else 8080 for name in PROCESSES}
HEAD_SECRETS = """\
#!/bin/sh
# Made by deploy/clusters/generate.py from docker-compose.yml: change that.
#
#   deploy/kubernetes/secrets FOLDER | kubectl apply --server-side --namespace parvis -f -
#
# The files of ./parvis secrets as Secrets, one for each pod, with what it reads and nothing else. The key of the
# authority (ca.key.pem) and the token of the first administrator (setup_token) stay in your folder: no pod reads them.
set -eu
folder=${1:?is the folder of ./parvis secrets}

missing=
for file in @ALL@; do
    [ -s "$folder/$file" ] || missing="$missing $file"
done
[ -z "$missing" ] || { echo "$folder lacks$missing: ./parvis secrets --out $folder --missing" >&2; exit 1; }

secret() {
    name=$1
    shift
    for each; do
        set -- "$@" "--from-file=${each%%=*}=$folder/${each#*=}"
        shift
    done
    kubectl create secret generic "$name" --dry-run=client -o yaml "$@"
    echo ---
}

"""


def kubernetes(compose: Tree) -> dict[str, list[Tree]]:
    """All resources, by the file that holds them. Label parvis/step: what is applied, and has ended, before what."""
    services = compose["services"]
    files = {
        "shared": [resource("v1", "ServiceAccount", "parvis", automountServiceAccountToken=False), *policies()],
        "databases": [job("databases", services["databases"])],
        "migrate": [job(name, services[name]) for name in MIGRATIONS],
        "backup": [schedule(services["backup"])],
    }
    for name in PROCESSES:
        files[name] = [deployment(name, services[name]), budget(name), *entries(name)]
        if name != "traefik":
            files[name].append(autoscaler(name))
    for name, made in files.items():
        for each in made:
            step = {"shared": "settings", "databases": "databases", "migrate": "migrate"}.get(name, "run")
            each["metadata"]["labels"]["parvis/step"] = step
    return files


def kustomization(compose: Tree) -> Tree:
    """All of it as one base, with the gateway's configuration from where all deployments have it."""
    files = [f"{name}.yml" for name in kubernetes(compose)]
    return {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization",
            "resources": [*files, "../../../gateway/traefik"]}  # fmt: skip


def policies() -> list[Tree]:
    """Nobody reaches anybody, but by what follows: the networks of compose, and who looks at metrics."""
    watch = {"namespaceSelector": {"matchLabels": {"network/watch": "yes"}}}
    return [
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
        resource("networking.k8s.io/v1", "NetworkPolicy", "watch", spec={
            "podSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": sorted(PROCESSES)}]},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": [watch], "ports": [{"port": each, "protocol": "TCP"} for each in (8080, 8620)]}],
        }),
    ]  # fmt: skip


PRIVATE = ["10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"]


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


def told(name: str, service: Tree) -> Iterator[Tree]:
    """The variables of a container, beside all of ConfigMap parvis-env, which is the installation's. One that must be
    there is asked for by name: a pod whose ConfigMap lacks it does not start, and says which.
    """
    environment = dict(service.get("environment", {}))
    if "PARVIS_PEERS" in environment:  # headless Services: a name stands for all replicas
        environment["PARVIS_PEERS"] = environment["PARVIS_PEERS"].replace(':9090"', '-calls:9090"')
    theirs = {key: key for key in environment if key in chosen() or key in MUST}
    if name == "traefik":
        theirs = {
            "PARVIS_STORE_BACKEND_URL": "PARVIS_STORE_INTERNAL_URL",
            "PARVIS_STORE_FRAME_ORIGIN": "PARVIS_PUBLIC_URL",
        }
    for key, value in sorted(environment.items()):
        if key not in theirs:
            yield {"name": key, "value": str(value)}
        elif theirs[key] in MUST or key not in chosen():
            yield {"name": key, "valueFrom": {"configMapKeyRef": {"name": "parvis-env", "key": theirs[key]}}}


def container(name: str, service: Tree) -> Tree:
    """One container and the volumes that it needs, as a pod's spec."""
    made: Tree = {
        "name": name,
        "image": service["image"],
        "env": list(told(name, service)),
        "envFrom": [{"configMapRef": {"name": "parvis-env"}}],
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
        {"name": "secrets", "secret": {"secretName": f"parvis-{name}", "defaultMode": 0o440}},
        {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
    ]
    if name == "traefik":
        made["command"] = service["entrypoint"]
        made["envFrom"].insert(0, {"configMapRef": {"name": "traefik-env"}})
        made["volumeMounts"].append({"name": "dynamic", "mountPath": "/etc/traefik/dynamic", "readOnly": True})
        volumes.append({"name": "dynamic", "configMap": {"name": "traefik-dynamic"}})
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


def deployment(name: str, service: Tree) -> Tree:
    """Replicas of which one more comes before one leaves. How many is the autoscaler's, where there is one: a number
    here would take back with each apply what it has done.
    """
    spec = container(name, service)
    [made] = spec["containers"]
    if name == "traefik":
        probe: Tree = {"exec": {"command": service["healthcheck"]["test"][1:]}}
        made["ports"] = [{"name": "portal", "containerPort": 443}, {"name": "files", "containerPort": 8443},
                         {"name": "operations", "containerPort": METRICS[name]}]  # fmt: skip
        spec["securityContext"]["sysctls"] = [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]
    else:
        probe = {"httpGet": {"path": "/health/ready", "port": "http", "scheme": "HTTPS"}}
        live = {"httpGet": {**probe["httpGet"], "path": "/health/live"}}
        made["livenessProbe"] = {**live, "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 6}
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
    metrics = {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(METRICS[name]),
        "prometheus.io/scheme": "https",
    }
    return resource("apps/v1", "Deployment", name, spec={
        **({"replicas": REPLICAS} if name == "traefik" else {}),
        "minReadySeconds": FOUND,
        "selector": {"matchLabels": {"app": name}},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "template": {"metadata": {"labels": labels(name, service), "annotations": metrics}, "spec": spec},
    })  # fmt: skip


def job(name: str, service: Tree) -> Tree:
    """What runs once for a release, before its Deployments: the schema that it leaves also runs the release before. A
    Job cannot be changed, so each release has its own; ended, it goes by itself.
    """
    spec = container(name, service) | {"restartPolicy": "Never"}
    spec["containers"][0]["args"] = service["command"]
    release = service["image"].rpartition(":")[2].replace(".", "-")
    return resource("batch/v1", "Job", f"{name}-{release}", spec={
        "backoffLimit": 6, "activeDeadlineSeconds": 1800, "ttlSecondsAfterFinished": 3600,
        "template": {"metadata": {"labels": labels(name, service)}, "spec": spec},
    })  # fmt: skip


def schedule(service: Tree) -> Tree:
    """A backup a day, as compose makes them. One that lacks an object (status 3) is not tried again at once.

    Into a folder below the claim: the claim itself is root's, and a new one may hold lost+found.
    """
    spec = container("backup", service) | {"restartPolicy": "Never"}
    [made] = spec["containers"]
    made["args"] = ["backup", "--to", BACKUPS, "--keep", "$(PARVIS_BACKUP_KEEP)"]
    made["volumeMounts"].append({"name": "backup", "mountPath": BACKUPS.rpartition("/")[0]})
    spec["volumes"].append({"name": "backup", "persistentVolumeClaim": {"claimName": "parvis-backup"}})
    incomplete = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [3]}}
    return resource("batch/v1", "CronJob", "backup", spec={
        "schedule": "17 1 * * *", "timeZone": "Etc/UTC", "concurrencyPolicy": "Forbid", "startingDeadlineSeconds": 7200,
        "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 3,
        "jobTemplate": {"spec": {
            "backoffLimit": 3, "podFailurePolicy": {"rules": [incomplete]},
            "template": {"metadata": {"labels": labels("backup", service)}, "spec": spec},
        }},
    })  # fmt: skip


def secrets_script(compose: Tree) -> str:
    """deploy/kubernetes/secrets: a Secret for each pod."""
    lines, used = [], set()
    for name in PODS:
        files = {target: file_of(compose, source) for source, target in secrets_of(compose["services"][name])}
        used |= set(files.values())
        lines.append(" \\\n    ".join([f"secret parvis-{name}", *(f"{key}={file}" for key, file in files.items())]))
    every = " \\\n    ".join(sorted(used))
    return HEAD_SECRETS.replace("@ALL@", every) + "\n".join(lines) + "\n"


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
