"""A home on this machine in which commands are run as people and workflows run them, and people who come to it.

Real: the commands, model servers, transformer, MLflow, store.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cli.compose import Workplace
from cli.settings import Settings
from tests.integration.policy.acting import CONTENDER, Act, Ran
from tests.integration.serving.conftest import rows, write_artifact

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

    def run(self, *words: str, actor: str = "workflow") -> tuple[int, Any]:
        """The exit code of `actor`'s command and its document, or its complaint if there is none."""
        environment = os.environ | {"CONTENDER_ACTOR": actor}
        command = [str(CONTENDER), *words, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr

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


@contextmanager
def served(home: Path) -> Iterator[Laptop]:
    """A laptop whose servers run for as long."""
    made = Laptop(home)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in made.environment.items():
            patch.setenv(name, value)
        subprocess.run([str(CONTENDER), "up", "--task", TASK, "--json"], check=True, capture_output=True)
        try:
            yield made
        finally:
            subprocess.run([str(CONTENDER), "down", "--task", TASK], check=True, capture_output=True)
