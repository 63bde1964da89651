"""An artifact is found wherever its home is now."""

from __future__ import annotations

from pathlib import Path

from contender.adapters.artifact_places import found_below

KEPT = Path("job-change", "0a1b", "artifacts", "serving", "2")


def test_a_home_that_was_moved_has_its_artifacts_with_it(tmp_path: Path) -> None:
    (tmp_path / "artifacts" / KEPT).mkdir(parents=True)
    assert found_below(str(tmp_path / "artifacts"), "job-change", f"/old/home/artifacts/{KEPT}") == str(
        tmp_path / "artifacts" / KEPT
    )


def test_a_copied_home_reads_its_own_artifacts_and_not_those_it_was_copied_from(tmp_path: Path) -> None:
    for home in ("first", "copy"):
        (tmp_path / home / KEPT).mkdir(parents=True)
    found = found_below(str(tmp_path / "copy"), "job-change", str(tmp_path / "first" / KEPT))
    assert found == str(tmp_path / "copy" / KEPT)


def test_what_is_not_kept_below_the_root_is_where_it_was_written_down(tmp_path: Path) -> None:
    for address in (
        f"/elsewhere/{KEPT}",
        "/elsewhere/job-change/model",
        "s3://models/job-change/0a/artifacts/serving/1",
    ):
        assert found_below(str(tmp_path), "job-change", address) == address
