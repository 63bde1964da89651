"""The verdict on a history by a plain calculation of its own: figures and terms in, one arm's verdict out.

Written from docs/statistics.md and the papers it names; nothing of the store or of `contender.experiment` is used, so
that both must be wrong alike to agree. At a first look: no p-value of an earlier one is kept. The primary metric is a
mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from scipy.optimize import minimize_scalar
from scipy.special import betaln, gammaln

Figures = Mapping[str, float]
Terms = Mapping[str, Any]
Pair = tuple[float, float]

EDGE, NOISE, DRAWN, UNKNOWN = 1e-12, 1e-12, 10.0, -1
FOUR_FIFTHS, SMALL = 0.8, 0.02
RATES = {"fallback": "fallback_margin", "error": "error_margin", "slow": "slow_margin"}


class Plain(NamedTuple):
    """One arm's verdict, of which a metric that nobody has a value of has no effect."""

    rule: str
    effect: float | None
    interval: Pair | None
    p_value: float
    srm_p: float
    units: float
    guardrails: Mapping[str, tuple[float, float, str]]
    faults: frozenset[str]


class Mean(NamedTuple):
    """So many units, their mean, and the variance of one."""

    n: float
    mean: float
    variance: float

    @property
    def squared_error(self) -> float:
        return math.inf if self.n == 0 or (self.n < 2 and self.variance == 0) else self.variance / self.n


class Phase(NamedTuple):
    """Under one generation: the part of all counted units that each arm should get, and what was counted, by arm."""

    shares: Mapping[str, float]
    counts: Mapping[str, Mapping[str, float]]


def judged(found: Figures, terms: Terms, steps: Sequence[tuple[int, float]], arms: Sequence[str]) -> dict[str, Plain]:
    """The verdict on each arm but the first, the champion; `steps` are (generation, share) of an experiment of the old
    rule, whose ranges grew, and empty for others."""
    phases = list(_phases(found, terms, steps, arms))
    effects = {arm: _primary(found, terms, arm) for arm in arms[1:]}
    adjusted = _holm({arm: effect.p_value for arm, effect in effects.items()})
    return {arm: _verdict(found, terms, phases, arm, (effects[arm], adjusted[arm], len(steps) > 1)) for arm in arms[1:]}


class Effect(NamedTuple):
    effect: float | None
    interval: Pair | None
    p_value: float
    units: Pair


def _verdict(found: Figures, terms: Terms, phases: list[Phase], arm: str, of: tuple[Effect, float, bool]) -> Plain:
    effect, p_value, moved = of
    level = terms["alpha"] / (1 + terms["restarts"]) if terms["divide_alpha"] else terms["alpha"]
    guardrails = _guardrails(found, terms, phases, arm)
    srm_p = _p(_pooled(phases, "units", terms["ratio_concentration"]) if not moved else _each(phases, terms))
    breached = any(state == "breached" for _, _, state in guardrails.values())
    faults = set(_faults(found, terms, phases, arm, srm_p))
    faults |= {"old-rule"} if moved and len(phases) > 1 and breached else set()
    interval = effect.interval
    decides = interval is not None and p_value <= level
    better, worse = (decides and interval is not None and sign * interval[at] > 0 for sign, at in ((1, 0), (-1, 1)))
    assert not (faults == {"missing"} and (better or worse)), "no history here asks for Lee's bounds"
    required = [m["name"] for m in terms["metrics"] if m["role"] == "guardrail" and m["required"]]
    rules = {
        "guardrail": breached and "old-rule" not in faults,
        "unhealthy": bool(faults),
        "too-few": min(effect.units) < terms["min_units"],
        "worse": worse,
        "guardrail-open": better and any(guardrails[name][2] != "passed" for name in required),
        "better": better,
        "futile": interval is not None and interval[1] < terms["smallest_effect"],
        "exhausted": sum(effect.units) >= terms["horizon_units"],
        "undecided": True,
    }
    rule = next(name for name, applies in rules.items() if applies)
    units = sum(effect.units)
    return Plain(rule, effect.effect, interval, effect.p_value, srm_p, units, guardrails, frozenset(faults))


