"""How a release is, in words, as a tree and as a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from cli.status.document import traffic
from cli.status.health import Health, analysis_health, diagnose
from cli.status.line import line
from cli.status.tree import Node, nodes, render

Document = dict[str, Any]


def drawn(document: Document, width: int = 160) -> str:
    console = Console(width=width, soft_wrap=True)
    with console.capture() as captured:
        console.print(render(document))
    return captured.get()


def flat(node: Node) -> list[Node]:
    return [node, *(below for child in node.children for below in flat(child))]


def crash(document: Document) -> None:
    document["processes"][1] |= {"ready": False, "reason": "SIGKILL"}


def wrong_version(document: Document) -> None:
    document["processes"][1]["version"] = "7"


def lost(document: Document) -> None:
    del document["processes"][1]


def no_transformer(document: Document) -> None:
    document["processes"][3]["ready"] = False


def rolls_back(document: Document) -> None:
    document["experiment"]["verdict"] |= {"decision": "roll back", "reason": "a guardrail is breached"}


def wins(document: Document) -> None:
    document["experiment"]["verdict"]["decision"] = "promote"


def suspend(document: Document) -> None:
    document["release"]["suspended"] = True


def half_way(document: Document) -> None:
    document["release"]["change"] = {"event": "promote", "pending": ["alias champion"]}


def down(document: Document) -> None:
    document["processes"] = []


def in_phase(name: str) -> Callable[[Document], None]:
    return lambda document: document["release"].update(phase=name)


def held_out(document: Document) -> None:
    document["release"] |= {
        "phase": "promoted",
        "champion": document["release"]["challenger"],
        "previous": document["release"]["champion"],
        "challenger": None,
        "holdout": {"experiment_id": "job-change-1-vs-2-holdout", "salt": "s", "share": 0.02, "edge": 0.5},
    }
    document["routing"]["arms"] = [
        {"name": "champion", "slot": "green", "version": "2", "range": [0.02, 1.0]},
        {"name": "holdout", "slot": "blue", "version": "1", "range": [0.0, 0.02]},
    ]
    document["shares"] = {"champion": 0.98, "holdout": 0.02}


def held_out_and_better(document: Document) -> None:
    held_out(document)
    rolls_back(document)


def empty(document: Document) -> None:
    document["release"] |= {"phase": "idle", "champion": None, "challenger": None}
    document["routing"] = None


def never_begun(document: Document) -> None:
    empty(document)
    down(document)


@pytest.mark.parametrize(
    ("change", "health", "told"),
    [
        (lambda document: None, Health.PROGRESSING, "its share"),
        (wins, Health.PAUSED, "contender promote"),
        (rolls_back, Health.DEGRADED, "a guardrail is breached: contender abort"),
        (crash, Health.DEGRADED, "challenger: green is not ready: SIGKILL"),
        (wrong_version, Health.DEGRADED, "green answers with version 7, expected 2"),
        (lost, Health.DEGRADED, "challenger: nothing runs there"),
        (no_transformer, Health.DEGRADED, "transformer is not ready"),
        (suspend, Health.PAUSED, "contender resume"),
        (half_way, Health.PROGRESSING, "promote is unfinished, next comes: alias champion"),
        (down, Health.DOWN, "nothing is up: contender up"),
        (never_begun, Health.DOWN, "no version has served yet: contender train --task"),
        (empty, Health.PROGRESSING, "no champion yet"),
        (in_phase("idle"), Health.HEALTHY, "the champion serves everyone"),
        (in_phase("prepared"), Health.PAUSED, "contender experiment start"),
        (in_phase("promoting"), Health.PROGRESSING, "being watched"),
        (in_phase("promoted"), Health.HEALTHY, "stays warm"),
        (held_out, Health.HEALTHY, "everyone but 2.00%, held out on the old one: undo or finish"),
        (held_out_and_better, Health.DEGRADED, "holdout's verdict is roll back, a guardrail is breached: contender u"),
    ],
)  # fmt: skip
def test_a_release_is(change: Callable[[Document], None], health: Health, told: str, document: Document) -> None:
    change(document)
    found = diagnose(document)
    assert found.health is health
    assert told in found.message
    assert health.text in drawn(document)


@pytest.mark.parametrize(
    ("status", "decision", "health"),
    [
        ("running", "hold", Health.RUNNING),
        ("stopped", "hold", Health.INCONCLUSIVE),
        ("running", "promote", Health.SUCCESSFUL),
        ("stopped", "roll back", Health.FAILED),
        ("running", "error", Health.ERROR),
    ],
)
def test_an_experiment_is(status: str, decision: str, health: Health) -> None:
    assert analysis_health({"status": status, "verdict": {"decision": decision}}) is health


def test_an_experiment_nobody_looked_at_is_running(document: Document) -> None:
    document["experiment"]["verdict"] = None
    assert analysis_health(document["experiment"]) is Health.RUNNING
    assert "not looked at yet" in drawn(document)


def test_the_holdout_is_an_arm_of_the_tree(document: Document) -> None:
    held_out(document)
    assert "champion 98% · holdout 2%" in drawn(document)
    assert "version 1 (1.0.1) · 2% of the people" in drawn(document)


def test_the_tree_has_arms_slots_and_measurements(document: Document) -> None:
    text = drawn(document)
    names = [node.name for node in flat(nodes(document))]
    assert names[:5] == ["⟳ job-change", "# champion", "□ blue", "# challenger", "□ green"]
    assert "version 1 (1.0.1) · 75% of the people · 1,500 requests in 5 min, 1.0% fell back" in text
    assert "no requests in 5 min" in text
    assert "2.0% against 1.0%" in text
    assert "0.810 against 0.800" in text
    assert "└── □ green" in text


def test_a_crashed_slot_is_marked_in_the_tree(document: Document) -> None:
    crash(document)
    degraded = [node.name for node in flat(nodes(document)) if node.health is Health.DEGRADED]
    assert degraded == ["⟳ job-change", "# challenger", "□ green"]


def test_a_warm_version_is_shown_although_nobody_is_sent_there(document: Document) -> None:
    document["release"] |= {"phase": "promoted", "previous": document["release"]["challenger"], "challenger": None}
    document["routing"]["arms"] = [{"name": "champion", "slot": "blue", "version": "1", "range": [0.0, 1.0]}]
    document["shares"] = {"champion": 1.0}
    assert "# previous" in [node.name for node in flat(nodes(document))]
    assert "warm, no traffic" in drawn(document)


def test_quoted_words_are_not_markup(document: Document) -> None:
    document["experiment"]["verdict"]["reason"] = "[red]spoof[/red] [/]"
    assert "[red]spoof[/red] [/]" in drawn(document)


def test_a_line_holds_it_all(document: Document) -> None:
    assert line(document, 0.0) == (
        "1970-01-01T00:00:00Z job-change ◌ Progressing experimenting champion=1@blue:75%,1500req "
        "challenger=2@green:25%,0req verdict=hold effect=+0.0100  [-0.0200, +0.0400] "
        "· the challenger gets its share of the people"
    )


def test_a_step_that_covers_a_fifth_is_shown_as_the_shares_that_people_get(document: Document) -> None:
    for arm, bounds in zip(document["routing"]["arms"], ([0.0, 0.5], [0.5, 1.0]), strict=True):
        arm["range"] = bounds
    document["shares"] = {"champion": 0.9, "challenger": 0.1}
    assert "champion=1@blue:90%,1500req challenger=2@green:10%" in line(document, 0.0)
    assert "champion 90% · challenger 10%" in drawn(document)


def test_a_guardrail_that_is_open_is_not_shown_as_kept(document: Document) -> None:
    rails = document["experiment"]["verdict"]["guardrails"]
    rails["fallback"] = rails["fallback"] | {"state": "open"}
    rails["dwell"] = {
        "champion": None,
        "challenger": None,
        "p": 1.0,
        "breached": False,
        "state": "open",
        "required": True,
    }
    rails["slow"] = rails["fallback"] | {"state": "passed"}
    signs = {node.name: node.health for node in flat(nodes(document)) if node.kind == "Guardrail"}
    assert (signs["fallback"], signs["slow"]) == (Health.RUNNING, Health.SUCCESSFUL)
    assert "– against –, open, must pass" in drawn(document)


def test_traffic_counts_answers_of_others_as_fallbacks() -> None:
    counts = {
        ("champion", "champion", None): 90,
        ("champion", "baseline", "timeout"): 6,
        ("champion", "champion", "unsure"): 4,
        ("unassigned", "champion", None): 5,
    }
    assert traffic(counts)["arms"] == {
        "champion": {"requests": 100, "fallbacks": 6},
        "unassigned": {"requests": 5, "fallbacks": 0},
    }


def test_a_shadow_and_what_the_ramp_waits_for_are_in_the_tree(document: Document) -> None:
    document["routing"]["shadow"] = {"name": "shadow", "slot": "violet", "version": "3", "range": [0.0, 1.0]}
    document["release"]["rivals"] = [{**document["release"]["challenger"], "slot": "violet"}]
    document["processes"].append({**document["processes"][1], "name": "violet", "slot": "violet", "version": "3"})
    document["experiment"]["ramp"] = {
        "step": 1, "steps": 3, "share": 0.01, "units": 40, "needed": 100, "next_share": 0.1,
        "against": "40 of 100 units seen in this step", "ready": False,
    }  # fmt: skip
    document["experiment"]["verdict"]["others"] = {"shadow": {"decision": "roll back", "reason": "it is worse"}}
    tree = drawn(document)
    assert "told to nobody" in tree
    assert "step 1 of 3 at 1%, 40 units seen; 10% next: 40 of 100 units seen in this step" in " ".join(tree.split())
    assert "it is worse" in tree
    lost = [one for one in document["processes"] if one["slot"] != "violet"]
    assert diagnose(document | {"processes": lost}).health is Health.DEGRADED
    document["routing"]["shadow"] = None
    assert "warm, no traffic" in drawn(document)


@pytest.mark.parametrize("width", [40, 60, 80])
def test_the_status_is_whole_on_a_narrow_terminal(document: Document, width: int) -> None:
    lines = drawn(document, width).splitlines()
    assert max(map(len, lines)) <= width
    words = "".join("".join(lines).split())
    assert "…" not in words
    for node in flat(nodes(document)):
        told = [node.name, node.health.text if node.health else "", getattr(node.info, "plain", node.info)]
        assert not [one for one in told if "".join(str(one).replace("│", "").split()) not in words.replace("│", "")]
