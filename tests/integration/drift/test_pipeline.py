"""The drift pipeline through kfp's local runner, on the records of a store and a version with its reference."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from contender.adapters.registry_mlflow import MlflowRegistry
from contender.adapters.store_sql import Store
from contender.errors import NotFound
from contender.tasks.job_change.task import JobChange
from contender.values import CHAMPION, Exposure, Prediction
from monitoring.drift.check import NOTES
from monitoring.drift.reference import FOLDER, TAG, columns, remember, save
from pipelines.params import RegistryParams
from pipelines.settings import ROOT, step_environment
from pipelines.steps.drift import PAGE, DriftParams, drift
from pipelines.steps.files import REPORT, read_document

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")

TASK = JobChange()
ANSWERS = [Prediction("not_looking", 1.0 - score, score) for score in (0.1, 0.15, 0.2, 0.25, 0.3)]


class World:
    """A registry with a champion and a store with the rows that it answered."""

    def __init__(self, folder: Path, now: float) -> None:
        self.registry = RegistryParams(
            tracking_uri=f"sqlite:///{folder}/mlflow.db", artifact_root=str(folder / "files")
        )
        self.span = DriftParams(store_url=f"sqlite:///{folder}/store.db")
        self.store = Store(self.span.store_url, clock=lambda: now)
        self._folder, self._now = folder, now

    def register(self, *, with_reference: bool) -> None:
        """A champion, registered like the pipeline does."""
        registry = MlflowRegistry(self.registry.tracking_uri, self.registry.artifact_root)
        run = registry.start_run(TASK.name, "champion")
        rows = TASK.generate(800, seed=1)
        save(remember(TASK, rows, ANSWERS * (len(rows) // len(ANSWERS))), self._folder / "made")
        draft = registry.draft(TASK.name, run, str(self._folder))
        tags = {TAG: registry.log_files(run, self._folder / "made", FOLDER)} if with_reference else {}
        version = registry.publish(draft, self._folder / "made", "d", semver="1.0.0", metrics={}, tags=tags)
        registry.set_alias(TASK.name, CHAMPION, version.version)

    def answer(self, rows: list[dict[str, Any]]) -> None:
        """Record that version 1 answered `rows`."""
        self.store.append([self._exposure(number, row) for number, row in enumerate(rows)], [])

    def _exposure(self, number: int, row: dict[str, Any]) -> Exposure:
        said = ANSWERS[number % len(ANSWERS)]
        return Exposure(
            prediction_id=f"p{number}",
            task=TASK.name,
            experiment_id=None,
            generation=1,
            unit_id=f"u{number}",
            assigned_to=CHAMPION,
            served_by=CHAMPION,
            model_version="1",
            label=said.label,
            score=said.score,
            confidence=said.confidence,
            fallback_reason=None,
            latency_ms=1.0,
            at=self._now - 60.0,
            features={name: row[name] for name in columns(TASK)},
        )


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, time.time())


# evidently 0.7 and what it draws with use deprecated parts of numpy and pandas.
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_the_step_judges_keeps_and_draws(world: World, tmp_path: Path) -> None:
    world.register(with_reference=True)
    world.answer([{**row, "city": "city_1"} for row in TASK.generate(600, seed=2)])
    document = drift(TASK.name, world.span, world.registry, tmp_path / "report")
    assert (document["state"], document["drifted"]) == ("drift", ["city"])
    assert read_document(tmp_path / "report" / REPORT)["evidently"]["city"] > 0.1
    assert (tmp_path / "report" / PAGE).stat().st_size > 10_000
    assert world.store.notes(TASK.name, NOTES)[0].document["state"] == "drift"


def test_a_version_without_a_reference_is_an_error_with_a_remedy(world: World, tmp_path: Path) -> None:
    world.register(with_reference=False)
    with pytest.raises(NotFound, match="reference of job-change version 1 was not kept") as caught:
        drift(TASK.name, world.span, world.registry, tmp_path / "report")
    assert caught.value.remedy == "contender train --task job-change"
    assert not world.store.notes(TASK.name, NOTES)


@pytest.mark.slow
def test_the_pipeline_runs_here(world: World, tmp_path: Path) -> None:
    world.register(with_reference=True)
    world.answer(TASK.generate(600, seed=2))
    arguments = {"task": TASK.name, "span": world.span.model_dump(), "registry": world.registry.model_dump()}
    program = (
        "import json, sys\nfrom kfp import local\nfrom pipelines.graphs.drift import drift\n"
        "local.init(local.SubprocessRunner(use_venv=False), pipeline_root=sys.argv[2])\n"
        "print(drift(**json.loads(sys.argv[1])).output)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(arguments), str(tmp_path / "outputs")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=step_environment(tmp_path / "events.jsonl", threads=1),
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "ok"
