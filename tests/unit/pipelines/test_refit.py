from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contender.errors import Refused
from pipelines.params import TrainingParams
from pipelines.steps.files import REPORT, read_document, write_document
from pipelines.steps.refit import refit, wanted
from pipelines.steps.train import ARTIFACT


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"refit": False}, False),
        ({"train_rows": 100}, False),
        ({"label_noise": 0.9}, True),
        ({"label_noise": 0.9, "train_rows": 100}, False),
    ],
)
def test_who_learns_from_every_row_anyway_learns_more_from_more_rows(changes: dict[str, Any], expected: bool) -> None:
    assert wanted(TrainingParams(**changes)) is expected


def decided(folder: Path, outcome: str) -> Path:
    write_document(folder / "decision.json", {"outcome": outcome, "reason": "leak alarm", "override": ""})
    return folder / "decision.json"


def judged(folder: Path) -> Path:
    write_document(folder / "model" / REPORT, {"params": {}, "rows": 80, "onnx_difference": 1e-7})
    (folder / "model" / ARTIFACT).mkdir()
    (folder / "model" / ARTIFACT / "model.onnx").write_bytes(b"graph")
    return folder / "model"


def test_the_judged_artifact_itself_is_served_when_no_other_is_wanted(tmp_path: Path) -> None:
    model, decision, served = judged(tmp_path), decided(tmp_path, "passed"), tmp_path / "served"
    report = refit("job-change", tmp_path / "no parts", model, decision, TrainingParams(refit=False), served)
    assert report == read_document(served / REPORT) == {"refit": False, "rows": 80, "onnx_difference": 1e-7}
    assert (served / ARTIFACT / "model.onnx").read_bytes() == b"graph"


def test_what_the_gate_refused_is_not_fitted_again(tmp_path: Path) -> None:
    model, decision = judged(tmp_path), decided(tmp_path, "refused")
    with pytest.raises(Refused, match="leak alarm"):
        refit("job-change", tmp_path / "no parts", model, decision, TrainingParams(), tmp_path / "served")
    assert not (tmp_path / "served").exists()
