"""Figures as a table: what was measured, beside its baseline and its target."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from machine import describe, load
from rich.console import Console
from rich.table import Table

#: Of a table in a file or a log.
WIDTH = 120
console = Console()
if not console.is_terminal:
    console.width = WIDTH


@dataclass(frozen=True, slots=True)
class Figure:
    """One line. `value`, `baseline`, `at_most` and `at_least` are in `unit`; `ratio` and `least_ratio` are value over
    baseline.
    """

    name: str
    value: float
    unit: str
    baseline: float | None = None
    at_most: float | None = None
    at_least: float | None = None
    ratio: float | None = None
    least_ratio: float | None = None

    @property
    def target(self) -> str:
        """The target for a person, empty when there is none."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g} {self.unit}"
        if self.at_least is not None:
            return f"≥ {self.at_least:g} {self.unit}"
        return f"ratio ≥ {self.least_ratio:g}" if self.least_ratio is not None else ""

    @property
    def verdict(self) -> str:
        """Whether the target is met; empty when there is none."""
        if self.at_most is not None:
            met = self.value <= self.at_most
        elif self.at_least is not None:
            met = self.value >= self.at_least
        elif self.least_ratio is not None and self.ratio is not None:
            met = self.ratio >= self.least_ratio
        else:
            return ""
        return "[green]met[/green]" if met else "[red]missed[/red]"


def show(title: str, figures: Sequence[Figure], *notes: str) -> None:
    """Prints the table, the machine and what else is worth knowing; keeps the figures for the table of all benches,
    where `PARVIS_BENCH_FIGURES` names its file. A note says what the baseline is, where there is one.
    """
    against = next((each for each in notes if "baseline" in each), "")
    if not against and any(each.baseline is not None for each in figures):
        raise ValueError(f"{title}: a note says what the baseline is")
    _print(title, [("", each) for each in figures])
    for note in (describe(), *notes):
        console.print(f"  {note}", style="dim", highlight=False)
    if kept := os.environ.get("PARVIS_BENCH_FIGURES"):
        bench = f"{title}\n{against}\nload {load():.1f}"
        with Path(kept).open("a") as file:
            file.writelines(json.dumps([bench, asdict(each)]) + "\n" for each in figures)


def join(kept: Path, ended: Sequence[str]) -> None:
    """One table of what several benches kept, under the machine; then those that ended before they had measured."""
    found = [json.loads(line) for line in kept.read_text().splitlines()]
    loads = [float(bench.rpartition(" ")[2]) for bench, _ in found]
    machine = f"{describe()}; while they were measured {min(loads):.1f} to {max(loads):.1f}"
    _print(f"All figures\n{machine}", [(bench, Figure(**figure)) for bench, figure in found])
    for name in ended:
        console.print(f"  Not measured: {name}. Its message stands above.", style="red", markup=False)


def _print(title: str, figures: Sequence[tuple[str, Figure]]) -> None:
    """The table; what stands before a figure is the bench that it is of, said once."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for heading in ("figure", "measured", "baseline", "ratio", "target", "verdict"):
        table.add_column(heading, justify="left" if heading in {"figure", "verdict"} else "right")
    said = ""
    for bench, each in figures:
        if bench != said:
            table.add_section()
            title, *notes = filter(None, bench.split("\n"))
            table.add_row("\n".join((f"[bold]{title}[/bold]", *(f"[dim]{note}[/dim]" for note in notes))))
            said = bench
        table.add_row(
            each.name,
            f"{each.value:.4g} {each.unit}",
            "" if each.baseline is None else f"{each.baseline:.4g} {each.unit}",
            "" if each.ratio is None else f"{each.ratio:.2f}",
            each.target,
            each.verdict,
        )
    console.print(table)


if __name__ == "__main__":
    join(Path(sys.argv[1]), sys.argv[2:])
