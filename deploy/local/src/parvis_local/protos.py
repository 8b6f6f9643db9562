"""Generates Python from protos/ when a contract changed: `python -m parvis_local.protos`.

`./parvis` does it by itself; whoever edits contracts may call it directly.
"""

import importlib.util
import sys

from parvis_local.layout import ROOT


def generate() -> list[str]:
    """Brings protos/gen up to date; returns the files that changed. RuntimeError when a contract does not compile."""
    hook = ROOT / "protos" / "hatch_build.py"
    spec = importlib.util.spec_from_file_location("parvis_protos_build", hook)
    if spec is None or spec.loader is None:
        raise RuntimeError(f"{hook} is missing.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    changed: list[str] = module.generate()
    return changed


if __name__ == "__main__":
    try:
        print("\n".join(generate()) or "nothing changed")
    except RuntimeError as error:
        sys.exit(str(error))
