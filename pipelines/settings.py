"""What the pipeline reads from its environment, and the environment it gives to the processes it starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from contender.adapters.process_environment import child_environment, forget_mlflow

PROGRESS: Final = "CONTENDER_PROGRESS_FILE"
"""Names the file to which steps append their progress; unset on a cluster, where kfp shows it."""

STORE: Final = "CONTENDER_STORE_URL"
"""Where the store is, password and all: told by the environment, for parameters are shown to everybody."""

REVISION: Final = "CONTENDER_GIT_SHA"
"""The commit that an image was built from, which has no repository to ask."""

UNKNOWN: Final = "unknown"

ROOT: Final = Path(__file__).resolve().parent.parent


def code_version() -> str:
    """The git commit of this code, as the image says or the repository; with ``-dirty`` when files differ from it.

    ``unknown`` where there is neither.
    """
    if built := os.environ.get(REVISION):
        return built
    command = ["git", "-C", str(ROOT), "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        described = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return UNKNOWN
    return described.stdout.strip()


def store_url(stated: str, otherwise: str = "sqlite:///.contender/store.db") -> str:
    """The store: the one that is `stated`, else that of the environment, else `otherwise`."""
    return stated or os.environ.get(STORE) or otherwise


def progress_file() -> Path | None:
    """The file that steps append their progress to, or None when nobody listens."""
    name = os.environ.get(PROGRESS)
    return Path(name) if name else None


def silence_libraries() -> None:
    """Turn off telemetry and progress bars of every library this process is about to import; no variable of MLflow's
    says where it keeps its records.
    """
    forget_mlflow(os.environ)
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)


def step_environment(progress: Path, threads: int, scratch: Path | None = None) -> dict[str, str]:
    """The environment of a local run: this interpreter first on PATH, this code importable, libraries quiet.

    Temporary files go to `scratch`, if given. Other tools' variables are left behind; nothing else is importable.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    own = {PROGRESS: str(progress), "PATH": path, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": str(threads)}
    temporary = {"TMPDIR": str(scratch)} if scratch else {}
    return {**child_environment(os.environ), **_QUIET, **own, **temporary}


_QUIET: Final = {
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MPLBACKEND": "Agg",
    "NO_COLOR": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "PYTHONUNBUFFERED": "1",
    "TQDM_DISABLE": "1",
}
