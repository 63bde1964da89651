"""Arms that die, hang, or are all gone."""

from __future__ import annotations

import signal
import time

from benchmarks.chain import VERSIONS
from benchmarks.faults.traffic import Report
from benchmarks.faults.world import ARMS, DEADLINE_MS, Figures, World, at_least, at_most, quantile_ms, unanswered

RATE = 600.0
CALM_RATE = 300.0


def killed(world: World, *, quick: bool) -> Figures:
    """SIGKILL each arm again and again while people are answered; the other arms and the baseline stand in."""
    rounds = 2 if quick else 20
    until = time.monotonic() + (0 if quick else 105_000 / RATE)
    with world.traffic(RATE) as playing:
        for _ in range(rounds):
            for arm in ARMS:
                world.kill(arm)
                time.sleep(0.5)
                world.again(arm)
                world.ready(arm)
                time.sleep(1.0)
        time.sleep(max(0.0, until - time.monotonic()))
    report = playing.report
    return {
        "kill_requests": at_least(len(report.answers), "requests", 1_000 if quick else 100_000),
        **unanswered("kill", report),
        "kill_reviews": at_most(100 * reviews(report) / len(report.answers), "% of answers", 1.0),
    }


def hung(world: World, *, quick: bool) -> Figures:
    """SIGSTOP the champion under load, let it go on, and see when it is left alone and when it is asked again."""
    to_eject, to_return = [], []
    times = []
    with world.traffic(CALM_RATE) as playing:
        time.sleep(1)
        for _ in range(1 if quick else 8):
            world.signal("blue", signal.SIGSTOP)
            stopped = time.time()
            time.sleep(4)
            world.signal("blue", signal.SIGCONT)
            went_on = time.time()
            time.sleep(8)
            times.append((stopped, went_on))
    report = playing.report
    for stopped, went_on in times:
        to_eject.append(first(report, "baseline", stopped, "ejected") - stopped)
        to_return.append(first(report, "champion", went_on, "") - went_on)
    slowest = max(quantile_ms(report, 0.999, stopped, went_on) for stopped, went_on in times)
    return {
        **unanswered("hang", report),
        "hang_p999": at_most(slowest, "ms", DEADLINE_MS + 50),
        "fault_to_ejection": at_most(max(to_eject), "s", 1.0),
        "recovery_to_readmission": at_most(max(to_return), "s", 10.0),
    }


def all_dead(world: World, *, quick: bool) -> Figures:
    """Kill both arms and the baseline: a person decides every case, and it says so."""
    for place in VERSIONS:
        world.kill(place)
    with world.traffic(CALM_RATE) as playing:
        time.sleep(2 if quick else 20)
    for place in VERSIONS:
        world.again(place)
    world.ready(*VERSIONS)
    report = playing.report
    marked = sum(answer[4] == "review" and bool(answer[5]) for answer in report.answers)
    settled(world)
    return {
        **unanswered("all_dead", report),
        "all_dead_review": at_least(100 * marked / len(report.answers), "% of answers", 100.0),
    }


def settled(world: World) -> None:
    """Return when every arm answers for itself again."""
    arms: set[str] = set()
    while len(arms) < 2:
        with world.traffic(50, connections=2) as playing:
            time.sleep(1)
        arms = {answer[4] for answer in playing.report.answers[-20:] if not answer[5]}


def reviews(report: Report) -> int:
    """Answers that no model gave."""
    return sum(answer[4] == "review" for answer in report.answers)


def first(report: Report, served_by: str, since: float, reason: str) -> float:
    """When the first answer since then by `served_by` for `reason` was asked for, of units of the champion."""
    times = (
        answer[0]
        for answer in report.answers
        if answer[0] >= since and answer[3] == "champion" and (answer[4], answer[5]) == (served_by, reason)
    )
    return min(times, default=float("inf"))
