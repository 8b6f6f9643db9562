"""The pair of keys by which the object store knows us, renewed while the process runs."""

import time

import structlog
from minio.credentials.credentials import Credentials
from minio.credentials.providers import Provider

from parvis_documents.settings import StoreSettings
from parvis_watch.believed import PAUSE
from parvis_watch.papers import secret_now

_log = structlog.get_logger(__name__)


class StoreKeys(Provider):
    """The pair that calls and addresses are signed with. Both files are read again each second, and a new pair is taken
    once both have changed: half of one opens nothing.
    """

    def __init__(self, settings: StoreSettings) -> None:
        self._pair = self._told = settings.access_key, settings.secret_key.get_secret_value()
        self._due = 0.0

    def retrieve(self) -> Credentials:
        """What counts now; called from threads too."""
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + PAUSE
            names = ("parvis_store_access_key", "parvis_store_secret_key")
            said = tuple(map(secret_now, names, self._told))
            if said[0] != self._pair[0] and said[1] != self._pair[1]:
                self._pair = said[0], said[1]
                _log.info("store_keys_renewed", access_key=said[0])
        return Credentials(*self._pair)
