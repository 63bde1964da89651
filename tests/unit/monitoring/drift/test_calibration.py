"""Whether answers are right as often as they are sure, level by level."""

from __future__ import annotations

import numpy as np
import pytest

from contender.tasks.job_change.task import JobChange
from monitoring.drift.compare import LEAST_IN_BIN, Compared, by_confidence, means
from monitoring.drift.reference import Reference
from monitoring.drift.verdict import Known, Window, judge

Sample = tuple[list[float], list[float]]


def answers(rng: np.random.Generator, count: int, low_shift: float = 0.0, high_shift: float = 0.0) -> Sample:
    """Confidences in [0.5, 1], and success minus confidence; right more often by a shift below 0.75, and above it."""
    sure = rng.uniform(0.5, 1.0, count)
    right = rng.random(count) < np.clip(sure + np.where(sure < 0.75, low_shift, high_shift), 0.0, 1.0)
    return sure.tolist(), (right - sure).tolist()


def compared(rng: np.random.Generator, count: int, low_shift: float, high_shift: float) -> Compared:
    return by_confidence(answers(rng, 4_000), answers(rng, count, low_shift, high_shift))


def test_answers_as_sure_as_ever_have_not_changed(rng: np.random.Generator) -> None:
    found = [compared(rng, 1_000, 0.0, 0.0) for _ in range(40)]
    assert sum(one.p <= 0.001 for one in found) <= 1
    assert max(one.distance for one in found) < 0.05, "chance alone is taken off"


def test_too_sure_above_and_not_sure_enough_below_do_not_cancel_out(rng: np.random.Generator) -> None:
    before, now = answers(rng, 4_000), answers(rng, 2_000, 0.15, -0.15)
    assert means(before[1], now[1], len(now[1])).distance < 0.05
    found = by_confidence(before, now)
    assert found.p < 1e-6
    assert found.distance == pytest.approx(0.15, abs=0.04)


@pytest.mark.parametrize("count", [2 * LEAST_IN_BIN - 1, 5 * LEAST_IN_BIN, 400])
def test_levels_of_few_answers_are_joined(rng: np.random.Generator, count: int) -> None:
    found = compared(rng, count, 0.0, 0.0)
    assert np.isfinite([found.distance, found.p, found.reference, found.window]).all()


def test_one_level_of_confidence_is_enough() -> None:
    same = [0.8] * 100
    right = [0.2] * 80 + [-0.8] * 20
    found = by_confidence((same, right), (same, right))
    assert (found.distance, found.p) == (0.0, 1.0)


def test_a_level_at_which_all_are_right_proves_little(rng: np.random.Generator) -> None:
    sure = rng.uniform(0.9, 0.99, 200)
    before, now = (sure.tolist(), (1.0 - sure).tolist()), (sure[:60].tolist(), (1.0 - sure[:60]).tolist())
    assert by_confidence(before, now).p > 0.05


def test_answers_that_cancel_out_are_decay(reference: Reference, rng: np.random.Generator) -> None:
    """Of sure answers fewer come true, of less sure ones more: right as often on the whole, and not calibrated."""
    task, known = JobChange(), []
    for row in [row for row in reference.rows if row.confidence >= task.policy.min_confidence] * 2:
        right = rng.random() < (row.confidence - 0.25 if row.confidence > 0.8 else row.confidence + 0.25)
        other = "not_looking" if row.label == "looking" else "looking"
        known.append(Known(row.label, row.score, row.label if right else other, 0.5))
    verdict = judge(task, reference, Window(0.0, 300.0, (), known))
    assert verdict.kinds["calibration"] == "drift"
    assert verdict.decayed
