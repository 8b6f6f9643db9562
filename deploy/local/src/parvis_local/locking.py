"""`./parvis lock`: resolves what all packages and groups need into requirements.lock, with hashes and without any
address or path. Versions that are already locked are kept, unless asked otherwise.
"""

import subprocess
import tomllib

from parvis_local.layout import ROOT, VENV_BIN

LOCK = ROOT / "requirements.lock"
GROUPS = ("build", "dev", "test")


def lock(*, upgrade: bool) -> int:
    """Returns the exit status of uv."""
    workspace = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = workspace["tool"]["uv"]["workspace"]["members"]
    members = [file for pattern in patterns for file in sorted(ROOT.glob(f"{pattern}/pyproject.toml"))]
    names = [workspace["project"]["name"], *(tomllib.loads(file.read_text())["project"]["name"] for file in members)]
    command = [str(VENV_BIN / "uv"), "pip", "compile", "--no-config", "--universal", "--python-version", "3.11"]
    command += ["--generate-hashes", "--no-header", "--no-annotate", "--quiet", "--output-file", LOCK.name]
    command += [argument for name in names for argument in ("--no-emit-package", name)]
    command += [argument for group in GROUPS for argument in ("--group", group)]
    command += ["--upgrade"] if upgrade else []
    command += [str(file.relative_to(ROOT)) for file in members]
    status = subprocess.run(command, cwd=ROOT, check=False).returncode
    if status == 0:
        print(f"requirements.lock: {LOCK.read_text().count('==')} packages. The next ./parvis installs what changed.")
    return status
