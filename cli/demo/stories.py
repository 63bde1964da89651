"""What each story trains and does; never what its verdict is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class StoryName(StrEnum):
    """The stories that the demo can tell."""

    BETTER = "better"
    SAME = "same"
    WORSE = "worse"
    BROKEN = "broken"


@dataclass(frozen=True)
class Training:
    """How one of the two models is trained.

    `trials` of the search; `rows` it may learn from (0: all); `noise`, the share of its labels that are shuffled.
    """

    trials: int = 4
    rows: int = 0
    noise: float = 0.0


@dataclass(frozen=True)
class Story:
    """Two trainings, and whether the challenger's process is killed and stopped under traffic.

    `override` is the reason to register a model that the gate refuses, for stories that begin with an old champion or
    want to show what an experiment catches.
    """

    about: str
    champion: Training
    challenger: Training
    override: str = ""
    sabotage: bool = False


FULL = Training()
PLAIN = Training(trials=0)

STORIES: Mapping[StoryName, Story] = {
    StoryName.BETTER: Story(
        "an old champion that learnt from few people, a challenger that learnt from all",
        champion=Training(trials=0, rows=200),
        challenger=FULL,
        override="the story begins with an old champion",
    ),
    StoryName.SAME: Story("the same model twice", champion=PLAIN, challenger=PLAIN),
    StoryName.WORSE: Story(
        "a challenger whose labels were partly shuffled before training",
        champion=PLAIN,
        challenger=Training(trials=0, noise=0.9),
        override="the story wants to see whether the experiment finds out",
    ),
    StoryName.BROKEN: Story(
        "a challenger whose process is killed, and later hangs, under traffic",
        champion=PLAIN,
        challenger=PLAIN,
        sabotage=True,
    ),
}
