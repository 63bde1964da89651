"""`contender approve` and `contender release`: who agrees to a promotion, and the machine as a picture."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli import experiment
from cli.compose import Workplace, settings_from
from cli.documents import object_of
from cli.home import at_home
from cli.looking import look_at
from cli.output import JsonFlag, TaskOption, note, pairs, show
from contender.errors import FaultFound, InvalidInput
from contender.experiment.analysis import Experiment
from contender.experiment.decision import Verdict, evidence_digest
from contender.release import diagram as picture
from contender.release.approval import Subject, Validity, seal, subject

group = typer.Typer(no_args_is_help=True, help="Approvers' keys, and the release machine as a picture.")

HOUR_S = 3600.0
_EVIDENCE: Final = "contender cluster run -- release evidence --json > evidence.json"
DIAGRAM = Path(__file__).parents[1] / "docs" / "generated" / "release.md"


def approve(
    key: Annotated[Path, typer.Option(help="Your private key, made by `contender release key`.")],
    out: Annotated[Path, typer.Option(help="Write the approval here, for `contender promote --approval`.")],
    seen: Annotated[
        Path | None, typer.Option("--evidence", help="What `contender release evidence --json` printed elsewhere.")
    ] = None,
    task: TaskOption = "job-change",
    hours: Annotated[float, typer.Option(min=0.01, max=168, help="How long it is valid.")] = 24,
    as_json: JsonFlag = False,
) -> int:
    """Look at the running experiment and agree, in your name and once, to promote its challenger on this evidence.

    You must not be the one who prepared the challenger, started the experiment or promotes. With --evidence nothing is
    asked but that file: a key stays on its owner's machine, which reaches neither store nor registry of a cluster.

    Example: contender approve --key ~/ada.key --evidence evidence.json --out approval.json
    """
    from contender.adapters.keys_ed25519 import signer

    sign = signer(key)
    shown = evidence_in(seen, task) if seen else evidence_now(at_home(task))
    validity = Validity(time.time(), hours * HOUR_S)
    actor = settings_from(backend="local").actor
    document = seal(Subject(**shown["subject"]), actor, validity, nonce=secrets.token_hex(16), sign=sign)
    out.write_text(json.dumps(document, indent=2) + "\n")
    note(f"written: {out}; the verdict is {shown['verdict']['decision']}: {shown['verdict']['reason']}")
    show(document, as_json, lambda found: pairs(found, "approved"))
    return 0


@group.command("evidence")
def show_evidence(
    task: TaskOption = "job-change",
    arm: Annotated[str, typer.Option(help="With several challengers: which one; that of the verdict without it.")] = "",
    as_json: JsonFlag = False,
) -> int:
    """Look at the running experiment and print what an approval would be of: the versions, the verdict, its digest.

    Examples:
      contender cluster run -- release evidence --json > evidence.json
      contender release evidence --arm challenger-2 --json > evidence.json    # against a verdict that names another
    """
    shown = evidence_now(at_home(task), arm)
    show(shown, as_json, lambda found: pairs({**found["subject"], "verdict": found["verdict"]["decision"]}, "evidence"))
    return 0


def evidence_now(place: Workplace, arm: str = "") -> dict[str, Any]:
    """What promoting the running experiment's challenger would rest on: the `subject` of an approval, the `verdict`.

    With several challengers it is that of `arm`; without one, that of the verdict.

    Raises:
        InvalidInput: no such arm.
    """
    state, running = place.release.state(), experiment.current(place)
    verdict = look_at(place, running)
    led = state.led_by(arm or verdict.arm) if state.rivals or arm else state
    told = verdict.to_document()
    return {"subject": asdict(subject(led, evidence_digest(told))), "verdict": told}


def evidence_in(path: Path, task: str) -> Mapping[str, Any]:
    """The evidence in the file at `path`, its digest computed again: what is signed is what the file shows.

    Raises:
        InvalidInput: the file holds no evidence, that of another task, or a verdict that is not the subject's.
    """
    shown = object_of("--evidence", path, remedy=_EVIDENCE)
    subject_of, verdict = shown.get("subject"), shown.get("verdict")
    names = {one.name for one in fields(Subject)}
    if not isinstance(subject_of, dict) or not isinstance(verdict, dict) or set(subject_of) != names:
        raise InvalidInput("--evidence", f"{path} holds no evidence", remedy=_EVIDENCE)
    if subject_of["task"] != task:
        raise InvalidInput("--evidence", f"{path} is of the task {subject_of['task']}", remedy="--task names the task")
    if subject_of["evidence"] != evidence_digest(verdict) or not {"decision", "reason"} <= set(verdict):
        raise InvalidInput("--evidence", f"{path} shows another verdict than its digest is of", remedy=_EVIDENCE)
    return shown


@group.command()
def key(
    out: Annotated[Path, typer.Option(help="Where the private key goes; keep it to yourself.")],
    name: Annotated[str, typer.Option(help="Whose key; CONTENDER_ACTOR if empty.")] = "",
    task: TaskOption = "job-change",  # noqa: ARG001 - one keyring serves every task; the option was there always
    as_json: JsonFlag = False,
) -> int:
    """Make an approver's key and enrol its public half among those whose approvals count.

    Example: contender release key --out ~/ada.key --name ada
    """
    from contender.adapters.keys_ed25519 import create, enrol, place_for

    settings = settings_from(backend="local")
    name = name or settings.actor
    place_for(settings.approvers, name)  # a refusal leaves no private key behind
    public = enrol(settings.approvers, name, create(out))
    show({"name": name, "private": str(out), "public": str(public)}, as_json, lambda found: pairs(found, "key"))
    return 0


@group.command()
def diagram(
    check: Annotated[bool, typer.Option("--check", help="Only say whether the page is up to date.")] = False,
    out: Annotated[Path, typer.Option(help="The page.")] = DIAGRAM,
) -> int:
    """Draw the release machine from its table. Exit code 4 when --check finds another page.

    Example: contender release diagram --check
    """
    wanted = picture.document()
    if check and (not out.exists() or out.read_text(encoding="utf-8") != wanted):
        raise FaultFound(f"{out} is not up to date", remedy="contender release diagram")
    if not check:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(wanted, encoding="utf-8")
    note(f"up to date: {out}")
    return 0


def evidence(place: Workplace, running: Experiment, verdict: Verdict, approval: Mapping[str, Any] | None) -> str:
    """The digest of what a promotion rests on: the look that was approved, if it was a look at this experiment.

    People keep being served while somebody thinks, so that the newest look is never the one that was approved.
    """
    approved = approval.get("evidence") if approval else None
    seen = {evidence_digest(found["verdict"]) for found in place.store.looks(running.id)} if approved else set()
    return str(approved) if approved in seen else evidence_digest(verdict.to_document())


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command()(approve)
    app.add_typer(group, name="release")
