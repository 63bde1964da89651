"""The status as a tree in a terminal: release, arms, slots, experiment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from cli.status.health import ANALYSES, Health, analysis_health, diagnose, process_in, slot_health
from cli.verdicts import guardrail_text, interval_picture, interval_text, ramp_text
from contender.experiment.analysis import STOPPED
from contender.routing import challenger_name
from contender.values import BASELINE, CHALLENGER, CHAMPION, PREVIOUS

_BAR: Final = 24
_ROOM: Final = 100
"""Columns that a table of four needs."""

_GUARDRAILS: Final[Mapping[str, Health]] = {
    "passed": Health.SUCCESSFUL,
    "open": Health.RUNNING,
    "breached": Health.FAILED,
}
_COLOURS: Final[Mapping[str, str]] = {"champion": "blue", "challenger": "magenta"}


@dataclass(frozen=True)
class Node:
    """A line of the tree. `health` may be None: then there is nothing to say."""

    name: str
    kind: str
    health: Health | None
    info: RenderableType = ""
    children: Sequence[Node] = ()


def render(document: Mapping[str, Any]) -> Group:
    """The status as a person reads it, whole on a terminal of any width."""
    return Group(_header(document), "", _Tree(nodes(document)))


class _Tree:
    """A table where there is room for its columns; else a line for each node, and what is told of it below."""

    def __init__(self, root: Node) -> None:
        self._root = root

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield _table(self._root) if options.max_width >= _ROOM else _folded(self._root)


def nodes(document: Mapping[str, Any]) -> Node:
    """The tree of a status document."""
    found = diagnose(document)
    children = [*_arms(document), *_shadow(document), *_warm(document), *_others(document), *_experiment(document)]
    release = document["release"]
    info = f"{release['phase']}, generation {release['generation']}"
    return Node(f"⟳ {document['task']}", "Release", found.health, info, children)


def _header(document: Mapping[str, Any]) -> Table:
    found = diagnose(document)
    grid = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("Name:", document["task"])
    grid.add_row("Status:", Text(found.health.text, style=f"bold {found.health.colour}"))
    grid.add_row("Message:", Text(found.message))
    grid.add_row("Serving:", Text(document["url"] or "–"))
    grid.add_row("People:", _split(document))
    for line in document.get("watch", ()):
        grid.add_row("Watch:", Text(line))
    grid.add_row("Home:", Text(document["home"]))
    return grid


def _split(document: Mapping[str, Any]) -> Text:
    arms = document["routing"]["arms"] if document["routing"] else []
    bar, words = Text(), []
    for arm in arms:
        share = document["shares"][arm["name"]]
        bar.append("█" * round(share * _BAR), style=_COLOURS.get(arm["name"], "cyan"))
        words.append(f"{arm['name']} {share:.0%}")
    return bar.append("  " + " · ".join(words) if words else "–")


def _arms(document: Mapping[str, Any]) -> Iterator[Node]:
    for arm in document["routing"]["arms"] if document["routing"] else ():
        found = slot_health(arm["slot"], arm["version"], document)
        share = document["shares"][arm["name"]]
        told = (_version(arm, document["release"]), f"{share:.0%} of the people", _requests(arm["name"], document))
        slot = _slot(arm["slot"], found.health, document)
        yield Node(f"# {arm['name']}", "Arm", found.health, Text(" · ".join(told)), [slot])


def _shadow(document: Mapping[str, Any]) -> Iterator[Node]:
    """Who is asked too, and told to nobody."""
    arm = document["routing"]["shadow"] if document["routing"] else None
    if arm:
        found = slot_health(arm["slot"], arm["version"], document)
        told = (_version(arm, document["release"]), "mirrored, told to nobody", _requests(arm["name"], document))
        slot = _slot(arm["slot"], found.health, document)
        yield Node(f"# {arm['name']}", "Shadow", found.health, Text(" · ".join(told)), [slot])


def _warm(document: Mapping[str, Any]) -> Iterator[Node]:
    """What is in a slot without traffic: the version before, or a challenger that waits."""
    routing = document["routing"] or {"arms": (), "shadow": None}
    served = {arm["slot"] for arm in (*routing["arms"], *filter(None, [routing["shadow"]]))}
    release = document["release"]
    rivals = {challenger_name(number): placed for number, placed in enumerate(release.get("rivals", ()), start=1)}
    for role, placed in {CHALLENGER: release[CHALLENGER], **rivals, PREVIOUS: release[PREVIOUS]}.items():
        if placed and placed["slot"] not in served:
            found = slot_health(placed["slot"], placed["model"]["version"], document)
            told = f"version {placed['model']['version']} ({placed['model']['semver']}) · warm, no traffic"
            yield Node(f"# {role}", "Arm", found.health, Text(told), [_slot(placed["slot"], found.health, document)])


def _others(document: Mapping[str, Any]) -> Iterator[Node]:
    watching = [(one["name"], "Watch") for one in document["processes"] if one["role"] == "observer"]
    for name, kind in ((BASELINE, "Slot"), ("transformer", "Entry"), *watching):
        process = process_in(name, document)
        if process is not None:
            yield _slot(name, Health.HEALTHY if process["ready"] else Health.DEGRADED, document, kind)


def _slot(name: str, health: Health, document: Mapping[str, Any], kind: str = "Slot") -> Node:
    process = process_in(name, document)
    if process is None:
        return Node(f"□ {name}", kind, Health.DOWN)
    told = [f"port {process['port']}", f"pid {process['pid'] or '–'}", f"{process['restarts']} restarts"]
    told += [process["reason"]] if process["reason"] else []
    return Node(f"□ {name}", kind, health, Text(" · ".join(told), style="dim"))


def _version(arm: Mapping[str, Any], release: Mapping[str, Any]) -> str:
    places = (release[CHAMPION], release[CHALLENGER], release[PREVIOUS], *release.get("rivals", ()))
    models = [placed["model"] for placed in places if placed]
    semver = next((model["semver"] for model in models if model["version"] == arm["version"]), "")
    return f"version {arm['version']}" + (f" ({semver})" if semver else "")


def _requests(arm: str, document: Mapping[str, Any]) -> str:
    traffic = document["traffic"]
    counted = traffic["arms"].get(arm)
    minutes = f"in {traffic['window_seconds'] // 60} min"
    if not counted:
        return f"no requests {minutes}"
    return f"{counted['requests']:,} requests {minutes}, {counted['fallbacks'] / counted['requests']:.1%} fell back"


def _experiment(document: Mapping[str, Any]) -> Iterator[Node]:
    experiment = document["experiment"]
    if experiment is None:
        return
    verdict = experiment["verdict"]
    children = [*_ramp(experiment), *(_measurements(verdict) if verdict else ()), *_rivals(verdict)]
    told = f"{verdict['decision']}: {verdict['reason']}" if verdict else "not looked at yet"
    told = f"ended; {told}" if experiment["status"] == STOPPED else told
    name = f"Σ {experiment['id']}"
    yield Node(name, "Experiment", analysis_health(experiment), Text(told), children)


def _ramp(experiment: Mapping[str, Any]) -> Iterator[Node]:
    ramp = experiment.get("ramp")
    if ramp and ramp["steps"] > 1:
        done = Health.RUNNING if ramp["next_share"] is not None else Health.SUCCESSFUL
        yield Node("ramp", "Ramp", done, Text(ramp_text(ramp)))


def _rivals(verdict: Mapping[str, Any] | None) -> Iterator[Node]:
    """What the other arms' verdicts are at the same look."""
    for name, found in (verdict or {}).get("others", {}).items():
        yield Node(f"Σ {name}", "Arm", ANALYSES[found["decision"]], Text(f"{found['decision']}: {found['reason']}"))


