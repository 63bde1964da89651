"""Dashboards as data: written for Grafana, checked against a Prometheus, drawn without either.

`boards` says what is shown, `grafana` writes it, `reading` reads back what was written; `check` and `draw` work on
what was written, for that is what people will see.
"""
