"""Who runs this process, by a name that every account has."""

from __future__ import annotations

import base64
import getpass
import json
import os
from pathlib import Path
from typing import Final

_TOKEN: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
"""Where Kubernetes puts the token of a pod's service account."""


def account_name(token: Path = _TOKEN) -> str:
    """The user's name; without one the pod's service account, as Kubernetes names it in `token`, else ``uid-<number>``.

    A container runs as a number that its image need not know. The token says who we are, and nobody checks it here:
    it proves nothing, as ``CONTENDER_ACTOR`` proves nothing.
    """
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return _service_account(token) or f"uid-{os.getuid()}"


def _service_account(token: Path) -> str:
    try:
        payload = token.read_text(encoding="utf-8").split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return str(claims["sub"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""
