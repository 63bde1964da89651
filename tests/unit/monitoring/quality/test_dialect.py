"""Whatever form the same table comes in: the same rows, or one finding that names the form."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contender.errors import InvalidInput
from contender.tasks.catalog import task_named
from contender.tasks.task import Task
from monitoring.quality.check import REASONS, check_file, terms_for
from monitoring.quality.dialect import Unreadable, dialect_of
from monitoring.quality.place import Shelf
from monitoring.quality.tabular import MAX_CELL, chunks_of, header_of
from pipelines.steps.ingest import MALFORMED, read_csv

TABLE = [["id", "skills", "share"], ["1", "Python; SQL", "0.5"], ["2", 'Käthe "C", C++', "0.25"]]


def text_of(table: list[list[str]], separator: str = ",", end: str = "\n") -> str:
    written = io.StringIO()
    csv.writer(written, delimiter=separator, lineterminator=end).writerows(table)
    return written.getvalue()


def rows_of(path: Path) -> list[list[str]]:
    return [list(header_of(path)), *(list(line) for chunk in chunks_of(path) for line in chunk.lines)]


def workbook() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/worksheets/sheet1.xml", "<sheet/>")
    return content.getvalue()


REFUSED = {
    "semicolons": (text_of(TABLE, ";").encode(), "separated by semicolons, commas are needed"),
    "tabs": (text_of(TABLE, "\t").encode(), "separated by tabs, commas are needed"),
    "bars": (text_of(TABLE, "|").encode(), "separated by vertical bars"),
    "decimal commas": (b"id;share\n1;0,52\n2;0,9\n", "decimal commas, too: points are needed"),
    "sep line": (b"sep=;\nid;share\n1;2\n", "separated by semicolons"),
    "sep line, commas": (b'"sep=,"\nid,share\n1,2\n', "Excel's line sep="),
    "cells in cells": (b'"id,share"\n"1,2"\n', "each line as one cell in quotes"),
    "utf-16": (text_of(TABLE).encode("utf-16"), "is in UTF-16, UTF-8 is needed"),
    "utf-16 without a mark": (text_of(TABLE).encode("utf-16-le"), "is in UTF-16"),
    "utf-32": (text_of(TABLE).encode("utf-32"), "is in UTF-32"),
    "latin-1": (text_of(TABLE).encode("latin-1"), "seems to be Windows-1252"),
    "neither": (b"id\n\x81\x8d\n", "is not text in UTF-8"),
    "workbook": (workbook(), "is an Excel workbook, not CSV"),
    "old workbook": (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "is an Excel workbook"),
    "archive": (b"PK\x03\x04 people.csv", "is a ZIP archive"),
    "parquet": (b"PAR1\0\0", "is a Parquet file"),
    "page": (b"<html><table><tr><td>id</td></tr></table>", "is a page in HTML or XML"),
    "json": (b'[{"id": "1"}]', "is JSON, not CSV"),
    "nul": (b"id\nb\0\n", "holds NUL characters"),
    "broken gzip": (b"\x1f\x8bnot so", "gzip cannot expand it"),
    "gzip twice": (gzip.compress(gzip.compress(b"id\n1\n")), "compressed by gzip twice"),
}

REFUSED_FAR_BELOW = {
    "cp1252": (b"id\n" + b"1\n" * 100_000 + "€".encode("cp1252"), "seems to be Windows-1252"),
    "nul": (b"id\n" + b"1\n" * 100_000 + b"\0\n", "holds NUL characters"),
    "half of a gzip": (gzip.compress(text_of(TABLE * 9_000).encode())[:300], "gzip cannot expand it"),
    "quote left open": (b'id\n"a\n', "a quote is left open"),
}


@pytest.mark.parametrize("form", REFUSED)
def test_a_form_is_named_in_one_finding_and_in_the_same_words_by_training(
    form: str, tmp_path: Path, task: Task, shelf: Shelf
) -> None:
    content, words = REFUSED[form]
    path = tmp_path / "people.csv"
    path.write_bytes(content)
    (finding,) = check_file(path, terms_for(task), shelf).findings
    assert words in finding.note
    with pytest.raises(InvalidInput, match=r"^data: people\.csv ") as refused:
        read_csv(path)
    assert words in refused.value.message


@pytest.mark.parametrize("form", REFUSED_FAR_BELOW)
def test_what_shows_far_below_is_named_all_the_same(form: str, tmp_path: Path) -> None:
    content, words = REFUSED_FAR_BELOW[form]
    path = tmp_path / "people.csv"
    path.write_bytes(content)
    with pytest.raises(Unreadable, match=words):
        list(chunks_of(path))
    with pytest.raises(InvalidInput, match=words):
        read_csv(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", text_of(TABLE).encode()),
        ("a.csv", b"\xef\xbb\xbf" + text_of(TABLE).encode()),
        ("a.csv", gzip.compress(text_of(TABLE).encode())),
        ("a.CSV.GZ", gzip.compress(text_of(TABLE, end="\r\n").encode())),
        ("a.TSV", text_of(TABLE, "\t").encode()),
        ("a.tsv.gz", gzip.compress(text_of(TABLE, "\t").encode())),
        ("a.csv", text_of(TABLE, end="\r").encode()),
        ("a.csv", ("\n , ,\n" + text_of(TABLE, end="\n,,,,\n\n")).encode()),
    ],
    ids=["plain", "mark", "gzip by its bytes", "gzip by its name", "tabs", "tabs in gzip", "old Mac", "blank rows"],
)
def test_what_is_read_gives_the_same_rows(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert rows_of(path) == TABLE
    assert [list(row.values()) for row in read_csv(path)] == TABLE[1:]


def test_a_byte_order_mark_is_told_and_no_fault(clean: Path, tmp_path: Path, task: Task, shelf: Shelf) -> None:
    marked = tmp_path / "marked.csv"
    marked.write_bytes(b"\xef\xbb\xbf" + clean.read_bytes())
    report = check_file(marked, terms_for(task), shelf)
    assert [(one.code, one.severity) for one in report.findings] == [("byte_order_mark", "warning")]
    assert (report.verdict, report.bad) == ("good", 0)


def test_only_the_row_with_a_cell_too_long_is_set_aside(clean: Path, tmp_path: Path, task: Task, shelf: Shelf) -> None:
    lines = clean.read_text().splitlines()
    fields = lines[2].split(",")
    fields[-2] = "x" * (MAX_CELL + 1)
    source = tmp_path / "long.csv"
    source.write_text("\n".join([*lines[:2], ",".join(fields), *lines[3:]]) + "\n")
    report = check_file(source, terms_for(task), shelf)
    assert [(one.code, one.rows) for one in report.findings] == [("cell_too_long", (2,))]
    assert report.good == len(lines) - 2
    with shelf.bad_file(source, report.digest).open(newline="") as content:
        (bad,) = csv.DictReader(content)
    assert bad[REASONS] == "out_of_range/cell_too_long"
    read = read_csv(source)
    assert [number for number, row in enumerate(read) if MALFORMED in row] == [1]
    assert read[1] == {MALFORMED: "a cell longer than 131,072 characters"}


def test_rows_without_any_cell_are_no_rows(clean: Path, tmp_path: Path, task: Task, shelf: Shelf) -> None:
    source = tmp_path / "spread.csv"
    source.write_text(clean.read_text() + "\n,,,,,,,,,,,,,\n , \n,,,\n")
    report = check_file(source, terms_for(task), shelf)
    assert (report.rows, report.bad, report.findings) == (600, 0, [])
    assert len(read_csv(source)) == 600


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "bomb.csv.gz"
    path.write_bytes(gzip.compress(b"id\n" + b"1" * (1 << 25)))
    with pytest.raises(Unreadable, match="a line longer than"):
        list(chunks_of(path))


def test_a_skill_list_in_a_cell_separates_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,skills\n1,a; b; c; d; e\n")
    assert dialect_of(path).separator == ","


FORMS = st.tuples(
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"]),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.booleans(),
    st.sampled_from([".csv", ".CSV", ".tsv"]),
)


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(form=FORMS, seed=st.integers(0, 2**20))
def test_any_form_of_one_table_gives_the_same_rows_or_one_finding(
    form: tuple[str, str, str, bool, str], seed: int, tmp_path: Path
) -> None:
    encoding, separator, end, zipped, suffix = form
    task = task_named("job-role")
    rows = task.generate(3, seed=seed)
    table = [list(rows[0]), *([str(value or "") for value in row.values()] for row in rows)]
    table[1][0] = "Zoë"
    content = text_of(table, separator, end).encode(encoding)
    path, shelf = tmp_path / f"table{suffix}", Shelf(tmp_path / f"good-{seed}", tmp_path / f"bad-{seed}")
    path.write_bytes(gzip.compress(content) if zipped else content)
    report = check_file(path, terms_for(task), shelf)
    expected = encoding in {"utf-8", "utf-8-sig"} and separator == ("\t" if suffix == ".tsv" else ",")
    if expected:
        assert rows_of(path) == table
        assert (report.rows, report.held) == (3, False)
    else:
        assert (len(report.findings), report.held) == (1, True)
        with pytest.raises(InvalidInput):
            read_csv(path)
