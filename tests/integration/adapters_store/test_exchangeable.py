"""Exchanging the arms' names mirrors every figure and the verdict, in whatever order and however often records come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from contender.adapters.store_sql import Store
from contender.experiment.analysis import Experiment, look
from contender.experiment.plan import Step
from contender.values import Covariate, Exposure, Outcome, Prediction
from tests.integration.adapters_store.figures import Figures, close, figures, flat
from tests.integration.adapters_store.histories import BEGIN, END, TASK, plan_of

OTHER = {"champion": "challenger", "challenger": "champion"}
STEP_AT = BEGIN + 150.0
"""When the ramp took its second step."""
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5)
DELAYS = (0.0, 1.0, 30.0, 150.0, 900.0)
"""Seconds from an event to its arrival: at once, out of order, and after values are final."""


class Record(NamedTuple):
    """What arrives, and when."""

    came: float
    what: Exposure | Outcome | Covariate


class Story(NamedTuple):
    """Everything that arrives, the moments at which somebody looks, the ramp's first share, and the covariate."""

    records: list[Record]
    looks: list[float]
    first_share: float
    covariate: str


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Two people of either arm, or more, who come back; any record may come late, twice, or contradict another."""
    records: list[Record] = []
    for number in range(draw(st.integers(4, 10))):
        arm = sorted(OTHER)[number % 2] if number < 4 else draw(st.sampled_from(sorted(OTHER)))
        for visit in range(draw(st.integers(1, 3))):
            records += _visit(draw, f"p{number}-{visit}", number, arm)
    repeated = draw(st.lists(st.sampled_from(records), max_size=6))
    records += [_again(draw, one) for one in repeated]
    looks = draw(st.lists(st.floats(BEGIN, END - 1), max_size=3))
    return Story(
        records, sorted(looks), draw(st.sampled_from(SHARES)), draw(st.sampled_from(("", "baseline", "history")))
    )


def plain_story() -> Story:
    """Four people of either arm who come once and in time, one arm's better off: there is an effect to exchange."""
    records: list[Record] = []
    for number in range(8):
        arm, at, name = sorted(OTHER)[number % 2], BEGIN + 10.0 * number, f"p{number}-0"
        made = Exposure(
            name, TASK, "e1", 2, f"u{number}", arm, arm, "7", "y", 0.5, 0.5, None, 10.0, at,
            groups={"g": "ab"[number % 2]},
        )  # fmt: skip
        outcome = Outcome(f"{name}-0", name, TASK, int(number % 2 == 0 or number == 1), at + 5.0, "reward")
        records += [Record(at, made), Record(at + 5.0, outcome)]
    return Story(records, [], 0.5, "")


def _visit(draw: st.DrawFn, name: str, number: int, arm: str) -> list[Record]:
    at = BEGIN + draw(st.integers(0, 300))
    label = draw(st.sampled_from(("y", "n", "Review_Required")))
    mine = arm if draw(st.integers(0, 19)) else OTHER[arm]
    served = draw(st.sampled_from((mine, mine, mine, "review")))
    score = None if served == "review" else 0.5
    made = Exposure(
        name, TASK, "e1", 2 if at < STEP_AT else 5, f"u{number}", mine, served, "7", label, score, score, None,
        draw(st.sampled_from((10.0, 100.0))), at, groups={"g": "ab"[number % 2]},
    )  # fmt: skip
    found: list[Exposure | Outcome | Covariate] = [made, Covariate(name, TASK, "y", draw(st.sampled_from((0.1, 0.9))))]
    for event in range(draw(st.integers(0, 3))):
        metric = draw(st.sampled_from(("reward", "reward", "dwell", "click")))
        value = draw(st.integers(0, 1))
        happened = at + draw(st.sampled_from((-90.0, 5.0, 60.0, 150.0)))
        found.append(Outcome(f"{name}-{event}", name, TASK, value, happened, metric))
    return [Record(max(at, getattr(one, "at", at)) + draw(st.sampled_from(DELAYS)), one) for one in found]


def _again(draw: st.DrawFn, record: Record) -> Record:
    what = record.what
    if not isinstance(what, Covariate) and draw(st.booleans()):
        what = replace(what, at=what.at + 0.5)
    return Record(record.came + draw(st.sampled_from(DELAYS)), what)


