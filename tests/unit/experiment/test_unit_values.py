"""What one unit is worth: windows, reviews, truths that are late or missing, and events of metrics."""

import pytest

from contender.errors import InvalidInput
from contender.experiment.latency import latency_bin, upper_edge_ms
from contender.experiment.unit_values import (
    UNKNOWN_BIN,
    UnitAnswer,
    UnitEvent,
    UnitValue,
    bin_of,
    fold_of,
    judged,
    value_of,
    window_of,
)
from contender.metrics import PlannedMetric
from contender.values import REVIEW_LABEL, Prediction

REWARD = PlannedMetric("reward", "primary", "mean", window_s=100.0, default=None)
PRICE = 0.4


def judge(prediction: Prediction, truth: object) -> float:
    if truth == "?":
        raise InvalidInput("truth", "is not known")
    return 2.0 if truth == "odd" else float(prediction.label == truth)


def answer(name: str, at: float, label: str = "y") -> UnitAnswer:
    return UnitAnswer(name, at, label, None if label == "" else 0.9, 0.8)


def event(of: str, value: object, at: float, metric: str = "reward", name: str = "e", came: float = 0.0) -> UnitEvent:
    return UnitEvent(of, metric, name, value, at, came or at)


def value(metric: PlannedMetric, answers: list[UnitAnswer], *events: UnitEvent) -> UnitValue:
    return value_of(metric, window_of(metric, 1000.0, 10.0), answers, events, judge, PRICE)


ONE = [answer("p", 1000.0)]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((), None),
        ((event("p", "y", 1001.0),), 1.0),
        ((event("p", "n", 1001.0),), 0.0),
        ((event("p", "y", 1100.0),), 1.0),
        ((event("p", "y", 1100.1),), None),
        ((event("p", "y", 1050.0, came=1110.0),), 1.0),
        ((event("p", "y", 1050.0, came=1110.1),), None),
        ((event("p", "y", 940.0, came=1000.0),), 1.0),
        ((event("p", "y", 939.0, came=1000.0),), None),
        ((event("p", "n", 1002.0), event("p", "y", 1001.0, name="f")), 1.0),
        ((event("p", "?", 1001.0), event("p", "y", 1002.0, name="f")), 1.0),
        ((event("p", "odd", 1001.0),), None),
        ((event("q", "y", 1001.0),), None),
        ((event("p", "y", 1001.0, metric="acceptance"),), None),
    ],
)
def test_the_earliest_truth_within_the_window_counts(events: tuple[UnitEvent, ...], expected: float | None) -> None:
    assert value(REWARD, ONE, *events) == UnitValue(expected)


def test_a_reward_may_have_a_value_when_nothing_came() -> None:
    assert value(PlannedMetric("reward", "primary", "mean", window_s=100.0, default=0.2), ONE) == UnitValue(0.2)


def test_reviews_earn_their_price_and_the_others_what_they_earned() -> None:
    reviewed = [answer("r", 1000.0, REVIEW_LABEL), answer("s", 1001.0, "")]
    assert value(REWARD, reviewed) == UnitValue(PRICE, reviewed=True)
    mixed = [*reviewed, answer("p", 1002.0), answer("q", 1003.0)]
    assert value(REWARD, mixed) == UnitValue(None, review_weight=0.5)
    found = value(REWARD, mixed, event("p", "y", 1004.0))
    assert found.value == pytest.approx(0.5 * PRICE + 0.5)
    assert found.review_weight == 0.5
    both = value(REWARD, mixed, event("p", "y", 1004.0), event("q", "n", 1004.0))
    assert both.value == pytest.approx(0.5 * PRICE + 0.25)


def test_answers_after_the_window_do_not_count() -> None:
    late = [*ONE, answer("z", 1100.5)]
    assert value(REWARD, late, event("p", "y", 1001.0), event("z", "n", 1099.0)) == UnitValue(1.0)


def test_a_unit_whose_answers_all_came_too_late_has_no_value() -> None:
    for metric in (REWARD, PlannedMetric("acceptance"), PlannedMetric("ctr", type="ratio")):
        assert value(metric, []) == UnitValue(None)


def test_a_proportion_is_whether_anything_came() -> None:
    metric = PlannedMetric("acceptance", window_s=100.0)
    assert value(metric, ONE) == UnitValue(0.0)
    assert value(metric, ONE, event("p", 0, 1001.0, "acceptance")) == UnitValue(0.0)
    assert value(metric, ONE, event("p", 1, 1001.0, "acceptance")) == UnitValue(1.0)
    assert value(PlannedMetric("acceptance", default=None), ONE) == UnitValue(None)


def test_a_mean_is_the_sum_cut_at_its_cap_and_what_is_no_amount_is_none() -> None:
    metric = PlannedMetric("dwell", type="mean", event="seconds", cap=60.0, window_s=100.0)
    events = [event("p", amount, 1001.0, "seconds", str(amount)) for amount in (25, 10.5, "x", True, -3)]
    assert value(metric, ONE, *events) == UnitValue(35.5)
    assert value(metric, ONE, *events, event("p", 90, 1001.0, "seconds", "big")) == UnitValue(60.0)


def test_a_ratio_keeps_what_is_over_and_under_its_line() -> None:
    clicks = event("p", 1, 1001.0, "click", "c")
    per_answer = PlannedMetric("ctr", type="ratio", event="click", window_s=100.0)
    assert value(per_answer, [*ONE, answer("q", 1001.0)], clicks) == UnitValue(1.0, 2.0)
    per_view = PlannedMetric("ctr", type="ratio", event="click", per="view", window_s=100.0)
    views = [event("p", 3, 1001.0, "view", "v"), event("p", 2, 1001.0, "view", "w")]
    assert value(per_view, ONE, clicks, *views) == UnitValue(1.0, 5.0)
    assert value(per_view, ONE, *views) == UnitValue(0.0, 5.0)


def test_what_the_task_refuses_or_misjudges_is_no_reward() -> None:
    prediction = Prediction("y", 0.9, 0.9)
    assert [judged(judge, prediction, truth) for truth in ("y", "?", "odd")] == [1.0, None, None]


def test_bins_and_folds() -> None:
    assert bin_of(None) == UNKNOWN_BIN
    assert [bin_of(value) for value in (0.0, 0.049, 0.05, 0.999, 1.0)] == [0, 0, 1, 19, 19]
    folds = [fold_of(f"unit-{number}") for number in range(2000)]
    assert set(folds) == {0, 1}
    assert sum(folds) == pytest.approx(1000, abs=100)


@pytest.mark.parametrize("number", range(64))
def test_a_latency_is_in_the_bin_that_ends_above_it(number: int) -> None:
    assert latency_bin(upper_edge_ms(number)) == number
    assert latency_bin(upper_edge_ms(number) * 1.01) == min(number + 1, 63)
