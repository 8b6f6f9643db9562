"""deploy/swarm/stack.yml."""

import re
from typing import Any

from compose_source import FOUND, MUST, PROCESSES, REPLICAS, Tree, read, secrets_of

STORE = "PARVIS_STORE_INTERNAL_URL"
TAKEN_OVER = ("image", "user", "read_only", "cap_drop", "healthcheck", "stop_grace_period", "logging", "secrets")


#: Engines of your own: what their addresses say counts, unless you say more.
ENGINES = {
    "PGSSLMODE": "${PARVIS_DATABASE_SSLMODE:-prefer}",
    "PARVIS_NATS_CA": "${PARVIS_NATS_CA:-none}",
}


def required(value: Any) -> Any:
    """A tree of docker-compose.yml in which variables that must be chosen have no default any more."""
    if isinstance(value, dict):
        return {key: required(each) for key, each in value.items()}
    if isinstance(value, list):
        return [required(each) for each in value]
    if not isinstance(value, str):
        return value
    return re.sub(r"\$\{(\w+):-[^}]*\}", lambda it: f"${{{it[1]}:?{MUST[it[1]]}}}" if it[1] in MUST else it[0], value)


def at_the_machine(made: Tree) -> None:
    """One Traefik on each machine, at its own ports: the mesh of Swarm would show it no visitor's address but its own.
    Two cannot share ports, so the old one goes first.
    """
    ports = [each.partition(":") if "$" not in each else each.partition("}:") for each in made["ports"]]
    made["ports"] = [{"target": to, "published": to, "protocol": "tcp", "mode": "host"} for _, _, to in ports]
    deploy = {key: value for key, value in made["deploy"].items() if key not in {"replicas", "placement"}}
    for update in ("update_config", "rollback_config"):
        deploy[update] = {**deploy[update], "order": "stop-first"}
    made["deploy"] = {"mode": "global", **deploy}


def swarm() -> Tree:
    """The services and the gateway of docker-compose.yml, replicated; `tasks.<name>` stands for all replicas."""
    compose: Tree = required(read(defaults=False))
    services: Tree = {}
    for name in PROCESSES:
        service = compose["services"][name]
        environment = dict(service.get("environment", {}))
        environment |= {key: value for key, value in ENGINES.items() if key in environment}
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
            # The store may have another name here: browsers reach it as the services do.
            environment["PARVIS_STORE_BACKEND_URL"] = compose["services"]["documents"]["environment"][STORE]
            made |= {"entrypoint": service["entrypoint"], "ports": service["ports"], "sysctls": service["sysctls"],
                     "env_file": ["../../gateway/traefik/traefik.env", *service["env_file"][1:]],
                     "volumes": ["../../gateway/traefik/dynamic:/etc/traefik/dynamic:ro"]}  # fmt: skip
        else:
            made |= {"init": True, "env_file": service["env_file"]}
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
        if name == "traefik":
            at_the_machine(made)
        services[name] = made
    networks = {name: {"driver": "overlay", **network} for name, network in compose["networks"].items()}
    wanted = sorted({source for name in PROCESSES for source, _ in secrets_of(compose["services"][name])})
    return {
        "version": "3.9",  # docker 20.10 reads no file without it, later ones ignore it
        "services": services,
        "networks": networks,
        "secrets": {name: {"external": True} for name in wanted},
    }
