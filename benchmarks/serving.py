"""How fast serving is, and what it costs: ``python -m benchmarks.serving [--quick] [--json] [--peers]``.

All servers share one processor, the load generator has another. Processor time is summed over every process of a
case, background work included, and is the figure to trust on a machine that others use too; cases take turns, and the
median of the turns counts. With ``--peers`` stock KServe chains take turns with ours, and beside our predictor those
model servers of other people that ``python -m benchmarks.peers`` has installed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import psutil

from benchmarks.chain import TASK, TRANSFORMER, VERSIONS, Chain, StockChain, examples, request
from benchmarks.load import Heard, Load, generate
from benchmarks.peers import Peer, installed
from contender.artifact import FEATURES
from contender.tasks.catalog import task_named

SERVERS: Final = 0
"""The processor of the servers."""
GENERATOR: Final = 1
"""The processor of the load generator."""

CONNECTIONS: Final = (1, 8)
PATH: Final = f"/v1/models/{TASK}:predict"
BATCH: Final = 10_000
OPEN_RATE: Final = 1_000.0

Figures = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: turns of each case, seconds of one, requests for the memory's growth."""

    turns: int
    seconds: float
    soak: int


QUICK: Final = Effort(turns=3, seconds=3.0, soak=20_000)
WHOLE: Final = Effort(turns=7, seconds=5.0, soak=500_000)


class Case(Protocol):
    """A door to load and the processes behind it."""

    @property
    def door(self) -> tuple[int, str]:
        """Port and path."""
        ...

    def cpu_s(self, *names: str) -> float:
        """Processor time of all processes so far."""
        ...


@dataclass(frozen=True, slots=True)
class Turn:
    """One measurement: what the generator heard, and processor milliseconds per answer."""

    heard: Heard
    cpu_ms: float


