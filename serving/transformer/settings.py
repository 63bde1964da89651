"""What a transformer is told."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from serving.settings import ServerSettings, build


class Settings(ServerSettings):
    """A transformer's settings: what it obeys, whom it asks and where it writes.

    `routing` is the folder of routing documents, `spool` a folder of this process alone, `store` the database's URL.
    `reader` is the name under which applied routings are acknowledged. `preview_key` is the file with the operator's
    key for previews; without one nobody may choose an arm.
    """

    routing: Path
    spool: Path
    store: str
    blue_url: str
    green_url: str
    baseline_url: str
    reader: str = "transformer"
    preview_key: Path | None = None


def read(arguments: Sequence[str]) -> Settings:
    """Settings from the environment, with what KServe's controller adds to the command line taken over.

    The entry's own predictor (``--predictor_host``) is the baseline.

    Raises:
        InvalidInput: naming the setting.
    """
    parser = argparse.ArgumentParser(prog="python -m serving.transformer", allow_abbrev=False)
    parser.add_argument("--model_name", default=argparse.SUPPRESS)
    parser.add_argument("--http_port", default=argparse.SUPPRESS)
    parser.add_argument("--predictor_host", dest="baseline_url", type="http://{}".format, default=argparse.SUPPRESS)
    known, _ = parser.parse_known_args(arguments)
    return build(Settings, vars(known))
