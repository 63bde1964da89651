"""Pictures of a model's answers on held-out rows: ROC and precision-recall or confusion, and calibration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from contender.tasks.task import Probabilities, Task

_BINS: Final = 10


def draw(task: Task, truth: Sequence[str], probabilities: Probabilities, classes: Sequence[str], folder: Path) -> None:
    """Write PNG files into `folder`: ``roc``, ``precision_recall`` (two classes) or ``confusion``; ``calibration``."""
    folder.mkdir(parents=True, exist_ok=True)
    title, labels = task.name, np.array(truth)
    if len(classes) == 2:
        column = positive_column(task, classes)
        positive, scores = labels == classes[column], probabilities[:, column]
        _draw_ranking(title, positive, scores, folder)
        _draw_calibration(title, positive, scores, f"P({classes[column]})", folder)
    else:
        best = np.array(classes)[probabilities.argmax(axis=1)]
        _draw_confusion(title, labels, best, classes, folder)
        _draw_calibration(title, labels == best, probabilities.max(axis=1), "confidence", folder)


def positive_column(task: Task, classes: Sequence[str]) -> int:
    """The column of the class that a binary task's score is the probability of."""
    certain = task.decide(np.eye(len(classes)), classes)
    return int(np.argmax([prediction.score for prediction in certain]))


def reliability(hits: np.ndarray[Any, Any], scores: np.ndarray[Any, Any]) -> tuple[list[float], list[float]]:
    """Mean score and share of hits in each tenth of [0, 1] that holds any row: the points of a calibration curve."""
    bins = np.minimum((scores * _BINS).astype(int), _BINS - 1)
    filled = np.unique(bins)
    return [float(scores[bins == b].mean()) for b in filled], [float(hits[bins == b].mean()) for b in filled]


def _draw_ranking(title: str, positive: np.ndarray[Any, Any], scores: np.ndarray[Any, Any], folder: Path) -> None:
    from sklearn.metrics import precision_recall_curve, roc_curve

    false_rate, true_rate, _ = roc_curve(positive, scores)
    precision, recall, _ = precision_recall_curve(positive, scores)
    with _figure(folder / "roc.png", f"{title}: ROC", "false positive rate", "true positive rate") as axes:
        axes.plot(false_rate, true_rate)
        axes.plot([0, 1], [0, 1], "--", color="grey")
    with _figure(folder / "precision_recall.png", f"{title}: precision and recall", "recall", "precision") as axes:
        axes.plot(recall, precision)


def _draw_calibration(
    title: str, hits: np.ndarray[Any, Any], scores: np.ndarray[Any, Any], name: str, folder: Path
) -> None:
    stated, observed = reliability(hits, scores)
    with _figure(folder / "calibration.png", f"{title}: calibration", name, "share observed") as axes:
        axes.plot([0, 1], [0, 1], "--", color="grey")
        axes.plot(stated, observed, "o-")


def _draw_confusion(
    title: str, truth: np.ndarray[Any, Any], best: np.ndarray[Any, Any], classes: Sequence[str], folder: Path
) -> None:
    from sklearn.metrics import confusion_matrix

    shares = confusion_matrix(truth, best, labels=list(classes), normalize="true")
    with _figure(folder / "confusion.png", f"{title}: confusion", "answered", "true") as axes:
        axes.imshow(shares, vmin=0.0, vmax=1.0)
        axes.set_xticks(range(len(classes)), classes, rotation=90, fontsize=5)
        axes.set_yticks(range(len(classes)), classes, fontsize=5)


class _figure:  # noqa: N801 - a context manager that reads as one
    """A titled pair of axes that is saved as PNG at the end."""

    def __init__(self, path: Path, title: str, x_label: str, y_label: str) -> None:
        from matplotlib.figure import Figure

        self._path = path
        self._figure = Figure(figsize=(6, 6), layout="constrained")
        self._axes = self._figure.add_subplot(title=title, xlabel=x_label, ylabel=y_label)

    def __enter__(self) -> Any:
        return self._axes

    def __exit__(self, *_: object) -> None:
        self._figure.savefig(self._path, dpi=110)
