"""What goes wrong, in one sentence for a person: what happened, what it means, what to do next."""

#: Status of a command that did all that could be done, and named what is missing or damaged.
INCOMPLETE = 3


class BackupError(ValueError):
    """Nothing was made, or nothing was changed: the message says why."""


class WrongKeyError(BackupError):
    """The passphrase or key file is not the one of this backup."""


class DamagedError(BackupError):
    """A part of a backup is missing, cut off or changed."""
