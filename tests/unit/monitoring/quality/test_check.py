"""Cases of single rows and files, and what is never done with them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from contender.errors import Conflict, InvalidInput, NotFound
from contender.tasks.catalog import task_named
from contender.tasks.task import Task
from monitoring.quality.announce import message_of
from monitoring.quality.check import FIELDS, REASONS, ROW, check_file, check_files, terms_for
from monitoring.quality.dialect import Unreadable
from monitoring.quality.page import page
from monitoring.quality.place import Shelf, alone
from monitoring.quality.report import Report, parse
from monitoring.quality.tabular import header_of

Row = dict[str, str]


def rows_in(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as content:
        return list(csv.DictReader(content))


def write(path: Path, rows: list[Row]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as content:
        lines = csv.DictWriter(content, list(rows[0]), lineterminator="\n")
        lines.writeheader()
        lines.writerows(rows)
    return path


def long(path: Path, task: Task, count: int) -> Path:
    return write(
        path,
        [
            {name: "" if value is None else str(value) for name, value in row.items()}
            for row in task.generate(count, seed=3)
        ],
    )


def changed(clean: Path, target: Path, change: Callable[[list[Row]], None]) -> Path:
    rows = rows_in(clean)
    change(rows)
    return write(target, rows)


def reasons_of(source: Path, task: Task, shelf: Shelf) -> dict[int, str]:
    report = check_file(source, terms_for(task), shelf)
    return {int(row[ROW]): row[REASONS] for row in rows_in(shelf.bad_file(source, report.digest))}


@pytest.fixture
def judged(clean: Path, tmp_path: Path, task: Task, shelf: Shelf) -> Callable[[str, str], dict[int, str]]:
    """The reasons by row when the fifth row has a text in a column."""

    def judge(column: str, text: str) -> dict[int, str]:
        def spoil(rows: list[Row]) -> None:
            rows[4][column] = text

        return reasons_of(changed(clean, tmp_path / "a.csv", spoil), task, shelf)

    return judge


@pytest.mark.parametrize(
    ("column", "text", "reason"),
    [
        ("company_size", "Oct-49", "type_error/spreadsheet_damage company_size"),
        ("company_size", "10000", "type_error/spreadsheet_damage company_size"),
        ("last_new_job", "1.0", "type_error/spreadsheet_damage last_new_job"),
        ("training_hours", "36.5", "type_error/not_whole training_hours"),
        ("training_hours", "nan", "type_error/not_finite training_hours"),
        ("training_hours", "1_0", "type_error/not_a_number training_hours"),
        ("training_hours", "36,5", "type_error/decimal_comma training_hours"),
        ("training_hours", "1001", "out_of_range/out_of_range training_hours"),
        ("city", "Berlin", "type_error/malformed city"),
        ("city", "  ", "missing_required/blank city"),
        ("gender", "male", "unknown_category/unknown_level gender"),
        ("target", "2", "unknown_category/unknown_label target"),
    ],
)
def test_each_case_has_its_word(
    judged: Callable[[str, str], dict[int, str]], column: str, text: str, reason: str
) -> None:
    assert judged(column, text) == {5: reason}


def test_what_is_allowed_to_be_blank_or_spaced_is_good(clean: Path, tmp_path: Path, task: Task, shelf: Shelf) -> None:
    def loosen(rows: list[Row]) -> None:
        rows[0] |= {"gender": "", "company_size": " ", "training_hours": " 36 "}

    assert reasons_of(changed(clean, tmp_path / "a.csv", loosen), task, shelf) == {}


def test_two_contradictions_are_found(clean: Path, tmp_path: Path, task: Task, shelf: Shelf) -> None:
    def contradict(rows: list[Row]) -> None:
        rows[0] |= {"education_level": "Primary School", "major_discipline": "STEM"}
        cities = [row["city"] for row in rows]
        place = next(index for index in range(1, len(rows)) if cities.count(cities[index]) > 5)
        rows[place]["city_development_index"] = "0.001"

    found = list(reasons_of(changed(clean, tmp_path / "a.csv", contradict), task, shelf).values())
    assert found == [
        "inconsistent_or_duplicate/school_with_major major_discipline",
        "inconsistent_or_duplicate/city_with_another_index city_development_index",
    ]


def test_an_id_counts_once_in_a_file_and_in_history(clean: Path, tmp_path: Path, task: Task, shelf: Shelf) -> None:
    def double(rows: list[Row]) -> None:
        rows[7]["enrollee_id"] = rows[2]["enrollee_id"]

    first = changed(clean, tmp_path / "first.csv", double)
    assert reasons_of(first, task, shelf) == {8: "inconsistent_or_duplicate/id_doubled enrollee_id"}
    second = write(tmp_path / "second.csv", rows_in(clean)[:10])
    found = reasons_of(second, task, shelf)
    # The eighth was set aside in the first file: nothing good is known under its own id.
    assert sorted(found) == [1, 2, 3, 4, 5, 6, 7, 9, 10]
    assert set(found.values()) == {"inconsistent_or_duplicate/id_in_history enrollee_id"}


def test_a_ragged_line_is_kept_with_its_fields(clean: Path, tmp_path: Path, task: Task, shelf: Shelf) -> None:
    lines = clean.read_text().splitlines()
    ragged = tmp_path / "ragged.csv"
    ragged.write_text("\n".join([*lines[:3], "a,b", "", *lines[3:]]) + "\n")
    report = check_file(ragged, terms_for(task), shelf)
    (bad,) = rows_in(shelf.bad_file(ragged, report.digest))
    assert bad[ROW] == "3"
    assert json.loads(bad[FIELDS]) == ["a", "b"]
    assert report.good == len(lines) - 1


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "no_header"),
        (b"\xff\xfe\x00", "other_encoding"),
        (b'"a', "unreadable"),
        (b"a\0b\n", "unreadable"),
        (b"Alice,Berlin\nBob,Paris\n", "column_missing"),
    ],
)
def test_what_is_no_such_file_is_held(tmp_path: Path, task: Task, shelf: Shelf, content: bytes, code: str) -> None:
    source = tmp_path / "odd.csv"
    source.write_bytes(content)
    report = check_file(source, terms_for(task), shelf)
    assert report.verdict == "held"
    assert code in {one.code for one in report.findings}
    assert "Alice" not in json.dumps(report.to_document())


def test_a_file_without_rows_is_held(clean: Path, tmp_path: Path, task: Task, shelf: Shelf) -> None:
    empty = tmp_path / "empty.csv"
    empty.write_text(clean.read_text().splitlines()[0] + "\n")
    assert [one.code for one in check_file(empty, terms_for(task), shelf).findings] == ["no_rows"]


def test_files_to_be_scored_need_no_target(clean: Path, tmp_path: Path, task: Task, shelf: Shelf) -> None:
    rows = [{name: text for name, text in row.items() if name != "target"} for row in rows_in(clean)]
    source = write(tmp_path / "people.csv", rows)
    assert check_file(source, terms_for(task, labelled=False), shelf).verdict == "good"


def test_a_new_city_is_a_warning_and_no_fault(clean: Path, tmp_path: Path, task: Task, shelf: Shelf) -> None:
    def move(rows: list[Row]) -> None:
        rows[0] |= {"city": "city_999", "city_development_index": "0.5"}

    moved = changed(clean, tmp_path / "moved.csv", move)
    report = check_file(moved, terms_for(task, like=clean), shelf)
    assert [(one.severity, one.code, one.count) for one in report.findings] == [("warning", "new_value", 1)]
    assert report.verdict == "good"


def test_the_reference_settles_what_a_city_is(clean: Path, tmp_path: Path, task: Task, shelf: Shelf) -> None:
    def shift_all(rows: list[Row]) -> None:
        for row in rows:
            if row["city"] == rows[0]["city"]:
                row["city_development_index"] = "0.111"

    shifted = changed(clean, tmp_path / "shifted.csv", shift_all)
    assert check_file(shifted, terms_for(task, like=clean), shelf).bad > 0


def test_a_reference_must_have_the_columns(tmp_path: Path, task: Task) -> None:
    odd = tmp_path / "odd.csv"
    odd.write_text("a,b\n1,2\n")
    with pytest.raises(Unreadable, match="cannot be a reference"):
        terms_for(task, like=odd)


def test_the_same_bytes_are_taken_once(clean: Path, tmp_path: Path, task: Task, shelf: Shelf) -> None:
    copy = tmp_path / "copy.csv"
    copy.write_bytes(clean.read_bytes())
    first, second = check_files([clean, copy], terms_for(task), shelf)
    assert (first.new, second.new) == (True, False)
    assert second.report == first.report
    assert len(list(shelf.good.glob("*.csv"))) == 1


def test_one_check_at_a_time(clean: Path, task: Task, shelf: Shelf) -> None:
    with alone(shelf.good), pytest.raises(Conflict):
        list(check_files([clean], terms_for(task), shelf))


def test_a_missing_file_is_named(tmp_path: Path, task: Task, shelf: Shelf) -> None:
    with pytest.raises(NotFound):
        check_file(tmp_path / "none.csv", terms_for(task), shelf)


def test_nothing_is_lost_and_nothing_twice(clean: Path, tmp_path: Path, task: Task, shelf: Shelf) -> None:
    def spoil(rows: list[Row]) -> None:
        for row in rows[::7]:
            row["training_hours"] = "-1"

    source = changed(clean, tmp_path / "a.csv", spoil)
    report = check_file(source, terms_for(task), shelf)
    good = rows_in(shelf.good_file(source, report.digest))
    bad = rows_in(shelf.bad_file(source, report.digest))
    names = header_of(source)
    both = [*good, *({name: row[name] for name in names} for row in bad)]
    assert sorted(tuple(row.values()) for row in both) == sorted(tuple(row.values()) for row in rows_in(source))
    assert (len(good), len(bad)) == (report.good, report.bad)


CANARY = "KANARIENVOGEL"


@pytest.mark.parametrize("name", ["job-change", "job-role"])
def test_no_value_of_any_field_shows_in_what_is_told(name: str, tmp_path: Path, shelf: Shelf) -> None:
    task = task_named(name)
    columns = [task.id_column, *task.schema.model_fields, task.target]
    rows = [{column: f"{CANARY}-{column}-{number}" for column in columns} for number in range(200)]
    planted = [write(tmp_path / "values.csv", rows)]
    planted.append(tmp_path / "headless.csv")
    planted[-1].write_text("\n".join(planted[0].read_text().splitlines()[1:]) + "\n")
    planted.append(tmp_path / "ragged.csv")
    planted[-1].write_text(planted[0].read_text() + f"{CANARY},{CANARY}\n")
    reports = [one.report for one in check_files(planted, terms_for(task), shelf)]
    told = [page(reports), *message_of(reports), *(json.dumps(one.to_document()) for one in reports)]
    assert all(CANARY not in text for text in told)
    journal = [path.read_text() for path in (shelf.good / ".journal").iterdir()]
    assert all(CANARY not in text for text in journal)


def test_a_report_comes_back_from_its_document(clean: Path, task: Task, shelf: Shelf) -> None:
    report = check_file(clean, terms_for(task), shelf)
    assert parse(json.dumps(report.to_document())) == report


def test_the_page_is_self_contained_and_escapes(task: Task) -> None:
    written = page([Report(task.name, "<b>raw.csv", "0" * 64)])
    assert "&lt;b&gt;raw.csv" in written
    assert "http" not in written.replace("http-equiv", "")
    assert "<script" not in written


def test_pictures_keep_the_size_of_their_text_on_a_telephone(clean: Path, task: Task, shelf: Shelf) -> None:
    written = page([check_file(clean, terms_for(task), shelf)])
    assert "<svg" not in written, "a picture that is scaled scales its text"
    assert '<i class="on" style="width: 100.0%"></i>' in written, "all rows are good"
    assert '<b style="left: 23.7%"></b>' in written, "where blanks of gender are expected"


@pytest.mark.parametrize(("rows", "word"), [(600, "changed"), (2_500, "grew")])
def test_a_file_that_somebody_still_writes_to_is_not_taken(
    tmp_path: Path, task: Task, shelf: Shelf, rows: int, word: str
) -> None:
    source = long(tmp_path / "incoming.csv", task, rows)

    def grow(split: int) -> None:
        with source.open("a") as content:
            content.write(source.read_text().splitlines()[-1] + "\n")

    with pytest.raises(Conflict, match=word):
        check_file(source, terms_for(task), shelf, on_rows=grow)
    assert shelf.passed() == []
    assert not [*shelf.good.glob("*.csv"), *shelf.bad.glob("*.csv")]


def test_it_is_told_how_many_rows_are_split(tmp_path: Path, task: Task, shelf: Shelf) -> None:
    heard: list[int] = []
    check_file(long(tmp_path / "long.csv", task, 2_500), terms_for(task), shelf, heard.append)
    assert heard == [1_000, 2_000, 2_500]


def test_a_shelf_that_cannot_be_written_is_named(clean: Path, task: Task, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("")
    with pytest.raises(InvalidInput, match="taken: cannot be written"):
        list(check_files([clean], terms_for(task), Shelf(taken, tmp_path / "bad")))


def test_a_file_that_no_check_put_among_the_good_ones_is_known(clean: Path, task: Task, shelf: Shelf) -> None:
    check_file(clean, terms_for(task), shelf)
    assert shelf.strays() == []
    (shelf.good / "people.csv").write_bytes(clean.read_bytes())
    assert shelf.strays() == ["people.csv"]


def test_lists_with_another_separator_are_told_row_by_row_and_by_their_share(tmp_path: Path, shelf: Shelf) -> None:
    task = task_named("job-role")
    rows = rows_in(long(tmp_path / "clean.csv", task, 120))
    for row in rows[:60]:
        row["skills"] = "Python, SQL"
    rows[60]["skills"] = "Python, SQL, Excel"
    report = check_file(write(tmp_path / "commas.csv", rows), terms_for(task), shelf)
    by_code = {one.code: one for one in report.findings}
    assert by_code["not_separated_by_semicolons"].rows == (61,)
    assert (by_code["list_of_one"].severity, by_code["list_of_one"].count) == ("alert", 60)
    learnt = terms_for(task, like=tmp_path / "commas.csv")
    assert learnt.reference.singles == {"skills": pytest.approx(61 / 120)}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x" * 257, "out_of_range/id_too_long enrollee_id"),
        ("a\x07b", "type_error/control_characters enrollee_id"),
        ("1.23E+15", "type_error/spreadsheet_damage enrollee_id"),
        ("36.0", "type_error/spreadsheet_damage enrollee_id"),
        ("\u00a0", "missing_required/blank enrollee_id"),
    ],
)
def test_an_id_that_no_other_door_takes_is_set_aside(
    judged: Callable[[str, str], dict[int, str]], text: str, reason: str
) -> None:
    assert judged("enrollee_id", text) == {5: reason}


@pytest.mark.parametrize(("one", "other"), [("Zo\u00eb-7", "Zoe\u0308-7"), ("c-17", "\u00a0c-17 ")])
def test_two_spellings_of_one_id_are_one_person(
    clean: Path, tmp_path: Path, task: Task, shelf: Shelf, one: str, other: str
) -> None:
    def double(rows: list[Row]) -> None:
        rows[4]["enrollee_id"], rows[9]["enrollee_id"] = one, other

    reasons = reasons_of(changed(clean, tmp_path / "a.csv", double), task, shelf)
    assert reasons == {10: "inconsistent_or_duplicate/id_doubled enrollee_id"}


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (lambda number: f"{123456789012345 + number}00", [("ids_rounded", 600)]),
        (lambda number: f"{number:05}" if number < 300 else str(number), [("zeros_lost", 300)]),
        (lambda number: f"{12345678901234567 + number}", []),
        (lambda number: str(number + 1), []),
        (lambda number: f"{number:05}", []),
        (lambda number: f"c-{number:05}", []),
    ],
    ids=["rounded", "zeros lost", "long", "numbers", "padded", "texts"],
)
def test_ids_that_a_spreadsheet_took_for_numbers_are_reported(
    clean: Path, task: Task, shelf: Shelf, ids: Callable[[int], str], expected: list[tuple[str, int]]
) -> None:
    def rename(rows: list[Row]) -> None:
        for number, row in enumerate(rows):
            row["enrollee_id"] = ids(number)

    report = check_file(changed(clean, clean.with_name("a.csv"), rename), terms_for(task), shelf)
    found = [one for one in report.findings if one.column == "enrollee_id"]
    assert [(one.code, one.count) for one in found] == expected
    assert all(one.severity == "alert" for one in found)
