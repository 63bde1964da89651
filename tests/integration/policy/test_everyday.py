"""Commands that documents tell people to type and no other story runs: on a laptop, as they are typed."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from contender.tasks.catalog import task_named
from tests.integration.policy.laptop import TASK, Laptop, people_of

pytestmark = pytest.mark.slow


def test_the_machine_is_looked_at(laptop: Laptop) -> None:
    code, told = laptop.run("doctor")
    assert (code, told["healthy"]) == (0, True)


def test_a_version_is_measured_on_rows_of_a_file(laptop: Laptop) -> None:
    table = task_named(TASK).generate(300, 1)
    file = Path(laptop.home) / "rows.csv"
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, table[0])
        writer.writeheader()
        writer.writerows(table)
    code, told = laptop.run("evaluate", "--task", TASK, "--data", str(file), "--alias", "champion")
    assert (code, told["version"]) == (0, "1")


def test_a_shadow_is_asked_and_stopped(laptop: Laptop) -> None:
    assert laptop.run("experiment", "shadow", "--version", "3")[0] == 0
    code, told = laptop.run("experiment", "status")
    assert (code, told["shadow"], told["verdict"]["decision"]) == (3, "3", "hold")
    assert laptop.run("experiment", "stop", "--reason", "seen enough")[0] == 0
    assert laptop.run("abort")[0] == 0


def test_an_experiment_goes_its_way_by_hand(laptop: Laptop) -> None:
    plan = str(laptop.home / "plan.json")
    assert laptop.run("experiment", "plan", "--smallest-effect", "0.2", "--window", "3s", "--out", plan)[0] == 0
    code, told = laptop.run("experiment", "start", "--version", "2", "--ramp", "0.2:400,0.5", "--plan", plan)
    assert code == 0, told
    assert laptop.run("experiment", "step")[0] == 3
    assert laptop.run("experiment", "step", "--override", "the first people were fine")[0] == 0
    code, told = laptop.run("experiment", "faults")
    assert (code, told["faults"]) == (0, {"contradictory": [], "crossed": []})
    assert laptop.run("experiment", "clear", "--reason", "a test client")[0] == 3
    people_of(laptop.place(), better="challenger", seed=5)
    span = ("--since", "2026-01-01T00:00", "--until", "2026-01-02T00:00")
    code, told = laptop.run("experiment", "withdraw", *span, "--reason", "sent twice", "--look")
    assert code == 0, told
    code, told = laptop.run("experiment", "run", "--every", "0.5")
    assert (code, told["verdict"]["decision"]) == (0, "promote")


def test_what_was_decided_is_signed_on_another_machine(laptop: Laptop) -> None:
    code, evidence = laptop.run("release", "evidence")
    assert (code, evidence["verdict"]["decision"]) == (0, "promote")
    files = {name: str(laptop.home / name) for name in ("evidence.json", "ada.key", "approval.json")}
    Path(files["evidence.json"]).write_text(json.dumps(evidence))
    assert laptop.run("release", "key", "--name", "ada", "--out", files["ada.key"])[0] == 0
    signing = ("--key", files["ada.key"], "--evidence", files["evidence.json"], "--out", files["approval.json"])
    assert laptop.run("approve", *signing, actor="ada")[0] == 0
    code, told = laptop.run("promote", "--approval", files["approval.json"])
    assert code == 0, told
    assert (laptop.phase(), laptop.serves()) == ("promoted", "2")


def test_young_audit_records_are_not_pruned(laptop: Laptop) -> None:
    code, told = laptop.run("audit", "prune")
    assert (code, told["pruned"]) == (0, 0)
    assert laptop.run("audit", "verify")[0] == 0
