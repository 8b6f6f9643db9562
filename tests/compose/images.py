"""The images of this working copy, as deploy/Dockerfile makes them."""

import json
import os
import re
from concurrent.futures import ThreadPoolExecutor

import yaml
from engine import docker

from parvis_local.layout import ROOT

COMPOSE = ROOT / "docker-compose.yml"
#: How many are built at a time once the layers that all share are there: they wait for packages more than they work.
AT_ONCE = 3


def images() -> dict[str, str]:
    """SERVICE of deploy/Dockerfile → the image that docker-compose.yml calls it, when nobody names another version."""
    services = yaml.safe_load(COMPOSE.read_text())["services"].values()
    built = {service["build"]["args"]["SERVICE"]: service["image"] for service in services if "build" in service}
    return {name: re.sub(r"\$\{\w+:-([^}]+)\}", r"\1", image) for name, image in built.items()}


def official(service: str) -> str:
    """The image of one of the engines."""
    image: str = yaml.safe_load(COMPOSE.read_text())["services"][service]["image"]
    return re.sub(r"\$\{\w+:-([^}]+)\}", r"\1", image)


def version() -> str:
    """The version that docker-compose.yml names when nobody says another."""
    return images()["web"].rpartition(":")[2]


def build() -> None:
    """Builds them all. RuntimeError with the builder's last words."""
    first, *others = sorted(images().items(), reverse=True)  # the first one makes the layers that all share
    _build(first)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(_build, others))


def build_suite() -> str:
    """One image with all services, under the names of all, for whoever looks at the whole; their version."""
    each = images()
    release = f"{version()}-suite"
    _build(("suite", f"parvis/suite:{release}"))
    for service, image in each.items():
        module = "parvis_local.tools" if service == "tools" else f"parvis_{service}"
        entry = json.dumps(["/opt/parvis/bin/python", "-P", "-m", module])
        recipe = f"FROM parvis/suite:{release}\nENTRYPOINT {entry}\n"
        docker("build", "--quiet", "--tag", f"{image.rpartition(':')[0]}:{release}", "-", input=recipe, env=_CLASSIC)
    return release


#: The classic builder everywhere: the newer one is a plugin that Debian's engine has not.
_CLASSIC = os.environ | {"DOCKER_BUILDKIT": "0"}


def _build(service_and_image: tuple[str, str]) -> None:
    service, image = service_and_image
    docker(
        "build", "--quiet", "--file", str(ROOT / "deploy" / "Dockerfile"), "--tag", image,
        f"--build-arg=SERVICE={service}", f"--build-arg=VERSION={image.rpartition(':')[2]}", str(ROOT),
        env=_CLASSIC,
    )  # fmt: skip
