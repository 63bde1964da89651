"""The analysis step: looks at what runs, and says so when nothing does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contender.adapters.store_sql import Store
from contender.errors import NotFound
from contender.experiment.analysis import Experiment
from contender.experiment.plan import Plan
from pipelines.steps.analyse import NOTHING, AnalysisParams, analyse

TASK = "job-change"


def test_without_an_experiment_nothing_is_judged(tmp_path: Path) -> None:
    records = AnalysisParams(store_url=f"sqlite:///{tmp_path}/store.db")
    report = tmp_path / "out" / "report.json"
    document = analyse(TASK, records, report)
    assert (document["decision"], document["verdict"]) == (NOTHING, None)
    assert json.loads(report.read_text()) == document


def test_a_running_experiment_is_looked_at_and_the_look_is_kept(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    store = Store(url, clock=lambda: 1_000.0)
    running = Experiment("e1", TASK, "e1", Plan(), "7", "8", started_at=1_000.0, shares=((1, 0.5),))
    store.save_experiment(running.to_document())
    store.save_experiment(Experiment("e0", TASK, "e0", Plan(), "6", "7", 900.0, ()).stopped().to_document())
    for number in (1, 2):
        document = analyse(TASK, AnalysisParams(store_url=url), tmp_path / "report.json")
        assert (document["experiment"], document["decision"]) == ("e1", "hold")
        assert len(store.looks("e1")) == number
    store.close()


def test_an_unknown_task_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        analyse("fortune", AnalysisParams(store_url=f"sqlite:///{tmp_path}/store.db"), tmp_path / "report.json")
