"""The workflows `release` and `rollback`, carried out by their own `run:` lines: on slots that are processes here.

Real: the commands, model servers, transformer, MLflow, store. The same on a stand-in for the Kubernetes API, with a
crash in the middle, is `test_walk_through_cluster.py`.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.compose import Workplace
from cli.settings import Settings
from tests.integration.policy.acting import CONTENDER, Act, Ran
from tests.integration.serving.conftest import rows, write_artifact

pytestmark = pytest.mark.slow

TASK = "job-change"
BATCH = 64
PEOPLE = 1_600


class Laptop:
    """A home with three versions, the first of them champion and served."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {"CONTENDER_HOME": str(home), "CONTENDER_PORT": "0", "CONTENDER_ACTOR": "workflow"}
        self._runs = 0
        registry = self.place().registry
        for number in ("1", "2", "3"):
            artifact = write_artifact(home / "made" / number, number, int(number))
            draft = registry.draft(TASK, registry.start_run(TASK, number), str(home / "unused" / number))
            registry.publish(draft, artifact.folder, artifact.digest, semver="1.0.0", metrics={}, tags={})
        for alias in ("champion", "baseline"):
            registry.set_alias(TASK, alias, "1")

    def place(self) -> Workplace:
        return Workplace(Settings(home=self.home, actor="workflow", port=0), TASK)

    def act(self, workflow: str, **inputs: str) -> Ran:
        self._runs += 1
        given = {"environment": "staging", "task": TASK, "wait": "0", "bake": "1", "window": "3s", **inputs}
        return Act(workflow, self.home / f"run-{self._runs}", given, self.environment).run()

    def phase(self) -> str:
        return str(self.place().release.state().phase.value)

    def serves(self) -> str:
        with self.place().endpoint() as endpoint:
            answer = endpoint.predict([{**rows(1)[0], "unit_id": "ada"}])["predictions"][0]
        return str(answer["model_version"])


def people_of(place: Workplace, *, better: str, seed: int) -> None:
    """Ever new people, whose outcomes bear the arm `better` out and speak against the other."""
    everybody = [{**row, "unit_id": f"{seed}-{number}"} for number, row in enumerate(rows(PEOPLE, seed))]
    with place.endpoint() as endpoint:
        for first in range(0, PEOPLE, BATCH):
            answers = endpoint.predict(everybody[first : first + BATCH])["predictions"]
            endpoint.outcome([_outcome(one, better) for one in answers])
    end = time.monotonic() + 60
    while _rewarded(place) < PEOPLE * 0.9:
        place.store.settle(TASK, place.task.reward)
        assert time.monotonic() < end, "the outcomes did not arrive"
        time.sleep(0.2)


def _outcome(one: dict[str, Any], better: str) -> dict[str, Any]:
    right = int((one["score"] >= 0.5) == (one["assigned_to"] == better))
    return {"event_id": one["prediction_id"], "prediction_id": one["prediction_id"], "value": right}


def _rewarded(place: Workplace) -> int:
    ramp = place.release.state().ramp
    assert ramp is not None
    return sum(arm.metric("reward").matured for arm in place.store.experiment_data(ramp.experiment_id).arms.values())


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    made = Laptop(tmp_path_factory.mktemp("home"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in made.environment.items():
            patch.setenv(name, value)
        subprocess.run([str(CONTENDER), "up", "--task", TASK, "--json"], check=True, capture_output=True)
        try:
            yield made
        finally:
            subprocess.run([str(CONTENDER), "down", "--task", TASK], check=True, capture_output=True)


def test_a_version_that_cannot_be_served_changes_nothing(laptop: Laptop) -> None:
    version = laptop.place().version("3")
    model = Path(version.artifact.removeprefix("file://")) / "model.onnx"
    good = model.read_bytes()
    model.write_bytes(b"no model")
    ran = laptop.act("release.yml", version="3")
    model.write_bytes(good)
    assert ran.results == {"experiment": "failure", "promote": "skipped"}, ran.said
    assert ran.steps[-1] == "Prepare the challenger and give it its first people", ran.said
    assert (laptop.phase(), laptop.serves()) == ("idle", "1")


def test_a_verdict_against_the_challenger_is_carried_out(laptop: Laptop) -> None:
    begun = laptop.act("release.yml", version="3", ramp="0.5")
    assert (begun.results["experiment"], begun.outputs["verdict"]) == ("success", "hold"), begun.said
    people_of(laptop.place(), better="champion", seed=7)
    ran = laptop.act("release.yml", version="3", ramp="0.5")
    assert ran.outputs["verdict"] == "rolled-back", ran.said
    assert ran.results == {"experiment": "success", "promote": "skipped"}
    assert "Prepare the challenger and give it its first people" not in ran.steps
    assert (laptop.phase(), laptop.serves()) == ("prepared", "1")
    subprocess.run([str(CONTENDER), "abort", "--task", TASK], check=True, capture_output=True)


def test_a_better_challenger_is_promoted_by_the_second_run(laptop: Laptop) -> None:
    begun = laptop.act("release.yml", version="2", ramp="0.5")
    assert (begun.outputs["verdict"], begun.results["promote"]) == ("hold", "skipped"), begun.said
    people_of(laptop.place(), better="challenger", seed=11)
    ran = laptop.act("release.yml", version="2", ramp="0.5")
    assert ran.results == {"experiment": "success", "promote": "success"}, ran.said
    assert "Take it back" not in ran.steps
    assert (laptop.phase(), laptop.serves()) == ("promoted", "2")
    assert "## job-change: promoted" in ran.summary
    dossiers = list(laptop.home.glob("run-*/dossier.html"))
    assert dossiers
    assert all("<html" in one.read_text() for one in dossiers)


def test_one_click_brings_the_version_before_back(laptop: Laptop) -> None:
    started = time.monotonic()
    ran = laptop.act("rollback.yml", reason="complaints; $(touch /tmp/never) `id`")
    took = time.monotonic() - started
    assert ran.results == {"undo": "success"}, ran.said
    assert laptop.serves() == "1"
    assert took < 60
    assert '"phase": "prepared"' in ran.summary
