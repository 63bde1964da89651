from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from contender.errors import InvalidArtifact
from contender.tasks.job_change.task import JobChange
from pipelines.steps import learnt

TASK = JobChange()
PEOPLE = TASK.generate(60, 0)


def test_a_person_is_known_by_id_and_a_copy_by_content(tmp_path: Path) -> None:
    learnt.save(TASK, PEOPLE[:40], tmp_path)
    changed = {**PEOPLE[0], "training_hours": 7}
    copied = {**PEOPLE[1], TASK.id_column: 900}
    stranger = {**PEOPLE[1], TASK.id_column: 901, "training_hours": 8}
    known = learnt.load(tmp_path)
    assert learnt.unknown(TASK, [changed, copied, stranger, *PEOPLE[40:]], known) == [2, *range(3, 23)]


def test_the_file_holds_digests_and_nothing_of_the_order_of_rows(tmp_path: Path) -> None:
    learnt.save(TASK, PEOPLE, tmp_path / "one")
    learnt.save(TASK, [*PEOPLE[::-1], *PEOPLE], tmp_path / "other")
    first, second = learnt.load(tmp_path / "one"), learnt.load(tmp_path / "other")
    np.testing.assert_array_equal(first, second)
    assert len(first) == 120
    assert np.all(np.diff(first) > 0)


@pytest.mark.parametrize("content", [None, b"", b"no numbers"])
def test_a_version_that_does_not_say_whom_it_learnt_from_is_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "keys.npy").write_bytes(content)
    with pytest.raises(InvalidArtifact, match="does not say who was learnt from"):
        learnt.load(tmp_path)
