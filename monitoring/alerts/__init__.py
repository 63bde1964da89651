"""Alerts as data: `catalog` lists them, `documents` writes them for Prometheus, `routing` says who is told."""
