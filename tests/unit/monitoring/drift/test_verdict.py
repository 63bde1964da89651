"""The verdict: each kind alone, who speaks first, and that failing to measure is never fine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from contender.errors import NotFound, Unavailable
from contender.tasks.job_change.task import JobChange
from contender.values import Prediction
from monitoring.drift.reference import Reference, ReferenceRow, columns
from monitoring.drift.shift import Shift, shifted
from monitoring.drift.verdict import KINDS, Known, Limits, Seen, Window, effective_size, judge, unmeasured

TASK = JobChange()
Row = dict[str, object]
Make = Callable[[Sequence[Row]], list[Seen]]


def window(seen: Sequence[Seen] = (), known: Sequence[Known] = ()) -> Window:
    return Window(0.0, 300.0, seen, known)


def known_of(rows: Sequence[ReferenceRow], flip: float, rng: np.random.Generator) -> list[Known]:
    """Outcomes of answers; a share of those that were right comes out the other way."""
    found = []
    for row in rows:
        label = row.label if row.confidence >= TASK.policy.min_confidence else TASK.policy.label
        value = "looking" if (row.outcome == "looking") != (rng.random() < flip) else "not_looking"
        reward = TASK.reward(Prediction(label, row.confidence, row.score), value)
        found.append(Known(label, row.score, value, reward))
    return found


def test_people_of_the_same_kind_are_no_drift(reference: Reference, people: list[Row], seen: Make) -> None:
    verdict = judge(TASK, reference, window(seen(people[1_500:4_500])))
    assert (verdict.state, verdict.drifted, verdict.decayed) == ("ok", (), False)
    assert {signal.name for signal in verdict.signals} == {*columns(TASK), "score", "label", "confidence"}


@pytest.mark.parametrize("column", columns(TASK))
def test_every_column_that_moves_is_named(
    column: str, reference: Reference, people: list[Row], seen: Make, rng: np.random.Generator
) -> None:
    rows = shifted(TASK, people[1_500:3_000], Shift(column, 1.0, 1.0), rng)
    verdict = judge(TASK, reference, window(seen(rows)))
    assert verdict.state == "drift"
    assert column in verdict.drifted


def test_answers_that_move_are_named(reference: Reference, people: list[Row], seen: Make) -> None:
    unsure = [one._replace(score=0.5, confidence=0.5, label="Review_Required") for one in seen(people[1_500:3_000])]
    verdict = judge(TASK, reference, window(unsure))
    assert verdict.kinds["features"] == "ok"
    assert set(verdict.drifted) == {"score", "label", "confidence"}


def test_answers_of_another_version_are_not_judged(reference: Reference, people: list[Row], seen: Make) -> None:
    other = [one._replace(score=0.5, confidence=0.5, model_version="8") for one in seen(people[1_500:3_000])]
    verdict = judge(TASK, reference, window(other))
    assert verdict.state == "ok"
    assert verdict.kinds["confidence"] == "not enough data"


def test_a_small_difference_is_no_drift_however_sure(reference: Reference, people: list[Row], seen: Make) -> None:
    rows = [{**row, "training_hours": int(str(row["training_hours"])) + 8} for row in people[1_500:]]
    verdict = judge(TASK, reference, window(seen(rows)))
    moved = next(signal for signal in verdict.signals if signal.name == "training_hours")
    assert moved.p <= Limits().alpha
    assert moved.distance < 1.0
    assert verdict.state == "warn"


def test_a_small_window_is_not_judged(reference: Reference, people: list[Row], seen: Make) -> None:
    verdict = judge(TASK, reference, window(seen(people[1_500:1_699])))
    assert (verdict.state, verdict.signals) == ("not enough data", ())
    assert "199 rows, 200 are needed" in verdict.reason


def test_nothing_at_all_is_not_enough(reference: Reference) -> None:
    assert judge(TASK, reference, window()).state == "not enough data"


def test_copies_of_a_few_people_are_not_judged(reference: Reference, people: list[Row], seen: Make) -> None:
    verdict = judge(TASK, reference, window(seen(people[1_500:1_503]) * 1_000))
    assert verdict.state == "not enough data"
    assert "copies of fewer than 10" in verdict.reason


def test_one_who_asks_often_is_no_drift_and_hides_none(
    reference: Reference, people: list[Row], seen: Make, rng: np.random.Generator
) -> None:
    often = seen(people[1_500:1_501]) * 5_000
    verdict = judge(TASK, reference, window(seen(people[1_500:3_500]) + often))
    assert verdict.state == "ok"
    assert verdict.size > 1_000
    moved = shifted(TASK, people[1_500:3_500], Shift("company_size"), rng)
    assert judge(TASK, reference, window(often + seen(moved))).drifted == ("company_size",)


def test_some_who_became_alike_are_seen(reference: Reference, people: list[Row], seen: Make) -> None:
    alike = [people[1_500 + n % 30] for n in range(900)]
    verdict = judge(
        TASK, reference, window(seen([*people[1_500:3_600], *({**row, "city": "city_9"} for row in alike)]))
    )
    assert verdict.drifted[:1] == ("city",)


def test_people_of_whom_a_whole_column_became_one_text_are_seen(
    reference: Reference, people: list[Row], seen: Make
) -> None:
    few = [{**people[1_500 + n % 30], "city": "city_1"} for n in range(3_000)]
    verdict = judge(TASK, reference, window(seen(few)))
    assert verdict.state == "drift"
    assert "city" in verdict.drifted


def test_different_people_count_one_each(reference: Reference, people: list[Row], seen: Make) -> None:
    assert effective_size(reference, seen(people[1_500:3_000])) == pytest.approx(1_500, rel=0.05)


def test_worse_answers_are_decay(reference: Reference, rng: np.random.Generator) -> None:
    verdict = judge(TASK, reference, window(known=known_of(reference.rows, 0.45, rng)))
    assert verdict.decayed
    assert (verdict.kinds["reward"], verdict.kinds["calibration"]) == ("drift", "drift")
    assert verdict.state == "drift"


def test_answers_as_good_as_ever_are_no_decay(reference: Reference, rng: np.random.Generator) -> None:
    verdict = judge(TASK, reference, window(known=known_of(reference.rows, 0.0, rng)))
    assert not verdict.decayed
    assert verdict.state == "not enough data", "nothing is known of who asks"
    assert {kind for kind in KINDS if verdict.kinds[kind] == "ok"} == {"reward", "calibration"}


def test_better_answers_are_no_decay(reference: Reference) -> None:
    verdict = judge(TASK, reference, window(known=[Known("looking", 1.0, "looking", 1.0)] * 500))
    assert verdict.kinds["reward"] == "ok"


def test_few_outcomes_are_not_judged(reference: Reference, rng: np.random.Generator) -> None:
    verdict = judge(TASK, reference, window(known=known_of(reference.rows[:99], 0.5, rng)))
    assert verdict.kinds["reward"] == "not enough data"


@pytest.mark.parametrize("value", ["many", True, float("nan"), [1]])
def test_a_column_that_cannot_be_measured_is_an_error(
    value: Any, reference: Reference, people: list[Row], seen: Make
) -> None:
    rows = [one._replace(features={**one.features, "training_hours": value}) for one in seen(people[1_500:2_000])]
    verdict = judge(TASK, reference, window(rows))
    assert (verdict.state, verdict.kinds["features"]) == ("error", "error")
    assert "training_hours could not be measured" in verdict.reason


def test_a_column_that_is_gone_is_an_error(reference: Reference, people: list[Row], seen: Make) -> None:
    rows = [
        one._replace(features={name: value for name, value in one.features.items() if name != "city"})
        for one in seen(people[1_500:2_000])
    ]
    assert judge(TASK, reference, window(rows)).state == "error"


def test_an_outcome_that_the_task_does_not_know_is_an_error(reference: Reference) -> None:
    verdict = judge(TASK, reference, window(known=[Known("looking", 0.9, "perhaps", 0.5)] * 200))
    assert verdict.kinds["calibration"] == "error"
    assert verdict.state == "error"


def test_an_error_speaks_before_drift(
    reference: Reference, people: list[Row], seen: Make, rng: np.random.Generator
) -> None:
    rows = seen(shifted(TASK, people[1_500:2_000], Shift("city"), rng))
    broken = [one._replace(features={**one.features, "training_hours": "x"}) for one in rows]
    verdict = judge(TASK, reference, window(broken))
    assert verdict.state == "error"
    assert "city" in verdict.drifted


def test_a_warning_is_half_of_drift(reference: Reference, people: list[Row], seen: Make) -> None:
    limits = Limits(floors={**Limits().floors, "features": 0.3})
    rows = [{**row, "city_development_index": 0.9} if n % 4 == 0 else row for n, row in enumerate(people[1_500:3_500])]
    verdict = judge(TASK, reference, window(seen(rows)), limits)
    assert verdict.kinds["features"] == "warn"


def test_holm_is_over_all_signals(reference: Reference, people: list[Row], seen: Make) -> None:
    verdict = judge(TASK, reference, window(seen(people[1_500:3_000])))
    assert min(signal.p for signal in verdict.signals) > Limits().alpha


def test_the_document_holds_no_value_that_anybody_sent(
    reference: Reference, people: list[Row], seen: Make, rng: np.random.Generator
) -> None:
    rows = shifted(TASK, people[1_500:2_500], Shift("city", 0.9), rng)
    marked = [{**row, "city": "city_987"} for row in rows]
    text = str(judge(TASK, reference, window(seen(marked))).to_document())
    assert "city_987" not in text


def test_what_could_not_be_measured_is_an_error_in_every_kind() -> None:
    for error in (NotFound("no reference", remedy="train"), Unavailable("the store is away")):
        verdict = unmeasured("job-change", "7", 5.0, error)
        assert verdict.state == "error"
        assert set(verdict.kinds.values()) == {"error"}
        assert error.message in verdict.reason


def test_a_reference_of_sure_rows_only_is_measured(reference: Reference, people: list[Row], seen: Make) -> None:
    sure = replace(reference, rows=tuple(replace(row, confidence=0.9, score=0.9) for row in reference.rows))
    assert judge(TASK, sure, window(seen(people[1_500:2_500]))).kinds["confidence"] == "drift"
