"""A stated effect: the challengers' people are played to earn so much more reward, or less, than was true of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from cli.crowd import Answer, Person, as_it_was
from contender.experiment.assignment import bucket
from contender.tasks.task import Task
from contender.values import CHALLENGER, Prediction

Outcome = str | int | float


class StatedEffect:
    """What happened to people, such that the challengers' earn `effect` more reward than for what was true of them.

    Of those in a challenger's arm as many as it takes get the outcome that suits their answer best (or worst, below 0)
    among `outcomes`; everybody else what was true. An effect that is beyond what answers can earn ends there.
    """

    def __init__(self, task: Task, outcomes: Sequence[Outcome], effect: float) -> None:
        self._task, self._outcomes, self._effect = task, tuple(dict.fromkeys(outcomes)), effect
        self._gained, self._challenged = 0.0, 0

    @property
    def reached(self) -> float:
        """How much more reward the challengers' people were played to earn so far, on average."""
        return self._gained / self._challenged if self._challenged else 0.0

    def __call__(self, people: Mapping[str, Person], answers: Mapping[str, Answer]) -> dict[str, Outcome]:
        """The outcome of each of `people` by prediction id, given the `answers` that they got."""
        found = dict(as_it_was(people, answers))
        challenged = [key for key, answer in answers.items() if answer.arm.startswith(CHALLENGER)]
        suited = {key: self._suited(people[key], answers[key]) for key in challenged}
        within_reach = sum(gain for _, gain in suited.values())
        self._challenged += len(challenged)
        if not within_reach:
            return found
        part = min(1.0, abs(self._effect) * len(challenged) / within_reach)
        moved = [key for key in challenged if bucket("stated-effect", people[key].unit_id) < part]
        self._gained += math.copysign(sum(suited[key][1] for key in moved), self._effect)
        return found | {key: suited[key][0] for key in moved}

    def _suited(self, person: Person, answer: Answer) -> tuple[Outcome, float]:
        """The outcome that suits the answer best, or worst, and how far its reward is from that of what was true."""
        said = Prediction(answer.label, answer.score, answer.score)
        rewards = {outcome: self._task.reward(said, outcome) for outcome in self._outcomes}
        choose = max if self._effect > 0.0 else min
        outcome = choose(rewards, key=rewards.__getitem__)
        return outcome, abs(rewards[outcome] - self._task.reward(said, person.outcome))
