"""Rules by arithmetic: a pod that goes has time for what it still owes, and a node can be drained, not emptied."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from infrastructure.policy.objects import Document, Finding, Pod, Rendered, Rule, label, selects, space

PROPAGATION_S: Final = 5
"""Until every node and the gateway have heard that a pod goes."""
SHIPPING_S: Final = 10
"""How long a transformer that goes ships what its spool holds (`serving.transformer.shipper.DRAIN_S`)."""
STEP_S: Final = 20
"""The longest step of it, with a database that says nothing (`patience.ANSWER_S`): one may be under way when the
shipping begins, and one may begin just before it ends."""
UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(duration: str) -> float:
    """The seconds of a duration as Gateway API writes it, such as ``1m30s``."""
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|s|m|h)", duration))


def longest_request(overlay: Rendered) -> float:
    """The seconds after which the gateway gives up on any request, 0 without a route; an hour where one states none."""
    rules = [rule for route in overlay.of("HTTPRoute") for rule in route["spec"]["rules"]]
    return max((seconds(one.get("timeouts", {}).get("request", "1h")) for one in rules), default=0.0)


def owed(overlay: Rendered, pod: Pod) -> Mapping[str, float]:
    """What a server that goes needs, in seconds, one after another: until it is left alone, to answer, to ship."""
    (server,) = pod.spec["containers"][:1]
    told = {one["name"]: one.get("value") for one in server.get("env", [])}
    shipping = SHIPPING_S + 2 * STEP_S if pod.part == "transformer" else 0
    return {
        "preStop": float(server.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)),
        "drain": float(told.get("CONTENDER_DRAIN_S") or 0),
        "request": longest_request(overlay),
        "shipping": float(shipping),
    }


def grace_is_enough(overlay: Rendered) -> Iterator[Finding]:
    """Grace exceeds preStop, drain, the longest request and the shipping together; preStop the propagation."""
    for pod in _servers(overlay):
        need, grace = owed(overlay, pod), pod.spec.get("terminationGracePeriodSeconds", 30)
        if sum(need.values()) >= grace:
            parts = " + ".join(f"{name} {amount:g}" for name, amount in need.items())
            yield Finding("drain-fits-grace", pod.where, f"{parts} s, and is killed after {grace} s", "longer grace")
        if need["preStop"] < PROPAGATION_S:
            yield Finding(
                "drain-fits-grace", pod.where, "stops before all have heard of it", f"preStop {PROPAGATION_S}"
            )


def unready_in_time(overlay: Rendered) -> Iterator[Finding]:
    """A server that drains is found unready before it ends to listen."""
    for pod in _servers(overlay):
        probe = pod.spec["containers"][0].get("readinessProbe", {})
        late = probe.get("periodSeconds", 10) * probe.get("failureThreshold", 3)
        if late > (drain := owed(overlay, pod)["drain"]):
            yield Finding("unready-in-time", pod.where, f"is ready for {late} s of {drain:g} s", "periodSeconds")


def drains_go_on(overlay: Rendered) -> Iterator[Finding]:
    """A budget lets one pod of the least there are go, and of two or more keeps one."""
    for pod in _servers(overlay):
        least = int(pod.spec.get("minReplicas", 1))
        budgets = [
            one
            for one in overlay.of("PodDisruptionBudget")
            if space(one) == pod.namespace and selects(one["spec"]["selector"], pod.labels)
        ]
        if len(budgets) > 1:
            yield Finding("drain-goes-on", pod.where, "has two budgets, and the API then evicts nobody", "one each")
        for one in budgets:
            yield from _budget(one, pod, least)


def _budget(budget: Document, pod: Pod, least: int) -> Iterator[Finding]:
    lost, where = _gone(budget["spec"], least), f"{label(budget)} on {pod.where}"
    if lost < 1:
        yield Finding("drain-goes-on", where, f"lets none of {least} go: a drain waits for ever", "maxUnavailable: 1")
    if least > 1 and lost >= least:
        yield Finding("drain-goes-on", where, f"lets all {least} go at once", "maxUnavailable: 1")
    if budget["spec"].get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
        yield Finding("drain-goes-on", where, "keeps a node for a pod that never gets ready", "AlwaysAllow")


def _gone(spec: Document, least: int) -> int:
    """How many of `least` pods may go; a share is rounded up, as the API does, both ways."""
    if "minAvailable" in spec:
        return least - _amount(spec["minAvailable"], least)
    return _amount(spec.get("maxUnavailable", 0), least)


def _amount(value: Any, least: int) -> int:
    return -(-int(value.rstrip("%")) * least // 100) if isinstance(value, str) else int(value)


def served_before_jobs(overlay: Rendered) -> Iterator[Finding]:
    """Where there is no room, whoever answers people stays, and jobs wait."""
    values = {one["metadata"]["name"]: int(one["value"]) for one in overlay.of("PriorityClass")}
    jobs = [pod for pod in overlay.pods() if pod.owner["kind"] in ("Job", "CronJob")]
    highest = max((_priority(pod, values) for pod in jobs), default=0)
    for pod in _servers(overlay):
        if _priority(pod, values) <= highest:
            yield Finding("served-before-jobs", pod.where, "makes room for a job", "priorityClassName")


def _priority(pod: Pod, values: Mapping[str, int]) -> int:
    return values.get(pod.spec.get("priorityClassName", ""), 0)


def _servers(overlay: Rendered) -> Iterator[Pod]:
    """Those that answer people and whose runtime is there; others are found by `runtime-exists`."""
    return (pod for pod in overlay.pods() if pod.serves and pod.spec["containers"])


RULES: Final[tuple[Rule, ...]] = (grace_is_enough, unready_in_time, drains_go_on, served_before_jobs)
