"""How strongly each skill speaks for each role, learnt from few candidates: empirical Bayes over roles and spellings.

The question behind a naive Bayes model is at what rate the people of a role name a skill. Counting answers it badly: of
2 000 skills most are named by nobody in a role of 45 candidates, and many that are named once are noise. Here the count
of skill s in role r is Poisson with mean n_r·λ_rs; λ_rs takes one of a few values on a grid, the lowest standing for
noise, and its prior is learnt from all counts together (a nonparametric empirical Bayes estimate: Robbins 1956; Kiefer
and Wolfowitz, *Annals of Mathematical Statistics* 27, 1956). The prior of (r, s) mixes what is believed of s in every
other role, of skills spelt like s in r, of s across all roles, and of any skill in any role. Each role learns its
weights by expectation-maximisation: web developers borrow from software developers, and nurses do not.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float32]
Weights: TypeAlias = sparse.csr_matrix
"""Shape (skills, skills): how much each skill learns from each other; rows sum to 1, or to 0 where nothing is alike."""

NOISE_SHARE: Final = 0.2
"""The lowest rate of the grid, as a share of the mean rate of a skill in a role."""
LOWEST_SIGNAL: Final = 2.5
"""The second rate of the grid, in units of the lowest."""
HIGHEST_RATE: Final = 0.6
"""The highest rate of the grid: this share of a role's candidates name the skill."""
LEAST_LOG_LIKELIHOOD: Final = -30.0
"""Below this a rate counts as ruled out; smaller numbers would be denormal, and those are a hundred times slower."""
STEP: Final = 1.8
"""Over-relaxation of the mixture's update: the same fixed point in about half the rounds."""
SPELLING_TRUST: Final = 0.9
"""How much of the belief in a skill spelt like this one is taken over; the rest is the average over roles."""
LEAST_LIKENESS: Final = 0.15
MOST_ALIKE: Final = 15
"""A skill learns from this many skills at most, those spelt most like it."""


class Smoothing(NamedTuple):
    """How strongly counts are smoothed.

    `rounds` of expectation-maximisation (stopping early is part of the smoothing), `levels` of the grid, `blur` between
    neighbouring levels when one role borrows from another, `shared` pseudo-roles in a skill's average over roles, and
    `spread` pseudo-skills that keep a role from borrowing from one source only.
    """

    rounds: int = 40
    levels: int = 14
    blur: float = 0.4
    shared: float = 20.0
    spread: float = 0.1


class _Sources(NamedTuple):
    """One array for each source of the prior: the other roles, and three that are particular to the role or to none."""

    roles: Floats
    average: Floats
    spelling: Floats
    anything: Floats


def likeness(spelling: NDArray[np.int64]) -> Weights:
    """How much each skill learns from each other, by the words they share; rare words count more.

    `spelling` holds word numbers, shape (skills, words), 0 for none. The weight is the squared cosine of word vectors
    weighted by inverse document frequency, of the `MOST_ALIKE` skills whose cosine is at least `LEAST_LIKENESS`.
    """
    skills, places = np.nonzero(spelling)
    vocabulary, words = np.unique(spelling[skills, places], return_inverse=True)
    rarity = np.log((1.0 + len(spelling)) / (1.0 + np.bincount(words, minlength=len(vocabulary)))) + 1.0
    shape = (len(spelling), len(vocabulary))
    vectors = sparse.csr_matrix((rarity[words], (skills, words)), shape=shape)
    lengths = np.sqrt(vectors.multiply(vectors).sum(axis=1)).A1
    vectors = sparse.diags(1.0 / np.maximum(lengths, 1.0)) @ vectors
    cosine = (vectors @ vectors.T).tocsr()
    nearest = sparse.lil_matrix((len(spelling), len(spelling)), dtype=np.float32)
    for skill in range(len(spelling)):
        columns, weights = _nearest(cosine, skill)
        nearest[skill, columns] = weights
    return nearest.tocsr()


