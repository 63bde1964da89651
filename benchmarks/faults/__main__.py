"""``python -m benchmarks.faults [--quick] [--json] [--only NAME …] [--home DIR]``: every fault, and what it did."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from benchmarks.faults import arms, described, documents, hostile, pressure, records
from benchmarks.faults.world import Figures, World, at_most

Scenario = Callable[..., Figures]

SCENARIOS: Mapping[str, Scenario] = {
    "killed": arms.killed,
    "hung": arms.hung,
    "dead": arms.all_dead,
    "overload": pressure.overload,
    "slow": pressure.slow_clients,
    "bodies": pressure.large_bodies,
    "hostile": hostile.hostile,
    "described": described.described,
    "drains": records.drains,
    "kills": records.kills,
    "artifacts": documents.tampered,
    "routing": documents.broken_routing,
    "outcomes": records.outcomes,
}


def measure(home: Path, names: list[str], *, quick: bool) -> Figures:
    """The figures of the scenarios `names`, taken one after the other on the same processes."""
    cores = len(psutil.Process().cpu_affinity() or [0])
    world = World(home, 0, other=min(1, cores - 1))
    psutil.Process().cpu_affinity([world.other])
    figures: Figures = {}
    try:
        world.begin()
        for name in names:
            began = time.monotonic()
            print(f"{name} …", file=sys.stderr, flush=True)
            found = SCENARIOS[name](world, quick=quick)
            figures |= found
            arms.settled(world)
            print(f"{name}: {time.monotonic() - began:.0f} s", *_lines(found), sep="\n  ", file=sys.stderr)
    finally:
        world.stop()
    figures["units_that_changed_arm"] = at_most(world.moved, "answers", 0)
    return figures


def _lines(figures: Figures) -> list[str]:
    return [
        f"{'ok  ' if one.ok else 'MISS'} {name} = {one.value:g} {one.unit} ({one.goal})"
        for name, one in figures.items()
    ]


def main() -> int:
    """Measure and print; 0 when every goal is met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller counts, under five minutes")
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--only", nargs="+", choices=SCENARIOS, default=list(SCENARIOS))
    parser.add_argument("--home", type=Path, help="where to work and leave logs; by default a folder that is removed")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as spare:
        figures = measure(asked.home or Path(spare), asked.only, quick=asked.quick)
    if asked.json:
        print(json.dumps({name: one._asdict() for name, one in figures.items()}, indent=1))
    else:
        print(*_lines(figures), sep="\n")
    return 0 if all(one.ok for one in figures.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
