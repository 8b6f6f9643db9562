"""The browser of the end-to-end tests: Debian's chromium, or Playwright's own."""

import os
import shutil
import subprocess
from pathlib import Path

from parvis_local.layout import VENV_BIN

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def find_browser() -> Path | None:
    """The program to start: PARVIS_BROWSER, one of this machine, or the one that Playwright has downloaded."""
    if chosen := os.environ.get("PARVIS_BROWSER"):
        return Path(chosen)
    for name in NAMES:
        if found := shutil.which(name):
            return Path(found)
    cache = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH", Path.home() / ".cache" / "ms-playwright"))
    return next(iter(sorted(cache.glob("chromium-*/chrome-linux*/chrome"), reverse=True)), None)


def install_system_packages(packages: tuple[str, ...]) -> str:
    """Installs Debian packages; '' or why not, in words for a person."""
    if shutil.which("apt-get") is None:
        return "this is not a Debian or Ubuntu machine"
    if os.geteuid() != 0:
        return f"only root may install them: sudo apt-get install {' '.join(packages)}"
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-q"],
        ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages],
    ):
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            return f"`{' '.join(command[:2])}` failed: {(result.stderr or result.stdout).strip()[-400:]}"
    return ""


def driver_starts() -> bool:
    """Whether Playwright's driver runs: its Node needs a library that the smallest systems lack."""
    return subprocess.run([VENV_BIN / "playwright", "--version"], capture_output=True, check=False).returncode == 0


def ensure_driver() -> str:
    """Makes sure that Playwright's driver runs; '' or why it does not."""
    if driver_starts():
        return ""
    reason = install_system_packages(("libatomic1",))
    return reason if reason or driver_starts() else "Playwright's driver still does not start"


def ensure_browser() -> str:
    """Makes sure that there is a browser; '' or why there is none."""
    if find_browser():
        return ""
    reason = install_system_packages(("chromium",))
    if not reason and find_browser():
        return ""
    download = [str(VENV_BIN / "playwright"), "install", "chromium"]
    try:
        result = subprocess.run(download, capture_output=True, text=True, check=False, timeout=300)
    except subprocess.TimeoutExpired:
        return f"chromium could not be installed ({reason}), and Playwright's download took too long"
    if result.returncode == 0 and find_browser():
        return ""
    return f"chromium could not be installed ({reason}), and Playwright's download did not succeed either"
