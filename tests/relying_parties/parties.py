"""The relying parties as processes: each has its framework's name in our page, and takes the text from there."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import ClassVar

import httpx
from installing import HERE, Installed

PATIENCE = 30.0


class Party:
    """See the module."""

    #: The label of its configuration in our page.
    framework: ClassVar[str]
    #: Paths that it comes back to.
    back: ClassVar[str]
    logout: ClassVar[str] = ""

    def __init__(self, installed: Installed, folder: Path, issuer: str) -> None:
        self.installed = installed
        self.folder = folder
        self.issuer = issuer
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir()

    @property
    def callback(self) -> str:
        """Its redirect address."""
        return self.url.rstrip("/") + self.back

    @property
    def after_logout(self) -> str:
        """Where it comes back to after signing out."""
        return f"{self.url}bye"

    @property
    def told_at(self) -> str:
        """Its back-channel logout address; empty: the library has none."""
        return self.url.rstrip("/") + self.logout if self.logout else ""

    def configure(self, pasted: str) -> None:
        """Puts the text of our page where its developers would."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """What starts it."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """More variables that it needs."""
        return {}

    def start(self) -> None:
        """Returns when it answers."""
        log = (self.folder / "log").open("wb")
        variables = os.environ | self.environment()
        self._process = subprocess.Popen(
            self.command(), cwd=self.folder, env=variables, stdout=log, stderr=log, start_new_session=True
        )
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                httpx.get(self.after_logout, trust_env=False)
            except httpx.TransportError:
                assert self._process.poll() is None, self.said()
                assert time.monotonic() < deadline, self.said()
                time.sleep(0.1)
            else:
                return

    def said(self) -> str:
        """The end of what it wrote."""
        return "\n".join(path.read_text(errors="replace")[-4000:] for path in sorted(self.folder.glob("*log")))

    def stop(self) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGTERM)  # with what it started
            self._process.wait(10)


class Django(Party):
    """A site with mozilla-django-oidc."""

    framework = "Django"
    back = "/oidc/callback/"

    def configure(self, pasted: str) -> None:
        before = (HERE / "python" / "settings.py").read_text()
        (self.folder / "settings.py").write_text(f"{before}\n{pasted}\n")
        shutil.copy(HERE / "python" / "urls.py", self.folder / "urls.py")

    def command(self) -> list[str]:
        return [str(self.installed.python), "urls.py", str(self.port)]

    def environment(self) -> dict[str, str]:
        return {"DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": str(self.folder), "ISSUER": self.issuer}


class Node(Party):
    """A server with openid-client."""

    framework = "Node.js"
    back = "/callback"
    logout = "/backchannel"

    def configure(self, pasted: str) -> None:
        (self.folder / "oidc.mjs").write_text(pasted)
        shutil.copy(HERE / "javascript" / "server.mjs", self.folder / "server.mjs")
        (self.folder / "node_modules").symlink_to(self.installed.node_modules)

    def command(self) -> list[str]:
        return [str(self.installed.node), "server.mjs", str(self.port)]


class Apache(Party):
    """A web server with mod_auth_openidc."""

    framework = "Apache"
    back = "/oidc"
    logout = "/oidc?logout=backchannel"

    def configure(self, pasted: str) -> None:
        (self.folder / "parvis.conf").write_text(pasted)
        pages = self.folder / "pages"
        shutil.copytree(HERE / "apache" / "pages", pages)
        main = (HERE / "apache" / "httpd.conf").read_text()
        as_whom = "User nobody\nGroup nogroup" if os.geteuid() == 0 else ""
        values = {"@folder@": self.folder, "@modules@": self.installed.modules, "@port@": self.port, "@user@": as_whom}
        for place, value in values.items():
            main = main.replace(place, str(value))
        (self.folder / "httpd.conf").write_text(main)

    def command(self) -> list[str]:
        return [str(self.installed.httpd), "-D", "FOREGROUND", "-d", str(self.folder), "-f", "httpd.conf"]

    def environment(self) -> dict[str, str]:
        return {"LD_LIBRARY_PATH": str(self.installed.libraries)}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


#: By the name of what is tested.
PARTIES: dict[str, type[Party]] = {"mozilla-django-oidc": Django, "openid-client": Node, "mod_auth_openidc": Apache}
