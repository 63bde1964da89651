"""The simulated people have the rates that their cell states, and nobody is seen before it is time."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.peeking_cells import Cell
from benchmarks.peeking_counts import count
from benchmarks.peeking_data import arm_names, data_at
from benchmarks.peeking_people import LOOKS, NEVER, People, deal, draw
from contender.experiment.assignment import covered_shares, final_ranges

PLAIN = Cell("plain", missing=0.0, reviews=0.0)


def people_of(cell: Cell, experiments: int = 10, seed: int = 0) -> People:
    return draw(cell, experiments, np.random.default_rng(seed))


@pytest.mark.parametrize("rate", [0.002, 0.3, 0.995])
@pytest.mark.parametrize("visits", [1, 6])
def test_values_have_the_rate(rate: float, visits: int) -> None:
    value = people_of(replace(PLAIN, rate=rate, visits=visits)).value
    assert value.mean() == pytest.approx(rate, abs=4 * (rate * (1 - rate) / len(value)) ** 0.5)


def test_the_effect_is_the_challengers() -> None:
    people = people_of(replace(PLAIN, rate=0.3, effect=0.1))
    means = [people.value[people.arm == arm].mean() for arm in (0, 1)]
    assert means[1] - means[0] == pytest.approx(0.1, abs=0.01)


def test_shares_are_those_of_the_ranges_in_every_phase() -> None:
    cell = replace(PLAIN, share=0.1, ramp=(0.02, 0.2, 1.0), visits=12)
    people = people_of(cell)
    for step, shares in enumerate(deal(cell).shares):
        arms = people.arm[people.step == step]
        assert shares[1] == pytest.approx(0.1, abs=0.002)
        assert (arms > 0).mean() == pytest.approx(shares[1], abs=4 * (0.09 / len(arms)) ** 0.5)


@pytest.mark.parametrize(("share", "challengers"), [(0.5, 1), (0.05, 1), (0.05, 3), (0.3, 3)])
@pytest.mark.parametrize("ramp", [(1.0,), (0.2, 1.0), (0.02, 0.2, 1.0)])
def test_buckets_are_dealt_as_the_product_deals_them(share: float, challengers: int, ramp: tuple[float, ...]) -> None:
    cell = replace(PLAIN, share=share, challengers=challengers, ramp=ramp)
    ranges = final_ranges(share, arm_names(cell)[1:])
    for shares, coverage in zip(deal(cell).shares, ramp, strict=True):
        assert shares.tolist() == pytest.approx(list(covered_shares(ranges, coverage).values()))


def test_nobody_is_counted_before_being_covered() -> None:
    cell = replace(PLAIN, ramp=(0.2, 1.0), visits=1)
    people = people_of(cell)
    # A fifth of those who come before the second step, all of those who come after it.
    assert len(people.arm) == pytest.approx(10 * cell.people * (0.4 * 0.2 + 0.6), rel=0.02)
    assert (people.step == 0).mean() == pytest.approx(0.08 / 0.68, abs=0.01)


def test_a_value_is_final_a_window_after_the_first_exposure() -> None:
    people = people_of(PLAIN)
    days = PLAIN.days + PLAIN.window_days
    looks = PLAIN.window_days / days * LOOKS
    assert np.all(people.final - people.look >= np.floor(looks))
    assert np.all(people.final - people.look <= np.ceil(looks) + 1)
    assert people.final.max() == LOOKS - 1


def test_who_comes_more_often_meets_more_incidents() -> None:
    once, often = (people_of(replace(PLAIN, visits=visits)) for visits in (1, 12))
    assert (once.slow < NEVER).mean() == pytest.approx(0.05, abs=0.005)
    assert (often.slow < NEVER).mean() == pytest.approx(1 - 0.95**12, abs=0.01)
    assert np.all(often.slow >= often.look)


def test_reviews_are_priced_and_truths_are_missing() -> None:
    people = people_of(Cell("reviewed", rate=0.3, price=0.75, missing=0.25, reviews=0.2, follow=0.1))
    assert people.reviewed.mean() == pytest.approx(0.2, abs=0.01)
    assert np.all(people.value[people.reviewed] == 0.75)
    assert np.isnan(people.value[~people.reviewed]).mean() == pytest.approx(0.25, abs=0.01)


def test_losses_and_late_outcomes_are_the_challengers() -> None:
    people = people_of(replace(PLAIN, loss=0.2, late="one arm"))
    assert (people.arm > 0).mean() == pytest.approx(0.8 / 1.8, abs=0.005)
    waits = [np.mean((people.came - people.look)[people.arm == arm]) for arm in (0, 1)]
    assert waits[1] > 5 * waits[0]
    assert np.all(people.came <= people.final)


def test_counts_are_running_totals_of_the_people() -> None:
    cell = Cell("all", visits=3, ramp=(0.2, 1.0), challengers=3, share=0.6, full=True, covariate=True)
    people = people_of(cell, experiments=2)
    data = data_at(cell, count(cell, people, 2), 1, 60)
    mine = (people.experiment == 1) & (people.arm == 2)
    seen = mine & (people.look <= 60)
    final = mine & (people.final <= 60)
    arm = data.arms["challenger-2"]
    assert arm.assigned == seen.sum() == sum(phase.units["challenger-2"] for phase in data.phases)
    assert arm.slow_units == (mine & (people.slow <= 60)).sum()
    assert arm.review_units == (seen & people.reviewed_first).sum()
    metric = arm.metric("reward")
    known = final & ~people.reviewed & ~np.isnan(people.value)
    assert (metric.matured, metric.reviewed) == (final.sum(), (final & people.reviewed).sum())
    assert metric.value == pytest.approx((known.sum(), people.value[known].sum(), (people.value[known] ** 2).sum()))
    assert sum(sample.n for sample in arm.strata.values()) == metric.value.n + metric.reviewed
    assert sum(arm.covariate_units.values()) == metric.matured
    group = arm.groups["gender=b"]
    inside = seen & (people.group == 1)
    assert (group.units, group.selected) == (inside.sum(), (inside & people.selected).sum())
