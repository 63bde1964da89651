"""Axes put values where they belong, and pictures stay inside their frame."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.dossier import pictures
from cli.dossier.axis import Axis, around
from cli.dossier.pictures import Bar, Caption, Limit, Point

CAPTION = Caption("it", "Title", "In words.")
EFFECTS = st.floats(-1, 1)


def coordinates(svg: str, name: str) -> list[float]:
    return [float(value) for value in re.findall(rf' {name}="(-?[\d.]+)"', svg)]


def test_values_map_linearly_and_stop_at_the_edge() -> None:
    axis = Axis(0.0, 2.0, 100, 300)
    assert [axis.at(value) for value in (-1, 0, 1, 2, 5)] == [100, 100, 200, 300, 300]


@given(st.floats(-1e3, 1e3), st.floats(1e-6, 1e3))
def test_ticks_are_few_even_and_inside(low: float, width: float) -> None:
    axis = Axis(low, low + width, 0, 100)
    ticks = axis.ticks()
    assert 1 <= len(ticks) <= 7
    assert all(low - width * 1e-6 <= tick <= low + width * (1 + 1e-6) for tick in ticks)
    steps = [after - before for before, after in pairwise(ticks)]
    assert all(step == pytest.approx(steps[0], abs=width * 1e-6) for step in steps)


@given(st.lists(EFFECTS, min_size=1, max_size=5))
def test_around_holds_all_values(values: list[float]) -> None:
    axis = around(values, 0, 100)
    assert axis.low < min(values)
    assert axis.high > max(values)


@given(st.lists(st.tuples(EFFECTS, st.floats(0.0, 1.0)), min_size=1, max_size=8))
def test_the_course_of_looks_stays_inside_the_picture(seen: list[tuple[float, float]]) -> None:
    points = [Point(100 * n, at, at - half, at + half) for n, (at, half) in enumerate(seen, start=1)]
    svg = pictures.over_time(points, 0.02, CAPTION)
    assert all(0 <= x <= pictures.WIDTH for x in coordinates(svg, "cx"))
    assert all(20 <= y <= 240 for y in coordinates(svg, "cy"))


def test_a_better_challenger_lies_right_of_zero() -> None:
    svg = pictures.effect(Bar("", 0.03, 0.01, 0.05, "good"), 0.02, CAPTION)
    zero = float(re.findall(r'<line x1="([\d.]+)"[^>]*class="zero"', svg)[0])
    assert coordinates(svg, "cx")[0] > zero


def test_a_breached_limit_lies_beyond_its_bound_and_is_marked() -> None:
    held, broken = Limit("review", 0.1, 0.15, 0.1, False), Limit("fallback", 0.0, 0.3, 0.01, True)
    assert "dot bad" not in pictures.limits([held], CAPTION)
    svg = pictures.limits([broken], CAPTION)
    bound = float(re.findall(r'<line x1="([\d.]+)"[^>]*class="bound"', svg)[0])
    assert "dot bad" in svg
    assert coordinates(svg, "cx")[-1] > bound


def test_a_limit_without_a_margin_has_no_bound() -> None:
    assert "bound" not in pictures.limits([Limit("x", 0.0, 0.0, None, False)], CAPTION)


def test_ratios_show_the_four_fifths_line() -> None:
    svg = pictures.ratios([Bar("Female", 0.7, 0.6, 5.0, "bad"), Bar("Male", 1.0, 1.0, 1.0)], 0.8, CAPTION)
    bound = float(re.findall(r'<line x1="([\d.]+)"[^>]*class="bound"', svg)[0])
    female, male = coordinates(svg, "cx")
    assert female < bound < male
