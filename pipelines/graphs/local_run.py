"""One local run in a process of its own: ``python -m pipelines.graphs.local_run RUN.json OUTPUTS SCRATCH``.

Its parent is `pipelines.local`, which starts it at the head of a process group and follows the steps' progress file.
When standard input closes, the parent is gone: the run ends with everything it started, and with its SCRATCH folder of
temporary files.
"""

import os
import shutil
import signal
import sys
import threading
from pathlib import Path

from kfp import local

from pipelines.graphs.training import training
from pipelines.params import RunParams


def main(run: Path, outputs: Path, scratch: Path) -> None:
    """Run the training graph with the parameters in the file `run`; every output lies under `outputs`."""
    threading.Thread(target=_end_with_parent, args=(scratch,), daemon=True).start()
    params = RunParams.model_validate_json(run.read_text(encoding="utf-8"))
    # Not cached: a file may change under an unchanged name, and the registry does.
    local.init(
        local.SubprocessRunner(use_venv=False), pipeline_root=str(outputs), workspace_root=str(outputs / "workspace")
    )
    training(**params.model_dump(exclude_none=True))


def _end_with_parent(scratch: Path) -> None:
    os.read(sys.stdin.fileno(), 1)
    if os.getpgrp() == os.getpid():
        shutil.rmtree(scratch, ignore_errors=True)
        os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
