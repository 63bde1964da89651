"""What the figures of the code's shape count, on rooms that are made here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.structure import figures, modules, twice

HERE = """
import os
from contender.release import machine


class Report:
    def __init__(self):
        self.a = 1

    def text(self):
        return _once() + _often() + _often()


def _once():
    return 1


def _often():
    return 2
"""
THERE = """
from cli.here import Report as Other


class Report:
    pass


class _Hidden:
    pass
"""


@pytest.fixture
def found(tmp_path: Path) -> dict[str, Any]:
    for room, name, source in (("cli", "here", HERE), ("contender", "there", THERE), ("elsewhere", "not", THERE)):
        (tmp_path / room).mkdir()
        (tmp_path / room / f"{name}.py").write_text(source)
    assert dict(twice(modules(tmp_path))) == {"Report": ["cli.here", "contender.there"]}
    return {name: one["value"] for name, one in figures(modules(tmp_path)).items()}


def test_rooms_of_ours_are_counted_and_no_others(found: dict[str, Any]) -> None:
    assert (found["modules"], found["lines"]) == (2, len((HERE + THERE).splitlines()))


def test_functions_helpers_and_classes(found: dict[str, Any]) -> None:
    assert (found["function, longest"], found["private helpers used once"]) == (2, 1)
    assert (found["classes of one method"], found["public classes in more than one module"]) == (1, 1)


def test_imports(found: dict[str, Any]) -> None:
    assert found["imports of ours per module, mean"] == 1
    assert found["cli, imports of adapters, experiment, release"] == 1


def test_where_there_is_nothing_there_are_figures(tmp_path: Path) -> None:
    assert figures(modules(tmp_path))["function, p95"]["value"] == 0