def _measurements(verdict: Mapping[str, Any]) -> Iterator[Node]:
    if verdict["interval"]:
        yield Node("effect", "Metric", None, interval_picture(verdict))
        yield Node("units", "Metric", None, f"{interval_text(verdict)} · {verdict['units']:,} people with a value")
    sound = Health.FAILED if verdict["health"] else Health.SUCCESSFUL
    told = "; ".join(verdict["health"]) or f"sample ratio p {verdict['srm_p']:.2g}"
    yield Node("health", "Check", sound, Text(told))
    for name, rail in verdict["guardrails"].items():
        # Looks of older versions know no other state than breached or not.
        state = "breached" if rail["breached"] else rail.get("state", "open")
        yield Node(name, "Guardrail", _GUARDRAILS[state], guardrail_text(name, rail, verdict))


def _table(root: Node) -> Table:
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("NAME", "KIND", "STATUS"):
        grid.add_column(column, header_style="dim", no_wrap=True)
    grid.add_column("INFO", header_style="dim", overflow="fold")
    for guide, node in _flat(root):
        status = Text(node.health.text, style=node.health.colour) if node.health else ""
        grid.add_row(Text.assemble((guide, "dim"), node.name), node.kind, status, node.info)
    return grid


def _folded(root: Node) -> Table:
    grid = Table.grid()
    grid.add_column(overflow="fold")
    for guide, node in _flat(root):
        status = (f"  {node.health.text}", node.health.colour) if node.health else ""
        grid.add_row(Text.assemble((guide, "dim"), node.name, status))
        if node.info:
            grid.add_row(Padding(node.info, (0, 0, 0, len(guide) + 2)))
    return grid


def _flat(node: Node, own: str = "", below: str = "") -> Iterator[tuple[str, Node]]:
    yield own, node
    for number, child in enumerate(node.children, start=1):
        last = number == len(node.children)
        yield from _flat(child, below + ("└── " if last else "├── "), below + ("    " if last else "│   "))
