"""The gate that compares imports with declarations, on a small member."""

import pytest

from parvis_local import declared


@pytest.fixture
def member(tmp_path):
    def member(dependencies: str, source: str, migration: str = ""):
        (tmp_path / "pyproject.toml").write_text(
            f'[project]\nname = "parvis-small"\ndependencies = [\n{dependencies}\n]\n'
            '[build-system]\nrequires = ["hatchling"]\n'
        )
        for place, text in (("src/parvis_small/main.py", source), ("migrations/0001_first.py", migration)):
            (tmp_path / place).parent.mkdir(parents=True)
            (tmp_path / place).write_text(text)
        return declared.problems(tmp_path)

    return member


def test_what_is_imported_is_declared(member):
    (problem,) = member('"structlog>=1"', "import structlog\nimport httpx\nimport json\nfrom parvis_small import main")
    assert "imports httpx" in problem


def test_what_migrations_import_is_declared(member):
    (problem,) = member("", "", "from alembic import op")
    assert "imports alembic" in problem


def test_what_is_imported_in_a_function_or_for_types_only_is_declared(member):
    source = "def f():\n    import httpx\n\nif TYPE_CHECKING:\n    from sqlalchemy.engine import Row\n"
    assert len(member("", source)) == 2


def test_packages_that_share_a_name_are_told_apart(member):
    source = "from google.protobuf.message import Message\nfrom google.rpc import status_pb2\nfrom google import rpc"
    (problem,) = member('"protobuf>=1"', source)
    assert "googleapis-common-protos" in problem


def test_our_own_packages_are_declared_too(member):
    assert len(member('"parvis-kit"', "from parvis_kit import ids\nfrom parvis.identity.v1 import identity_pb2")) == 1


def test_what_nothing_imports_has_a_reason(member):
    (problem,) = member('"typst>=1",\n"uvloop>=1", # a plugin\n# a program\n"buf-bin>=1"', "")
    assert "nothing imports typst" in problem


def test_names_are_compared_as_package_indexes_do():
    assert declared.normal("SQLAlchemy[asyncio]>=2.1") == "sqlalchemy"
    assert declared.normal("ruamel_yaml") == "ruamel-yaml"