# What a unit is worth on average, and how much that differs.


def _mean(found: Figures, name: str, terms: Terms) -> Mean | None:
    """Reviewed units at the price of a review, the others as those of them who have a value."""
    matured, reviewed, n = (found.get(f"{name} {figure}", 0.0) for figure in ("matured", "reviewed", "n"))
    answered = matured - reviewed
    if matured == 0 or (answered and n == 0):
        return None
    price = 0.5 if terms["review_value"] is None else terms["review_value"]
    own = _spread(n, found.get(f"{name} total", 0.0), found.get(f"{name} squares", 0.0))
    part = answered / matured
    squared = part**2 * own.variance / n + (own.mean - price) ** 2 * part * (1 - part) / matured if n else 0.0
    return Mean(n + reviewed, (1 - part) * price + part * own.mean, squared * (n + reviewed))


def _spread(n: float, total: float, squares: float) -> Mean:
    variance = (squares - total**2 / n) / (n - 1) if n > 1 else 0.0
    return Mean(n, total / n if n else 0.0, variance if n and variance > NOISE * squares / n else 0.0)


def _error(first: Mean, second: Mean) -> float:
    """At least that of two samples of all values together."""
    units = first.n + second.n
    apart = (first.mean - second.mean) ** 2
    between = apart * first.n * second.n / units**2
    pooled = (first.n * first.variance + second.n * second.variance) / units
    pooled += between if between > NOISE * (first.mean**2 + second.mean**2) else 0.0
    return math.sqrt(max(first.squared_error + second.squared_error, pooled * (1 / first.n + 1 / second.n)))


def _primary(found: Figures, terms: Terms, arm: str) -> Effect:
    means = [_mean(found, f"{name} reward", terms) for name in ("champion", arm)]
    first, second = means
    if first is None or second is None:
        return Effect(None, None, 1.0, (first.n if first else 0.0, second.n if second else 0.0))
    units = (first.n, second.n)
    if terms["covariate"] and all(_strata(found, name) for name in ("champion", arm)):
        first, second = _adjusted(found, arm)
    level = terms["alpha"] / (1 + terms["restarts"]) if terms["divide_alpha"] else terms["alpha"]
    effect, error, n = second.mean - first.mean, _error(first, second), first.n + second.n
    if not 0 < error < math.inf:
        return Effect(effect, (-1.0, 1.0), 1.0, units)
    rho = _mixing(level, terms["tuning_units"])
    growth = n * rho + 1
    reach = math.sqrt(2 * growth * math.log(math.sqrt(growth) / level) / (n * rho)) * error
    p_value = min(1.0, math.sqrt(growth) * math.exp(-rho * n * (effect / error) ** 2 / (2 * growth)))
    return Effect(effect, (max(-1.0, effect - reach), min(1.0, effect + reach)), p_value, units)


def _mixing(level: float, tuning: float) -> float:
    return (-2 * math.log(level) + math.log(1 - 2 * math.log(level))) / tuning


def _one_sided(first: Mean, second: Mean, null: float, level: float, tuning: float) -> Pair:
    """The p-values of the second mean exceeding the first by less than `null`, and by more."""
    error, n = _error(first, second), first.n + second.n
    score = (second.mean - first.mean - null) / error if 0 < error < math.inf else 0.0
    return _tail(-score, n, level, tuning), _tail(score, n, level, tuning)


def _tail(score: float, n: float, level: float, tuning: float) -> float:
    if score <= 0:
        return 1.0
    rho = _mixing(2 * level, tuning)
    growth = n * rho + 1
    return min(1.0, math.sqrt(growth) / (2 * math.expm1(min(rho * n * score**2 / (2 * growth), 700.0))))


# What was known of people before their answer takes noise out.


Strata = dict[tuple[int, int, int], tuple[float, float, float]]


