"""Every published statistics case, through the function that `docs/statistics.md` names for it."""

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from contender.experiment.assignment import hash_unit
from contender.experiment.data import PairedSample, Sample
from contender.experiment.statistics import mixture, sample_ratio
from contender.experiment.statistics.bernoulli import Count, confidence_sequence
from contender.experiment.statistics.cuped import adjust
from contender.experiment.statistics.effect import Effect, Inference, difference, lift
from contender.experiment.statistics.fixed import chi_square, welch, z_test
from contender.experiment.statistics.moments import Estimate, mean_of, proportion_of
from contender.experiment.statistics.multiplicity import holm
from contender.experiment.statistics.power import Design, fixed_power, smallest_effect
from contender.experiment.statistics.sequential import always_valid

FILE = Path(__file__).parents[2].parent / "shared" / "vectors" / "statistics_cases.json"
CASES: list[dict[str, Any]] = json.loads(FILE.read_text()) if FILE.exists() else []

Given = dict[str, Any]


def sample(arm: Given) -> Sample:
    return Sample(arm["n"], arm["sum"], arm["sum_squares"])


def estimate(arm: Given) -> Estimate:
    return proportion_of(arm["sum"], arm["n"]) if arm.get("type") == "proportion" else mean_of(sample(arm))


def effect(given: Given) -> Effect:
    compare = lift if given["effect"].startswith("relative") else difference
    return compare(estimate(given["control"]), estimate(given["treatment"]))


def named(found: Inference) -> dict[str, Any]:
    return {
        "effect": found.estimate,
        "se": found.standard_error,
        "ci": [found.low, found.high],
        "p": found.p_value,
        "ci_lower": found.low,
        "seq_ci": [found.low, found.high],
        "seq_p": found.p_value,
    }


def fixed(given: Given) -> dict[str, Any]:
    return named(welch(effect(given), given["alpha"]))


def sequential(given: Given) -> dict[str, Any]:
    return named(always_valid(effect(given), given["alpha"], given["tuning_N"], given.get("alternative", "two-sided")))


def cuped(given: Given) -> dict[str, Any]:
    arms = [
        PairedSample(sample(arm["post"]), sample(arm["pre"]), arm["post_pre_sum_of_products"])
        for arm in (given["control"], given["treatment"])
    ]
    adjusted = adjust(*arms)
    return named(always_valid(lift(adjusted.champion, adjusted.challenger), given["alpha"], given["tuning_N"]))


def ratio(given: Given) -> dict[str, Any]:
    return {"p": chi_square(given["users"], given["weights"])}


def sequential_ratio(given: Given) -> dict[str, Any]:
    test = sample_ratio.begin(given["dirichlet_alpha"])
    seen = [test := sample_ratio.observe(test, row, given["null_probabilities"]) for row in given["rows"]]
    return {"log_ml_M1": [each.log_alternative for each in seen], "log_ml_M0": [each.log_null for each in seen]}


def normal_mixture(given: Given) -> dict[str, Any]:
    rho = mixture.precision(given["v_opt"], given["alpha_opt"])
    return {
        "best_rho": rho,
        "log_mixture": mixture.log_evidence(given["s"], given["v"], rho),
        "bound": mixture.bound(given["v"], rho, given["alpha"]),
    }


def bernoulli(given: Given) -> dict[str, Any]:
    return {"ci": list(confidence_sequence(Count(given["successes"], given["trials"]), given["alpha"], given["t_opt"]))}


def variance(given: Given) -> dict[str, Any]:
    arms = [Estimate(given[f"n_{arm}"], given[f"mean_{arm}"], given[f"var_{arm}"]) for arm in "ab"]
    return {"var": difference(*arms).standard_error ** 2}


def design(given: Given) -> Design:
    units = given["total_users"] / given["n_variations"]
    return Design(given["mean"], given["sd"] ** 2, units, units, relative=True)


def power(given: Given) -> dict[str, Any]:
    return {"power": fixed_power(design(given), given["relative_effect"], given["alpha"])}


def smallest(given: Given) -> dict[str, Any]:
    return {"relative_mde": smallest_effect(design(given), given["power"], given["alpha"])}


def power_binomial(given: Given) -> dict[str, Any]:
    arms = Design(0.0, given["baseline_var"], given["n1"], given["n2"])
    return {"power": fixed_power(arms, given["mde_abs"], given["alpha"])}


def holms(given: Given) -> dict[str, Any]:
    return {"adjusted_in_input_order": list(holm(given["pvalues"]))}


def cookie_cats(given: Given) -> dict[str, Any]:
    arms = [Count(given[arm]["sum"], given[arm]["n"]) for arm in ("control", "treatment")]
    tested = z_test(*arms)
    return sequential(given) | {"z_pooled": tested.z, "p_pooled": tested.p_value}


# The longest beginning of a case's name that fits decides.
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "welch": fixed,
    "seq_asympCS": sequential,
    "seq_asympCS_cuped": cuped,
    "srm_chi2": ratio,
    "sequential_srm": sequential_ratio,
    "howard_two_sided_normal": normal_mixture,
    "howard_bernoulli": bernoulli,
    "delta_method": variance,
    "power_fixed": power,
    "power_binomial": power_binomial,
    "mde_fixed": smallest,
    "holm": holms,
    "cookie_cats_retention": cookie_cats,
    "cookie_cats_srm": ratio,
    "growthbook_hash": lambda given: [hash_unit(*case) for case in given],
}


def compared(found: Any, expected: Any) -> Iterator[tuple[float, float]]:
    """Each expected number beside the one found."""
    if isinstance(expected, dict):
        for key, value in expected.items():
            yield from compared(found[key], value)
    elif isinstance(expected, list):
        for ours, theirs in zip(found, expected, strict=True):
            yield from compared(ours, theirs)
    else:
        yield found, expected


@pytest.mark.skipif(not CASES, reason=f"needs the published cases at {FILE}")
@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_published_case(case: dict[str, Any]) -> None:
    answer = FUNCTIONS[max((name for name in FUNCTIONS if case["name"].startswith(name)), key=len)]
    pairs = list(compared(answer(case["input"]), case["expected"]))
    assert pairs
    for found, expected in pairs:
        assert math.isclose(found, expected, rel_tol=0.0, abs_tol=case["tolerance"])
