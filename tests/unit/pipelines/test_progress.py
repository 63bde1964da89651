from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from contender.errors import InvalidInput, NotFound
from pipelines import settings
from pipelines.steps.progress import Progress, emit, parse, reported


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "events.jsonl"
    monkeypatch.setenv(settings.PROGRESS, str(path))
    return path


def read(path: Path) -> list[Progress]:
    return [parse(line) for line in path.read_text().splitlines()]


def test_start_and_end_of_a_step_with_its_detail(events: Path) -> None:
    @reported("count")
    def count(role: str = "") -> Mapping[str, int]:
        return {"rows": 3}

    count()
    count(role="baseline")
    assert [(event.step, event.state) for event in read(events)] == [
        ("count", "started"),
        ("count", "finished"),
        ("count-baseline", "started"),
        ("count-baseline", "finished"),
    ]
    assert read(events)[1].detail == {"rows": 3}


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (NotFound("no file", remedy="look"), {"kind": "NotFound", "message": "no file", "remedy": "look"}),
        (
            InvalidInput("age", "is blank"),
            {"kind": "InvalidInput", "message": "age: is blank", "remedy": "", "field": "age", "problem": "is blank"},
        ),
        (
            ZeroDivisionError("by zero"),
            {"kind": "ZeroDivisionError", "message": "ZeroDivisionError: by zero", "remedy": ""},
        ),
    ],
)
def test_a_failure_says_what_went_wrong_and_goes_on(events: Path, error: Exception, detail: dict[str, Any]) -> None:
    @reported("fall")
    def fall() -> None:
        raise error

    with pytest.raises(type(error)):
        fall()
    assert read(events)[-1].state == "failed"
    assert read(events)[-1].detail == detail


def test_nobody_listens_on_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(settings.PROGRESS, raising=False)
    emit(Progress("train", "started"))
