"""What a predictor is told."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from serving.settings import ServerSettings, build


class Settings(ServerSettings):
    """A predictor's settings."""

    artifact: Path = Field(description="The folder of the serving artifact.")
    digest: str | None = Field(
        default=None, description="The sha256 of its manifest as the release names it; any intact artifact if unset."
    )
    wait_empty: bool = Field(
        default=False,
        description="Whether a folder that is absent or empty is waited with, alive and not ready, instead of refused.",
    )


def read(arguments: Sequence[str]) -> Settings:
    """Settings from command-line `arguments`, the environment filling what they leave out.

    Raises:
        InvalidInput: naming the setting.
    """
    parser = argparse.ArgumentParser(prog="python -m serving.predictor", allow_abbrev=False)
    for name in Settings.model_fields:
        parser.add_argument(f"--{name}", default=argparse.SUPPRESS)
    # KServe's controller adds arguments of its own.
    known, _ = parser.parse_known_args(arguments)
    return build(Settings, vars(known))
