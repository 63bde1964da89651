"""Releases stopped, raced, forged and undone: do they stay whole, and how fast do they come back?

``python -m benchmarks.release [--quick] [--json] [--home DIR] [--only PART …]``. The parts are ``crashes``, ``races``,
``approvals``, ``audit`` and ``live``. ``--home`` names a home with a champion, a challenger and ``people.jsonl``;
without it small models are trained on synthetic rows.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks import release_attacks as attacks
from benchmarks.release_lab import STORIES, WAYS, Call, Matrix, Way, resume
from benchmarks.release_live import live

Figures = dict[str, dict[str, Any]]


def crash_cases(matrix: Matrix, *, quick: bool) -> Iterator[tuple[int, Way, Call]]:
    """The places, ways to stop and ways to go on of one story; quickly: each place once, ways taken in turn."""
    ways_on = (resume, *matrix.story.ways_on)
    for at in range(len(matrix.places)):
        if quick:
            yield at, WAYS[at % len(WAYS)], ways_on[(at // len(WAYS)) % len(ways_on)]
        else:
            yield from ((at, way, on) for way in WAYS for on in ways_on)


def crashes(folder: Path, options: argparse.Namespace) -> Figures:
    """Every story stopped everywhere, and resumed or taken back."""
    count, faults = 0, []
    for story in STORIES:
        matrix = Matrix(story, folder)
        found = [matrix.fault(*case) for case in crash_cases(matrix, quick=options.quick)]
        count += len(found)
        faults += [fault for fault in found if fault]
    for fault in faults[:5]:
        print(fault, file=sys.stderr)
    return {
        "crash_cases": _figure(count, "cases", ">= 60", count >= 60),
        "crash_cases_neither_old_nor_new": _figure(len(faults), "cases", "0", not faults),
    }


def races(folder: Path, options: argparse.Namespace) -> Figures:
    """Eight promoters at once."""
    seen = attacks.races(20 if options.quick else 500, folder)
    return {
        f"races_{name}": _figure(value, "rounds", str(seen.rounds), value == seen.rounds)
        for name, value in seen._asdict().items()
    }


def approvals(folder: Path, options: argparse.Namespace) -> Figures:
    """Approvals that must not hold, and one that must."""
    del options
    tried, good = attacks.approvals(folder)
    return {
        "bad_approvals_refused_and_audited": _all(tried),
        "good_approval_promotes": _figure(int(good), "of 1", "1", good),
    }


def audit(folder: Path, options: argparse.Namespace) -> Figures:
    """Hands in the audit trail."""
    del options
    return {
        "audit_mutations_found": _all(attacks.audit_mutations()),
        "audit_statements_refused_by_the_database": _all(attacks.database_hands(folder)),
    }


def on_servers(folder: Path, options: argparse.Namespace) -> Figures:
    """Real model servers under load."""
    seen = live(folder, options.home, 5 if options.quick else 20)
    undo, promote = (float(np.percentile(seconds, 95)) for seconds in (seen.undos, seen.promotes))
    return {
        "pairs_under_load": _figure(len(seen.undos), "pairs", "5" if options.quick else "20", True),
        "undo_p95": _figure(round(undo, 4), "s", "< 1", undo < 1),
        "promote_p95": _figure(round(promote, 4), "s", "< 1", promote < 1),
        "requests_under_load": _figure(seen.requests, "requests", "> 0", seen.requests > 0),
        "requests_failed_under_load": _figure(seen.failed, "requests", "0", not seen.failed),
        "suspend": _figure(round(seen.suspend_s, 4), "s", "< 5", seen.suspend_s < 5),
        "review_while_suspended": _share(seen.reviewed_while_suspended, "100", seen.reviewed_while_suspended == 1.0),
        "model_answers_after_resume": _share(seen.answered_after_resume, "> 0", seen.answered_after_resume > 0),
        "undo_command_until_traffic_is_back": _figure(round(seen.undo_command_s, 2), "s", "for comparison", True),
    }


PARTS: Final[Mapping[str, Callable[[Path, argparse.Namespace], Figures]]] = {
    "crashes": crashes,
    "races": races,
    "approvals": approvals,
    "audit": audit,
    "live": on_servers,
}


def figures(options: argparse.Namespace) -> Figures:
    """All figures of the chosen parts by name: value, unit, goal, and whether it is met."""
    found: Figures = {}
    for name in options.only or PARTS:
        with tempfile.TemporaryDirectory(prefix=f"contender-{name}-", ignore_cleanup_errors=True) as folder:
            found |= PARTS[name](Path(folder), options)
    return found


def _figure(value: float, unit: str, goal: str, ok: bool) -> dict[str, Any]:
    return {"value": value, "unit": unit, "goal": goal, "ok": ok}


def _all(tried: attacks.Tried) -> dict[str, Any]:
    return _figure(tried.stopped, f"of {tried.attempts}", str(tried.attempts), tried.stopped == tried.attempts)


def _share(part: float, goal: str, ok: bool) -> dict[str, Any]:
    return _figure(round(100 * part, 1), "%", goal, ok)


def main() -> int:
    """Print the figures; 0 when all goals are met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="each place once, 20 rounds, 5 pairs")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--home", type=Path, help="a home with trained versions")
    parser.add_argument("--only", action="append", choices=PARTS, help="a part; may be repeated")
    options = parser.parse_args()
    found = figures(options)
    if options.json:
        print(json.dumps(found, indent=1))
    else:
        for name, figure in found.items():
            mark = "ok  " if figure["ok"] else "MISS"
            print(f"{mark} {name:42} {figure['value']:>8g} {figure['unit']:9} {figure['goal']}")
    return int(not all(figure["ok"] for figure in found.values()))


if __name__ == "__main__":
    raise SystemExit(main())
