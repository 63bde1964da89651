"""The conditions under which verdicts are simulated: cells of `peeking_cells.toml`, and how their list came about.

Every pair of values of two conditions occurs in some cell (a pairwise covering array); the cells V1 to V16 have each
one condition under which an earlier judge erred, the others an effect.

``python -m benchmarks.peeking_cells`` prints a new covering array, for when a condition is added.
"""

from __future__ import annotations

import itertools
import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

FILE: Final = Path(__file__).with_name("peeking_cells.toml")

Expected = Literal["nothing", "promote", "roll back", "unsound"]
"""What is there to be found: no effect at all, a better or a worse challenger, or a fault of the experiment."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One condition under which experiments are simulated.

    `people` come `visits` times each within `days`. The challengers' share grows to `share` of all people by the parts
    of it in `ramp`. `reward` names the distribution of values: ``bernoulli`` with that `rate`, ``lognormal`` (zero for
    all but `rate` of the people, cut at a cap) or ``brier``. With `proportion` it is an event, such as a click, that is
    worth 0 where none came; else it is judged by a truth that `missing` of the people never give.

    From step to step of the ramp, without one with time, the rate grows by the part `rate_drift` of itself, the rate of
    reviews by `review_drift`, the selection rate of the second group, `group_rate`, by `group_drift`. `late` says what
    the delays of outcomes depend on. Of all people the part `follow` does what the answer says. `tilt` is how much a
    value depends on the baseline's score. `price` is the plan's price of a review; None for the rate. `full` adds
    protected groups, a favourable label and a user's guardrail. The records of `bots` units are wrong.

    The challenger's differences: `effect` on the rate (of ``brier``: the part of what is missing to 1 that it makes
    good), `slow`, `fallback` and `review` more than the champion, `loss` of its exposures, `silent` more of its people
    who never give the truth, `selected` times the champion's selections of the second group. Of what is `expected`, at
    least `goal` of the experiments must find it.
    """

    name: str
    visits: int = 1
    ramp: tuple[float, ...] = (1.0,)
    share: float = 0.5
    reward: str = "bernoulli"
    rate: float = 0.3
    proportion: bool = False
    rate_drift: float = 0.0
    review_drift: float = 0.0
    group_rate: float = 0.0
    group_drift: float = 0.0
    late: str = "no"
    follow: float = 0.0
    covariate: bool = False
    tilt: float = 0.6
    challengers: int = 1
    full: bool = False
    people: int = 10_000
    days: float = 60.0
    window_days: float = 14.0
    missing: float = 0.3
    reviews: float = 0.1
    price: float | None = None
    restarts: int = 0
    min_units: int = 250
    effect: float = 0.0
    slow: float = 0.0
    fallback: float = 0.0
    review: float = 0.0
    loss: float = 0.0
    silent: float = 0.0
    selected: float = 1.0
    bots: int = 0
    expected: Expected = "nothing"
    goal: float = 0.0

    @property
    def observed(self) -> bool:
        """Whether a truth must come: an event is worth 0 where none came."""
        return not self.proportion and self.reward != "lognormal"

    @property
    def mean_price(self) -> float:
        """The price of a review."""
        return self.rate if self.price is None else self.price


def read_cells(file: Path = FILE) -> dict[str, Cell]:
    """All cells by name.

    Raises:
        ValueError: a name that occurs twice, or a field that cells do not have.
    """
    found: dict[str, Cell] = {}
    for row in tomllib.loads(file.read_text())["cell"]:
        unknown = set(row) - {field.name for field in fields(Cell)}
        if unknown or row["name"] in found:
            raise ValueError(f"{row['name']}: {sorted(unknown) or 'occurs twice'}")
        found[row["name"]] = Cell(**row | ({"ramp": tuple(row["ramp"])} if "ramp" in row else {}))
    return found


