"""Whom a model has learnt from: digests that travel with it, so that nobody is compared on whom one model knows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from contender.errors import InvalidArtifact
from contender.tasks.task import Task
from contender.values import Row

FOLDER: Final = "learnt"
"""The folder of a training, and of a version's run, that holds the digests."""

TAG: Final = "learnt_artifact"
"""The tag of a registered version that says where they lie."""

_FILE: Final = "keys.npy"

Digests = NDArray[np.uint64]


def save(task: Task, rows: Sequence[Row], folder: Path) -> None:
    """Keep the digests of the group keys of `rows` in a folder: ascending, each once, eight bytes of BLAKE2b a key."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {_digest(key) for row in rows for key in task.group_keys(row)}
    np.save(folder / _FILE, np.array(sorted(found), dtype=np.uint64), allow_pickle=False)


def load(folder: Path) -> Digests:
    """The digests that `save` kept.

    Raises:
        InvalidArtifact: the folder does not hold them.
    """
    try:
        kept: NDArray[Any] = np.load(folder / _FILE, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InvalidArtifact(_FILE, "does not say who was learnt from", remedy="train again, or --override") from error
    return kept.astype(np.uint64)


def unknown(task: Task, rows: Sequence[Row], known: Digests) -> list[int]:
    """The numbers of those `rows` of which no key is among `known` digests."""
    digests = set(known.tolist())
    return [at for at, row in enumerate(rows) if digests.isdisjoint(map(_digest, task.group_keys(row)))]


def _digest(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest())
