"""`contender experiment report`: the dossier as a file."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli import completion, experiment
from cli.home import at_home
from cli.output import JsonFlag, TaskOption, show, stdout
from contender.errors import InvalidInput

STDOUT: Final = Path("-")


def report(
    file: Annotated[Path, typer.Option("--out", help="The HTML file to write, replacing one; - prints it.")],
    task: TaskOption = "job-change",
    name: Annotated[
        str,
        typer.Option(
            "--experiment", help="The experiment's id; without it, the latest.", autocompletion=completion.experiments
        ),
    ] = "",
    as_json: JsonFlag = False,
) -> int:
    """Write the dossier: one self-contained page on what was compared, seen, decided and approved.

    Example: contender experiment report --out dossier.html
    """
    from cli.dossier.attach import dossier_of
    from cli.dossier.page import page

    if file == STDOUT and as_json:
        raise InvalidInput("--out", "- prints the page, and --json an object", remedy="name a file, or drop --json")
    dossier = dossier_of(at_home(task), name)
    content = page(dossier).encode()
    if file == STDOUT:
        stdout.write_bytes(content)
        return 0
    try:
        file.write_bytes(content)
    except OSError as error:
        raise InvalidInput("--out", f"cannot be written: {error.strerror}") from error
    document = {
        "task": task,
        "experiment": dossier.experiment["id"],
        "verdict": dossier.verdict["decision"] if dossier.verdict else None,
        "decisions": [record["event"] for record in dossier.decisions],
        "audit_ok": not dossier.problems,
        "file": str(file),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    show(document, as_json, _render)
    return 0


def _render(document: Mapping[str, Any]) -> str:
    return f"written: {document['file']}, {document['bytes']:,} bytes, on {document['experiment']}"


def register(root: typer.Typer) -> None:
    """Add the command to the group `experiment`, which `root` holds already."""
    del root
    experiment.app.command("report")(report)
