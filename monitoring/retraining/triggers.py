"""When to retrain: weekly, on drift, on decay; never twice at once, too soon, or beyond the budget. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from contender.moments import DAY_S

Reason = Literal["asked", "decay", "drift", "weekly"]
Result = Literal["running", "challenger", "refused", "failed", "untrained"]
"""How a run stands; ``untrained`` is one that ended before it had rows to train on, and costs nothing of the budget."""

REASONS: Final[tuple[Reason, ...]] = ("asked", "decay", "drift", "weekly")
"""The most pressing first: worse answers before other people, and both before the calendar."""

RESULTS: Final[tuple[Result, ...]] = ("running", "challenger", "refused", "failed", "untrained")

BROKEN: Final[frozenset[Result]] = frozenset({"failed", "untrained"})
"""Results of which no judged model came: somebody has to look."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How often a retraining may begin, in seconds: every `every_s` without a cause, else `cooldown_s` after the last.

    At most `most_runs` that train begin within any `budget_s`, whatever the cause. `confirm` is how many verdicts in a
    row must say drift before it is one. A run that has said nothing for `longest_s` has died.
    """

    every_s: float = 7 * DAY_S
    cooldown_s: float = 6 * 3600.0
    budget_s: float = 30 * DAY_S
    most_runs: int = 8
    confirm: int = 2
    longest_s: float = 2 * 3600.0


class Run(NamedTuple):
    """A retraining run as it was recorded: when it began, why, how it ended and which version came of it.

    `run_id` is Kubeflow's, of a run that goes on there whatever becomes of the process that began it.
    """

    key: str
    at: float
    reason: Reason
    detail: str
    result: Result
    version: str | None = None
    message: str = ""
    finished_at: float | None = None
    run_id: str | None = None

    def ended(self, now: float, result: Result, *, version: str | None = None, message: str = "") -> Run:
        """The run after its end."""
        return self._replace(result=result, version=version, message=message, finished_at=now)

    def to_document(self) -> dict[str, Any]:
        """The run as plain JSON values."""
        return self._asdict()


class Signs(NamedTuple):
    """What speaks for retraining: the newest drift verdicts (newest first), and since when the champion serves.

    `asked` is a person's words, or empty.
    """

    verdicts: Sequence[Mapping[str, Any]] = ()
    champion_since: float | None = None
    asked: str = ""


class Decision(NamedTuple):
    """Whether to retrain, for what reason, and in words why or why not. `reason` is None where nothing asks for it."""

    due: bool
    reason: Reason | None
    why: str


def decide(signs: Signs, runs: Sequence[Run], now: float, limits: Limits | None = None) -> Decision:
    """Whether a run is to begin at `now`, given all `runs` of the last `budget_s`, newest first."""
    limits = limits or Limits()
    wanted = _wanted(signs, runs, now, limits)
    if wanted is None:
        return Decision(False, None, "nothing asks for it")
    reason, detail = wanted
    if against := _against(reason, runs, now, limits):
        return Decision(False, reason, f"{detail}; but {against}")
    return Decision(True, reason, detail)


def budget_left(runs: Sequence[Run], now: float, limits: Limits) -> int:
    """How many more runs may begin now."""
    return max(0, limits.most_runs - sum(run.at > now - limits.budget_s for run in _spending(runs)))


def living(run: Run, now: float, limits: Limits) -> bool:
    """Whether the run is under way; one that has lasted too long without a word is not."""
    return run.result == "running" and now - run.at < limits.longest_s


def _spending(runs: Sequence[Run]) -> list[Run]:
    """The runs that trained, or still may: the others make no model older and cost nothing."""
    return [run for run in runs if run.result != "untrained"]


def _wanted(signs: Signs, runs: Sequence[Run], now: float, limits: Limits) -> tuple[Reason, str] | None:
    if signs.asked:
        return "asked", signs.asked
    newest = signs.verdicts[: limits.confirm]
    if len(newest) == limits.confirm and all(verdict["state"] == "drift" for verdict in newest):
        reason: Reason = "decay" if all(verdict["decayed"] for verdict in newest) else "drift"
        return reason, str(newest[0]["reason"])
    last = max((*(run.at for run in _spending(runs)[:1]), signs.champion_since or 0.0))
    if last and now - last >= limits.every_s:
        return "weekly", f"the last model is {(now - last) / DAY_S:.1f} days old"
    return None


def _against(reason: Reason, runs: Sequence[Run], now: float, limits: Limits) -> str:
    """What forbids a run now; an empty text where nothing does. A person may ignore the cooldown, not the budget."""
    if any(living(run, now, limits) for run in runs):
        return "a run is under way"
    if not budget_left(runs, now, limits):
        return f"the budget of {limits.most_runs} runs in {limits.budget_s / DAY_S:.0f} days is spent"
    if reason != "asked" and runs and (waited := now - runs[0].at) < limits.cooldown_s:
        return f"the last run began {waited / 3600:.1f} h ago, the cooldown is {limits.cooldown_s / 3600:g} h"
    return ""
