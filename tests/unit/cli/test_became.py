"""What becomes of an outcome that is reported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cli.became import became, check_id
from cli.main import run
from contender.adapters.store_sql import Store
from contender.errors import InvalidInput, Unavailable
from contender.experiment.analysis import Experiment
from contender.experiment.plan import Plan
from contender.metrics import PlannedMetric
from contender.values import Exposure

TASK = "job-change"
ID = "01a3185c5000b2f1c4d07e8a95361fd2"
PLAN = Plan(window_s=100.0, grace_s=10.0, metrics=(PlannedMetric("acceptance", window_s=20.0),))
ANSWER = Exposure(ID, TASK, "e", 4, "u", "challenger", "champion", "8", "1", 0.5, 0.9, None, 20.0, 1_000.0)


@pytest.fixture
def store(tmp_path: Path) -> Any:
    store = Store(f"sqlite:///{tmp_path}/store.db", clock=lambda: 1_000.0)
    store.save_experiment(Experiment("e", TASK, "e", PLAN, "7", "8", started_at=900.0, shares=()).to_document())
    yield store
    store.close()


def fate(store: Store, at: float = 1_001.0, **event: Any) -> dict[str, Any]:
    return became(lambda: store, TASK, {"prediction_id": ID, "at": at, **event}, patience_s=0.0)


@pytest.mark.parametrize(
    ("event", "state", "why"),
    [
        ({}, "counts", "for the challenger of e"),
        ({"at": 1_101.0}, "late", "closed 1970-01-01 00:18:20 UTC at the latest"),
        ({"metric": "acceptance"}, "counts", "for the challenger of e"),
        ({"metric": "acceptance", "at": 1_021.0}, "late", "closed"),
        ({"metric": "clicks"}, "not compared", "e does not measure clicks"),
    ],
)
def test_an_outcome_counts_in_its_window(store: Store, event: dict[str, Any], state: str, why: str) -> None:
    store.append([ANSWER], [])
    found = fate(store, **event)
    assert found["state"] == state
    assert why in found["why"]
    assert (found["assigned_to"], found["experiment"], found["model_version"]) == ("challenger", "e", "8")


@pytest.mark.parametrize("other", [{"experiment_id": None}, {"counted": False}])
def test_who_is_not_compared_is_said_so(store: Store, other: dict[str, Any]) -> None:
    store.append([replace(ANSWER, **other)], [])
    assert fate(store)["state"] == "not compared"


def test_an_answer_that_nobody_knows_yet_is_waited_for(store: Store) -> None:
    assert fate(store) == {
        "state": "unknown",
        "why": "no such answer is known yet: it is kept, and counts once the answer is there",
        "assigned_to": None,
        "experiment": None,
        "model_version": None,
    }


def test_a_store_that_is_away_makes_no_failure_of_what_was_reported() -> None:
    def away() -> Store:
        raise Unavailable("the store does not answer")

    found = became(away, TASK, {"prediction_id": ID, "at": 0.0})
    assert (found["state"], found["why"]) == ("unknown", "the store cannot be asked: the store does not answer")


@pytest.mark.parametrize("cut", ["01a3185c…", ID[:-1], ID + "0", ID.upper(), f"{ID}~shadow", "", "p1"])
def test_an_id_that_is_none_is_refused_before_anything_is_sent(cut: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InvalidInput, match="is no prediction id"):
        check_id(cut)
    assert run(["outcome", "--prediction-id", cut, "--value", "1"]) == 2
    assert "--prediction-id" in capsys.readouterr().err
    check_id(ID)