def _strata(found: Figures, arm: str) -> Strata:
    """Units, total and squares by fold, bin and whether they were reviewed."""
    names = {" ".join(name.split()[:5]) for name in found if name.startswith(f"{arm} stratum ")}
    return {_stratum(name): _figures(found, name) for name in names}


def _stratum(name: str) -> tuple[int, int, int]:
    fold, number, reviewed = map(int, name.split()[2:])
    return fold, number, reviewed


def _figures(found: Figures, name: str) -> tuple[float, float, float]:
    return found.get(f"{name} n", 0.0), found.get(f"{name} total", 0.0), found.get(f"{name} squares", 0.0)


def _adjusted(found: Figures, arm: str) -> tuple[Mean, Mean]:
    arms = [_strata(found, name) for name in ("champion", arm)]
    weights = [_weight(found, name) for name in ("champion", arm)]
    expected = {fold: _expected(arms, weights, 1 - fold) for fold in (0, 1)}
    rows = [
        [
            (weight if not reviewed else 1.0, n, total, squares, expected[fold].get(number, 0.0))
            for (fold, number, reviewed), (n, total, squares) in strata.items()
            if n
        ]
        for strata, weight in zip(arms, weights, strict=True)
    ]
    spread = shared = whole = units = 0.0
    for one in rows:
        w, e = sum(w * n for w, n, *_ in one), sum(w * n * e for w, n, _, _, e in one)
        v = sum(w * total for w, _, total, *_ in one)
        spread += sum(w * n * e**2 for w, n, _, _, e in one) - e**2 / w
        shared += sum(w * total * e for w, _, total, _, e in one) - e * v / w
        whole, units = whole + e, units + w
    slope = shared / spread if spread > NOISE else 0.0
    first, second = (_estimate(one, slope, whole / units) for one in rows)
    return first, second


def _weight(found: Figures, arm: str) -> float:
    n = found.get(f"{arm} reward n", 0.0)
    return (found.get(f"{arm} reward matured", 0.0) - found.get(f"{arm} reward reviewed", 0.0)) / n if n else 1.0


def _expected(arms: list[Strata], weights: list[float], other: int) -> dict[int, float]:
    """By bin, what its units of the other fold are worth above their arm's mean, small bins drawn towards nothing."""
    units, excess = dict[int, float](), dict[int, float]()
    for strata, weight in zip(arms, weights, strict=True):
        own = {
            (number, reviewed): (1.0 if reviewed else weight, n, total)
            for (fold, number, reviewed), (n, total, _) in strata.items()
            if fold == other
        }
        n = sum(w * units_ for w, units_, _ in own.values())
        mean = sum(w * total for w, _, total in own.values()) / n if n else 0.0
        for (number, _), (w, units_, total) in own.items():
            units[number] = units.get(number, 0.0) + w * units_
            excess[number] = excess.get(number, 0.0) + w * (total - mean * units_)
    drawn = {number: excess[number] / (units[number] + DRAWN) for number in units}
    known = [number for number in units if number != UNKNOWN]
    shift = sum(excess[b] - units[b] * drawn[b] for b in known) / max(sum(units[b] for b in known), 1.0)
    everywhere = {number for strata in arms for _, number, _ in strata}
    return {b: drawn.get(b, 0.0) + (shift if b != UNKNOWN else 0.0) for b in everywhere}


def _estimate(rows: Iterable[tuple[float, float, float, float, float]], slope: float, centre: float) -> Mean:
    rows = list(rows)
    units, n = sum(w * n for w, n, *_ in rows), sum(n for _, n, *_ in rows)
    middle = sum(w * (total - slope * e * n) for w, n, total, _, e in rows) / units
    residual = whole = 0.0
    for w, count, total, squares, e in rows:
        square = squares - 2 * slope * e * total + slope**2 * e**2 * count
        residual += w**2 * (square - 2 * middle * (total - slope * e * count) + middle**2 * count)
        whole += w**2 * (squares + (slope**2 * e**2 + middle**2) * count)
    freedom = n / (n - 1) if n > 1 else 1.0
    return Mean(n, middle + slope * centre, (residual if residual > NOISE * whole else 0.0) / units**2 * n * freedom)


