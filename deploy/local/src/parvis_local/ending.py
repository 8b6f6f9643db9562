"""How a command ends: what goes wrong is said in a line that tells what to do, whoever typed what and whatever is ill.

A line and a status, never a stack of calls: those who run an installation did not write it.
"""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Final

#: Set, a fault of ours shows where it happened.
SHOW: Final = "PARVIS_TRACEBACK"
INTERRUPTED: Final = 130
_ADVICE: Final = {
    errno.EACCES: "Run it as the account whom that belongs to, or name another place.",
    errno.EPERM: "Run it as the account whom that belongs to, or name another place.",
    errno.ENOSPC: "Make room on that disk, then run it again.",
    errno.EDQUOT: "Make room for this account, then run it again.",
    errno.EROFS: "That disk cannot be written: name another place.",
    errno.ENOTDIR: "A folder is needed there: name another place.",
    errno.EEXIST: "A folder is needed there: name another place.",
    errno.EISDIR: "A file is needed there.",
    errno.ENAMETOOLONG: "Name a shorter one.",
    errno.EMFILE: "Allow more open files (ulimit -n 4096), then run it again.",
}


class Refused(Exception):
    """Something is not done; the message says why, and what to do."""


def ended(act: Callable[[], int], say: Callable[[str], None]) -> int:
    """Runs a command; its exit status, after `say` was told what went wrong."""
    try:
        status = act()
        sys.stdout.flush()  # here, where it can still be said that nobody reads it
    except KeyboardInterrupt:
        say("Interrupted before its end.")
        return INTERRUPTED
    except BrokenPipeError:  # whoever read what we print has enough (`| head`)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get(SHOW):
            raise
        say(explained(error))
        return 1
    return status


def explained(error: Exception) -> str:
    """What an error means for whoever typed the command."""
    match error:
        case Refused() | ValueError() if str(error):
            return str(error)
        case EOFError():
            return "This asks before it acts, and nobody can answer here: standard input has ended. Nothing was done."
        case subprocess.CalledProcessError():
            command = " ".join(map(str, error.cmd[:4])) if isinstance(error.cmd, list) else str(error.cmd)
            return f"This step ended with status {error.returncode}: {command} …\nIts messages stand above."
        case OSError() if error.errno:
            place = f"{error.filename}: " if error.filename else ""
            advice = _ADVICE.get(error.errno, "")
            return f"{place}{error.strerror or os.strerror(error.errno)}. {advice}".strip()
        case OSError():
            return f"{str(error) or type(error).__name__}. ./parvis doctor says what is wrong."
    kind = type(error).__name__
    return f"{kind}: {error}\nThis is a fault of Parvis. {SHOW}=1 before the command shows where: please report that."
