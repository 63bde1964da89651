"""What `--json` prints stays as it is, from a first look to an undo: whoever changes a key names it in the changelog.

`pytest tests/integration/policy/test_frozen_documents.py --snapshot-update` writes the new form.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from contender.tasks.catalog import task_named
from tests.frozen.normal import normal
from tests.integration.policy.laptop import TASK, Laptop, people_of
from tests.integration.serving.conftest import rows

pytestmark = pytest.mark.slow


class Story:
    """Commands one after the other, each held against what is known of it."""

    def __init__(self, laptop: Laptop, snapshot: SnapshotAssertion) -> None:
        self._laptop, self._snapshot = laptop, snapshot

    def __call__(self, *words: str) -> Any:
        """The command's document, which is as it was."""
        code, document = self._laptop.run(*words)
        named = " ".join(word for word in words if word.isalpha() or word.startswith("--"))
        assert {"exit code": code, "document": normal(document)} == self._snapshot(name=named)
        return document


@pytest.fixture
def say(laptop: Laptop, snapshot: SnapshotAssertion) -> Story:
    return Story(laptop, snapshot)


def table(path: Path, count: int) -> str:
    """A file of that many good rows."""
    content = task_named(TASK).generate(count, 1)
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, content[0])
        writer.writeheader()
        writer.writerows(content)
    return str(path)


def test_what_is_seen_before_an_experiment(say: Story, laptop: Laptop, tmp_path: Path) -> None:
    say("up")
    say("status")
    say("health")
    say("database", "check")
    say("quality", "check", table(tmp_path / "rows.csv", 200))
    say("evaluate", "--data", table(tmp_path / "more.csv", 300), "--alias", "champion")
    say("drift", "check")
    say("audit", "show")
    say("audit", "verify")
    say("audit", "prune")


def test_what_a_request_and_its_outcome_say(say: Story, tmp_path: Path) -> None:
    person = tmp_path / "person.json"
    person.write_text(json.dumps({**rows(1)[0], "unit_id": "ada"}))
    answer = say("predict", "--file", str(person))
    say("outcome", "--prediction-id", answer["predictions"][0]["prediction_id"], "--value", "1")


def test_what_is_refused(say: Story) -> None:
    say("experiment", "start", "--version", "99")
    say("experiment", "status", "--task", TASK)
    say("promote", "--task", TASK)
    say("finish")
    say("status", "--task", "no-such-task")
    say("quality", "check", "nowhere.csv")
    say("outcome", "--prediction-id", "0" * 32, "--value", "1")


def test_an_experiment_a_promotion_the_way_back_and_the_kill_switch(say: Story, laptop: Laptop, tmp_path: Path) -> None:
    plan = str(tmp_path / "plan.json")
    say("experiment", "plan", "--smallest-effect", "0.2", "--window", "3s", "--out", plan)
    say("experiment", "start", "--version", "2", "--ramp", "0.2:400,0.5", "--plan", plan)
    say("experiment", "step")
    say("experiment", "step", "--override", "the first people were fine")
    people_of(laptop.place(), better="challenger", seed=5)
    say("experiment", "status")
    say("experiment", "faults")
    say("experiment", "run", "--every", "0.5")
    say("release", "evidence")
    say("promote", "--bake", "1")
    say("status", "--task", TASK)
    say("undo", "--reason", "complaints")
    say("experiment", "report", "--out", str(tmp_path / "dossier.html"))
    say("suspend", "--reason", "the data feed is poisoned")
    say("resume", "--reason", "the feed is clean")
    say("audit", "show", "--task", TASK)
