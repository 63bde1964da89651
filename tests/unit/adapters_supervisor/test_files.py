"""Files and locks, logs and artifacts on disk."""

import os
from pathlib import Path

import pytest

from contender.adapters.supervisor.documents import Wanted
from contender.adapters.supervisor.files import is_locked, locked, replace_file, try_lock
from contender.adapters.supervisor.logs import ProcessLog
from contender.adapters.supervisor.verify import verify_artifact
from contender.artifact import FEATURES, GOLDEN, MANIFEST, MODEL, Manifest, digest, seal
from contender.errors import InvalidArtifact


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "run" / "desired.json"
    replace_file(path, b"old", durable=durable)
    replace_file(path, b"new", durable=durable)
    assert path.read_bytes() == b"new"
    assert list(path.parent.iterdir()) == [path]


def test_a_lock_has_one_holder_until_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_locked(path)
    held = try_lock(path)
    assert held is not None
    assert try_lock(path) is None
    assert is_locked(path)
    os.close(held)
    assert not is_locked(path)
    with locked(path):
        assert is_locked(path)
    assert not is_locked(path)


def test_last_words_are_those_of_this_process_only(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "blue.log"
    assert ProcessLog(path).last_words() == ""
    path.write_text("of the one before\n")
    log = ProcessLog(path)
    assert log.last_words() == ""
    descriptor = log.open()
    os.write(descriptor, b"first\n  last \n\n")
    os.close(descriptor)
    assert log.last_words() == "last"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"event": "refused", "reason": "golden.json: differs"}', "golden.json: differs"),
        ('{"event": 1}', '{"event": 1}'),
    ],
)
def test_last_words_of_a_structured_log_are_its_reason(tmp_path: Path, line: str, words: str) -> None:
    log = ProcessLog(tmp_path / "blue.log")
    (tmp_path / "blue.log").write_text(f"{line}\n")
    assert log.last_words() == words


def test_a_log_stays_small_while_its_process_goes_on_writing(tmp_path: Path) -> None:
    path = tmp_path / "blue.log"
    log = ProcessLog(path, limit=100)
    descriptor = log.open()
    os.write(descriptor, b"x" * 101)
    log.bound()
    os.write(descriptor, b"after\n")
    os.close(descriptor)
    assert path.read_bytes() == b"after\n"
    assert (tmp_path / "blue.log.1").read_bytes() == b"x" * 101
    assert log.last_words() == "after"


def test_a_log_that_was_cleared_away_is_no_fault(tmp_path: Path) -> None:
    log = ProcessLog(tmp_path / "blue.log")
    log.bound()
    assert log.last_words() == ""


def artifact(folder: Path) -> Wanted:
    files = {MODEL: b"graph", FEATURES: b"{}", GOLDEN: b"[]"}
    manifest = Manifest("job-change", "7", "schema", ("0", "1"), {}, {}, seal(files)).to_bytes()
    for name, content in (files | {MANIFEST: manifest}).items():
        (folder / name).write_bytes(content)
    return Wanted("7", str(folder), digest(manifest))


def test_the_artifact_that_is_wanted_is_accepted(tmp_path: Path) -> None:
    verify_artifact(artifact(tmp_path))


@pytest.mark.parametrize("name", [MANIFEST, MODEL, FEATURES, GOLDEN])
def test_an_artifact_with_a_changed_or_missing_file_is_not(tmp_path: Path, name: str) -> None:
    wanted = artifact(tmp_path)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content + b" ")
    with pytest.raises(InvalidArtifact, match=name) as refused:
        verify_artifact(wanted)
    assert refused.value.field == name
    (tmp_path / name).unlink()
    with pytest.raises(InvalidArtifact, match=f"{name}: cannot be read"):
        verify_artifact(wanted)


def test_an_oversized_file_is_not_even_read(tmp_path: Path) -> None:
    wanted = artifact(tmp_path)
    os.truncate(tmp_path / MANIFEST, 1024**3)
    with pytest.raises(InvalidArtifact, match="may have at most"):
        verify_artifact(wanted)
