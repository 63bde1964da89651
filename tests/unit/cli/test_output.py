"""What a person or a program reads when something is wrong."""

import json

import pytest

from cli.main import run
from cli.output import exit_code, fail, figure
from contender.errors import (
    Conflict,
    ContenderError,
    DeadlineExceeded,
    FaultFound,
    InvalidArtifact,
    InvalidInput,
    InvalidRouting,
    NotFound,
    Refused,
    Unavailable,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ContenderError("x"), 1),
        (NotFound("x"), 1),
        (Conflict("x"), 1),
        (InvalidInput("field", "x"), 2),
        (InvalidRouting("field", "x"), 2),
        (InvalidArtifact("field", "x"), 2),
        (Refused("x"), 3),
        (FaultFound("x"), 4),
        (Unavailable("x"), 5),
        (DeadlineExceeded("x"), 5),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error: ContenderError, code: int) -> None:
    assert exit_code(error) == code


def test_an_error_for_people_names_the_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail(Refused("not now", remedy="wait"), as_json=False) == 3
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "not now" in shown.err
    assert "wait" in shown.err


def test_an_error_for_programs_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    fail(InvalidInput("rows", "too few", remedy="bring more"), as_json=True)
    assert json.loads(capsys.readouterr().out) == {
        "error": "rows: too few",
        "remedy": "bring more",
        "kind": "InvalidInput",
    }


@pytest.mark.parametrize(("value", "text"), [(None, "–"), (0.12345, "0.1235"), (3, "3"), ("x", "x")])
def test_figures_are_short(value: object, text: str) -> None:
    assert figure(value) == text


def test_an_unknown_option_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "--nope"]) == 2
    assert "nope" in capsys.readouterr().err


def test_an_unknown_task_names_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "--task", "nope"]) == 1
    assert "job-change, job-role" in capsys.readouterr().err


def test_debug_lets_the_traceback_through() -> None:
    with pytest.raises(NotFound):
        run(["--debug", "status", "--task", "nope"])
