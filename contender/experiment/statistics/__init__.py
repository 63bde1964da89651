"""Inference on aggregates: every function takes counts, sums and sums of squares and returns a frozen result.

`docs/statistics.md` says which case is answered by which function, which answers are exact and which asymptotic.
"""
