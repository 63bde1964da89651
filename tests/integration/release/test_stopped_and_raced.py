"""The benchmark's cases as tests: a release stopped by exception, exit and SIGKILL, raced for, and forged."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.release import crash_cases
from benchmarks.release_attacks import approvals, audit_mutations, database_hands, races
from benchmarks.release_lab import STORIES, Matrix, Story, resume

SHORT = [story for story in STORIES if story.name.endswith(("-promote", "promote-undo", "start-bake", "-suspend"))]


@pytest.mark.parametrize("story", SHORT, ids=lambda story: story.name)
def test_a_release_stopped_anywhere_is_wholly_old_or_wholly_new(tmp_path: Path, story: Story) -> None:
    matrix = Matrix(story, tmp_path)
    cases = list(crash_cases(matrix, quick=True))
    assert len(cases) >= 16
    assert {way for _, way, _ in cases} == {"exception", "exit", "kill"}
    assert [fault for case in cases if (fault := matrix.fault(*case))] == []


def test_the_subset_is_large_enough_to_mean_something(tmp_path: Path) -> None:
    assert sum(len(Matrix(story, tmp_path).places) for story in SHORT) >= 60


def test_a_story_that_ends_otherwise_is_noticed(tmp_path: Path) -> None:
    """The check itself can fail: promoting, judged by what aborting would have led to."""
    promoting, aborting = (
        next(story for story in STORIES if story.name == f"install-prepare-start-{name}")
        for name in ("promote", "abort")
    )
    matrix = Matrix(promoting, tmp_path)
    matrix._golden = {(*promoting.before, promoting.call): matrix._end_of((*aborting.before, aborting.call))}
    assert "neither old nor new" in matrix.fault(12, "kill", resume)


def test_of_eight_promoters_one_wins_and_the_others_exit_with_1(tmp_path: Path) -> None:
    assert races(3, tmp_path) == (3, 3, 3, 3, 3)


def test_no_bad_approval_holds_and_a_good_one_does(tmp_path: Path) -> None:
    tried, good = approvals(tmp_path)
    assert tried.attempts >= 30
    assert tried.stopped == tried.attempts
    assert good


def test_every_mutation_of_a_trail_is_found() -> None:
    tried = audit_mutations()
    assert tried.attempts >= 1_000
    assert tried.stopped == tried.attempts


def test_the_database_refuses_hands(tmp_path: Path) -> None:
    tried = database_hands(tmp_path)
    assert tried.stopped == tried.attempts == 5
