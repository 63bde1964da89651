"""Drift: what comes in and goes out now, against what the serving model was judged on."""
