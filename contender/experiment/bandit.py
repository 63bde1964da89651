"""Thompson sampling: shares that follow what was learnt. Off: nothing in the release uses it.

`docs/statistics.md` says why: shares that follow rewards bias the arms' means, make the sample ratio a consequence of
the outcomes instead of a check on them, and move people between arms.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from contender.errors import InvalidInput
from contender.experiment.data import Sample
from contender.experiment.ranges import check_count


def thompson_shares(
    rewards: Mapping[str, Sample], rng: np.random.Generator, floor: float = 0.1, draws: int = 10_000
) -> dict[str, float]:
    """The share of each arm: the posterior probability that it is the best, but at least `floor`; they sum to 1.

    Rewards lie in [0, 1]; each arm has a Beta posterior over its mean with a uniform prior, fractional rewards counted
    as fractional successes (Agrawal and Goyal 2012, COLT, algorithm 2), conservative for rewards that vary less than
    0 and 1 do.

    Raises:
        InvalidInput: no arm, floors that leave nothing to learn by, or rewards outside [0, 1].

    >>> shares = thompson_shares({"a": Sample(90, 45.0, 45.0), "b": Sample(90, 80.0, 80.0)}, np.random.default_rng(0))
    >>> shares
    {'a': 0.1, 'b': 0.9}
    """
    if not rewards or not 0.0 <= floor * len(rewards) < 1.0:
        raise InvalidInput("floor", f"{floor:g} for each of {len(rewards)} arms leaves nothing to give by reward")
    for sample in rewards.values():
        check_count("rewards", sample.total, sample.n)
    hits = [1.0 + sample.total for sample in rewards.values()]
    misses = [1.0 + sample.n - sample.total for sample in rewards.values()]
    best = rng.beta(hits, misses, (draws, len(rewards))).argmax(axis=1)
    free = 1.0 - floor * len(rewards)
    won = np.bincount(best, minlength=len(rewards)) / draws
    return {name: float(floor + free * part) for name, part in zip(rewards, won, strict=True)}
