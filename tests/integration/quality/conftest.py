"""A raw file with some faults, and a registry whose champion can score."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from benchmarks.chain import train
from contender.adapters.registry_mlflow import MlflowRegistry
from contender.tasks.catalog import task_named

ROWS = 400


def write_raw(path: Path, rows: int = ROWS, *, faults: bool = True) -> Path:
    table = task_named("job-change").generate(rows, seed=3)
    for row in table[::10] if faults else ():
        row["training_hours"] = -1
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as content:
        lines = csv.DictWriter(content, list(table[0]), lineterminator="\n")
        lines.writeheader()
        lines.writerows(table)
    return path


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return write_raw(tmp_path / "raw" / "people.csv")


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("artifact") / "serving"
    train(folder, "1", baseline=True)
    return folder


@pytest.fixture(scope="session")
def registered(artifact: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The parameters of a registry in which the artifact is champion."""
    home = tmp_path_factory.mktemp("registry")
    params = {"tracking_uri": f"sqlite:///{home / 'mlflow.db'}", "artifact_root": str(home / "artifacts")}
    registry = MlflowRegistry(params["tracking_uri"], params["artifact_root"])
    (home / "model").mkdir()
    (home / "model" / "MLmodel").write_text("flavors: {}\n")
    run_id = registry.start_run("job-change", "training")
    draft = registry.draft("job-change", run_id, registry.log_files(run_id, home / "model", "model"))
    made = registry.publish(draft, artifact, "abc", semver="1.0.0", metrics={}, tags={})
    registry.set_alias("job-change", "champion", made.version)
    return params
