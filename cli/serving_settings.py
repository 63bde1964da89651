"""The settings that a person gives the servers of this machine, looked at before any server starts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from contender.adapters.supervisor.commands import PREFIX, taken
from contender.errors import InvalidInput

_KEY: Final = f"{PREFIX}PREVIEW_KEY"
_SETTLED: Final = {
    "task": "-", "routing": "-", "spool": "-", "store": "-", "blue_url": "-", "green_url": "-", "baseline_url": "-",
    "backend": "local", "lifeline_fd": None, "http_port": 0,
}  # fmt: skip
"""What `contender up` says itself."""


def check_server_settings(environment: Mapping[str, str]) -> None:
    """Return if servers of this machine can obey the settings in `environment`, which is this process's own.

    Raises:
        InvalidInput: a setting that is wrong, or that they do not obey, by its name.
    """
    from serving.settings import build
    from serving.transformer.preview import read_key
    from serving.transformer.settings import Settings

    given = taken(environment)
    build(Settings, _SETTLED)
    if key := given.get(_KEY):
        try:
            read_key(Path(key))
        except InvalidInput as error:
            problem = error.message.removeprefix(f"{error.field}: ")
            raise InvalidInput(_KEY, problem, remedy=error.remedy or "contender preview key") from error
