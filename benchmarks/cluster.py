"""People who ask a transformer while somebody acts on its cluster, and what became of the answers they got.

    python -m benchmarks.cluster play --url http://127.0.0.1:8080 --answers answers.jsonl --seconds 600 [--rate 100]
    python -m benchmarks.cluster check --store postgresql://… --answers answers.jsonl [--json]

`play` asks at an even rate, reports what happened to each person a little later, and writes every reply and every
failure as a line of JSON the moment it has it, so that a run that is cut off is as good as its length. `check` holds
the replies against the store: acknowledged exposures lost or doubled, units whose counted exposures lie in two arms,
replies that name another arm than the record. Nothing here knows of Kubernetes: it sees what a client sees.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TextIO

from sqlalchemy import create_engine, text

from cli.crowd import MARK
from cli.endpoint import Endpoint, endpoint_at
from contender.errors import ContenderError
from contender.tasks.catalog import task_named

UNITS: Final = 20_000
THREADS: Final = 16
REUSE: Final = 50
"""Requests on one connection: a new one may reach another transformer."""

OUTCOMES: Final = 250
"""Reports in one request."""

_COUNTED_TWICE: Final = """
SELECT count(*) FROM (SELECT experiment_id, unit_id FROM exposures WHERE experiment_id IS NOT NULL AND counted = 1
  AND task = :task GROUP BY experiment_id, unit_id HAVING count(DISTINCT assigned_to) > 1) AS moved"""


class Figure(NamedTuple):
    """One figure, its unit, what it should be, and whether it is."""

    value: float
    unit: str
    goal: str
    ok: bool


class Play:
    """An even rate of requests by a few threads; `lines` takes what they got."""

    def __init__(self, url: str, task: str, rate: float, lines: TextIO) -> None:
        self._url, self._task, self._rate, self._lines = url, task_named(task), rate, lines
        self._people = self._task.generate(UNITS, 7)
        self._lock, self._number, self._began = threading.Lock(), 0, time.time()

    def run(self, seconds: float) -> int:
        """Ask for so many seconds; the number of requests that were due."""
        self._began, until = time.time(), time.time() + seconds
        threads = [threading.Thread(target=self._work, args=(until,)) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self._number

    def _next(self) -> tuple[int, float]:
        with self._lock:
            self._number += 1
            return self._number, self._began + self._number / self._rate

    def _work(self, until: float) -> None:
        endpoint, owed = self._open(), list[dict[str, object]]()
        used = 0
        while (due := self._next())[1] < until:
            time.sleep(max(0.0, due[1] - time.time()))
            owed += self._ask(endpoint, *due)
            used += 1
            if used % REUSE == 0:
                owed = self._tell(endpoint, owed)
                endpoint = self._open()
        self._tell(endpoint, owed)

    def _open(self) -> Endpoint:
        return endpoint_at(self._url, self._task.name)

    def _ask(self, endpoint: Endpoint, number: int, due: float) -> Iterator[dict[str, object]]:
        row = self._people[number % UNITS]
        instance = {name: row[name] for name in self._task.schema.model_fields}
        started = time.time()
        try:
            reply = endpoint.predict([{**instance, "unit_id": f"unit-{number % UNITS}"}], MARK)["predictions"][0]
        except ContenderError as error:
            self._write({"due": due, "asked": started, "failed": str(error), "until": time.time()})
            return
        kept = ("assigned_to", "served_by", "fallback_reason", "model_version", "prediction_id")
        self._write({"due": due, "asked": started, "until": time.time(), **{name: reply[name] for name in kept}})
        event = {"event_id": f"e-{reply['prediction_id']}", "prediction_id": reply["prediction_id"]}
        yield {**event, "value": row[self._task.target], "at": time.time()}

    def _tell(self, endpoint: Endpoint, owed: list[dict[str, object]]) -> list[dict[str, object]]:
        """What is still to be reported: nothing, or all of it where the report was not taken."""
        while owed:
            try:
                endpoint.outcome(owed[:OUTCOMES])
            except ContenderError as error:
                self._write({"asked": time.time(), "outcomes_failed": str(error), "count": len(owed)})
                return owed
            owed = owed[OUTCOMES:]
        return owed

    def _write(self, line: Mapping[str, object]) -> None:
        with self._lock:
            self._lines.write(json.dumps(line) + "\n")
            self._lines.flush()


def check(lines: Sequence[Mapping[str, Any]], store: str, task: str) -> dict[str, Figure]:
    """What became of the answers in `lines`, by what the store at the address `store` holds."""
    replies = {line["prediction_id"]: line for line in lines if "prediction_id" in line}
    failed = Counter(line["failed"] for line in lines if "failed" in line)
    for how, number in failed.most_common(5):
        print(f"  failed {number}: {how}", file=sys.stderr)
    stored = Counter[str]()
    wrong = 0
    engine = create_engine(store)
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT prediction_id, assigned_to FROM exposures WHERE task = :task"), {"task": task}
        )
        for row in rows:
            identity, assigned = str(row[0]), str(row[1])
            stored[identity] += 1
            wrong += identity in replies and replies[identity]["assigned_to"] != assigned
        moved = int(connection.execute(text(_COUNTED_TWICE), {"task": task}).scalar_one())
    engine.dispose()
    doubled = len([line for line in lines if "prediction_id" in line]) - len(replies)
    return {
        "answered": Figure(len(replies), "requests", ">= 1", bool(replies)),
        "failed": _none(failed.total(), "requests"),
        "acknowledged_lost": _none(len(replies.keys() - stored.keys()), "exposures"),
        "exposures_doubled": _none(doubled + sum(number > 1 for number in stored.values()), "exposures"),
        "arm_unlike_the_record": _none(wrong, "exposures"),
        "units_in_two_arms": _none(moved, "units"),
    }


def _none(value: int, unit: str) -> Figure:
    return Figure(value, unit, "0", value == 0)


def main(arguments: Sequence[str]) -> int:
    """Play or check; 1 where a figure misses its goal."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cluster")
    parser.add_argument("what", choices=("play", "check"))
    parser.add_argument("--task", default="job-change")
    parser.add_argument("--answers", type=Path, required=True)
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--store", default="")
    parser.add_argument("--json", action="store_true")
    wish = parser.parse_args(arguments)
    if wish.what == "play":
        with wish.answers.open("a") as lines:
            print(f"{Play(wish.url, wish.task, wish.rate, lines).run(wish.seconds)} requests", file=sys.stderr)
        return 0
    figures = check([json.loads(line) for line in wish.answers.read_text().splitlines()], wish.store, wish.task)
    if wish.json:
        print(json.dumps({name: figure._asdict() for name, figure in figures.items()}, indent=2))
    else:
        for name, figure in figures.items():
            print(f"{'ok' if figure.ok else 'NO':4}{name:24}{figure.value:10g} {figure.unit}, goal {figure.goal}")
    return 0 if all(figure.ok for figure in figures.values()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
