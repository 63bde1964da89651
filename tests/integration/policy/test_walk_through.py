"""The workflows `release` and `rollback`, carried out by their own `run:` lines: on slots that are processes here.

Real: the commands, model servers, transformer, MLflow, store. The same on a stand-in for the Kubernetes API, with a
crash in the middle, is `test_walk_through_cluster.py`.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.integration.policy.acting import CONTENDER
from tests.integration.policy.laptop import TASK, Laptop, people_of

pytestmark = pytest.mark.slow


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