def judge(prediction: Prediction, truth: object) -> float:
    return 1.0 if (prediction.label == "y") == (truth == 1) else 0.25


def exchanged(record: Record) -> Record:
    """The same with the arms' names exchanged; whoever answered, the answer stays."""
    one = record.what
    if not isinstance(one, Exposure):
        return record
    served = OTHER.get(one.served_by, one.served_by)
    return record._replace(what=replace(one, assigned_to=OTHER[one.assigned_to], served_by=served))


def told(store: Store, clock: Any, story: Story) -> tuple[Figures, dict[str, Any]]:
    """Every figure at the end and the last look's verdict, of an experiment in which both arms get the same share."""
    ramp = (Step(story.first_share), Step(0.5)) if story.first_share < 0.5 else ()
    plan = replace(plan_of(0), covariate=story.covariate, ramp=ramp)
    clock.now = 1.0
    experiment = Experiment("e1", TASK, "e1", plan, "7", "8", 0.0, ((2, story.first_share), (5, 0.5)))
    store.save_experiment(experiment.to_document())
    arrivals: list[tuple[float, Record | None]] = [(one.came, one) for one in story.records]
    for moment, record in sorted([*arrivals, *((at, None) for at in story.looks)], key=lambda one: one[0]):
        clock.now = moment
        if record is None:
            store.settle(TASK, judge)
            look(store, experiment)
        else:
            _keep(store, record.what)
    clock.now = END
    store.settle(TASK, judge)
    found = figures(store.experiment_data("e1"), store.phase_counts("e1"))
    return found, look(store, experiment).to_document()


def _keep(store: Store, what: Exposure | Outcome | Covariate) -> None:
    store.append(
        [what] if isinstance(what, Exposure) else [],
        [what] if isinstance(what, Outcome) else [],
        [what] if isinstance(what, Covariate) else [],
    )


def mirrored(found: Mapping[str, float]) -> Figures:
    """The figures of the other arm under each arm's name."""
    return {" ".join(OTHER.get(word, word) for word in name.split(" ")): amount for name, amount in found.items()}


def of_no_side(document: Mapping[str, Any]) -> dict[str, Any]:
    """What of a verdict is the same whichever arm is called the challenger: evidence of a difference, not its sign."""
    kept = {name: document[name] for name in ("p_value", "srm_p", "units", "faults", "more_units")}
    covariate, missing = (document["look"][name] for name in ("covariate_p", "missing_p"))
    return flat(kept | {"covariate_p": covariate, "missing_p": missing})


def effects(document: Mapping[str, Any], sign: int) -> dict[str, Any]:
    """The effect and its interval, of the challenger over the champion (1) or the reverse (-1)."""
    if document["effect"] is None:
        return {"effect": None}
    low, high = sorted(sign * end for end in document["interval"])
    return {"effect": sign * document["effect"], "low": low, "high": high}


def sides(document: Mapping[str, Any], *, reverse: bool) -> dict[str, Any]:
    """Both arms' figures by guardrail."""
    names = ("champion", "challenger")
    return {
        f"{key} {name}": guardrail[other]
        for key, guardrail in document["guardrails"].items()
        for name, other in zip(names, reversed(names) if reverse else names, strict=True)
    }


@pytest.mark.parametrize("examples", [25])
def test_the_arms_are_exchangeable(fresh_url: Callable[[], str], clock: Any, examples: int) -> None:
    seen: list[float | None] = []

    @settings(
        max_examples=examples if fresh_url().startswith("sqlite") else 5,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(story=stories())
    @example(story=plain_story())
    def check(story: Story) -> None:
        results = []
        for records in (story.records, list(map(exchanged, story.records))):
            store = Store(fresh_url(), clock=clock)
            results.append(told(store, clock, story._replace(records=records)))
            store.close()
        (found, verdict), (others, other) = results
        seen.append(verdict["effect"])
        assert close(found, mirrored(others)) == {}
        assert close(of_no_side(verdict), of_no_side(other)) == {}
        assert close(effects(verdict, 1), effects(other, -1)) == {}
        assert close(sides(verdict, reverse=False), sides(other, reverse=True)) == {}

    check()
    # A test of effects that are all unknown, or all nothing, would be one of nothing; what is drawn may be that.
    assert any(seen)