# Exact tests of counts.


def _excess_p(first: Pair, second: Pair, margin: float) -> float:
    """The second rate exceeds the first by more than `margin`: universal inference, mixed over all rates."""
    (x, m), (y, n) = first, second
    if not m or not n or not (y / n) > (x / m) + margin:
        return 1.0
    low, high = max(EDGE, EDGE - margin), min(1 - EDGE, 1 - EDGE - margin)
    null = _summit(lambda q: _log_rate(x, m, q) + _log_rate(y, n, q + margin), low, high)
    return math.exp(min(0.0, null - _jeffreys(x, m) - _jeffreys(y, n)))


def _ratio_p(best: Pair, group: Pair, ratio: float) -> float:
    """The group's rate is under `ratio` times the best one's."""
    (x, m), (y, n) = best, group
    if not y / n < ratio * x / m:
        return 1.0
    null = _summit(lambda q: _log_rate(x, m, q) + _log_rate(y, n, ratio * q), EDGE, (1 - EDGE) / max(1.0, ratio))
    return math.exp(min(0.0, null - _jeffreys(x, m) - _jeffreys(y, n)))


def _summit(function: Callable[[float], float], low: float, high: float) -> float:
    found = minimize_scalar(lambda q: -function(q), bounds=(low, high), method="bounded", options={"xatol": 1e-12})
    return max(-float(found.fun), function(low), function(high))


def _log_rate(x: float, n: float, rate: float) -> float:
    rate = min(max(rate, EDGE), 1 - EDGE)
    return x * math.log(rate) + (n - x) * math.log1p(-rate)


def _jeffreys(x: float, n: float) -> float:
    return float(betaln(x + 0.5, n - x + 0.5)) - math.log(math.pi)


def _p(log_evidence: float) -> float:
    return math.exp(min(0.0, -log_evidence))


def _dealt(counts: Sequence[float], shares: Sequence[float], prior: Sequence[float]) -> float:
    """The log Bayes factor of counts by arm: any shares around the prior, against those that were planned."""
    if any(count and not share for count, share in zip(counts, shares, strict=True)):
        return math.inf
    kept = [(count, share, weight) for count, share, weight in zip(counts, shares, prior, strict=True) if share]
    mass, total = sum(weight for *_, weight in kept), sum(count for count, *_ in kept)
    mixed = gammaln(mass) - gammaln(mass + total)
    mixed += sum(gammaln(weight + count) - gammaln(weight) for count, _, weight in kept)
    return float(mixed) - sum(count * math.log(share) for count, share, _ in kept)


def _each(phases: list[Phase], terms: Terms) -> float:
    """A belief for each phase."""
    found = 0.0
    for shares, counts in phases:
        prior = [terms["ratio_concentration"] * share for share in shares.values()]
        found += _dealt([counts[arm]["units"] for arm in shares], list(shares.values()), prior)
    return found


def _pooled(phases: list[Phase], kind: str, concentration: float, pair: tuple[str, ...] = ()) -> float:
    """One belief over all phases, around the last one's shares, or of a pair around the mean of them."""
    arms = pair or tuple(phases[-1].shares)
    dealt = [[phase.shares[arm] / sum(phase.shares[a] for a in arms) for arm in arms] for phase in phases]
    around = [sum(one) / len(dealt) for one in zip(*dealt, strict=True)] if pair else dealt[-1]
    counts = [[phase.counts[arm][kind] for arm in arms] for phase in phases]
    null = sum(
        n * math.log(share)
        for row, shares in zip(counts, dealt, strict=True)
        for n, share in zip(row, shares, strict=True)
        if n
    )
    totals = [sum(column) for column in zip(*counts, strict=True)]
    prior = [concentration * share for share in around]
    mixed = gammaln(sum(prior)) - gammaln(sum(prior) + sum(totals))
    return float(mixed + sum(gammaln(p + n) - gammaln(p) for p, n in zip(prior, totals, strict=True))) - null


