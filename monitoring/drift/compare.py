"""Two samples of one signal: by how much they differ, and whether chance explains it.

Every distance is in the signal's own, fixed unit, so that it means the same whatever the size of the window: the share
of people who would have to be different (columns), or the difference of two means. Every p-value takes both samples'
sizes into account, which a distance with a fixed threshold does not: a small window is far from anything by chance.

`size` is what the window counts for: as many rows as it has, or fewer where some are copies of others.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from contender.errors import InvalidInput

LEAST_EXPECTED: Final = 5.0
"""Levels expected less often than this in either sample are judged together: the chi-square law needs it."""

FREE_TEXT_SHARE: Final = 0.5
"""A text column whose values are mostly different lists things: it is compared word by word of the list."""

MOST_WORDS: Final = 200
"""The words of a list that are compared: those most frequent in the two samples."""

GRID: Final = 30
LEAST_SHOWN: Final = 5
OTHER: Final = "(other)"
"""How coarse a picture is: `pictured`."""

BINS: Final = 5
LEAST_IN_BIN: Final = 20
"""Levels of confidence, and the answers that each has at least."""

SURE: Final = 1e-5
"""A p-value that stays small after any correction that a verdict makes."""

_SEPARATORS: Final = re.compile(r"[;\n|]")

Values = Sequence[object]


class Compared(NamedTuple):
    """How far a window is from the reference, and how likely that is by chance alone.

    `reference` and `window` are what a person may look at: a mean or median, or the share of the level that moved
    most, which `what` names in words of ours; never a value that somebody sent.
    """

    distance: float
    p: float
    reference: float
    window: float
    what: str


def column(reference: Values, window: Values, size: float) -> Compared:
    """One column, compared as what the reference says it is: numbers, lists in a text, or levels.

    Raises:
        InvalidInput: numbers are expected and something else came.
    """
    if _numeric(reference):
        return _with_blanks(numbers, reference, window, size)
    if _is_list(reference):
        return _with_blanks(words, reference, window, size)
    return levels(reference, window, size)


def numbers(reference: Values, window: Values, size: float) -> Compared:
    """Kolmogorov and Smirnov's largest difference of the two distribution functions, with its asymptotic p-value.

    Smirnov, Table for estimating the goodness of fit of empirical distributions, Annals of Mathematical Statistics 19
    (1948); conservative where values are tied.
    """
    first, second = np.sort(_floats(reference)), np.sort(_floats(window))
    both = np.concatenate([first, second])
    below = [np.searchsorted(sample, both, side="right") / len(sample) for sample in (first, second)]
    distance = float(np.max(np.abs(below[0] - below[1])))
    p = kolmogorov_p(distance, len(first), size)
    # Of a window that is one value over and over the median is that value: told to three digits, it is nobody's.
    before, now = (float(f"{np.median(sample):.3g}") for sample in (first, second))
    return Compared(distance, p, before, now, "median")


def kolmogorov_p(distance: float, first: float, second: float) -> float:
    """The chance of at least this distance between samples of one continuous distribution; sizes may differ.

    The limit law's series with Stephens's correction for small samples (Journal of the Royal Statistical Society B
    32, 1970): λ = D·(√n + 0.12 + 0.11/√n), n = n₁n₂/(n₁+n₂).
    """
    root = math.sqrt(first * second / (first + second))
    scaled = distance * (root + 0.12 + 0.11 / root)
    if scaled < 0.3:
        return 1.0
    total = math.fsum((-1.0) ** (k - 1) * math.exp(-2.0 * (k * scaled) ** 2) for k in range(1, 40))
    return min(1.0, max(0.0, 2.0 * total))


def levels(reference: Values, window: Values, size: float) -> Compared:
    """The total variation distance of two samples of levels, blanks being one, with Pearson's chi-square p-value.

    Levels too rare to be judged alone count as one, those that the reference has never seen among them.
    """
    counts = np.array(_counted(reference, window, size), dtype=np.float64)
    shares = counts / counts.sum(axis=1, keepdims=True)
    moved = int(np.argmax(np.abs(shares[1] - shares[0])))
    distance = float(np.abs(shares[1] - shares[0]).sum() / 2)
    return Compared(
        distance, _chi_square_p(counts), float(shares[0, moved]), float(shares[1, moved]), "share of a level"
    )


def words(reference: Values, window: Values, size: float) -> Compared:
    """The largest change of the share of rows whose list holds a word; p-value corrected for the number of words.

    Counted by row, not by word: what one person lists is not independent.
    """
    lists = [[_listed(text) for text in sample] for sample in (reference, window)]
    held = [Counter(word for listed in sample for word in listed) for sample in lists]
    of = (len(reference), len(window))
    compared = [
        _share(held[0][word] / of[0], held[1][word] / of[1], of[0], size)._replace(what="share of a word")
        for word, _ in (held[0] + held[1]).most_common(MOST_WORDS)
    ]
    before, after = ([len(listed) for listed in sample] for sample in lists)
    lengths = numbers(before, after, size)
    return worst([*compared, lengths._replace(what="words a list")])


def means(reference: Values, window: Values, size: float) -> Compared:
    """The difference of two means, with Welch's test under the normal law: for samples of at least some thirty.

    Welch, The generalization of Student's problem when several different population variances are involved, Biometrika
    34 (1947).
    """
    first, second = _floats(reference), _floats(window)
    difference = float(second.mean() - first.mean())
    error = math.sqrt(first.var(ddof=1) / len(first) + second.var(ddof=1) / size)
    if not error:
        p = 1.0 if math.isclose(difference, 0.0, abs_tol=1e-12) else 0.0
    else:
        p = math.erfc(abs(difference) / error / math.sqrt(2.0))
    return Compared(abs(difference), p, float(first.mean()), float(second.mean()), "mean")


def by_confidence(reference: tuple[Values, Values], window: tuple[Values, Values]) -> Compared:
    """How much further off answers are than in the reference, level of confidence by level; each is (confidence, gap).

    A gap is success (0 or 1) minus confidence. The levels are `BINS` of equally many answers of the reference, joined
    where either sample has fewer than `LEAST_IN_BIN`. The distance is the root of the mean squared change of a level's
    gap, less what chance alone adds to it (Kumar, Liang and Ma, Verified uncertainty calibration, NeurIPS 2019): too
    sure above and not sure enough below do not cancel out. The p-value is chi-square's, a degree a level.
    """
    from scipy.special import gammaincc

    before, now = ([_floats(values) for values in sample] for sample in (reference, window))
    edges = _edges(before[0], now[0])
    changes, noise, counts = np.array(
        [_changed(first, second) for first, second in zip(_cut(before, edges), _cut(now, edges), strict=True)]
    ).T
    beyond = float(np.average(changes**2 - noise, weights=counts))
    p = float(gammaincc(len(changes) / 2.0, float((changes**2 / noise).sum()) / 2.0))
    worst_level = int(np.argmax(changes**2 / noise))
    gaps = [float(_cut(sample, edges)[worst_level].mean()) for sample in (before, now)]
    return Compared(math.sqrt(max(0.0, beyond)), p, gaps[0], gaps[1], "success minus confidence at a level of it")


def _edges(before: NDArray[np.float64], now: NDArray[np.float64]) -> NDArray[np.float64]:
    """The confidences at which one level ends and the next begins."""
    edges = list[float]()
    for edge in np.unique(np.quantile(before, np.arange(1, BINS) / BINS)):
        low = edges[-1] if edges else -math.inf
        parts = [((one > low) & (one <= edge)).sum() for one in (before, now)]
        left = [(one > edge).sum() for one in (before, now)]
        if min(*parts, *left) >= LEAST_IN_BIN:
            edges.append(float(edge))
    return np.array(edges)


def _cut(sample: Sequence[NDArray[np.float64]], edges: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    confidence, gaps = sample
    level = np.searchsorted(edges, confidence, side="left")
    return [gaps[level == index] for index in range(len(edges) + 1)]


def _changed(before: NDArray[np.float64], now: NDArray[np.float64]) -> tuple[float, float, float]:
    """By how much the mean gap of one level changed, the variance of that by chance, and how many answers it has now.

    A level at which all were right has no variance of its own: the reference's and the window's are pooled, and one
    more answer that was wrong is assumed.
    """
    both = np.concatenate([before - before.mean(), now - now.mean()])
    variance = (float((both**2).sum()) + 1.0) / len(both)
    return float(now.mean() - before.mean()), variance * (1.0 / len(before) + 1.0 / len(now)), float(len(now))


def pictured(reference: Values, values: Values) -> Values:
    """`values` as a picture may show them, so coarse that nobody's own can be read from it; blanks stay.

    Numbers lie on a grid of `GRID` steps to the middle 98 % of the reference, a level that fewer than `LEAST_SHOWN`
    rows of the reference have is `OTHER`, and lists in a text are their number of entries.
    """
    if _numeric(reference):
        middle = np.quantile(_floats([value for value in reference if value is not None]), (0.01, 0.99))
        step = float(middle[1] - middle[0]) / GRID or 1.0
        stated = (value if isinstance(value, int | float) and math.isfinite(value) else None for value in values)
        return [None if number is None else float(f"{step * round(number / step):.9g}") for number in stated]
    if _is_list(reference):
        return [None if value is None else len(_listed(value)) for value in values]
    counts = Counter(reference)
    return [value if value is None or counts[value] >= LEAST_SHOWN else OTHER for value in values]


def worst(compared: Sequence[Compared]) -> Compared:
    """Several looks at one signal as one, its p-value corrected for their number (Bonferroni).

    Of those that chance does not explain the farthest, else the least likely: what is sure but tiny must not hide what
    is large.
    """
    corrected = [one._replace(p=min(1.0, one.p * len(compared))) for one in compared]
    sure = [one for one in corrected if one.p <= SURE]
    return max(sure, key=lambda one: one.distance) if sure else min(corrected, key=lambda one: (one.p, -one.distance))


def _with_blanks(
    compare: Callable[[Values, Values, float], Compared], reference: Values, window: Values, size: float
) -> Compared:
    """What is there, compared by `compare`, and how often nothing is there."""
    there = [[value for value in sample if value is not None] for sample in (reference, window)]
    filled = [len(kept) / len(sample) for sample, kept in zip((reference, window), there, strict=True)]
    blank = _share(1.0 - filled[0], 1.0 - filled[1], len(reference), size)._replace(what="share of blanks")
    if not all(there):
        return blank
    found = compare(there[0], there[1], size * filled[1])
    return found if min(filled) == 1.0 else worst([found, blank])


def _share(before: float, after: float, first: float, second: float) -> Compared:
    """Two shares of samples of `first` and `second`, by the pooled test under the normal law.

    It is sure of nothing where either sample expects too few to be trusted with it.
    """
    pooled = (before * first + after * second) / (first + second)
    error = math.sqrt(pooled * (1.0 - pooled) * (1.0 / first + 1.0 / second))
    enough = min(pooled, 1.0 - pooled) * min(first, second) >= LEAST_EXPECTED
    p = math.erfc(abs(after - before) / error / math.sqrt(2.0)) if error and enough else 1.0
    return Compared(abs(after - before), p, before, after, "share")


def _counted(reference: Values, window: Values, size: float) -> list[list[float]]:
    """What each level counts for in both samples, rare levels together in the last."""
    counted = [Counter(map(str, sample)) for sample in (reference, window)]
    sizes = (float(len(reference)), size)
    shares = [
        {level: count / len(sample) * n for level, count in counts.items()}
        for counts, sample, n in zip(counted, (reference, window), sizes, strict=True)
    ]
    least = LEAST_EXPECTED * sum(sizes) / min(sizes)
    common = [level for level in shares[0] | shares[1] if sum(one.get(level, 0.0) for one in shares) >= least]
    kept = [[one.get(level, 0.0) for level in common] for one in shares]
    rest = [n - sum(row) for n, row in zip(sizes, kept, strict=True)]
    return [[*row, left] for row, left in zip(kept, rest, strict=True)] if sum(rest) > 0.5 else kept


def _chi_square_p(counts: NDArray[np.float64]) -> float:
    """Pearson's test that the rows of a table of counts have the same shares."""
    from scipy.special import gammaincc

    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / counts.sum()
    statistic = float(((counts - expected) ** 2 / expected).sum())
    degrees = counts.shape[1] - 1
    return float(gammaincc(degrees / 2.0, statistic / 2.0)) if degrees else 1.0


def _numeric(values: Values) -> bool:
    kinds = {type(value) for value in values if value is not None}
    return bool(kinds) and all(issubclass(kind, int | float) and kind is not bool for kind in kinds)


def _is_list(values: Values) -> bool:
    texts = [value for value in values if isinstance(value, str)]
    different = len(set(texts)) / len(texts) if texts else 0.0
    return different > FREE_TEXT_SHARE and any(_SEPARATORS.search(text) for text in texts)


def _listed(text: object) -> set[str]:
    return {word for part in _SEPARATORS.split(str(text)) if (word := " ".join(part.casefold().split()))}


def _floats(values: Values) -> NDArray[np.float64]:
    if not _numeric(values):
        raise InvalidInput("", "numbers are expected here")
    found = np.asarray(values, dtype=np.float64)
    if not np.isfinite(found).all():
        raise InvalidInput("", "numbers must be finite")
    return found
