"""What Compose and Swarm themselves think of our files: each is held against the schema that they bring."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from engine import Engine, docker, engine

from parvis_local.layout import ROOT

MAIN = ROOT / "docker-compose.yml"
STACK = ROOT / "deploy" / "swarm" / "stack.yml"
BESIDE = sorted((ROOT / "deploy" / "compose").glob("*.yml"))
#: What files ask for that have no default.
TOLD = {f"PARVIS_{path.stem.upper()}_VERSION": "0.1.0" for path in BESIDE}
TOLD |= {"PARVIS_ACME_MAIL": "it@firm.example", "PARVIS_STORE_INTERNAL_URL": "https://s3.firm.example"}


@pytest.fixture(scope="module")
def compose() -> Iterator[Engine]:
    with engine() as found:
        yield found


def config(engine: Engine, folder: Path, *files: Path) -> subprocess.CompletedProcess[str]:
    """`docker-compose config`, which reads and checks, and starts nothing."""
    told = "".join(f"{name}={value}\n" for name, value in TOLD.items())
    (folder / "env").write_text(told)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PARVIS_")}
    command = [*engine.compose, "--env-file", str(folder / "env"), "--project-directory", str(files[0].parent)]
    command += [argument for file in files for argument in ("-f", str(file))]
    environment |= {"PARVIS_ENV_FILE": str(folder / "env")}
    return subprocess.run([*command, "config", "-q"], env=environment, capture_output=True, text=True, check=False)


TOGETHER = [[MAIN], *([MAIN, each] for each in BESIDE), [MAIN, *BESIDE]]


@pytest.mark.parametrize("files", TOGETHER, ids=["main", *(each.stem for each in BESIDE), "with all beside it"])
def test_a_file_is_one_of_the_compose_specification(compose: Engine, tmp_path, files):
    checked = config(compose, tmp_path, *files)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize("wrong", [{"readonly": True}, {"cap_drop": "ALL"}, {"pids_limit": []}], ids=str)
def test_what_the_specification_does_not_know_is_refused(compose: Engine, tmp_path, wrong):
    document = yaml.safe_load(MAIN.read_text())
    document["services"]["web"] |= wrong
    file = tmp_path / "docker-compose.yml"
    file.write_text(yaml.safe_dump(document))
    checked = config(compose, tmp_path, file)
    assert checked.returncode != 0
    assert next(iter(wrong)) in checked.stderr


def deploy(file: Path) -> str:
    """What `docker stack deploy` says of a file: it reads and checks it before it finds that there is no swarm."""
    if docker("info", "--format={{.Swarm.LocalNodeState}}").stdout.strip() != "inactive":
        pytest.skip("this engine belongs to a swarm: the file would be deployed")
    return docker("stack", "deploy", "--compose-file", str(file), "parvis", check=False).stderr


@pytest.mark.usefixtures("compose")
def test_the_stack_is_one_that_swarm_reads():
    assert "this node is not a swarm manager" in deploy(STACK).lower()


@pytest.mark.usefixtures("compose")
def test_what_swarm_does_not_know_is_refused(tmp_path):
    document = yaml.safe_load(STACK.read_text())
    document["services"]["web"] = {key: each for key, each in document["services"]["web"].items() if key != "env_file"}
    document["services"] = {"web": document["services"]["web"] | {"readonly": True}}
    (tmp_path / "stack.yml").write_text(yaml.safe_dump(document))
    assert "services.web Additional property readonly is not allowed" in deploy(tmp_path / "stack.yml")
