"""A predictor loads what was released, byte for byte, and nothing else."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contender.artifact import FEATURES, GOLDEN, MANIFEST, MODEL, Manifest, digest, parse_manifest, seal
from contender.errors import InvalidArtifact
from contender.tasks.job_change.task import JobChange
from serving.predictor.artifact import load

SEALED = (MODEL, FEATURES, GOLDEN)


@pytest.fixture
def copy(tmp_path: Path, artifacts: dict[str, Any]) -> Path:
    folder = tmp_path / "copy"
    shutil.copytree(artifacts["blue"].folder, folder)
    return folder


def reseal(folder: Path, **changes: object) -> str:
    """Write a manifest that fits the files as they are now; return its digest."""
    old = parse_manifest((folder / MANIFEST).read_bytes())
    fields = {name: getattr(old, name) for name in Manifest.__slots__}
    files = seal({name: (folder / name).read_bytes() for name in SEALED})
    content = Manifest(**{**fields, "files": files, **changes}).to_bytes()
    (folder / MANIFEST).write_bytes(content)
    return digest(content)


def refused(folder: Path, expected: str | None = None) -> str:
    with pytest.raises(InvalidArtifact) as caught:
        load(folder, JobChange(), expected)
    return caught.value.field


def test_the_released_artifact_answers_as_in_training(artifacts: dict[str, Any]) -> None:
    loaded = load(artifacts["blue"].folder, JobChange(), artifacts["blue"].digest)
    golden = json.loads((artifacts["blue"].folder / GOLDEN).read_bytes())
    for said, answer in zip(loaded.predict(golden["requests"]), golden["answers"], strict=True):
        assert said.score == pytest.approx(answer["score"], abs=1e-5)
    assert loaded.manifest.version == "7"


def test_another_manifest_than_the_released_one_is_refused(artifacts: dict[str, Any]) -> None:
    assert refused(artifacts["green"].folder, artifacts["blue"].digest) == MANIFEST


@pytest.mark.parametrize("name", SEALED)
@pytest.mark.parametrize("position", [0, 0.5, 0.999])
def test_a_flipped_bit_is_refused(copy: Path, name: str, position: float) -> None:
    content = bytearray((copy / name).read_bytes())
    content[int(position * len(content))] ^= 1
    (copy / name).write_bytes(content)
    assert refused(copy) == name


def add(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_bytes(pickle.dumps(os.getcwd))


def link(folder: Path) -> None:
    target = folder.parent / "elsewhere.onnx"
    (folder / MODEL).rename(target)
    (folder / MODEL).symlink_to(target)


def pipe(folder: Path) -> None:
    (folder / FEATURES).unlink()
    os.mkfifo(folder / FEATURES)


def nested(folder: Path) -> None:
    (folder / MODEL).unlink()
    (folder / MODEL).mkdir()


def large(folder: Path) -> None:
    with (folder / GOLDEN).open("ab") as file:
        file.truncate(5 * 1024**2)


@pytest.mark.parametrize(
    ("spoil", "field"),
    [
        (add("model.pkl"), "model.pkl"),
        (add("sitecustomize.py"), "sitecustomize.py"),
        (link, MODEL),
        (pipe, FEATURES),
        (nested, MODEL),
        (large, GOLDEN),
        (lambda folder: (folder / GOLDEN).unlink(), GOLDEN),
        (lambda folder: (folder / MANIFEST).write_bytes(b"{}"), MANIFEST),
        (shutil.rmtree, None),
    ],
    ids=["pickle", "code", "symlink", "pipe", "folder", "too large", "missing", "empty manifest", "no folder"],
)
def test_a_folder_that_is_not_an_artifact_is_refused(copy: Path, spoil: Any, field: str | None) -> None:
    spoil(copy)
    assert refused(copy) == (field or str(copy))


def test_sealed_nonsense_is_refused_all_the_same(copy: Path) -> None:
    cases = ((MODEL, b"not a graph"), (FEATURES, b"[1]"), (FEATURES, b"\xff"), (GOLDEN, b"{}"), (GOLDEN, b"{"))
    for name, content in cases:
        good = (copy / name).read_bytes()
        (copy / name).write_bytes(content)
        assert refused(copy, reseal(copy)) == name
        (copy / name).write_bytes(good)


def test_another_task_s_artifact_is_refused(copy: Path) -> None:
    assert refused(copy, reseal(copy, task="job-role")) == MANIFEST


def test_a_model_that_no_longer_answers_as_in_training_is_refused(copy: Path) -> None:
    golden = json.loads((copy / GOLDEN).read_bytes())
    for change in ({"score": 0.123}, {"confidence": None}, {"label": "maybe"}):
        answers = [{**golden["answers"][0], **change}, *golden["answers"][1:]]
        (copy / GOLDEN).write_text(json.dumps({**golden, "answers": answers}))
        assert refused(copy, reseal(copy)) == GOLDEN


def test_golden_requests_must_fit_the_schema(copy: Path) -> None:
    golden = json.loads((copy / GOLDEN).read_bytes())
    golden["requests"][0] = {"city": 7}
    (copy / GOLDEN).write_text(json.dumps(golden))
    assert refused(copy, reseal(copy)) == GOLDEN


def test_a_predictor_that_is_given_the_wrong_artifact_does_not_start(artifacts: dict[str, Any]) -> None:
    arguments = ["--task", "job-change", "--artifact", str(artifacts["green"].folder)]
    done = subprocess.run(
        [sys.executable, "-m", "serving.predictor", *arguments, "--digest", artifacts["blue"].digest],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    (line,) = [json.loads(line) for line in done.stderr.splitlines()]
    assert line["event"] == "refused_to_start"
    assert line["reason"].startswith("manifest.json: is not the one that was released")
