"""Generates Python from the contracts: `parvis.<service>.v1.*_pb2`, their gRPC stubs and their types for mypy.

The generated tree is `gen/`, which is not in git. Files whose content did not change keep their time, so that
nothing is recompiled for nothing, and files whose .proto is gone are removed.
"""

import importlib.util
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

HERE = Path(__file__).resolve().parent


class GenerateStubs(BuildHookInterface):  # type: ignore[type-arg, misc, unused-ignore]  # hatchling's own parameter
    """Hatch calls this before it builds or installs the package."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatch's signature
        """Makes `gen/` before the files of the package are collected."""
        generate()


def generate(root: Path = HERE) -> list[str]:
    """Brings `root/gen` up to date with `root/parvis/**/*.proto`.

    Returns the generated files that changed, relative to `gen`; raises RuntimeError with protoc's words when a
    contract does not compile.
    """
    sources = sorted(path.relative_to(root).as_posix() for path in (root / "parvis").rglob("*.proto"))
    out = root / "gen"
    out.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=".gen-") as folder:
        fresh = Path(folder)
        if sources:
            _protoc(root, sources, fresh)
        _make_packages(fresh)
        return _replace(out, fresh)


def _protoc(root: Path, sources: list[str], out: Path) -> None:
    from grpc_tools import protoc  # noqa: PLC0415 - only when there is something to compile

    plugins = Path(sys.executable).parent
    arguments = [
        "protoc",
        f"--proto_path={root}",
        f"--proto_path={_folder_of('grpc_tools') / '_proto'}",
        f"--proto_path={_folder_of('google.rpc').parent.parent}",
        f"--plugin=protoc-gen-mypy={plugins / 'protoc-gen-mypy'}",
        f"--plugin=protoc-gen-mypy_grpc={plugins / 'protoc-gen-mypy_grpc'}",
        f"--python_out={out}",
        f"--grpc_python_out={out}",
        f"--mypy_out=quiet:{out}",
        f"--mypy_grpc_out=quiet,only_async:{out}",
        *sources,
    ]
    if protoc.main(arguments) != 0:
        raise RuntimeError("The contracts do not compile: protoc's messages stand above.")


def _folder_of(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"The package {package} is not installed.")
    return Path(next(iter(spec.submodule_search_locations)))


def _make_packages(out: Path) -> None:
    """Ordinary packages rather than namespaces: faster to import, and typed for those who install the wheel."""
    for folder in [out / "parvis", *(path for path in (out / "parvis").rglob("*") if path.is_dir())]:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "__init__.py").write_text('"""Generated from the contracts."""\n')
    (out / "parvis" / "py.typed").touch()


def _replace(out: Path, fresh: Path) -> list[str]:
    changed = []
    wanted = {path.relative_to(fresh) for path in fresh.rglob("*") if path.is_file()}
    for name in sorted(wanted):
        target, new = out / name, (fresh / name).read_bytes()
        if not target.exists() or target.read_bytes() != new:
            target.parent.mkdir(parents=True, exist_ok=True)
            partial = target.with_name(f".{target.name}.new")
            partial.write_bytes(new)
            partial.replace(target)  # atomic: a service that starts meanwhile never reads half a file
            changed.append(name.as_posix())
    for path in sorted(out.rglob("*"), reverse=True):
        if path.is_dir() and (path.name == "__pycache__" or not any(path.iterdir())):
            shutil.rmtree(path, ignore_errors=True)
        elif path.is_file() and path.relative_to(out) not in wanted and "__pycache__" not in path.parts:
            path.unlink(missing_ok=True)
            changed.append(path.relative_to(out).as_posix())
    return changed


if __name__ == "__main__":
    for name in generate():
        print(name)  # noqa: T201 - a script
