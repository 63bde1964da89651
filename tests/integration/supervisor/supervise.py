"""The supervisor over stand-ins, as a program: ``python supervise.py HOME PORT [GRACE]``."""

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from contender.adapters.supervisor.commands import Command
from contender.adapters.supervisor.documents import RunFolder, Wanted
from contender.adapters.supervisor.patience import Patience
from contender.adapters.supervisor.supervisor import Supervisor
from contender.errors import ContenderError

STAND_IN = str(Path(__file__).with_name("stand_in.py"))


class StandIns:
    def predictor(self, place: str, wanted: Wanted, port: int) -> Command:
        return Command((sys.executable, STAND_IN, str(port), wanted.artifact))

    def transformer(self, ports: Mapping[str, int], port: int) -> Command:
        return Command((sys.executable, STAND_IN, str(port)), {"PLACE": "front"})


PATIENCE = Patience(
    poll=0.02,
    probe_starting=0.03,
    probe_steady=0.1,
    probe_timeout=0.4,
    start=20.0,
    hung=1.5,
    grace=float(sys.argv[3]) if len(sys.argv) > 3 else 5.0,
    backoff=0.05,
)

try:
    Supervisor(
        RunFolder(Path(sys.argv[1]), "job-change"),
        StandIns(),
        environment=os.environ,
        chance=secrets.SystemRandom().random,
        patience=PATIENCE,
    ).run(int(sys.argv[2]))
except ContenderError as error:
    sys.exit(str(error))
