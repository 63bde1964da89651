"""The list of simulated conditions: complete, and every pair of two conditions in it."""

import itertools
from pathlib import Path

import pytest

from benchmarks.peeking_cells import CONDITIONS, Cell, as_toml, covering_rows, read_cells

CELLS = read_cells()
PAIRS = [cell for name, cell in CELLS.items() if name.startswith("pair-")]


def test_there_are_60_to_120_cells() -> None:
    assert 60 <= len(CELLS) <= 120


@pytest.mark.parametrize(("one", "two"), itertools.combinations(CONDITIONS, 2))
def test_every_pair_of_values_is_in_some_cell(one: str, two: str) -> None:
    for first in CONDITIONS[one]:
        for second in CONDITIONS[two]:
            assert any(_has(cell, first) and _has(cell, second) for cell in PAIRS), (first, second)


def test_the_conditions_of_v1_to_v16_have_cells_of_their_own() -> None:
    # V4 is about shadows, whose verdict has no looks by arm: the judge's own tests have it.
    own = {name.partition("-")[0] for name in CELLS if name.startswith("V")}
    assert own == {f"V{number}" for number in range(1, 17)} - {"V4"}


def test_the_array_in_the_file_is_the_one_that_the_program_finds() -> None:
    found = "\n".join(as_toml(covering_rows()))
    assert found in (Path("benchmarks") / "peeking_cells.toml").read_text()


def test_a_field_that_cells_do_not_have_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "cells.toml"
    file.write_text('[[cell]]\nname = "a"\nvisit = 3\n')
    with pytest.raises(ValueError, match="visit"):
        read_cells(file)


def test_a_name_that_occurs_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "cells.toml"
    file.write_text('[[cell]]\nname = "a"\n[[cell]]\nname = "a"\n')
    with pytest.raises(ValueError, match="twice"):
        read_cells(file)


def _has(cell: Cell, terms: object) -> bool:
    assert isinstance(terms, dict)
    return all(getattr(cell, name) == (tuple(value) if name == "ramp" else value) for name, value in terms.items())
