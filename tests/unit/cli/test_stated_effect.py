"""A stated effect is what it says, for the challengers' people only."""

from __future__ import annotations

import numpy as np
import pytest

from cli.crowd import Answer, Person
from cli.stated_effect import StatedEffect
from contender.tasks.job_change.task import JobChange
from contender.tasks.job_role.schema import ROLES
from contender.tasks.job_role.task import JobRole
from contender.tasks.task import Task
from contender.values import REVIEW_LABEL, Prediction


def crowd(
    task: Task, outcomes: tuple[str | int, ...], labels: tuple[str, ...], count: int = 4_000
) -> tuple[dict[str, Person], dict[str, Answer]]:
    """People of every truth, told every label, in three arms."""
    rng = np.random.default_rng(7)
    arms = ("champion", "challenger", "unassigned")
    people = {f"p{n}": Person(f"u{n}", {}, outcomes[int(rng.integers(len(outcomes)))]) for n in range(count)}
    answers = {
        key: Answer(labels[int(rng.integers(len(labels)))], 0.0, float(rng.uniform(0.5, 1.0)), arms[n % 3])
        for n, key in enumerate(people)
    }
    return people, answers


def gained(
    task: Task, people: dict[str, Person], answers: dict[str, Answer], happened: dict[str, object], arm: str
) -> float:
    rewards = []
    for key, answer in answers.items():
        if answer.arm == arm:
            said = Prediction(answer.label, answer.score, answer.score)
            rewards.append(task.reward(said, happened[key]) - task.reward(said, people[key].outcome))
    return float(np.mean(rewards))


@pytest.mark.parametrize("effect", [0.1, 0.03, 0.0, -0.1])
@pytest.mark.parametrize(
    ("task", "outcomes", "labels"),
    [
        (JobChange(), (0, 1), ("looking", "not_looking", REVIEW_LABEL)),
        (JobRole(), ROLES[:2], (*ROLES[:2], REVIEW_LABEL)),
    ],
    ids=["job-change", "job-role"],
)
def test_challengers_earn_so_much_more_and_nobody_else_does(
    task: Task, outcomes: tuple[str | int, ...], labels: tuple[str, ...], effect: float
) -> None:
    people, answers = crowd(task, outcomes, labels)
    stated = StatedEffect(task, outcomes, effect)
    happened: dict[str, object] = {**stated(people, answers)}
    assert gained(task, people, answers, happened, "challenger") == pytest.approx(effect, abs=0.02)
    assert stated.reached == pytest.approx(gained(task, people, answers, happened, "challenger"))
    for arm in ("champion", "unassigned"):
        assert gained(task, people, answers, happened, arm) == 0.0


def test_an_effect_beyond_what_answers_can_earn_ends_there() -> None:
    task = JobChange()
    people, answers = crowd(task, (0, 1), ("looking",))
    happened = StatedEffect(task, (0, 1), 1.0)(people, answers)
    assert {happened[key] for key, answer in answers.items() if answer.arm == "challenger"} == {1}


def test_where_nothing_can_be_gained_what_was_true_stays() -> None:
    task = JobChange()
    people, answers = crowd(task, (0, 1), (REVIEW_LABEL,))
    assert StatedEffect(task, (0, 1), 0.2)(people, answers) == {key: one.outcome for key, one in people.items()}
