"""`./parvis logs [PART] [-f]`: the logs of one part or of all, each line with the name of its part."""

import time
from pathlib import Path

from parvis_local.suite import Suite
from parvis_local.supervisor import tail

LINES = 40
PAUSE = 0.2  # seconds between two looks


def show(suite: Suite, part: str, *, follow: bool) -> int:
    """Prints the last lines, then what is added, until Ctrl-C. Exit status 2 when there is no such log."""
    there = sorted(suite.layout.logs.glob("*.log"))
    files = [file for file in there if part in {"", file.stem}]
    if not files:
        known = ", ".join(file.stem for file in there)
        print(f"There is no log {part!r}." if part else "There is no log yet.", f"Logs: {known}" if known else "")
        return 2
    ends = {file: file.stat().st_size for file in files}
    for file in files:
        for line in tail(file, LINES if part else 5):
            _print(file, line, alone=bool(part))
    try:
        while follow:
            for file in files:
                ends[file] = _added(file, ends[file], alone=bool(part))
            time.sleep(PAUSE)
    except KeyboardInterrupt:
        pass
    return 0


def _added(file: Path, position: int, *, alone: bool) -> int:
    """Prints whole lines after the position; returns the new position."""
    size = file.stat().st_size
    if size == position:
        return position
    with file.open("rb") as log:
        log.seek(position if size > position else 0)  # a log that was put aside begins anew
        added = log.read()
        whole = added[: added.rfind(b"\n") + 1]
        for line in whole.decode(errors="replace").splitlines():
            _print(file, line, alone=alone)
        return log.tell() - len(added) + len(whole)


def _print(file: Path, line: str, *, alone: bool) -> None:
    print(line if alone else f"{file.stem:>10} | {line}", flush=True)