CONDITIONS: Final[Mapping[str, tuple[Mapping[str, Any], ...]]] = {
    "visits": tuple({"visits": visits} for visits in (1, 3, 6, 12)),
    "ramp": ({"ramp": [1.0]}, {"ramp": [0.2, 1.0]}, {"ramp": [0.02, 0.2, 1.0]}),
    "share": tuple({"share": share} for share in (0.05, 0.1, 0.25, 0.5)),
    "reward": (
        *(
            {"reward": "bernoulli", "rate": rate, "proportion": event}
            for event in (False, True)
            for rate in (0.002, 0.005, 0.02, 0.3, 0.98, 0.995)
        ),
        {"reward": "lognormal", "rate": 0.02},
        {"reward": "brier"},
    ),
    "rate_drift": ({"rate_drift": 0.0}, {"rate_drift": 0.5}),
    "review_drift": ({"review_drift": 0.0}, {"review_drift": 0.3}),
    "late": tuple({"late": late} for late in ("no", "arm", "value", "arm and value")),
    "follow": tuple({"follow": part} for part in (0.0, 0.1, 0.4)),
    "covariate": ({"covariate": False}, {"covariate": True}),
    "challengers": ({"challengers": 1}, {"challengers": 3}),
    "full": ({"full": False}, {"full": True}),
}
"""The conditions that are combined; the first of each is the plain one."""

Row = tuple[int, ...]


def covering_rows(seed: int = 0, attempts: int = 60) -> list[Row]:
    """Rows of one index for each of `CONDITIONS`, such that every pair of two conditions' values is in some row.

    Greedy: each next row is the best of `attempts` that are filled condition by condition in random order.
    """
    sizes = [len(values) for values in CONDITIONS.values()]
    rng = np.random.default_rng(seed)
    open_pairs = {
        ((one, a), (two, b))
        for one, two in itertools.combinations(range(len(sizes)), 2)
        for a in range(sizes[one])
        for b in range(sizes[two])
    }
    rows = []
    while open_pairs:
        row = max(
            (_fill(sizes, open_pairs, rng) for _ in range(attempts)), key=lambda one: len(_pairs(one) & open_pairs)
        )
        open_pairs -= _pairs(row)
        rows.append(row)
    return rows


def _pairs(row: Row) -> set[tuple[tuple[int, int], tuple[int, int]]]:
    return set(itertools.combinations(enumerate(row), 2))


def _fill(sizes: list[int], open_pairs: set[tuple[tuple[int, int], tuple[int, int]]], rng: np.random.Generator) -> Row:
    chosen: dict[int, int] = {}
    for place in rng.permutation(len(sizes)).tolist():
        gains = []
        for value in range(sizes[place]):
            mine = (place, value)
            gains.append(sum(tuple(sorted((mine, other))) in open_pairs for other in chosen.items()))
        best = [value for value, gain in enumerate(gains) if gain == max(gains)]
        chosen[place] = int(rng.choice(best))
    return tuple(chosen[place] for place in range(len(sizes)))


def as_toml(rows: list[Row]) -> Iterator[str]:
    """The rows as cells of the file."""
    for number, row in enumerate(rows, start=1):
        terms: dict[str, Any] = {"name": f"pair-{number:02}"}
        for values, index in zip(CONDITIONS.values(), row, strict=True):
            terms |= values[index]
        terms["people"] = people_for(terms)
        yield "[[cell]]\n" + "".join(f"{name} = {_literal(value)}\n" for name, value in terms.items())


def people_for(terms: Mapping[str, Any]) -> int:
    """So many people that each challenger gets some 500 with a value."""
    covered = 0.8 if len(terms["ramp"]) > 1 and terms["visits"] == 1 else 1.0
    least = float(500 * terms["challengers"] / terms["share"] / covered)
    return max(10_000, 1_000 * math.ceil(least / 1_000))


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else f"{value:_}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    print("\n".join(as_toml(covering_rows())))