class PredictorAlone:
    """The champion's predictor of a chain, asked without the transformer."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    @property
    def door(self) -> tuple[int, str]:
        """Port and path."""
        return self._chain.ports["blue"], PATH

    def cpu_s(self, *names: str) -> float:  # noqa: ARG002 - a case's signature
        """Processor time of the predictor so far."""
        return self._chain.cpu_s("blue")


def turn(case: Case, bodies: list[str], connections: int, seconds: float) -> Turn:
    """Load the case in a closed loop."""
    port, path = case.door
    before = case.cpu_s()
    heard = generate(Load(port, path, bodies, connections, seconds, core=GENERATOR))
    return Turn(heard, (case.cpu_s() - before) * 1000 / max(heard.answered, 1))


def latency(cases: Mapping[str, Case], effort: Effort) -> Figures:
    """Closed loop at 1 and 8 connections, all cases in turns."""
    with_unit = [json.dumps({"instances": [row]}) for row in examples(500, seed=3)]
    bodies = {name: _bodies(case, with_unit) for name, case in cases.items()}
    for name, case in cases.items():
        turn(case, bodies[name], 8, 1.0)
    turns: dict[tuple[str, int], list[Turn]] = {(name, n): [] for name in cases for n in CONNECTIONS}
    for _ in range(effort.turns):
        for (name, connections), taken in turns.items():
            taken.append(turn(cases[name], bodies[name], connections, effort.seconds))
    return _closed(turns)


def _bodies(case: Case, with_unit: list[str]) -> list[str]:
    """The same people as each kind of server wants them."""
    if isinstance(case, Peer):
        document = json.loads((case.home / "blue" / FEATURES).read_bytes())
        rows = [json.loads(body)["instances"][0] for body in with_unit]
        known = [{name: value for name, value in row.items() if name != "unit_id"} for row in rows]
        return case.bodies(task_named(TASK).load_features(document).encode(known).tolist())
    if isinstance(case, PredictorAlone):
        return [body.replace(f', "unit_id": "unit-{i}"', "") for i, body in enumerate(with_unit)]
    return with_unit


def _closed(turns: Mapping[tuple[str, int], list[Turn]]) -> Figures:
    found: Figures = {}
    for (name, connections), taken in turns.items():
        at = f"{name}_at_{connections}"
        goal = _GOALS.get(at, {})
        found[f"cpu_{at}"] = _figure(_median(taken, lambda t: t.cpu_ms), "ms/request", most=goal.get("cpu"))
        found[f"p50_{at}"] = _figure(_median(taken, lambda t: t.heard.quantiles_ms["0.5"]), "ms", most=goal.get("p50"))
        found[f"rate_{at}"] = _figure(_median(taken, lambda t: t.heard.per_second), "req/s", least=goal.get("rate"))
    for connections in CONNECTIONS:
        added = found[f"cpu_chain_at_{connections}"]["value"] - found[f"cpu_predictor_at_{connections}"]["value"]
        found[f"cpu_added_by_the_router_at_{connections}"] = _figure(added, "ms/request")
    failed = sum(t.heard.failed for (name, _), taken in turns.items() if name == "chain" for t in taken)
    return found | {"failed_requests": _figure(failed, "requests", most=0)}


_GOALS: Final[Mapping[str, Mapping[str, float]]] = {
    "chain_at_1": {"cpu": 0.9, "p50": 0.9},
    "chain_at_8": {"cpu": 0.5, "rate": 2_000.0},
}


def open_loop(chain: Chain, effort: Effort) -> Figures:
    """Requests due at a fixed rate, whatever the server does; latency counts from when each was due."""
    bodies = [json.dumps({"instances": [row]}) for row in examples(500, seed=5)]
    port, path = chain.door
    heard = [
        generate(Load(port, path, bodies, 64, 2 * effort.seconds, rate=OPEN_RATE, core=GENERATOR))
        for _ in range(effort.turns)
    ]
    quantile = {q: statistics.median(one.quantiles_ms.get(q, float("inf")) for one in heard) for q in ("0.5", "0.95")}
    return {
        "p50_open_loop_1000": _figure(quantile["0.5"], "ms"),
        "p95_open_loop_1000": _figure(quantile["0.95"], "ms", most=20.0),
        "failed_open_loop": _figure(sum(one.failed for one in heard), "requests", most=0),
        "shed_open_loop": _figure(sum(one.shed for one in heard), "requests", most=0),
    }


def batch(chain: Chain, effort: Effort) -> Figures:
    """The largest batch, end to end."""
    body = {"instances": examples(BATCH, seed=4)}
    took = []
    for _ in range(max(3, effort.turns)):
        began = time.perf_counter()
        status, content = request(*chain.door, body)
        took.append(time.perf_counter() - began)
        if status != 200 or content.count(b"prediction_id") != BATCH:
            raise RuntimeError(f"the batch was answered with {status}")
    return {"batch_of_10000": _figure(statistics.median(took), "s", most=1.0)}


def memory(chain: Chain, effort: Effort) -> Figures:
    """Resident memory after all of the above, and what it grows by over many more requests."""
    bodies = [json.dumps({"instances": [row]}) for row in examples(500, seed=6)]
    names = (TRANSFORMER, "blue")
    before = {name: chain.memory_mb(name) for name in names}
    sent = failed = 0
    while sent < effort.soak:
        heard = generate(Load(*chain.door, bodies, 8, 10.0, core=GENERATOR))
        sent, failed = sent + heard.answered, failed + heard.failed
    after = {name: chain.memory_mb(name) for name in names}
    grown = max(after[name] - before[name] for name in names)
    return {
        **{f"memory_{name}": _figure(after[name], "MB", most=200.0) for name in names},
        "memory_growth": _figure(grown, f"MB/{effort.soak}", most=10.0),
        "failed_soak": _figure(failed, "requests", most=0),
    }


def measure(effort: Effort, *, peers: bool) -> Figures:
    """All figures by name: value, unit, goal, and whether it is met."""
    with tempfile.TemporaryDirectory() as folder:
        chain = Chain(Path(folder), SERVERS)
        others = _others(Path(folder)) if peers else {}
        try:
            chain.prepare()
            chain.start()
            for one in others.values():
                one.start()
            began, used = time.perf_counter(), _busy_s() - chain.cpu_s()
            cases: dict[str, Case] = {"chain": chain, "predictor": PredictorAlone(chain)}
            cases |= others
            found = latency(cases, effort) | open_loop(chain, effort) | batch(chain, effort)
            found |= memory(chain, effort) | _cold(chain)
            busy = (_busy_s() - chain.cpu_s() - used) / (time.perf_counter() - began)
            return found | {"processors_busy_with_other_work": _figure(busy, "processors")}
        finally:
            chain.stop()
            for one in others.values():
                one.stop()


def _others(home: Path) -> dict[str, StockChain | Peer]:
    """What ours is compared with: chains of stock KServe, and the model servers that are installed."""
    chains = {f"stock_{kind}": StockChain(home, SERVERS, kind=kind) for kind in ("onnx", "sklearn")}
    return {**chains, **{kind: Peer(home, SERVERS, kind=kind) for kind in installed()}}


def _cold(chain: Chain) -> Figures:
    slowest = max(chain.started_s[place] for place in VERSIONS)
    return {
        "cold_start_transformer": _figure(chain.started_s[TRANSFORMER], "s", most=2.0),
        "cold_start_predictor": _figure(slowest, "s", most=2.0),
    }


def _busy_s() -> float:
    """Processor time that the whole machine has spent so far; the generator's own is in it."""
    times = psutil.cpu_times()
    return float(times.user + times.system + times.nice + times.irq + times.softirq + times.steal)


def _median(taken: list[Turn], read: Callable[[Turn], float]) -> float:
    answered = [read(one) for one in taken if one.heard.answered]
    return statistics.median(answered) if answered else float("inf")


def _figure(value: float, unit: str, *, most: float | None = None, least: float | None = None) -> dict[str, Any]:
    ok = (most is None or value <= most) and (least is None or value >= least)
    goal = f"<= {most:g}" if most is not None else f">= {least:g}" if least is not None else "stated"
    return {"value": round(value, 3), "unit": unit, "goal": goal, "ok": ok}


def main() -> int:
    """Print the figures; 0 when all goals are met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer and shorter turns")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--peers", action="store_true", help="stock KServe chains take turns with ours")
    options = parser.parse_args()
    found = measure(QUICK if options.quick else WHOLE, peers=options.peers)
    if options.json:
        print(json.dumps(found, indent=1))
    else:
        for name, figure in found.items():
            mark = "ok  " if figure["ok"] else "MISS"
            print(f"{mark} {name:38} {figure['value']:>10g} {figure['unit']:12} {figure['goal']}")
    return 0 if all(figure["ok"] for figure in found.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
