"""One thing that is wrong stays the only one: a bad artifact in one slot, a bad row in a batch."""

from __future__ import annotations

import shutil
import time
from typing import Any

PEOPLE = 30


def assigned(answers: list[dict[str, Any]]) -> list[str]:
    return [answer["assigned_to"] for answer in answers]


def everybody(stack: Any) -> list[dict[str, Any]]:
    people = [{**row, "unit_id": f"u{index}"} for index, row in enumerate(stack.rows(PEOPLE))]
    answers: list[dict[str, Any]] = stack.ask(people).body["predictions"]
    return answers


def test_a_refused_artifact_leaves_the_old_model_serving(stack: Any) -> None:
    before = everybody(stack)
    stack.kill("green")
    good = stack.artifacts["green"]
    spoilt = good._replace(folder=stack.home / "spoilt")
    shutil.copytree(good.folder, spoilt.folder)
    with (spoilt.folder / "model.onnx").open("r+b") as file:
        file.write(b"\xff")
    stack.artifacts = {**stack.artifacts, "green": spoilt}
    try:
        stack.start("green")
        assert stack.processes["green"].wait(timeout=30) != 0
        assert "model.onnx" in stack.log("green")
        during = everybody(stack)
        assert {answer["served_by"] for answer in during} == {"champion"}
        assert assigned(during) == assigned(before)
    finally:
        stack.artifacts = {**stack.artifacts, "green": good}
        shutil.rmtree(spoilt.folder)
    stack.start("green")
    stack.wait_ready("green")
    end = time.monotonic() + 20
    while {answer["served_by"] for answer in everybody(stack)} != {"champion", "challenger"}:
        assert time.monotonic() < end, "the challenger is admitted again"


def test_a_bad_row_of_a_batch_is_named_and_harms_nobody_else(stack: Any) -> None:
    people = [{**row, "unit_id": f"b{index}"} for index, row in enumerate(stack.rows(PEOPLE))]
    for _ in range(10):
        refused = stack.ask([*people[:7], {**people[7], "training_hours": -1}, *people[8:]])
        assert refused.status == 400
        assert refused.body["error"].startswith("instances[7].training_hours: ")
    answers = stack.ask(people[:7] + people[8:]).body["predictions"]
    assert {answer["fallback_reason"] for answer in answers} == {None}
    # The batch without the bad row was recorded after all that were refused: once it is there, they would be, too.
    end = time.monotonic() + 20
    store = stack.store
    while not store.predictions("job-change", unit_id="b8"):
        assert time.monotonic() < end, "the good rows did not arrive"
        time.sleep(0.02)
    recorded = store.predictions("job-change", unit_id="b7")
    store.close()
    assert recorded == []
