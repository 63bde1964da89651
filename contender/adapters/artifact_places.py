"""Where an artifact is now, whose home may have been moved since its address was written down."""

from __future__ import annotations

import re
from pathlib import Path


def found_below(root: str, task: str, artifact: str) -> str:
    """The address of `artifact`: below the folder `root` if it is kept there, else as it was written down.

    Below every root a run's files are kept in ``TASK/RUN/artifacts/``, so that an address made elsewhere tells where
    its file is in a home that was moved, copied or restored. What lies there comes first: the place that an address
    names may be another home's by now.

    >>> found_below("s3://models", "job-change", "s3://models/job-change/0/artifacts/serving/1")
    's3://models/job-change/0/artifacts/serving/1'
    >>> found_below("/no/such/root", "job-change", "/old/artifacts/job-change/0a/artifacts/serving/1")
    '/old/artifacts/job-change/0a/artifacts/serving/1'
    """
    kept = re.search(rf"/({re.escape(task)}/[0-9a-f]+/artifacts/[^:]+)$", artifact)
    if kept is None or "://" in artifact or "://" in root:
        return artifact
    here = Path(root).resolve() / kept[1]
    return str(here) if here.exists() else artifact
