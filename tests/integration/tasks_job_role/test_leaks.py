"""Leaks planted on purpose: what they would pretend, and that group keys take them away."""

import numpy as np
import pytest
from imblearn.over_sampling import RandomOverSampler

from contender.tasks.groups import group_ids, leaked, split_groups
from contender.tasks.job_role.task import JobRole

TASK = JobRole()
RECIPE = TASK.recipe()
SHARES = [0.75, 0.25]

Rows = list[dict[str, object]]


@pytest.fixture(scope="module")
def honest() -> Rows:
    return TASK.generate(1500, seed=31)


def at_random(rows: Rows) -> list[Rows]:
    """The split that leaks: as if every row were a person of its own."""
    chosen = split_groups(np.arange(len(rows)), SHARES, seed=0)
    return [[rows[index] for index in part] for part in chosen]


def by_group(rows: Rows) -> list[Rows]:
    chosen = split_groups(group_ids([TASK.group_keys(row) for row in rows]), SHARES, seed=0)
    return [[rows[index] for index in part] for part in chosen]


def straddling(parts: list[Rows]) -> set[str]:
    train, test = ([TASK.group_keys(row) for row in part] for part in parts)
    return leaked(train, test)


def macro_f1(parts: list[Rows]) -> float:
    train, test = parts
    labels = [TASK.label_of(row["job_role"]) for row in train]
    encoder = TASK.fit_features(train, labels)
    model = RECIPE.baseline(0).fit(encoder.encode(train), np.array(labels))
    truth = [TASK.label_of(row["job_role"]) for row in test]
    return RECIPE.measure(truth, model.predict_proba(encoder.encode(test)), list(model.classes_))["macro_f1"]


def oversampled(rows: Rows) -> Rows:
    """Small roles repeated up to 60 rows, before any split."""
    roles = np.array([str(row["job_role"]) for row in rows])
    names, sizes = np.unique(roles, return_counts=True)
    wanted = {str(name): max(int(size), 60) for name, size in zip(names, sizes, strict=True)}
    sampler = RandomOverSampler(sampling_strategy=wanted, random_state=0)
    places, _ = sampler.fit_resample(np.arange(len(rows))[:, None], roles)
    return [rows[place] for place in places.ravel()]


def respelt(rows: Rows) -> Rows:
    """Every candidate a second time: a new id, the skills in another order and case."""
    return rows + [
        row
        | {
            "candidate_id": f"{row['candidate_id']}-again",
            "skills": "; ".join(reversed(str(row["skills"]).split("; "))).upper(),
        }
        for row in rows
    ]


@pytest.mark.parametrize("plant", [oversampled, respelt])
def test_a_planted_leak_flatters_a_random_split_and_no_grouped_one(plant, honest: Rows) -> None:  # type: ignore[no-untyped-def]
    planted = plant(honest)
    assert straddling(at_random(planted))
    assert not straddling(by_group(planted))
    truth = macro_f1(by_group(honest))
    assert macro_f1(at_random(planted)) > truth + 0.1
    assert macro_f1(by_group(planted)) < truth + 0.1


def test_honest_rows_do_not_straddle_either_way(honest: Rows) -> None:
    assert not straddling(at_random(honest))
    assert macro_f1(by_group(honest)) < TASK.ceiling
