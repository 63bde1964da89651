"""A thousand ways to tamper with a released artifact, and one while it is being read."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contender.artifact import MAX_SIZES, MODEL
from contender.errors import InvalidArtifact
from contender.tasks.job_change.task import JobChange
from serving.predictor.artifact import load


@pytest.mark.parametrize("name", sorted(MAX_SIZES))
def test_no_changed_byte_is_served(tmp_path: Path, artifacts: dict[str, Any], name: str) -> None:
    """Flipped bits, cut ends and added bytes, 250 a file."""
    folder = tmp_path / "copy"
    shutil.copytree(artifacts["blue"].folder, folder)
    good, chance = (folder / name).read_bytes(), np.random.default_rng(len(name))
    for number in range(250):
        changed = bytearray(good)
        if number % 3 == 0:
            del changed[int(chance.integers(len(good))) :]
        elif number % 3 == 1:
            changed += chance.bytes(int(chance.integers(1, 50)))
        else:
            changed[int(chance.integers(len(good)))] ^= 1 << int(chance.integers(8))
        (folder / name).write_bytes(changed)
        with pytest.raises(InvalidArtifact):
            load(folder, JobChange(), artifacts["blue"].digest)


def test_files_swapped_while_they_are_read_are_never_mixed(tmp_path: Path, artifacts: dict[str, Any]) -> None:
    """Either the released artifact is loaded or none: what was checked is what is parsed."""
    folder, other = tmp_path / "copy", artifacts["green"].folder
    shutil.copytree(artifacts["blue"].folder, folder)
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            for source in (other, artifacts["blue"].folder):
                draft = folder.parent / "draft"
                shutil.copyfile(source / MODEL, draft)
                draft.replace(folder / MODEL)

    swapping = threading.Thread(target=swap)
    swapping.start()
    refused = 0
    try:
        for _ in range(60):
            try:
                assert load(folder, JobChange(), artifacts["blue"].digest).manifest.version == "7"
            except InvalidArtifact:
                refused += 1
    finally:
        over.set()
        swapping.join()
    assert refused > 0
