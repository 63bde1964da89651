"""Writes docs/reference.md from the code: commands, settings, metrics. ``python -m cli.reference [--check]``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin

import typer
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from cli.main import app
from cli.settings import Settings
from monitoring.metrics import CATALOGUE
from monitoring.quality.settings import NotifySettings
from serving.predictor.settings import Settings as PredictorSettings
from serving.transformer.settings import Settings as TransformerSettings

FILE = Path(__file__).resolve().parent.parent / "docs" / "reference.md"

HEAD = "<!-- Written by `python -m cli.reference`; change the code instead. -->\n\n# Reference\n"


def reference() -> str:
    """The page: every command, every setting, every metric."""
    parts = [HEAD, "## Commands\n", *_commands(), "## Settings of the command\n", *_settings(Settings)]
    parts += ["## Settings of announcements\n", *_settings(NotifySettings)]
    parts += ["## Settings of the transformer\n", *_settings(TransformerSettings)]
    parts += ["## Settings of a predictor\n", *_settings(PredictorSettings), "## Metrics\n", *_metrics()]
    return "\n".join(parts)


def _commands() -> Iterator[str]:
    yield "| command | what it does |\n|---|---|"
    for name, text in _leaves(typer.main.get_command(app), "contender"):
        yield f"| `{name}` | {text} |"
    yield ""


def _leaves(command: Any, path: str) -> Iterator[tuple[str, str]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield path, " ".join((command.help or "").split("\n\n")[0].split())
        return
    for name, child in children.items():
        yield from _leaves(child, f"{path} {name}")


def _settings(kind: type[BaseSettings]) -> Iterator[str]:
    prefix = kind.model_config.get("env_prefix", "")
    yield "| variable | type | default | meaning |\n|---|---|---|---|"
    for name, field in kind.model_fields.items():
        meaning = (field.description or "").replace("|", "\\|")
        yield f"| `{prefix}{name.upper()}` | {_type(field.annotation)} | {_default(field)} | {meaning} |"
    yield ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default_factory is not None or field.default is None:
        return ""
    value = ",".join(field.default) if isinstance(field.default, tuple) else str(field.default)
    # A secret's default would be printed as stars, and no secret has one.
    return f"`{value}`" if value and not isinstance(field.default, SecretStr) else ""


def _type(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{value}`" for value in get_args(annotation))
    if get_origin(annotation) is UnionType:
        return " or ".join(_type(one) for one in get_args(annotation) if one is not NoneType)
    return str(getattr(annotation, "__name__", annotation))


def _metrics() -> Iterator[str]:
    yield "| metric | kind | labels | meaning |\n|---|---|---|---|"
    for metric in CATALOGUE:
        yield f"| `{metric.name}` | {metric.kind} | {', '.join(metric.labels)} | {metric.help} |"
    yield ""


def main() -> None:
    """Write the page; with ``--check`` write nothing, and exit 1 when it is out of date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    page = reference()
    if not parser.parse_args().check:
        FILE.write_text(page)
    elif not FILE.is_file() or FILE.read_text() != page:
        sys.exit("docs/reference.md is out of date (run `make generate`)")


if __name__ == "__main__":
    main()
