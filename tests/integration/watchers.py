"""Prometheus and Alertmanager with the files of deploy/observability, pointed at a suite of this machine."""

import json
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml

from parvis_local.catalogue import SERVICES
from parvis_local.ports import HOST

FOLDER = Path(__file__).parents[2] / "deploy" / "observability"
#: Seconds between two looks, in place of fifteen.
OFTEN = "2s"


def program(name, package, folders):
    """A program of this machine, else out of Debian's package, which is not installed (it would start a server)."""
    if found := shutil.which(name):
        return found
    folder = folders.getbasetemp() / f"debian-{package}"
    if not folder.exists():
        folder.mkdir()
        for command in (["apt-get", "download", package], ["sh", "-c", f"dpkg-deb -x {package}_*.deb ."]):
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                shutil.rmtree(folder)
                pytest.skip(f"{name} is neither here nor in Debian's package: {done.stderr.strip()[-200:]}")
    if name == "prometheus-alertmanager":
        _place_templates(folder, pytest.skip)
    return str(folder / "usr" / "bin" / name)


def _place_templates(folder, skip):
    """Debian's Alertmanager reads what its mails look like where its package would be, and nowhere else."""
    place = Path("/usr/share/prometheus/alertmanager")
    if (place / "default.tmpl").exists():
        return
    try:
        shutil.copytree(folder / place.relative_to("/"), place, dirs_exist_ok=True)
    except OSError as error:
        skip(f"Alertmanager's templates cannot be put where it reads them: {error}")


def targets(suite):
    """Where each process of the suite answers, by the name that Prometheus gives it."""
    found = {name: suite.environment(name)["PARVIS_HTTP_LISTEN"] for name in (*SERVICES, "web")}
    return found | {"traefik": f"{HOST}:{suite.ports.traefik_api}"}


@contextmanager
def disks(folder, suite, listen):
    """What the container of that name does, for the data folder of the suite."""
    command = [sys.executable, "-m", "parvis_local.tools", "disks", "--listen", listen]
    with running([*command, "--volume", f"store={suite.layout.data}", "--backups", str(folder / "backups")], folder):
        yield


def prometheus_files(folder, suite, alertmanager, *, missing, disks):
    """prometheus.yml and alerts.yml as compose mounts them; what differs is where processes are (no DNS tells it here)
    and how long things take. `missing`: a service that is to be there, and whose name leads nowhere. `disks`: who
    looks at the disks.
    """
    settings = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    settings["global"] = {"scrape_interval": OFTEN, "evaluation_interval": OFTEN, "scrape_timeout": OFTEN}
    settings["rule_files"] = [str(folder / "alerts.yml")]
    settings["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [alertmanager]
    places = targets(suite) | {"disks": disks}
    for job in settings["scrape_configs"]:
        [[name, *_]] = (each["names"] for each in job.pop("dns_sd_configs"))  # nobody's workers run apart here
        told = {
            each["target_label"]: each["replacement"] for each in job.pop("relabel_configs") if "replacement" in each
        }
        for tls in ("scheme", "tls_config"):  # on one machine they speak plainly
            job.pop(tls)
        labels = {"job": told.get("job", job["job_name"]), "service": name}
        job["static_configs"] = [{"targets": [places[name]], "labels": labels}]
    rules = yaml.safe_load((FOLDER / "alerts.yml").read_text())
    expected, raised = (group["rules"] for group in rules["groups"])
    expected.append(expected[0] | {"labels": {"service": missing}})
    for rule in raised:
        if rule["alert"] == "ServiceGone":
            rule["for"] = "0s"
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    (folder / "alerts.yml").write_text(yaml.safe_dump(rules))


def alertmanager_file(folder, smtp):
    """alertmanager.yml, with a relay that is here and without its pauses."""
    settings = yaml.safe_load((FOLDER / "alertmanager.yml").read_text())
    settings["global"] |= {"smtp_smarthost": smtp, "smtp_require_tls": False}
    for route in (settings["route"], *settings["route"]["routes"]):
        route["group_wait"] = OFTEN
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(settings))


@contextmanager
def running(command, folder):
    """A program for the length of the block."""
    with (folder / f"{Path(command[0]).name}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait(20)


async def ask(place, path, **parameters):
    """What an API of Prometheus answers; None while it does not."""
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
            answer = await http.get(f"http://{place}{path}", params=parameters)
    except httpx.TransportError:
        return None
    return json.loads(answer.text) if answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR else None
