"""Retraining: when a new challenger is due, and what became of the runs that were started."""
