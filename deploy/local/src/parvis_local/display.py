"""What a person sees of a suite that starts, runs or has failed."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from parvis_local.state import SuiteState
from parvis_local.suite import Suite

SIGNS = {
    "healthy": ("✓", "green"),
    "failed": ("✗", "bold red"),
    "restarting": ("↻", "yellow"),
    "waiting": ("·", "dim"),
    "stopped": ("·", "dim"),
}
PROGRESS = {
    "waiting": "waits",
    "preparing": "is prepared",
    "starting": "starts",
    "healthy": "ready",
    "restarting": "is started again",
    "failed": "failed",
    "stopping": "stops",
    "stopped": "stopped",
}


@contextmanager
def starting(console: Console) -> Iterator[Callable[[SuiteState], None]]:
    """Shows a suite while it starts: a live table on a terminal, a line for each part elsewhere."""
    if not console.is_terminal:
        yield _lines(console)
        return
    with Live(console=console, refresh_per_second=12, transient=True) as live:
        spinner = Spinner("dots")
        yield lambda state: live.update(_table(state, spinner))


def _lines(console: Console) -> Callable[[SuiteState], None]:
    seen = set[tuple[str, str]]()

    def show(state: SuiteState) -> None:
        for part in state.parts:
            if part.progress in {"healthy", "failed", "restarting"} and (part.name, part.progress) not in seen:
                seen.add((part.name, part.progress))
                console.print(f"{part.title}: {PROGRESS[part.progress]}", highlight=False)
        if state.phase == "demonstration" and state.note and ("demo", state.note) not in seen:
            seen.add(("demo", state.note))
            console.print(f"Demonstration: {state.note}", highlight=False)

    return show


def _table(state: SuiteState, spinner: Spinner) -> RenderableType:
    table = Table.grid(padding=(0, 1))
    for part in state.parts:
        sign: RenderableType = spinner
        if part.progress in SIGNS:
            symbol, style = SIGNS[part.progress]
            sign = Text(symbol, style=style)
        said = Text(PROGRESS[part.progress], style="dim")
        table.add_row(sign, part.title, said, Text(part.note[:60], style="dim"))
    if state.phase != "demonstration":
        return table
    return Group(table, Text(f"\nLoading the demonstration: {state.note}"))


def summary(console: Console, suite: Suite, *, already: bool) -> None:
    """Addresses, and with whom one can sign in."""
    console.print(f"[bold]Parvis {'already runs' if already else 'runs'}[/bold]   {suite.layout.data}\n")
    addresses = Table.grid(padding=(0, 3))
    titles = {"portal": "Portal", "mail": "Messages", "product": "Product example", "store": "Object store"}
    for name, title in titles.items():
        addresses.add_row(f"  {title}", suite.addresses[name])
    console.print(addresses)
    if suite.demo:
        _logins(console, suite)
    else:
        console.print("\n  The link that makes the first administrator (once):")
        console.print(f"  {suite.setup_link}", soft_wrap=True, highlight=False)
    here = "" if suite.layout.data.name == ".parvis" else f" --data {suite.layout.data}"
    console.print(f"\n  [dim]./parvis status{here} · ./parvis logs{here} · ./parvis down{here}[/dim]", soft_wrap=True)


def _logins(console: Console, suite: Suite) -> None:
    try:
        logins = json.loads(suite.layout.demo_logins.read_text())["logins"]
    except FileNotFoundError:
        return
    console.print("\n[bold]Demonstration logins[/bold]")
    for login in logins:
        note = f" [dim]· {escape(login['note'])}[/dim]" if login.get("note") else ""
        console.print(f"  {escape(login['who'])}{note}", soft_wrap=True)
        line = f"      {login['identifier']:<34} {login['password']}   {login['address']}"
        console.print(line, soft_wrap=True, markup=False)


def failure(console: Console, message: str) -> None:
    """A failure, its first line in red, the rest (the end of a log) as it is."""
    first, *rest = message.splitlines()
    console.print(Text(f"✗ {first}", style="bold red"), soft_wrap=True)
    for line in rest:
        console.print(Text(line), soft_wrap=True)


def parts_table(parts: Sequence[dict[str, object]]) -> Table:
    """`./parvis status` for a person."""
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for heading in ("", "part", "kind", "address", "pid", "memory"):
        table.add_column(heading, justify="right" if heading in {"pid", "memory"} else "left")
    for part in parts:
        symbol, style = SIGNS["healthy" if part["healthy"] else "failed"]
        size = part["rss_bytes"]
        memory = f"{size / 2**20:.0f} MiB" if isinstance(size, int) and size else ""
        row = [str(part["name"]), str(part["kind"]), str(part["address"]), str(part["pid"] or ""), memory]
        table.add_row(Text(symbol, style=style), *row)
    total = sum(size for part in parts if isinstance(size := part["rss_bytes"], int))
    table.add_row("", "", "", "", "", f"[bold]{total / 2**20:.0f} MiB[/bold]")
    return table


def console(*, stderr: bool = False) -> Console:
    """Standard output, or where errors go; no colours when it is not a terminal."""
    return Console(file=sys.stderr if stderr else sys.stdout, highlight=False)
