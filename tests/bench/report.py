"""Figures as a table: what was measured, beside its baseline and its target."""

from collections.abc import Sequence
from dataclasses import dataclass

from machine import describe
from rich.console import Console
from rich.table import Table

console = Console()


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
    """Prints the table, the machine and what else is worth knowing."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for heading in ("figure", "measured", "baseline", "ratio", "target", "verdict"):
        table.add_column(heading, justify="left" if heading in {"figure", "verdict"} else "right")
    for each in figures:
        table.add_row(
            each.name,
            f"{each.value:.4g} {each.unit}",
            "" if each.baseline is None else f"{each.baseline:.4g} {each.unit}",
            "" if each.ratio is None else f"{each.ratio:.2f}",
            each.target,
            each.verdict,
        )
    console.print(table)
    for note in (describe(), *notes):
        console.print(f"  {note}", style="dim", highlight=False)
