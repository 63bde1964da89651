"""Split: train, test and live rows that share no unit and no duplicate."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from contender.errors import InvalidInput
from contender.tasks.catalog import task_named
from contender.tasks.groups import Indices, group_ids
from contender.tasks.task import Task
from contender.values import Row
from pipelines.params import DataParams
from pipelines.steps.command import main
from pipelines.steps.files import REPORT, ROWS, read_document, read_rows, write_document, write_rows
from pipelines.steps.progress import reported

TRAIN: Final = "train.jsonl"
TEST: Final = "test.jsonl"
LIVE: Final = "live.jsonl"


@reported("split")
def split(task: str, checked: Path, data: DataParams, parts: Path) -> dict[str, Any]:
    """Write ``train.jsonl``, ``test.jsonl`` and ``live.jsonl`` (it may be empty) into the folder `parts`.

    Its report holds the test rows' sha256: two runs with the same digest were judged on the same untouched rows.

    Raises:
        InvalidInput: shares that leave nothing to train on, or too few rows to fill every part.
    """
    shares = {TRAIN: 1.0 - data.test_share - data.live_share, TEST: data.test_share, LIVE: data.live_share}
    divided = divide(task_named(task), read_rows(checked / ROWS), shares)
    require_classes(task_named(task), divided)
    for name, part in divided.items():
        write_rows(parts / name, part)
    counts = {Path(name).stem: len(part) for name, part in divided.items()}
    test_digest = hashlib.sha256((parts / TEST).read_bytes()).hexdigest()
    write_document(parts / REPORT, {**read_document(checked / REPORT), "parts": counts, "test_digest": test_digest})
    return {**counts, "parts": str(parts)}


def divide(task: Task, rows: Sequence[Row], shares: Mapping[str, float]) -> dict[str, list[Row]]:
    """The rows of each part by name, train, test and live; rows that share a group key are in the same part.

    A person's id alone decides, whatever the seed and whoever else is in the file: a later training holds the same
    people out, and more of them with a larger share. Of copies the id with the smallest digest decides.

    Raises:
        InvalidInput: a negative share, or a part that should hold rows and holds none.
    """
    if min(shares.values()) < 0.0:
        raise InvalidInput("test_share", "test_share and live_share must leave a share to train on")
    ids = group_ids([task.group_keys(row) for row in rows])
    parts: dict[str, list[Row]] = {name: [] for name in shares}
    for row, point in zip(rows, _points(ids, [str(row[task.id_column]) for row in rows]), strict=True):
        parts[_part(point, shares)].append(row)
    empty = [name for name, share in shares.items() if share > 0.0 and not parts[name]]
    if empty:
        raise InvalidInput("data", f"{len(rows)} rows are too few: no unit is left for {empty[0]}")
    return parts


def require_classes(task: Task, parts: Mapping[str, Sequence[Row]]) -> None:
    """Return quietly where `parts` can be learnt from and judged on.

    Raises:
        InvalidInput: train or test holds rows of one class only.
    """
    for name in (TRAIN, TEST):
        if len({task.label_of(row[task.target]) for row in parts[name]}) < 2:
            raise InvalidInput(task.target, f"{name} holds {len(parts[name])} rows of one class: add rows of others")


def _part(point: float, shares: Mapping[str, float]) -> str:
    """Test lies at the lower end of [0, 1) and live at the upper one: either grows at the cost of train only."""
    if point < shares[TEST]:
        return TEST
    return LIVE if point >= 1.0 - shares[LIVE] else TRAIN


def _points(ids: Indices, people: Sequence[str]) -> list[float]:
    """A number in [0, 1) for every row, the same for all rows of a group."""
    lowest: dict[int, bytes] = {}
    for group, person in zip(ids.tolist(), people, strict=True):
        digest = hashlib.blake2b(person.encode(), digest_size=16, person=b"contender-split").digest()
        lowest[group] = min(lowest.get(group, digest), digest)
    # Hashed once more: the smallest of several is no even number.
    even = {group: hashlib.blake2b(digest, digest_size=8).digest() for group, digest in lowest.items()}
    return [(int.from_bytes(even[group]) >> 11) / 2**53 for group in ids.tolist()]


if __name__ == "__main__":
    main(split)
