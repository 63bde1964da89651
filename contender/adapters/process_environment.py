"""What processes of ours take from the environment that somebody started them in, and what they do not.

A setting of ours says where records go, whom a process asks and what it imports. Variables that other tools read for
the same purpose, and that happen to be set where a person works, must not. What is meant for us as well stays:
credentials, certificates, and proxies for what is outside.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Final

_MLFLOW_KEPT: Final = (
    "MLFLOW_(TRACKING_(USERNAME|PASSWORD|TOKEN|AUTH|AWS_SIGV4|INSECURE_TLS|SERVER_CERT_PATH|CLIENT_CERT_PATH)"
    "|HTTP_.*|S3_IGNORE_TLS|S3_UPLOAD_EXTRA_ARGS|BOTO_CLIENT_ADDRESSING_STYLE|DISABLE_TELEMETRY|LOGGING_LEVEL)"
)
"""How a server of MLflow is reached and who asks; where it is and what is recorded there is said by our settings."""

_FOREIGN: Final = re.compile(
    rf"(?!{_MLFLOW_KEPT}$)MLFLOW_.*"
    "|PG(HOST|HOSTADDR|PORT|DATABASE|OPTIONS|SERVICE|SERVICEFILE|TARGETSESSIONATTRS)"
    "|_?KFP_.*|KF_PIPELINES_.*|EVIDENTLY_.*|OTEL_.*|OPTUNA_.*"
    "|UVICORN_.*|WEB_CONCURRENCY|FORWARDED_ALLOW_IPS"
    "|MATPLOTLIBRC|GIT_(DIR|WORK_TREE|INDEX_FILE|CEILING_DIRECTORIES|NAMESPACE)"
)
"""Names of variables that steer other tools, and would steer ours."""

_PYTHON: Final = re.compile(r"PYTHON(PATH|STARTUP|INSPECT|BREAKPOINT|IOENCODING|SAFEPATH)")
"""What would have a child import, run or write something else than its parent."""

_LOCAL: Final = ("127.0.0.1", "localhost", "::1")
_SET: Final = {"OTEL_SDK_DISABLED": "true", "DO_NOT_TRACK": "1"}


def own_environment(base: Mapping[str, str]) -> dict[str, str]:
    """The environment `base` without what steers other tools; addresses of this machine are asked without a proxy.

    >>> own_environment({"MLFLOW_REGISTRY_URI": "sqlite:////corp.db", "AWS_PROFILE": "work", "PGOPTIONS": "-c x=y"})[
    ...     "AWS_PROFILE"
    ... ]
    'work'
    """
    kept = {name: value for name, value in base.items() if not _FOREIGN.fullmatch(name)}
    if not base.get("HOME") and not _has_folder():
        kept["HOME"] = "/"  # as containers have it: libraries look there before they do without
    direct = _with_local(base.get("no_proxy") or base.get("NO_PROXY") or "")
    return kept | _SET | {"NO_PROXY": direct, "no_proxy": direct}


def child_environment(base: Mapping[str, str]) -> dict[str, str]:
    """`own_environment` for a Python process that one of ours starts: it imports from where it is installed only.

    So do all that it starts in turn.
    """
    kept = {name: value for name, value in own_environment(base).items() if not _PYTHON.fullmatch(name)}
    return kept | {"PYTHONSAFEPATH": "1", "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"}


def python(*arguments: str) -> tuple[str, ...]:
    """The command line of this interpreter that imports nothing from the folder somebody happens to be in.

    >>> python("-m", "serving.predictor")[1:]
    ('-P', '-m', 'serving.predictor')
    """
    return (sys.executable, "-P", *arguments)


def take_over(environment: MutableMapping[str, str]) -> None:
    """Have this process's own `environment` be `own_environment`: for entries of programs alone."""
    kept = own_environment(environment)
    for name in set(environment) - set(kept):
        del environment[name]
    environment.update(kept)


def forget_mlflow(environment: MutableMapping[str, str]) -> None:
    """Take out of `environment` what steers MLflow elsewhere; its libraries look there while they work."""
    for name in [name for name in environment if name.startswith("MLFLOW_") and _FOREIGN.fullmatch(name)]:
        del environment[name]


def _has_folder() -> bool:
    """Whether this account has a folder of its own."""
    try:
        Path.home()
    except RuntimeError:
        return False
    return True


def _with_local(stated: str) -> str:
    """The hosts that are asked without a proxy, those of this machine among them.

    >>> _with_local("corp.example, localhost")
    'corp.example,localhost,127.0.0.1,::1'
    >>> _with_local("*")
    '*'
    """
    hosts = [host.strip() for host in stated.split(",") if host.strip()]
    return ",".join(hosts if "*" in hosts else dict.fromkeys([*hosts, *_LOCAL]))