def _nearest(cosine: sparse.csr_matrix, skill: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The skills most like `skill`, itself excepted, and their weights, which sum to 1."""
    stored = slice(cosine.indptr[skill], cosine.indptr[skill + 1])
    columns, values = cosine.indices[stored], cosine.data[stored]
    alike = np.flatnonzero((columns != skill) & (values >= LEAST_LIKENESS))
    best = alike[np.lexsort((columns[alike], -values[alike]))][:MOST_ALIKE]
    weights = values[best] ** 2
    return columns[best], weights / weights.sum()


def rates(counts: NDArray[np.float64], candidates: NDArray[np.float64], alike: Weights, smoothing: Smoothing) -> Floats:
    """The posterior mean rate at which the people of each role name each skill: shape (roles, skills), positive.

    `counts` has that shape too; `candidates` is the number of people in each role; `alike` is `likeness` of the skills.
    Needs about ``40·roles·skills·levels`` bytes of memory while it runs: 55 MB for 45 roles and 2 000 skills.
    """
    grid = _grid(counts, candidates, smoothing.levels)
    likelihood = _likelihood(counts, candidates, grid)
    blur = _blur(smoothing)
    mixture = _even_mixture(len(counts))
    prior = np.full_like(likelihood, 1.0 / smoothing.levels)
    for _ in range(smoothing.rounds):
        belief = _posterior(likelihood, prior)
        sources = _sources(belief, alike, blur, smoothing.shared)
        prior = _mixed(sources, mixture)
        gain = likelihood / (likelihood * prior).sum(axis=2, keepdims=True)
        mixture = _reweighted(mixture, sources, gain, smoothing.spread)
    answer: Floats = _posterior(likelihood, prior) @ grid
    return answer


def _grid(counts: NDArray[np.float64], candidates: NDArray[np.float64], levels: int) -> Floats:
    noise = NOISE_SHARE * counts.sum() / (candidates.sum() * counts.shape[1])
    signal = np.geomspace(LOWEST_SIGNAL * noise, max(HIGHEST_RATE, 2 * LOWEST_SIGNAL * noise), levels - 1)
    return np.concatenate([[noise], signal]).astype(np.float32)


def _likelihood(counts: NDArray[np.float64], candidates: NDArray[np.float64], grid: Floats) -> Floats:
    """Poisson likelihood of each count at each rate, scaled to 1 at the best: shape (roles, skills, levels)."""
    means = candidates[:, None, None] * grid.astype(np.float64)
    logs = counts[:, :, None] * np.log(means) - means
    logs -= logs.max(axis=2, keepdims=True)
    return np.asarray(np.exp(np.maximum(logs, LEAST_LOG_LIKELIHOOD)), dtype=np.float32)


def _blur(smoothing: Smoothing) -> Floats:
    """How a rate in one role spreads over rates in another (Gaussian on the log scale); noise stays noise."""
    level = np.arange(smoothing.levels)
    kernel = np.exp(-0.5 * ((level[:, None] - level) / smoothing.blur) ** 2)
    kernel[0, 1:] = kernel[1:, 0] = 0.0
    return np.asarray(kernel / kernel.sum(axis=1, keepdims=True), dtype=np.float32)


def _posterior(likelihood: Floats, prior: Floats) -> Floats:
    joint = likelihood * prior
    joint /= joint.sum(axis=2, keepdims=True)
    return joint


def _sources(belief: Floats, alike: Weights, blur: Floats, shared: float) -> _Sources:
    """What each source says of the rates: the roles' beliefs are flat, (roles, skills · levels)."""
    roles, skills, levels = belief.shape
    anything = belief.mean(axis=(0, 1))
    average = (belief.sum(axis=0) + shared * anything - belief) / (roles - 1 + shared)
    by_skill = belief.transpose(1, 0, 2).reshape(skills, -1)
    spelling = (alike @ by_skill).reshape(skills, roles, levels).transpose(1, 0, 2)
    trust = SPELLING_TRUST * (np.diff(alike.indptr) > 0).astype(np.float32)[None, :, None]
    spelling = trust * spelling + (1.0 - trust) * average
    return _Sources((belief @ blur).reshape(roles, -1), average, spelling, anything)


def _even_mixture(roles: int) -> _Sources:
    others = np.full(roles, roles / 2)
    return _normalised([1.0 - np.eye(roles), others, others, others])


def _mixed(sources: _Sources, mixture: _Sources) -> Floats:
    prior: Floats = (mixture.roles @ sources.roles).reshape(sources.average.shape)
    for source, weight in zip(sources[1:], mixture[1:], strict=True):
        prior += weight[:, None, None] * source
    return prior


def _reweighted(mixture: _Sources, sources: _Sources, gain: Floats, spread: float) -> _Sources:
    """The mixture after an over-relaxed update; `gain` is the likelihood over its mean under the prior."""
    skills = gain.shape[1]
    gains = [gain.reshape(len(gain), -1) @ sources.roles.T]
    gains += [(gain * source).sum(axis=(1, 2)) for source in sources[1:]]
    updated = [weight * (each / skills) ** STEP * skills + spread for weight, each in zip(mixture, gains, strict=True)]
    np.fill_diagonal(updated[0], 0.0)
    return _normalised(updated)


def _normalised(weights: list[NDArray[np.floating]]) -> _Sources:
    """`weights` scaled so that those of each role sum to 1."""
    total = weights[0].sum(axis=1) + sum(weights[1:])
    parts = (weights[0] / total[:, None], *(weight / total for weight in weights[1:]))
    return _Sources(*(part.astype(np.float32) for part in parts))
