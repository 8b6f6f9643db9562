"""`./parvis status`: asks each part itself, now, whether it is healthy."""

import asyncio
import json

from parvis_local import display
from parvis_local.catalogue import catalogue
from parvis_local.parts import Part, is_healthy
from parvis_local.processes import is_alive, resident_bytes
from parvis_local.state import PartState
from parvis_local.suite import Suite


def show(suite: Suite, *, as_json: bool) -> int:
    """Prints the parts; returns the exit status: 0 when all are healthy, 1 when not, 2 when nothing runs."""
    console = display.console()
    current = suite.state()
    if current is None or not suite.find():
        print('{"parts": []}') if as_json else console.print(f"No suite runs on {suite.layout.data}. ./parvis up")
        return 2
    parts = asyncio.run(collect(suite, current.parts))
    if as_json:
        print(json.dumps({"parts": [{key: part[key] for key in KEYS} for part in parts]}, indent=2))
    else:
        console.print(display.parts_table(parts))
        for part in parts:
            if part["note"]:
                console.print(f"  {part['name']}: {part['note']}", style="red")
        if current.phase != "running":
            console.print(f"  the suite is {current.phase}: {current.note}")
    return 0 if all(part["healthy"] for part in parts) else 1


KEYS = ("name", "kind", "healthy", "address", "pid", "rss_bytes")


async def collect(suite: Suite, states: list[PartState]) -> list[dict[str, object]]:
    """One dictionary per part: KEYS, and `note`, why it is not healthy."""
    parts = {part.name: part for part in catalogue(suite.layout, suite.ports, suite.credentials)}
    processes = frozenset(state.pid for state in states if state.pid is not None)
    return await asyncio.gather(*(_one(parts[state.name], state, processes) for state in states))


async def _one(part: Part, state: PartState, processes: frozenset[int]) -> dict[str, object]:
    alive = state.pid is not None and is_alive(state.pid, state.born)
    if not alive:
        note = state.note or "does not run"
    elif part.name == "zygote":  # only its supervisor can ask it
        note = "" if state.progress == "healthy" else state.progress
    else:
        note = await is_healthy(part)
    return {
        "name": part.name,
        "kind": part.kind,
        "healthy": not note,
        "address": part.address,
        "pid": state.pid if alive else None,
        "rss_bytes": resident_bytes(state.pid, others=processes) if alive and state.pid else 0,
        "note": note,
    }
