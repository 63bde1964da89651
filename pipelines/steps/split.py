"""Split: train, test and live rows that share no unit and no duplicate."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from contender.errors import InvalidInput
from contender.tasks.catalog import task_named
from contender.tasks.groups import group_ids, split_groups
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
    divided = divide(task_named(task), read_rows(checked / ROWS), shares, data.seed)
    for name, part in divided.items():
        write_rows(parts / name, part)
    counts = {Path(name).stem: len(part) for name, part in divided.items()}
    test_digest = hashlib.sha256((parts / TEST).read_bytes()).hexdigest()
    write_document(parts / REPORT, {**read_document(checked / REPORT), "parts": counts, "test_digest": test_digest})
    return {**counts, "parts": str(parts)}


def divide(task: Task, rows: Sequence[Row], shares: Mapping[str, float], seed: int) -> dict[str, list[Row]]:
    """The rows of each part by name; rows that share a group key are in the same part, classes keep their shares.

    Raises:
        InvalidInput: a negative share, or a part that should hold rows and holds none.
    """
    wanted = {name: share for name, share in shares.items() if share > 0.0}
    if min(shares.values()) < 0.0:
        raise InvalidInput("test_share", "test_share and live_share must leave a share to train on")
    ids = group_ids([task.group_keys(row) for row in rows])
    labels = [task.label_of(row[task.target]) for row in rows]
    dealt = dict(zip(wanted, split_groups(ids, list(wanted.values()), seed, labels), strict=True))
    parts = {name: [rows[index] for index in dealt.get(name, [])] for name in shares}
    empty = [name for name in wanted if not parts[name]]
    if empty:
        raise InvalidInput("data", f"{len(rows)} rows are too few: no unit is left for {empty[0]}")
    return parts


if __name__ == "__main__":
    main(split)
