from pathlib import Path

import pytest

from contender.artifact import FEATURES, GOLDEN, MANIFEST, MODEL, Manifest, parse_manifest, seal
from contender.errors import InvalidArtifact
from contender.tasks.task import Task
from pipelines.steps.export import UNREGISTERED, stamp
from pipelines.steps.scoring import load


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    files = {MODEL: b"model", FEATURES: b"{}", GOLDEN: b"{}"}
    manifest = Manifest("parcel", UNREGISTERED, "digest", ("a", "b"), {}, {}, seal(files))
    for name, content in {**files, MANIFEST: manifest.to_bytes()}.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_the_stamp_changes_the_version_and_nothing_else(artifact: Path) -> None:
    before = parse_manifest((artifact / MANIFEST).read_bytes())
    content = stamp(artifact, "12")
    after = parse_manifest(content)
    assert (artifact / MANIFEST).read_bytes() == content
    assert after.version == "12"
    assert after.files == before.files


def test_a_file_that_differs_is_refused(artifact: Path, parcel: Task) -> None:
    (artifact / FEATURES).write_bytes(b"[]")
    with pytest.raises(InvalidArtifact, match=FEATURES):
        load(parcel, artifact)


def test_a_file_that_is_missing_is_refused(artifact: Path, parcel: Task) -> None:
    (artifact / GOLDEN).unlink()
    with pytest.raises(InvalidArtifact, match=GOLDEN):
        load(parcel, artifact)


def test_another_tasks_artifact_is_refused(artifact: Path, parcel: Task) -> None:
    manifest = parse_manifest((artifact / MANIFEST).read_bytes())
    other = Manifest("letter", "1", "d", ("a", "b"), {}, {}, manifest.files)
    (artifact / MANIFEST).write_bytes(other.to_bytes())
    with pytest.raises(InvalidArtifact, match="'letter'"):
        load(parcel, artifact)
