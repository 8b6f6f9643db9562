"""Writes deploy/kubernetes/base, deploy/kubernetes/secrets and deploy/swarm/stack.yml from docker-compose.yml, the one
source.

    python deploy/clusters/generate.py

Taken over: images, variables, secrets, networks, limits, accounts. Added: how many replicas, how they are replaced, and
what only a cluster has (budgets, autoscaling, network policies). What an installation chooses stands in none of them.
"""

import yaml
from compose_source import ROOT, Tree, read
from kubernetes_files import kubernetes, kustomization, secrets_script
from swarm_files import swarm

STYLE: Tree = {"sort_keys": False, "width": 120, "allow_unicode": True, "Dumper": type("D", (yaml.SafeDumper,), {})}
STYLE["Dumper"].ignore_aliases = lambda *_: True
HEAD_KUBERNETES = """\
# Made by deploy/clusters/generate.py from docker-compose.yml: change that. How to use it: docs/operations.md, "In a
# cluster". What is yours (settings, images, what you patch) stands in a folder of your own: deploy/kubernetes/example.
"""
HEAD_SWARM = """\
# Made by deploy/clusters/generate.py from docker-compose.yml: change that.
#   env -i sh -c 'set -a && . ./.env && env' | grep -E '^(PARVIS|OTEL|TRAEFIK)_' > swarm.env
#   set -a && . ./.env && set +a && PARVIS_ENV_FILE=$PWD/swarm.env docker stack deploy -c deploy/swarm/stack.yml parvis
# The engines and the migrations run first, as docs/operations.md says; secrets are made with `docker secret create`.
"""


def main() -> None:
    """Writes all."""
    compose = read()
    base = ROOT / "deploy/kubernetes/base"
    for name, resources in kubernetes(compose).items():
        (base / f"{name}.yml").write_text(HEAD_KUBERNETES + yaml.dump_all(resources, **STYLE))
    (base / "kustomization.yml").write_text(HEAD_KUBERNETES + yaml.dump(kustomization(compose), **STYLE))
    script = ROOT / "deploy/kubernetes/secrets"
    script.write_text(secrets_script(compose))
    script.chmod(0o755)
    (ROOT / "deploy/swarm/stack.yml").write_text(HEAD_SWARM + yaml.dump(swarm(), **STYLE, default_flow_style=None))


if __name__ == "__main__":
    main()
