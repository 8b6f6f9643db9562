"""Until when the certificates are good that a process shows and trusts."""

from collections.abc import Mapping
from pathlib import Path

from cryptography import x509

from parvis_watch.metrics import CERTIFICATES


class Certificates:
    """PEM files by the name under which their end is told; read again when they were replaced."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files
        self._read: dict[str, tuple[int, int]] = {}

    async def probe(self) -> None:
        """Tells the earliest end in each file."""
        for name, file in self._files.items():
            found = file.stat()
            stamp = found.st_mtime_ns, found.st_ino
            if self._read.get(name) != stamp:
                chain = x509.load_pem_x509_certificates(file.read_bytes())
                CERTIFICATES.labels(name).set(min(each.not_valid_after_utc for each in chain).timestamp())
                self._read[name] = stamp
