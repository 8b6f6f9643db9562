"""What goes wrong, in one sentence for a person: what happened, what it means, what to do next."""

import errno
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

#: What disks say of a file that is open already, and nobody who is connected to.
_OF_DISKS = frozenset(
    {errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, errno.EINVAL}
    | {errno.ENXIO, errno.ENODEV, errno.ESTALE, errno.ENOLCK, errno.ENOTSUP}
)
#: These bear numbers of their own, some of which are a disk's.
_OF_NETWORKS = (ConnectionError, TimeoutError, ssl.SSLError, socket.gaierror)
#: Status of a command that did all that could be done, and named what is missing or damaged.
INCOMPLETE = 3


class BackupError(ValueError):
    """Nothing was made, or nothing was changed: the message says why."""


class WrongKeyError(BackupError):
    """The passphrase or key file is not the one of this backup."""


class DamagedError(BackupError):
    """A part of a backup is missing, cut off or changed."""


@contextmanager
def in_words(folder: Path) -> Iterator[None]:
    """What a disk or PostgreSQL does in the middle of a backup to `folder` becomes a BackupError.

    In words of ours: what a database says of an error quotes rows, and this stands in files and logs.
    """
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise BackupError(
            f"PostgreSQL ended its work for the backup ({type(error).__name__}): its log says why. Nothing was "
            "made; the next try goes on from what was copied."
        ) from error
    except OSError as error:
        raise BackupError(_of_system(error, folder)) from error


def _of_system(error: OSError, folder: Path) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return (
            f"There is no room on the disk of {folder} ({error.strerror}): make room there, or keep fewer backups. "
            "The next try goes on from what was copied."
        )
    if error.filename is None and (isinstance(error, _OF_NETWORKS) or error.errno not in _OF_DISKS):
        known = isinstance(error, ConnectionError | TimeoutError | ssl.SSLError)
        said = type(error).__name__ if known else error.strerror or type(error).__name__
        return f"A connection broke ({said}): do PostgreSQL, NATS and the store run? Try again."
    place = error.filename or folder
    return f"{place}: {error.strerror or type(error).__name__}. Look at that disk, and whether this account may use it."
