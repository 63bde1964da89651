"""What a dossier says in plain sentences, for a reader who decides and does not calculate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from cli.dossier.contents import Dossier
from cli.dossier.fairness import under_the_line
from cli.dossier.figures import moment, percent, plain, signed
from contender.experiment.analysis import RUNNING
from contender.values import CHALLENGER, CHAMPION

_VERDICTS: Final[Mapping[str, str]] = {
    "better": "Version {new} does better than version {old}, and the evidence is strong enough to act on it.",
    "worse": "Version {new} does worse than version {old}, and the evidence is strong enough to act on it.",
    "guardrail": "Version {new} breaks a safety limit, so it must not serve people, whatever its other merits.",
    "unhealthy": "The experiment itself is not sound, so nothing may be promoted on its figures.",
    "malformed": "The data of this experiment failed consistency checks, so nothing can be concluded from them.",
    "too-few": "It is too early to say: too few people have a final value.",
    "exhausted": "Within the planned number of people no difference between the two versions can be shown.",
    "guardrail-open": "Version {new} does better, but a limit of the plan is not shown to be kept yet.",
    "futile": "Whatever difference there is, it is smaller than the plan calls worth having.",
    "shadow": "Version {new} was compared in the shadow; whether it does better only an experiment can say.",
    "shadow-better": "Asked in the shadow, version {new} does better than version {old} on the same people.",
    "undecided": "So far no difference between the two versions has been shown.",
}
"""By the rule of the verdict table that spoke."""

_NOT_WORSE: Final = (
    "Version {new} is shown not to be worse than version {old} by more than the plan allows, as it asked."
)

_BY_DECISION: Final[Mapping[str, str]] = {
    "promote": "The evidence is for version {new}.",
    "roll back": "The evidence is against version {new}.",
    "hold": "The evidence does not settle the matter yet.",
    "error": "The evidence cannot be used.",
}

_HEADLINES: Final[Mapping[str, str]] = {
    "promote": "Version {new} was promoted in place of version {old}",
    "bake": "Version {new} serves everyone and is being watched",
    "baked": "Version {new} was promoted in place of version {old}",
    "undo": "The experiment was ended; version {old} remains in service",
    "abort": "Version {new} was abandoned; version {old} remains in service",
}
"""By the last decision that was carried out."""

_DONE: Final[Mapping[str, str]] = {
    "promote": "Promoted",
    "bake": "Promoted under watch",
    "baked": "Kept after the watch",
    "undo": "Undone",
    "abort": "Abandoned",
}

_TAKEN_BACK: Final = "Version {new} had been promoted and was taken back, version {old} serves again"
_PROMOTIONS: Final = ("promote", "bake", "baked")
_OVERRIDDEN: Final = "overridden"


def headline(dossier: Dossier) -> str:
    """What became of the challenger, in one line."""
    events = [record["event"] for record in dossier.decisions]
    if not events:
        return _named("Version {new} runs against version {old}, nothing is decided", dossier)
    taken_back = events[-1] not in _PROMOTIONS and any(event in _PROMOTIONS for event in events)
    return _named(_TAKEN_BACK if taken_back else _HEADLINES[events[-1]], dossier)


def verdict_sentence(dossier: Dossier) -> str:
    """The verdict in one sentence."""
    verdict = dossier.verdict
    if verdict is None:
        return "Nobody has looked at the experiment yet, so there is no verdict."
    if verdict["rule"] == "better" and verdict["interval"][0] <= 0.0:
        return _named(_NOT_WORSE, dossier)
    return _named(_VERDICTS.get(verdict["rule"]) or _BY_DECISION[verdict["decision"]], dossier)


def overridden(dossier: Dossier) -> str:
    """The stated reason of a promotion against the verdict, or an empty text."""
    reasons = (
        str(record["detail"].get("reason", "")) for record in dossier.decisions if record["event"] in _PROMOTIONS
    )
    return next((reason for reason in reasons if reason.startswith(_OVERRIDDEN)), "")


def meaning(dossier: Dossier) -> Iterator[str]:
    """What the verdict means, sentence by sentence."""
    verdict = dossier.verdict
    yield from _rewards(dossier)
    if verdict is not None:
        yield from _certainty(verdict, dossier)
        yield _limits(verdict)
        yield from _alike(dossier)
        yield _soundness(verdict)
    yield from _held_out(dossier)


def doers(dossier: Dossier) -> Iterator[str]:
    """Who did what and when, who approved it."""
    for record in dossier.decisions:
        done = f"{_DONE[record['event']]} by {record['actor']} on {moment(record['at'])}"
        if approver := record["detail"].get("approver"):
            done += f", approved by {approver}"
        elif record["event"] in _PROMOTIONS:
            done += ", no approval by a second person on record"
        yield done


def _rewards(dossier: Dossier) -> Iterator[str]:
    champion, challenger = (dossier.mean(role) for role in (CHAMPION, CHALLENGER))
    if champion is not None and challenger is not None:
        name, better = dossier.terms.primary.name, "more" if dossier.terms.primary.sign > 0 else "less"
        told = _named(f"Average {name} per person was {plain(champion.mean)} with version {{old}}", dossier)
        yield told + _named(f" and {plain(challenger.mean)} with version {{new}} ({better} is better).", dossier)


def _certainty(verdict: Mapping[str, Any], dossier: Dossier) -> Iterator[str]:
    if verdict["interval"]:
        low, high = verdict["interval"]
        yield (
            f"The true difference lies between {signed(low)} and {signed(high)} with "
            f"{percent(1 - dossier.terms.level, 0)} confidence, over all {len(dossier.looks)} looks together: "
            "checking results early does not bias this interval."
        )
    if verdict["more_units"]:
        needed = "are" if dossier.experiment["status"] == RUNNING else "would have been"
        yield f"About {plain(verdict['more_units'])} more people with an outcome {needed} needed for an answer."


def _limits(verdict: Mapping[str, Any]) -> str:
    guardrails = verdict["guardrails"]
    broken = [name for name, found in guardrails.items() if found["breached"]]
    if broken:
        return f"Broken safety limits: {', '.join(broken)}."
    if not guardrails:
        return "No safety limit could be judged."
    passed = sum(found.get("state") == "passed" for found in guardrails.values())
    if passed == len(guardrails):
        return f"All {passed} safety limits are shown to hold."
    waits = [name for name, found in guardrails.items() if found.get("required") and found.get("state") == "open"]
    needed = f", among them {', '.join(waits)}, which must be shown to hold before a promotion" if waits else ""
    return f"No safety limit is broken; {passed} of {len(guardrails)} are shown to hold, the rest are open{needed}."


def _alike(dossier: Dossier) -> Iterator[str]:
    below = under_the_line(dossier)
    if below:
        groups = ", ".join(f"{group} ({ratio:.2f})" for group, ratio in below.items())
        yield _named(f"With version {{new}} the impact ratio is under four fifths for {groups}: see Fairness.", dossier)
    elif below is not None:
        yield _named("With version {new} no group that can be compared has an impact ratio under four fifths.", dossier)


def _soundness(verdict: Mapping[str, Any]) -> str:
    if verdict["health"]:
        return f"The experiment is not sound: {'; '.join(verdict['health'])}."
    return (
        "The experiment is sound: people fell on the versions by their shares, no more than the plan allows met both."
    )


def _held_out(dossier: Dossier) -> Iterator[str]:
    """Who stays on the version before after a promotion, and how they fare beside everybody else."""
    share = dossier.terms.holdout
    if not share:
        return
    if dossier.holdout is None:
        yield _named(f"After a promotion {percent(share)} of all people stay on version {{old}}, to compare.", dossier)
        return
    told = f"{percent(share)} of all people stayed on version {{old}} after the promotion: "
    if dossier.holdout["interval"]:
        low, high = dossier.holdout["interval"]
        told += f"the others' {dossier.terms.primary.name} differs from theirs by {signed(low)} to {signed(high)}; "
    yield _named(f"{told}{dossier.holdout['reason']}.", dossier)


def _named(sentence: str, dossier: Dossier) -> str:
    return sentence.replace("{new}", dossier.experiment["challenger"]).replace("{old}", dossier.experiment["champion"])
