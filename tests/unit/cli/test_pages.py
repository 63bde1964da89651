"""Pages that cannot be written are told before the work."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.pages import writable, writing
from contender.errors import InvalidInput


def test_a_file_in_a_folder_that_is_there_can_be_written(tmp_path: Path) -> None:
    writable("--out", tmp_path / "page.html")
    writable("--out", None)


@pytest.mark.parametrize("name", ["", "none/page.html"])
def test_a_folder_and_a_file_in_none_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="folder") as caught:
        writable("--out", tmp_path / name)
    assert caught.value.field == "--out"
    assert caught.value.remedy


def test_what_fails_while_it_is_written_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--out: cannot be written: No such file"), writing("--out"):
        (tmp_path / "none" / "page.html").write_text("")
