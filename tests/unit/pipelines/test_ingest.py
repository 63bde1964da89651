from pathlib import Path

import pytest

from contender.errors import InvalidInput, NotFound
from pipelines.steps.ingest import MALFORMED, read_csv


def read(folder: Path, content: bytes) -> list[dict[str, object]]:
    path = folder / "people.csv"
    path.write_bytes(content)
    return read_csv(path)


def test_text_as_it_is_and_none_for_a_blank(tmp_path: Path) -> None:
    rows = read(tmp_path, b"a,b\n<1,10/49\n , x \n")
    assert rows == [{"a": "<1", "b": "10/49"}, {"a": None, "b": "x"}]


def test_byte_order_mark_crlf_and_quotes_are_no_obstacle(tmp_path: Path) -> None:
    assert read(tmp_path, '\ufeffa,b\r\n"x, y",2\r\n'.encode()) == [{"a": "x, y", "b": "2"}]


def test_a_line_that_does_not_fit_is_kept_with_its_reason(tmp_path: Path) -> None:
    rows = read(tmp_path, b"a,b\n1\n1,2,3\n1,2\n\n")
    assert rows[:2] == [{MALFORMED: "1 fields where the header has 2"}, {MALFORMED: "3 fields where the header has 2"}]
    assert rows[2:] == [{"a": "1", "b": "2"}]


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"a,a\n1,2\n", b"\xff\xfe\x00", b'a\n"unclosed\n'],
    ids=["empty", "blank", "twice", "utf16", "quote"],
)
def test_what_is_not_a_table_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"^data: "):
        read(tmp_path, content)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"nowhere\.csv"):
        read_csv(tmp_path / "nowhere.csv")
