"""A command line for every step, read off its signature: ``python -m pipelines.steps.NAME --option value``."""

from __future__ import annotations

import argparse
import inspect
import sys
import typing
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from contender.errors import ContenderError
from contender.plain_text import visible
from pipelines import settings


def main(step: Callable[..., Any]) -> None:
    """Run `step` with the options of this process's command line; exit 1 with one line when it fails on purpose."""
    settings.silence_libraries()
    try:
        step(**arguments(step, sys.argv[1:]))
    except ContenderError as error:
        sys.exit(f"{step.__name__}: {visible(str(error))}")


def arguments(step: Callable[..., Any], argv: Sequence[str]) -> dict[str, Any]:
    """The arguments of `step` that `argv` states; a parameter group's fields are options of their own."""
    hints = typing.get_type_hints(step)
    names = list(inspect.signature(step).parameters)
    options = vars(_parser(step, names, hints).parse_args(argv))
    return {name: _value(hints[name], name, options) for name in names}


def _parser(step: Callable[..., Any], names: Sequence[str], hints: dict[str, Any]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m pipelines.steps.{step.__name__}", description=step.__doc__)
    for name in names:
        default = inspect.signature(step).parameters[name].default
        if _is_group(hints[name]):
            for field in hints[name].model_fields:
                parser.add_argument(*_flags(field), dest=f"{name}.{field}")
        else:
            required = default is inspect.Parameter.empty
            parser.add_argument(
                *_flags(name), type=hints[name], required=required, default=None if required else default
            )
    return parser


def _value(hint: Any, name: str, options: dict[str, Any]) -> Any:
    if not _is_group(hint):
        return options[name]
    given = {field: options[f"{name}.{field}"] for field in hint.model_fields}
    try:
        return hint(**{field: value for field, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        sys.exit(f"--{first['loc'][0]}: {first['msg']}")


def _is_group(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, BaseModel)


def _flags(name: str) -> list[str]:
    """``--train-rows`` for a person, ``--train_rows`` as dvc unpacks a group of ``params.yaml``."""
    return list(dict.fromkeys(["--" + name.replace("_", "-"), f"--{name}"]))
