"""Which arm a unit belongs to: the same person always in the same arm, on every machine, without a table.

Bucketing is GrowthBook's public hash, version 2 (https://docs.growthbook.io/lib/build-your-own#hashing), over the
UTF-8 bytes of salt and id. Ids are brought to Unicode form NFC first, so that an é typed as one code point or as two
is the same person; nothing else is touched here: case and blanks are part of what is hashed. Blanks at the ends of an
id are cut off where it comes in (`contender.units`), never in the hash. Lone surrogates, which JSON can carry, are
hashed as the three bytes they would have.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from contender.errors import InvalidInput
from contender.routing import BUCKETS, Routing, covered
from contender.values import CHAMPION, UNASSIGNED

_OFFSET: Final = 2166136261
_PRIME: Final = 16777619
_MASK: Final = 0xFFFFFFFF

Range = tuple[float, float]
"""The part [low, high) of [0, 1)."""


class Split(NamedTuple):
    """Champion and challenger as two ranges that tile [0, 1)."""

    champion: Range
    challenger: Range


class Assignment(NamedTuple):
    """Whose unit it is, and whether it counts in the experiment."""

    arm: str
    counted: bool


NOBODY: Final = Assignment(UNASSIGNED, counted=False)
"""Who has no id: served by the champion, and in no arm."""

_OUTSIDE: Final = Assignment(CHAMPION, counted=False)


def assign(routing: Routing, unit_id: str | None) -> Assignment:
    """The arm that owns the unit's bucket, if the experiment covers it; else the champion, and the unit does not count.

    ``unassigned`` without an id.
    """
    if not unit_id:
        return NOBODY
    if routing.experiment is None:
        return _OUTSIDE
    point = bucket(routing.experiment.salt, unit_id)
    for arm in routing.arms:
        if arm.low <= point < arm.high:
            return _member(arm.name) if point < arm.covered else _OUTSIDE
    return _OUTSIDE


def bucket(salt: str, unit_id: str) -> float:
    """The unit's place in [0, 1), a multiple of 1 / `BUCKETS`; GrowthBook's hash version 2.

    >>> bucket("seed", "a")
    0.0505
    """
    inner = _continue(_salted(salt), _bytes(unit_id))
    return _continue(_OFFSET, b"%d" % inner) % BUCKETS / BUCKETS


def hash_unit(seed: str, unit_id: str, version: int) -> float | None:
    """GrowthBook's hash of that version in [0, 1): 2 is `bucket`, 1 is the older one; None for a version unknown.

    >>> hash_unit("ef", "d", 1)
    0.652
    """
    if version == 2:
        return bucket(seed, unit_id)
    if version == 1:
        return _continue(_OFFSET, _bytes(unit_id) + _bytes(seed)) % 1000 / 1000
    return None


def split(challenger_share: float) -> Split:
    """The two ranges that give the challenger `challenger_share` of all units, to the nearest bucket.

    The challenger owns the top and grows downwards: of two shares the larger holds everyone whom the smaller held,
    so a ramp moves nobody back and forth.

    Raises:
        InvalidInput: the share does not lie in [0, 1].

    >>> split(0.1)
    Split(champion=(0.0, 0.9), challenger=(0.9, 1.0))
    """
    if not 0.0 <= challenger_share <= 1.0:
        raise InvalidInput("challenger_share", f"must lie in [0, 1], is {challenger_share}")
    edge = (BUCKETS - round(challenger_share * BUCKETS)) / BUCKETS
    return Split((0.0, edge), (edge, 1.0))


def split_among(challengers_share: float, names: Sequence[str]) -> dict[str, Range]:
    """The ranges of the champion and of several challengers that divide `challengers_share` evenly, to the bucket.

    Only who is covered ramps: were the share itself to grow, people would move from one challenger to the next.

    Raises:
        InvalidInput: the share does not lie in [0, 1], or there is no challenger.

    >>> split_among(0.4, ["first", "second"])
    {'champion': (0.0, 0.6), 'first': (0.6, 0.8), 'second': (0.8, 1.0)}
    """
    if not names:
        raise InvalidInput("names", "must name a challenger")
    top = split(challengers_share).champion[1]
    first = round(top * BUCKETS)
    edges = [(first + (BUCKETS - first) * at // len(names)) / BUCKETS for at in range(len(names) + 1)]
    return {CHAMPION: (0.0, top)} | dict(zip(names, pairwise(edges), strict=True))


def final_ranges(share: float, names: Sequence[str]) -> dict[str, Range]:
    """The arms' ranges of an experiment that ends with `share` for its challengers: they stand from its first step on.

    The champion comes first, with what is left; the challengers divide `share` evenly, to the bucket.

    Raises:
        InvalidInput: the share does not lie in [0, 1], or there is no challenger.

    >>> final_ranges(0.5, ["challenger"])
    {'champion': (0.0, 0.5), 'challenger': (0.5, 1.0)}
    """
    return split_among(share, names)


def covered_shares(ranges: Mapping[str, Range], coverage: float) -> dict[str, float]:
    """Each arm's part of all units that are covered, which sum to 1: the same at every coverage, but for rounding.

    >>> covered_shares({"champion": (0.0, 0.9), "challenger": (0.9, 1.0)}, 0.1)
    {'champion': 0.9, 'challenger': 0.1}
    """
    widths = {name: round((covered(low, high, coverage) - low) * BUCKETS) for name, (low, high) in ranges.items()}
    total = sum(widths.values())
    return {name: width / total if total else 0.0 for name, width in widths.items()}


def bucket_ranges(count: int, coverage: float = 1.0, weights: Sequence[float] | None = None) -> tuple[Range, ...]:
    """The range of each of `count` variations, by GrowthBook's ``getBucketRange``.

    `coverage`, clamped to [0, 1], is the part of each variation's own stretch that it really gets. `weights` that are
    not `count` many, or do not sum to 1 within 0.01, are replaced by equal ones.

    >>> bucket_ranges(2, 0.5)
    ((0.0, 0.25), (0.5, 0.75))
    """
    coverage = min(max(coverage, 0.0), 1.0)
    if weights is None or len(weights) != count or abs(sum(weights) - 1.0) > 0.01:
        weights = [1 / count] * count
    starts = [sum(weights[:index], 0.0) for index in range(count)]
    return tuple((start, start + coverage * weight) for start, weight in zip(starts, weights, strict=True))


def choose(point: float, ranges: Sequence[Range]) -> int:
    """The index of the first of `ranges` that holds `point`, or -1: GrowthBook's ``chooseVariation``.

    >>> choose(0.6, bucket_ranges(2))
    1
    """
    return next((index for index, (low, high) in enumerate(ranges) if low <= point < high), -1)


@lru_cache(maxsize=256)
def _member(arm: str) -> Assignment:
    """Kept by name: making one for every request would take a tenth as long as the hash."""
    return Assignment(arm, counted=True)


def _bytes(text: str) -> bytes:
    if text.isascii():
        return text.encode()
    return unicodedata.normalize("NFC", text).encode("utf-8", "surrogatepass")


def _continue(state: int, content: bytes) -> int:
    """FNV-1a, 32 bits, over `content` from `state` on."""
    for byte in content:
        state = (state ^ byte) * _PRIME & _MASK
    return state


@lru_cache(maxsize=256)
def _salted(salt: str) -> int:
    """The hash after the salt, which is the same for every unit of an experiment."""
    return _continue(_OFFSET, _bytes(salt))
