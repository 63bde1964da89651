"""Experiments simulated and looked at again and again: how often does the verdict err, how often does it find?

``python -m benchmarks.peeking [--quick] [--json] [--cell NAME] [--data FILE]``. The conditions are the cells of
`peeking_cells.toml`: people who come back, ramps, rare rewards, drifts, delays, reviews, several challengers. Each
experiment is looked at a hundred times. The rules are computed on arrays, and held against the judge at every look of
some experiments of every cell. With a file of real people, what the covariate saves on them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Final

from benchmarks.fresh_processes import context, end_with_server
from benchmarks.peeking_cells import Cell, read_cells
from benchmarks.peeking_run import ALPHA, Found, planned_cell, run

EXPERIMENTS, QUICK_EXPERIMENTS, MORE_EXPERIMENTS = 1_000, 200, 4_000
CHECKED, QUICK_CHECKED = 20, 2
"""Experiments of each cell whose every look goes through the judge too."""

LOOKED_INTO: Final = 0.03
"""A cell with more false verdicts than this is simulated again with more experiments."""

UNSOUND: Final = 0.01
"""The part of experiments that may be held for good as unsound without being it."""

AS_BEFORE: Final = 0.95
"""The part of the former power that must be left."""

COMPARED: Final = ("power-0.02-0.04", "power-0.02-0.04-event", "power-0.3-0.33", "power-0.3-0.33-event")
"""Cells whose power is compared."""

RESTARTED: Final = ("V16-first", "V16-second", "V16-third", "V16-fourth", "V16-fifth")
"""Experiments in a row with the same pair of versions."""

Figures = dict[str, dict[str, Any]]


def figures(*, quick: bool, cells: Sequence[str] = (), workers: int | None = None) -> Figures:
    """All figures by name: value, unit, goal, and whether it is met; of the named `cells`, or of all."""
    known = read_cells()
    chosen = [known[name] for name in cells] if cells else [*known.values(), planned_cell()]
    found: Figures = {}
    results: dict[str, Found] = {}
    for result in _results(chosen, quick=quick, workers=workers):
        results[result.cell.name] = result
        found |= dict(_figures(result, quick=quick))
        print(f"{len(results)}/{len(chosen)} {result.cell.name}", file=sys.stderr, flush=True)
    found["looks_unlike_the_judge"] = _mismatched(results.values())
    if not cells:
        from benchmarks.saving import simulated_saving

        found["false_promotions_of_five_in_a_row"] = _at_most(
            sum(results[name].promoted for name in RESTARTED), ALPHA, results[RESTARTED[0]].experiments
        )
        found["false_alarms_of_a_z_test"] = _figure(100 * results[RESTARTED[0]].z_alarms, "%", "for comparison")
        found |= simulated_saving(quick=quick)
    return found


def _results(cells: Sequence[Cell], *, quick: bool, workers: int | None) -> Iterator[Found]:
    least = QUICK_EXPERIMENTS if quick else EXPERIMENTS
    checked = QUICK_CHECKED if quick else CHECKED
    jobs = [(cell, least, checked, not quick) for cell in cells]
    if len(cells) == 1 or workers == 1:
        yield from map(_simulated, jobs)
        return
    with ProcessPoolExecutor(workers or os.cpu_count(), context(), initializer=end_with_server) as pool:
        yield from pool.map(_simulated, jobs)


def _simulated(job: tuple[Cell, int, int, bool]) -> Found:
    cell, experiments, checked, again = job
    found = run(cell, experiments, checked)
    suspicious = found.verdicts > LOOKED_INTO or found.unsound > UNSOUND
    if again and cell.expected == "nothing" and suspicious:
        return run(cell, MORE_EXPERIMENTS, checked)
    return found


def _figures(found: Found, *, quick: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    cell = found.cell
    if cell.expected == "nothing":
        yield f"false_verdicts {cell.name}", _at_most(found.verdicts, ALPHA, found.experiments)
        yield f"unsound_at_end {cell.name}", _unsound(found, quick=quick)
        return
    part = {"promote": found.promoted, "roll back": found.rolled_back, "unsound": found.unsound}[cell.expected]
    goal = max(cell.goal, AS_BEFORE * found.before_part if cell.name in COMPARED else 0.0)
    yield f"{cell.expected.replace(' ', '_')} {cell.name}", _at_least(part, goal)
    if cell.expected == "unsound":
        return
    yield f"units {cell.name}", _figure(found.units, "units", "stated")
    if found.before_units is not None:
        yield f"before {cell.name}", _figure(100 * found.before_part, "%", "the judge before")
        yield f"units_before {cell.name}", _figure(found.before_units, "units", "the judge before")


def _mismatched(results: Iterable[Found]) -> dict[str, Any]:
    differing = [mismatch for result in results for mismatch in result.mismatches]
    for mismatch in differing[:5]:
        print(f"unlike the judge: {mismatch}", file=sys.stderr)
    return _figure(len(differing), "looks", "= 0", ok=not differing)


def _unsound(found: Found, *, quick: bool) -> dict[str, Any]:
    """Goal 1 %; of the few experiments of a quick run, three standard errors more."""
    noise = 3.0 * (UNSOUND * (1.0 - UNSOUND) / found.experiments) ** 0.5 if quick else 0.0
    goal = f"<= {100 * UNSOUND:g}" + (f" (+ {100 * noise:.1f} of simulation)" if quick else "")
    return _figure(100 * found.unsound, "%", goal, ok=found.unsound <= UNSOUND + noise)


def _at_most(part: float, limit: float, experiments: int) -> dict[str, Any]:
    """The limit and three standard errors of the simulation."""
    noise = 3.0 * (limit * (1.0 - limit) / experiments) ** 0.5
    return _figure(100 * part, "%", f"<= {100 * limit:g} (+ {100 * noise:.1f} of simulation)", ok=part <= limit + noise)


def _at_least(part: float, goal: float) -> dict[str, Any]:
    return _figure(100 * part, "%", f">= {100 * goal:.4g}" if goal else "stated", ok=part >= goal)


def _figure(value: float, unit: str, goal: str, *, ok: bool = True) -> dict[str, Any]:
    return {"value": round(float(value), 2), "unit": unit, "goal": goal, "ok": bool(ok)}


def main() -> int:
    """Print the figures; 0 when all goals are met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a fifth of the experiments, fewer looks by the judge")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--cell", action="append", default=[], help="only this cell; may be given several times")
    parser.add_argument("--workers", type=int, help="processes; all processors by default")
    parser.add_argument("--data", type=Path, help="training rows of job-change: the covariate's saving on real people")
    options = parser.parse_args()
    found = figures(quick=options.quick, cells=options.cell, workers=options.workers)
    if options.data:
        from benchmarks.saving import saving

        found |= saving(options.data)
    if options.json:
        print(json.dumps(found, indent=1))
    else:
        for name, figure in found.items():
            mark = "ok  " if figure["ok"] else "MISS"
            print(f"{mark} {name:44} {figure['value']:>9g} {figure['unit']:6} {figure['goal']}")
    return 0 if all(figure["ok"] for figure in found.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
