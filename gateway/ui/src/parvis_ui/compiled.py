"""What Jinja makes of templates, kept as Python keeps its modules: in `__pycache__` beside them, where that may be
written. Compiling them is most of a start; read from there, pages are quick as soon as a process answers.

Images hold it: `Pages(…).warm()` made it while they were built.
"""

import hashlib
import marshal
import sys
import tempfile
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from jinja2.bccache import Bucket, BytecodeCache


@cache
def _made_by() -> str:
    """Names the code that compiles: Jinja computes what is constant with our filters, once."""
    digest = hashlib.sha256(version("jinja2").encode())
    for module in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(module.read_bytes())
    return f"{sys.implementation.cache_tag} {digest.hexdigest()}"


class Compiled(BytecodeCache):
    """Templates as a package shows them in one language. Jinja compares each with its source."""

    def __init__(self, package: str, language: str) -> None:
        self._file = Path(str(files(package))) / "templates" / "__pycache__" / f"{language}.jinja"
        self._known = self._read()
        self._changed = False

    def _read(self) -> dict[str, bytes]:
        with suppress(OSError, ValueError, EOFError, TypeError):
            maker, known = marshal.loads(self._file.read_bytes())  # noqa: S302 - it stands beside our own code
            if maker == _made_by():
                return dict(known)
        return {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """What is known of a template, unless its source is another one by now."""
        if known := self._known.get(bucket.key):
            bucket.bytecode_from_string(known)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keeps what was compiled, for `keep`."""
        self._known[bucket.key] = bucket.bytecode_to_string()
        self._changed = True

    def keep(self) -> None:
        """Writes what came since; no harm where that is not allowed. Called once all is compiled: what is here is
        needed no more.
        """
        if self._changed:
            with suppress(OSError):
                self._file.parent.mkdir(exist_ok=True)
                with tempfile.NamedTemporaryFile(dir=self._file.parent, delete=False) as file:
                    file.write(marshal.dumps((_made_by(), self._known)))
                made = Path(file.name)
                made.chmod(0o644)
                made.replace(self._file)
        self._known, self._changed = {}, False
