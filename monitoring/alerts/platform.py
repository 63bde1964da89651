"""Alerts of what the platform must give: certificates, disks, and the alerting itself."""

from __future__ import annotations

from typing import Final

from contender.moments import DAY_S
from monitoring.alerts.rule import Alert, Group

VOLUME: Final = 'namespace=~"contender|monitoring"'
FREE: Final = f"kubelet_volume_stats_available_bytes{{{VOLUME}}}"

GROUP: Final = Group(
    "contender-platform",
    (
        Alert(
            "ContenderCertificateExpiring",
            "ticket",
            f"certmanager_certificate_expiration_timestamp_seconds{{{VOLUME}}} - time() < {14 * DAY_S:.0f}\n"
            f'or probe_ssl_earliest_cert_expiry{{job=~"contender.*"}} - time() < {14 * DAY_S:.0f}',
            "1h",
            "a certificate expires soon ({{ $labels.name }}{{ $labels.instance }})",
            "In {{ $value | humanizeDuration }}. It should have been renewed by itself.",
        ),
        Alert(
            "ContenderDiskFilling",
            "page",
            f"({FREE} / kubelet_volume_stats_capacity_bytes{{{VOLUME}}} < 0.15\n"
            f"and predict_linear({FREE}[6h], {DAY_S:.0f}) < 0)\n"
            'or (node_filesystem_avail_bytes{mountpoint="/"} / node_filesystem_size_bytes{mountpoint="/"} < 0.15\n'
            f'and predict_linear(node_filesystem_avail_bytes{{mountpoint="/"}}[6h], {DAY_S:.0f}) < 0)',
            "15m",
            "a disk will be full within a day ({{ $labels.persistentvolumeclaim }}{{ $labels.instance }})",
            "{{ $value | humanizePercentage }} is free, and it falls. A full disk costs exposures.",
        ),
        Alert(
            "ContenderWatchdog",
            "info",
            "vector(1)",
            "0m",
            "alerting works",
            "Always firing: whoever expects it learns from its absence that nobody would be told of anything.",
        ),
    ),
)
