"""Splits that duplicates cannot straddle: rows that share a key stay together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]

_SHARE_TOLERANCE = 1e-9


def group_ids(keys: Sequence[tuple[str, ...]]) -> Indices:
    """The group of every row, as numbers from 0 in order of first appearance.

    Rows that share any key are of one group, also through other rows: groups are the connected components of the graph
    of rows and keys. A row without keys is a group of its own. Takes under a second for 10^5 rows of two keys each.
    """
    parents = list(range(len(keys)))
    first_with: dict[str, int] = {}
    for row, row_keys in enumerate(keys):
        for key in row_keys:
            _join(parents, row, first_with.setdefault(key, row))
    roots = [_root(parents, row) for row in range(len(keys))]
    return np.unique(np.array(roots, dtype=np.int64), return_inverse=True)[1].astype(np.int64)


def split_groups(
    ids: Indices, shares: Sequence[float], seed: int, labels: Sequence[str] | None = None
) -> list[Indices]:
    """Row numbers of each part, ascending; no group straddles parts, and sizes come as near to `shares` as groups let.

    With `labels`, one a row, every part also holds about its share of each class. The same arguments give the same
    split. Groups are dealt in random order, those of one class together and large ones first, each to the part that
    lags furthest behind its share of the rows dealt so far.

    Raises:
        ValueError: `shares` that are not positive or do not sum to 1, or labels that are not one a row.
    """
    if min(shares, default=0.0) <= 0.0 or abs(sum(shares) - 1.0) > _SHARE_TOLERANCE:
        message = "shares must be positive and sum to 1"
        raise ValueError(message)
    if labels is not None and len(labels) != len(ids):
        message = f"{len(labels)} labels for {len(ids)} rows"
        raise ValueError(message)
    sizes = np.bincount(ids)
    parts = np.empty(len(sizes), dtype=np.int64)
    order = _dealing_order(ids, sizes, seed, labels)
    parts[order] = _deal(sizes[order].tolist(), shares)
    part_of_row = parts[ids]
    return [np.flatnonzero(part_of_row == part) for part in range(len(shares))]


def leaked(train_keys: Iterable[tuple[str, ...]], test_keys: Iterable[tuple[str, ...]]) -> set[str]:
    """The keys found on both sides of a split; empty when nothing straddles it."""
    seen = {key for row_keys in train_keys for key in row_keys}
    return seen & {key for row_keys in test_keys for key in row_keys}


def _root(parents: list[int], row: int) -> int:
    while parents[row] != row:
        parents[row] = row = parents[parents[row]]
    return row


def _join(parents: list[int], one: int, other: int) -> None:
    """Make the two rows one group; the earlier root stays root, so groups are numbered by first appearance."""
    low, high = sorted((_root(parents, one), _root(parents, other)))
    parents[high] = low


def _dealing_order(ids: Indices, sizes: Indices, seed: int, labels: Sequence[str] | None) -> Indices:
    """Group numbers in the order they are dealt; a group counts as the class of its first row."""
    noise = np.random.default_rng(seed).permutation(len(sizes))
    if labels is None:
        return np.lexsort((noise, -sizes))
    classes = np.unique(np.asarray(labels), return_inverse=True)[1]
    first_rows = np.unique(ids, return_index=True)[1]
    return np.lexsort((noise, -sizes, classes[first_rows]))


def _deal(sizes: Sequence[int], shares: Sequence[float]) -> list[int]:
    """The part of each group in turn. Plain lists: a numpy call a group would cost ten times as much."""
    dealt, held = 0, [0] * len(shares)
    chosen: list[int] = []
    for size in sizes:
        dealt += size
        lags = [share * dealt - have for share, have in zip(shares, held, strict=True)]
        part = lags.index(max(lags))
        held[part] += size
        chosen.append(part)
    return chosen
