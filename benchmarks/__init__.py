"""Measured figures: `python -m benchmarks.NAME [--quick] [--json]` prints {figure: {value, unit, goal, ok}}."""
