from pathlib import Path
from typing import Any

import pytest

from pipelines.params import GateParams, TrainingParams
from pipelines.steps.command import arguments


def step(task: str, model: Path, training: TrainingParams, role: str = "") -> dict[str, Any]:
    """Train."""
    return {}


def test_groups_are_options_of_their_own() -> None:
    given = arguments(step, ["--task", "job-role", "--model", "out", "--trials", "3", "--label-noise", "0.5"])
    expected = TrainingParams(trials=3, label_noise=0.5)
    assert given == {"task": "job-role", "model": Path("out"), "training": expected, "role": ""}


def test_names_with_underscores_as_dvc_writes_them() -> None:
    given = arguments(step, ["--task", "job-role", "--model", "out", "--train_rows", "50"])
    assert given["training"] == TrainingParams(train_rows=50)


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["--task", "job-role"], "--model"),
        (["--task", "t", "--model", "m", "--trials", "many"], "--trials: "),
        (["--task", "t", "--model", "m", "--label-noise", "2"], "--label_noise: "),
        (["--task", "t", "--model", "m", "--colour", "red"], "--colour"),
    ],
)
def test_a_wrong_command_line_is_explained(argv: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        arguments(step, argv)
    assert complaint in capsys.readouterr().err + str(caught.value.code)


def gated(gate: GateParams) -> None:
    """Judge."""


def test_an_optional_number_may_stay_away() -> None:
    assert arguments(gated, []) == {"gate": GateParams()}
    assert arguments(gated, ["--min-improvement", "0.01"]) == {"gate": GateParams(min_improvement=0.01)}
