"""What a shell offers behind options."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.main import get_command

from cli import completion
from cli.main import app
from contender.adapters.store_sql import Store
from contender.experiment.analysis import Experiment
from contender.experiment.plan import Plan


def context(task: str = "") -> typer.Context:
    made = typer.Context(get_command(app))
    made.params["task"] = task
    return made


def test_tasks_are_offered() -> None:
    assert completion.tasks("") == ["job-change", "job-role"]
    assert completion.tasks("job-r") == ["job-role"]


def test_experiments_of_the_task_are_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTENDER_HOME", str(tmp_path))
    store = Store(f"sqlite:///{tmp_path}/store.db", clock=lambda: 1.0)
    for name in ("one", "two"):
        store.save_experiment(
            Experiment(name, "job-change", name, Plan(), "7", "8", started_at=1.0, shares=()).to_document()
        )
    store.close()
    assert sorted(completion.experiments(context(), "")) == ["one", "two"]
    assert completion.experiments(context(), "t") == ["two"]
    assert completion.experiments(context("job-role"), "") == []


def test_without_a_home_nothing_is_offered_and_nothing_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONTENDER_HOME", str(tmp_path / "none"))
    assert completion.experiments(context(), "") == completion.versions(context("nope"), "") == []
    assert list(tmp_path.iterdir()) == []
