"""Long steps show how far they are: a bar on a terminal, a line at the beginning of each step elsewhere."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn


class Shows(Protocol):
    """Who is told about steps."""

    def step(self, title: str, total: int = 0) -> "Step":
        """A step begins; `total` in bytes, 0 where nobody knows."""


Step = Callable[[int], None]  # called with bytes done since the last call; from any thread


class Quiet:
    """For whoever does not want to know."""

    def step(self, title: str, total: int = 0) -> Step:
        del title, total
        return lambda _: None


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console

    def step(self, title: str, total: int = 0) -> Step:
        size = f" ({total / 1e6:.1f} MB)" if total else ""
        self._console.print(f"{title}{size}", highlight=False)
        return lambda _: None


class _Bars:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def step(self, title: str, total: int = 0) -> Step:
        for task in self._progress.tasks:
            if not task.finished:
                self._progress.update(task.id, total=task.completed or 1, completed=task.completed or 1)
        task_id = self._progress.add_task(title, total=total or None)
        return lambda size: self._progress.advance(task_id, size)


@contextmanager
def shown(console: Console) -> Iterator[Shows]:
    """Bars on a terminal, lines elsewhere."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        yield _Bars(progress)


def counted(content: Iterable[bytes], step: Step) -> Iterator[bytes]:
    """The same bytes, told to `step` as they pass."""
    for piece in content:
        step(len(piece))
        yield piece
