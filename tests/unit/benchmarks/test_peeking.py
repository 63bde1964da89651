"""Simulated experiments end as they should, and the rules on arrays are the judge's."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.peeking import figures
from benchmarks.peeking_cells import Cell, read_cells
from benchmarks.peeking_check import mismatches
from benchmarks.peeking_counts import count
from benchmarks.peeking_data import plan_of
from benchmarks.peeking_people import draw
from benchmarks.peeking_rules import judge_counts
from benchmarks.peeking_run import Found, run

pytestmark = pytest.mark.slow

CELLS = read_cells()
BROKEN = Cell("broken", visits=3, ramp=(0.02, 0.2, 1.0), share=0.1, full=True, group_rate=0.5, selected=0.8, slow=0.15)


def found(name: str, experiments: int = 40) -> Found:
    return run(CELLS[name], experiments, 0)


@pytest.mark.parametrize("name", ["V1-returning", "V2-rare", "V3-four-tenths", "V10-reviews-10-50", "V11-slow"])
def test_nobody_errs_where_an_earlier_judge_did(name: str) -> None:
    result = found(name)
    assert result.verdicts <= 0.05 + 3 * (0.05 * 0.95 / 40) ** 0.5
    assert result.unsound <= 0.05


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("V6-better", "promoted"),
        ("V15-none-right", "rolled_back"),
        ("V5-one", "rolled_back"),
        ("V9-silent-in-one-arm", "unsound"),
    ],
)
def test_what_is_there_is_found(name: str, ending: str) -> None:
    assert getattr(found(name), ending) >= 0.9


def test_a_z_test_would_have_erred() -> None:
    assert found("V16-first", 100).z_alarms > 0.2


@pytest.mark.parametrize(
    "cell",
    [
        replace(CELLS["pair-02"], people=4_000),
        CELLS["V2-three"],
        CELLS["V3-click"],
        CELLS["V9-silent-in-one-arm"],
        CELLS["power-0.02-0.04-event"],
        BROKEN,
    ],
    ids=lambda cell: cell.name,
)
def test_the_judge_says_the_same_at_every_look(cell: Cell) -> None:
    assert run(cell, 2, 2).mismatches == ()


@pytest.mark.parametrize("field", ["rule", "effect", "p_value", "srm_p", "units"])
def test_another_rule_or_figure_is_noticed(field: str) -> None:
    cell = CELLS["V2-three"]
    counts = count(cell, draw(cell, 1, np.random.default_rng(0)), 1)
    judged = judge_counts(cell, counts, plan_of(cell))
    assert not list(mismatches(cell, counts, judged, plan_of(cell), 1))
    wrong = getattr(judged, field).copy()
    wrong[0, 50] = 0.123
    assert {one.look for one in mismatches(cell, counts, replace(judged, **{field: wrong}), plan_of(cell), 1)} == {50}


def test_figures_of_a_cell_have_goals() -> None:
    shown = figures(quick=True, cells=["V2-rarest"])
    assert set(shown) == {"false_verdicts V2-rarest", "unsound_at_end V2-rarest", "looks_unlike_the_judge"}
    assert all(figure["ok"] for figure in shown.values())


def test_the_same_seed_gives_the_same_figures() -> None:
    assert found("V14-one-bot", 5) == found("V14-one-bot", 5)
