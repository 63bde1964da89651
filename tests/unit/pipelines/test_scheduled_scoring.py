"""Lines as rows, the pace through a server, and who is asked for what."""

from __future__ import annotations

from pathlib import Path

import pytest

from contender.errors import InvalidInput
from contender.tasks.catalog import task_named
from pipelines.steps.answerers import Pace
from pipelines.steps.outbox import Outbox, Scored
from pipelines.steps.typed import Reader

TASK = task_named("job-change")
NAMES = [TASK.id_column, *TASK.schema.model_fields]


def line(**cells: str) -> list[str]:
    row = {name: "" if value is None else str(value) for name, value in TASK.generate(1, seed=1)[0].items()}
    return [(row | cells)[name] for name in NAMES]


def test_cells_become_what_the_schema_says() -> None:
    (row,) = Reader(TASK, NAMES).rows([line(training_hours="36.0", gender=" ", city_development_index="0.5")], 1)
    assert (row["training_hours"], row["gender"], row["city_development_index"]) == (36, None, 0.5)


@pytest.mark.parametrize("cells", [{"training_hours": "SECRET"}, {"gender": "SECRET"}, {"training_hours": ""}])
def test_a_line_that_does_not_fit_is_named_by_its_number_alone(cells: dict[str, str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        Reader(TASK, NAMES).rows([line(), line(**cells)], first=11)
    assert caught.value.field == f"row 12, {next(iter(cells))}"
    assert "SECRET" not in str(caught.value)


def test_a_unit_is_read_in_its_normal_form() -> None:
    lines = [line(enrollee_id=text) for text in (" c-17", "Zoe\u0308", "36")]
    assert Reader(TASK, NAMES).ids(lines, 1) == ["c-17", "Zo\u00eb", "36"]


def test_a_line_without_a_unit_that_can_be_one_is_named() -> None:
    with pytest.raises(InvalidInput, match="row 12, enrollee_id: has more than 256 characters") as caught:
        Reader(TASK, NAMES).ids([line(), line(enrollee_id="x" * 300)], first=11)
    assert "xx" not in str(caught.value)


def test_a_column_must_be_there() -> None:
    with pytest.raises(InvalidInput, match="city"):
        Reader(TASK, [name for name in NAMES if name != "city"])


@pytest.mark.parametrize(("rows", "took_s", "rest_s"), [(100, 0.1, 0.9), (100, 3.0, 3.0)])
def test_a_server_is_never_busy_with_batches_for_more_than_half_of_its_time(
    rows: int, took_s: float, rest_s: float
) -> None:
    slept: list[float] = []
    Pace(100.0, lambda: 0.0, slept.append).rest(rows, took_s)
    assert slept == [pytest.approx(rest_s)]


def test_a_batch_that_is_there_is_not_scored_again(tmp_path: Path) -> None:
    outbox, asked = Outbox(tmp_path), list[int]()

    def score() -> list[Scored]:
        asked.append(1)
        return [Scored("u", "p", "looking", 0.5, 0.5, "echo", "1", None)]

    assert [outbox.batch("d", 0, score) for _ in range(2)] == [1, 1]
    assert asked == [1]
    outbox.finish("d", "people", 1, {})
    assert outbox.is_done("d")
    assert not (tmp_path / ".parts" / "d").exists()
