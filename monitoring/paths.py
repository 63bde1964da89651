"""Where generated files lie."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]

GENERATED: Final = Path("monitoring") / "generated"
"""Under the root: what Grafana, Prometheus and Alertmanager read."""

MANIFESTS: Final = Path("infrastructure") / "kubernetes" / "base" / "monitoring"

RULES: Final = GENERATED / "rules.yaml"
"""What a Prometheus loads."""
