"""What of a folder is checked, and what is passed over with a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from contender.errors import NotFound
from monitoring.quality.page import page
from monitoring.quality.sources import files_of, named


def test_suffixes_in_capitals_are_taken_and_the_rest_is_named(tmp_path: Path) -> None:
    for name in ("b.csv", "A.CSV", "c.tsv", "d.csv.gz", "e.XLSX", "notes.txt", ".DS_Store", "~$e.xlsx"):
        (tmp_path / name).write_text("")
    (tmp_path / "older.csv").mkdir()
    with files_of(str(tmp_path)) as (files, passed_over):
        assert [path.name for path in files] == ["A.CSV", "b.csv", "c.tsv", "d.csv.gz", "e.XLSX"]
    assert passed_over == ["notes.txt", "older.csv/"]


def test_one_file_is_taken_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    with files_of(str(tmp_path / "notes.txt")) as found:
        assert found == ([tmp_path / "notes.txt"], ())
    with pytest.raises(NotFound), files_of(str(tmp_path / "none.csv")):
        pass


def test_of_many_names_the_first_are_told() -> None:
    assert named([f"{number}.txt" for number in range(7)]) == "0.txt, 1.txt, 2.txt, 3.txt, 4.txt and 2 more"


def test_a_page_of_nothing_is_not_green() -> None:
    written = page([], ["people.doc"])
    assert "nothing was read" in written
    assert "Passed over: people.doc." in written
    assert '<span class="verdict good">' not in written
