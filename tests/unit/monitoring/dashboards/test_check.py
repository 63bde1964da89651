"""What the proof says of answers, of none, of NaN and of what is not understood; and what is drawn of them."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from contender.errors import InvalidInput
from monitoring.dashboards.check import Finding, check
from monitoring.dashboards.draw import Line, filled, named, number, picture
from monitoring.dashboards.page import page
from monitoring.dashboards.reading import Scope, Shown, Target, Variable, Written
from monitoring.prometheus import Found, Span

SPAN = Span(1_000.0, 1_060.0, 10.0)
SCOPE = Scope("job-change", rate_interval="20s")
GOOD = [Found({"arm": "champion"}, ((1_000.0, 1.0), (1_050.0, 2.0)))]


class Answers:
    """A Prometheus that knows some expressions; the others it does not understand."""

    def __init__(self, known: Mapping[str, list[Found]]) -> None:
        self.known = known

    def over(self, expression: str, span: Span) -> list[Found]:
        if expression not in self.known:
            raise InvalidInput("query", "parse error")
        return self.known[expression]

    def values(self, selector: str, label: str, span: Span) -> list[str]:
        return ["job-change"] if selector in self.known else []


def shown(expression: str, kind: str = "timeseries", unit: str = "short", *, names: bool = False) -> Shown:
    states = {"2": ("drift", "red")} if unit == "none" else {}
    return Shown("Panel", "What.", kind, unit, 8, (Target("A", expression, "{{arm}}", True),), states, names)


def board(*panels: Shown, marks: Mapping[str, str] | None = None) -> Written:
    return Written("uid", "Board", "About.", {"Row": panels}, (Variable("task", "up", "task"),), marks or {})


def states(findings: list[Finding]) -> list[str]:
    return [finding.state for finding in findings]


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (GOOD, "ok"),
        ([], "empty"),
        ([Found({}, ((1_000.0, math.nan), (1_010.0, math.inf)))], "nan"),
        ([Found({}, ((1_000.0, math.nan), (1_010.0, 1.0)))], "ok"),
    ],
)
def test_an_answer_is_good_when_some_value_is_a_number(found: list[Found], state: str) -> None:
    assert states(check([board(shown("q"))], Answers({"up": [], "q": found}), SCOPE, SPAN)) == ["ok", state]


def test_what_is_not_understood_is_broken_with_the_servers_words() -> None:
    finding = check([board(shown("sum("))], Answers({"up": []}), SCOPE, SPAN)[1]
    assert (finding.state, finding.reason) == ("broken", "query: parse error")


def test_a_variable_without_values_is_empty() -> None:
    assert states(check([board()], Answers({}), SCOPE, SPAN)) == ["empty"]


def test_that_nothing_happened_is_no_fault_of_a_mark() -> None:
    found = check([board(marks={"quiet": "a", "wrong": "b("})], Answers({"up": [], "a": []}), SCOPE, SPAN)
    assert states(found) == ["ok", "ok", "broken"]


def test_variables_are_filled_in() -> None:
    asked = 'x{task="$task",e=~"$experiment"}[$__rate_interval]'
    assert SCOPE.fill(asked) == 'x{task="job-change",e=~".+"}[20s]'


def test_series_are_named_and_values_that_are_none_left_out() -> None:
    found = [*GOOD, Found({"arm": "b"}, ((1_000.0, math.nan),))]
    assert named(found, "{{arm}} x") == [Line("champion x", GOOD[0].points)]
    assert filled("{{missing}} y", {}) == "y"


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        ("percentunit", 0.123, "12.3 %"),
        ("s", 0.0123, "12.3 ms"),
        ("s", 7_200.0, "2 h"),
        ("bytes", 3 * 2**20, "3 MiB"),
        ("ops", 12.0, "12/s"),
        ("short", 12_345.0, "12.3k"),
        ("short", 0.5, "0.5"),
    ],
)
def test_values_are_written_in_their_unit(unit: str, value: float, text: str) -> None:
    assert number(unit)(value) == text


def test_a_gap_breaks_the_line() -> None:
    lines = [Line("a", ((1_000.0, 1.0), (1_010.0, 1.0), (1_050.0, 2.0)))]
    assert picture(lines, SPAN, "short", 0.0, 400).count("M") == 2


def test_too_many_lines_are_counted() -> None:
    lines = [Line(f"line {place}", ((1_000.0, float(place)),)) for place in range(15)]
    drawn = picture(lines, SPAN, "short", None, 400)
    assert "and 3 more" in drawn
    assert drawn.count("<path") == 12


def test_labels_are_escaped() -> None:
    evil = "<script>alert(1)</script>"
    found = [Found({"arm": evil}, ((1_000.0, 1.0), (1_060.0, 1.0)))]
    panels = [shown("q"), shown("q", "table"), shown("q", "stat", names=True)]
    text = page([board(*panels)], Answers({"q": found}), SCOPE, SPAN)
    assert evil not in text
    assert text.count("&lt;script&gt;") >= 3


def test_a_page_shows_figures_words_and_what_is_missing() -> None:
    known = {"q": [Found({}, ((1_060.0, 2.0),))], "old": [Found({}, ((1_000.0, 2.0),))]}
    panels = [shown("q", "stat"), shown("q", "stat", "none"), shown("old", "stat")]
    text = page([board(*panels)], Answers(known), SCOPE, SPAN)
    assert '<p class="figure text">2</p>' in text
    assert '<p class="figure red">drift</p>' in text
    assert text.count("no data") == 1
