"""`contender preview`: lets the operator see an arm of choice, for tests and demonstrations; never part of analysis."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.compose import workplace
from cli.output import JsonFlag, TaskOption, pairs, show
from contender.errors import Conflict, InvalidInput, Refused
from contender.units import unit_id
from contender.values import UNASSIGNED

group = typer.Typer(
    no_args_is_help=True, help="Choose an arm as the operator: what it answers is left out of analysis."
)

KEY_VARIABLE = "CONTENDER_PREVIEW_KEY"
MINUTE_S = 60
MINUTES = 10

KeyOption = Annotated[
    Path | None,
    typer.Option("--key", envvar=KEY_VARIABLE, help="The operator's key, made by `contender preview key`."),
]


@group.command("key")
def make_key(
    out: Annotated[Path, typer.Option(help="Where the key goes; keep it to yourself.")],
    as_json: JsonFlag = False,
) -> int:
    """Make the operator's key. The transformer obeys it when it is started with CONTENDER_PREVIEW_KEY naming the file.

    Example: contender preview key --out ~/preview.key && CONTENDER_PREVIEW_KEY=~/preview.key contender up
    """
    out = out.expanduser().absolute()
    try:
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise Conflict(f"{out} is already there", remedy="choose another file, or delete it first") from error
    except OSError as error:
        raise InvalidInput("--out", f"{out} cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{secrets.token_hex(32)}\n")
    show({"key": str(out), "variable": KEY_VARIABLE}, as_json, lambda found: pairs(found, "key"))
    return 0


@group.command("sign")
def sign_header(
    arm: Annotated[str, typer.Option("--as", help="The arm that is to answer: champion, challenger …")],
    key: KeyOption = None,
    unit: Annotated[str, typer.Option(help="The unit id that the request will carry; none if empty.")] = "",
    minutes: Annotated[int, typer.Option(min=1, max=24 * 60, help="How long it is good for.")] = MINUTES,
    task: TaskOption = "job-change",
    as_json: JsonFlag = False,
) -> int:
    """Print the header that lets one unit see an arm for a while, for any client.

    Example: curl -H "$(contender preview sign --as challenger --unit c-17 --key ~/preview.key)" …
    """
    name, value = next(iter(header(key, workplace(task).task.name, unit or None, arm, minutes).items()))
    show({"header": name, "value": value}, as_json, lambda found: f"{found['header']}: {found['value']}")
    return 0


def header_for(instances: Sequence[Mapping[str, object]], key: Path | None, task: str, arm: str) -> Mapping[str, str]:
    """The header by which the one row of `instances` is answered by `arm`; none when `arm` is empty.

    Raises:
        InvalidInput: several rows, or no key.
    """
    if not arm:
        return {}
    if len(instances) != 1:
        raise InvalidInput("--as", "is for one row at a time")
    return header(key, task, instances[0].get("unit_id"), arm, MINUTES)


def check_obeyed(reply: Mapping[str, Any], arm: str) -> None:
    """Whether the chosen `arm` was the transformer's choice, too: it ignores what it cannot verify.

    Raises:
        Refused: it was not.
    """
    if arm and reply["predictions"][0]["assigned_to"] != UNASSIGNED:
        raise Refused(
            "the transformer does not obey this key, and answered as it does anybody",
            remedy=f"{KEY_VARIABLE}=FILE contender up, with the file of the same key",
        )


def header(key: Path | None, task: str, unit: object, arm: str, minutes: int) -> Mapping[str, str]:
    """The signed header, by its name.

    Raises:
        InvalidInput: no key or one that cannot be used, or a name that no arm has.
    """
    from serving.transformer import preview

    if not arm.isascii() or ";" in arm:
        raise InvalidInput("--as", "is not the name of an arm")
    if key is None:
        raise InvalidInput("--key", "is needed to choose an arm", remedy="contender preview key --out FILE")
    secret = preview.read_key(key.expanduser())
    expires = int(time.time()) + minutes * MINUTE_S
    return {
        preview.HEADER: preview.sign(secret, task, None if unit is None else unit_id(unit, "unit_id"), arm, expires)
    }


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.add_typer(group, name="preview")