def _holm(p_values: Mapping[str, float]) -> dict[str, float]:
    found, largest = dict[str, float](), 0.0
    for place, (arm, p_value) in enumerate(sorted(p_values.items(), key=lambda one: one[1])):
        largest = max(largest, min(1.0, p_value * (len(p_values) - place)))
        found[arm] = largest
    return found


# Soundness and guardrails.


def _phases(found: Figures, terms: Terms, steps: Sequence[tuple[int, float]], arms: Sequence[str]) -> Iterable[Phase]:
    numbers = sorted({int(name.split()[1]) for name in found if name.startswith("phase ")})
    for number in numbers:
        share = next((share for begun, share in reversed(steps) if begun <= number), 0.0)
        shares = _shares(share if steps else terms["challenger_share"], arms)
        kinds = ("units", *(f"{rate}_units" for rate in RATES))
        counts = {arm: {kind: found.get(f"phase {number} {arm} {kind}", 0.0) for kind in kinds} for arm in arms}
        yield Phase(shares, counts)


def _shares(share: float, arms: Sequence[str]) -> dict[str, float]:
    """Ten thousand buckets: the challengers divide the upper ones evenly."""
    upper = round(share * 10_000)
    edges = [10_000 - upper + upper * place // (len(arms) - 1) for place in range(len(arms))]
    widths = [edges[0], *(high - low for low, high in pairwise(edges))]
    return {arm: width / 10_000 for arm, width in zip(arms, widths, strict=True)}


def _faults(found: Figures, terms: Terms, phases: list[Phase], arm: str, srm_p: float) -> Iterable[str]:
    alpha, assigned = terms["ratio_alpha"], sum(n for name, n in found.items() if name.endswith(" assigned"))
    if srm_p <= alpha:
        yield "sample-ratio"
    if _missing_p(found, "reward", arm) <= alpha:
        yield "missing"
    if terms["covariate"] and _p(_balance(found, terms, phases)) <= alpha:
        yield "covariate"
    for kind in ("crossed", "contradictory"):
        if found.get(kind, 0.0) > max(1, math.floor(terms[f"max_{kind}_share"] * assigned)):
            yield kind


def _balance(found: Figures, terms: Terms, phases: list[Phase]) -> float:
    """The mean evidence over the covariate's bins."""
    shares = phases[-1].shares
    names = [name.split() for name in found]
    bins = {words[2] for words in names if len(words) == 3 and words[1] == "covariate"}
    prior = [terms["ratio_concentration"] * share for share in shares.values()]
    counts = [[found.get(f"{arm} covariate {number}", 0.0) for arm in shares] for number in bins]
    logs = [_dealt(one, list(shares.values()), prior) for one in counts]
    most = max(logs, default=0.0)
    return most + math.log(sum(math.exp(one - most) for one in logs) / len(logs)) if logs else 0.0


def _missing_p(found: Figures, of: str, arm: str) -> float:
    """Answered units have a truth as often in both arms."""
    counts = []
    for name in ("champion", arm):
        answered = found.get(f"{name} {of} matured", 0.0) - found.get(f"{name} {of} reviewed", 0.0)
        counts.append((found.get(f"{name} {of} n", 0.0), answered))
    return min(_excess_p(counts[0], counts[1], 0.0), _excess_p(counts[1], counts[0], 0.0))


def _guardrails(found: Figures, terms: Terms, phases: list[Phase], arm: str) -> dict[str, tuple[float, float, str]]:
    """The p-values of harm and of safety, and the state, by name."""
    own = [metric for metric in terms["metrics"] if metric["role"] == "guardrail"]
    level = terms["guardrail_alpha"] / (len(RATES) + 2 + len(own))
    pair = ("champion", arm)
    judged_ = {}
    for rate, margin in RATES.items():
        first, second = ((found.get(f"{a} {rate}_units", 0.0), found[f"{a} assigned"]) for a in pair)
        harm = _excess_p(first, second, terms[margin])
        if harm < 1.0:
            harm = max(harm, _p(_pooled(phases, f"{rate}_units", 2.0, pair)))
        judged_[rate] = _state(harm, _excess_p(second, first, -terms[margin]), level)
    first, second = ((found.get(f"{a} review_units", 0.0), found[f"{a} assigned"]) for a in pair)
    margin = terms["review_margin"]
    judged_["review"] = _state(_excess_p(first, second, margin), _excess_p(second, first, -margin), level)
    for metric in own:
        judged_[metric["name"]] = _metric(found, terms, metric, pair, level)
    return judged_ | dict(_groups(found, terms, pair, level))


def _state(harm: float, safe: float, level: float) -> tuple[float, float, str]:
    return harm, safe, "breached" if harm <= level else "passed" if safe <= level else "open"


def _metric(
    found: Figures, terms: Terms, metric: Terms, pair: tuple[str, str], level: float
) -> tuple[float, float, str]:
    """A mean of which more is good, with a value for everybody."""
    assert metric["type"] == "mean"
    assert metric["direction"] == "up"
    assert metric["default"] is not None
    first, second = (_mean(found, f"{arm} {metric['name']}", terms) for arm in pair)
    if first is None or second is None or min(first.n, second.n) < terms["min_units"]:
        return _state(1.0, 1.0, level)
    return _state(*_one_sided(first, second, -metric["margin"], level, terms["tuning_units"]), level)


def _groups(
    found: Figures, terms: Terms, pair: tuple[str, str], level: float
) -> Iterable[tuple[str, tuple[float, float, str]]]:
    seen = [{name.split()[2] for name in found if name.startswith(f"{arm} group ")} for arm in pair]
    names = sorted(seen[0] & seen[1])
    part = level / max(1, (2 if terms["favourable_label"] else 1) * len(names))
    for name in names:
        first, second = (_mean(found, f"{arm} group {name}", terms) for arm in pair)
        if first is None or second is None or min(first.n, second.n) < terms["group_units"]:
            continue
        lacking = (_missing_p(found, of, pair[1]) for of in ("reward", f"group {name}"))
        if any(p_value <= terms["ratio_alpha"] for p_value in lacking):
            yield f"reward {name}", (1.0, 1.0, "open")
            continue
        tests = _one_sided(first, second, -terms["group_margin"], part, terms["tuning_units"])
        yield f"reward {name}", _state(*tests, part)
    if terms["favourable_label"]:
        yield from _impacts(found, terms, pair, names, part)


def _impacts(
    found: Figures, terms: Terms, pair: tuple[str, str], names: Sequence[str], level: float
) -> Iterable[tuple[str, tuple[float, float, str]]]:
    """Groups are of one attribute here."""
    before, after = (_compared(found, arm) for arm in pair)
    if not any(x for x, _ in before.values()) or not any(x for x, _ in after.values()):
        return
    for name in names:
        if name in after and name in before and after[name][1] >= terms["group_units"]:
            best = max(after, key=lambda one: after[one][0] / after[one][1])
            safe = _ratio_p(after[name], after[best], 1 / FOUR_FIFTHS)
            assert not _ratio(after, name) < min(FOUR_FIFTHS, _ratio(before, name)), "no history here has such a group"
            yield f"impact {name}", _state(1.0, safe, level)


def _ratio(counts: Mapping[str, Pair], name: str) -> float:
    return (counts[name][0] / counts[name][1]) / max(x / n for x, n in counts.values())


def _compared(found: Figures, arm: str) -> dict[str, Pair]:
    names = {name.split()[2] for name in found if name.startswith(f"{arm} group ")}
    counts = {
        name: (found.get(f"{arm} group {name} selected", 0.0), found.get(f"{arm} group {name} units", 0.0))
        for name in names
    }
    people = sum(n for _, n in counts.values())
    return {name: count for name, count in counts.items() if count[1] and count[1] >= SMALL * people}
