"""From a raw score to a probability that comes true as often as it says: a line on the log-odds scale (Platt, 1999)."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_STEPS = 50
_DONE = 1e-10  # a step this small, on standardised scores, changes nothing
_RIDGE = 1e-9  # keeps the small system solvable where all scores are equal


def sigmoid(x: Floats) -> Floats:
    """Log-odds to probability, without overflow."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def logit(p: Floats) -> Floats:
    """Probability to log-odds; 0 and 1 are moved in by 1e-12."""
    inside = np.clip(p, 1e-12, 1 - 1e-12)
    return np.log(inside) - np.log1p(-inside)


def line(raw: Floats, label: Floats) -> tuple[float, float]:
    """Slope and intercept so that `sigmoid(slope * raw + intercept)` is calibrated.

    Labels are drawn in by Platt's priors, (n1 + 1) / (n1 + 2) and 1 / (n0 + 2), so that separable data stay finite. A
    score that ranks the wrong way round earns slope 0: everybody gets the base rate.
    """
    ones = float(label.sum())
    zeros = len(label) - ones
    goal = np.where(label > 0, (ones + 1) / (ones + 2), 1 / (zeros + 2))
    slope, intercept = maximum_likelihood(raw, goal)
    if slope > 0:
        return slope, intercept
    return 0.0, float(logit(np.asarray(goal.mean())))


def maximum_likelihood(raw: Floats, goal: Floats) -> tuple[float, float]:
    """The line of largest likelihood, by Newton's method; `goal` lies in [0, 1]."""
    slope, intercepts = parallel_lines(raw, goal, np.zeros(len(raw), dtype=np.intp))
    return slope, float(intercepts[0])


def parallel_lines(raw: Floats, goal: Floats, group: NDArray[np.intp]) -> tuple[float, Floats]:
    """The same with one slope and an intercept per group; groups are numbered from 0, and none is empty."""
    centre, scale = float(raw.mean()), float(raw.std()) or 1.0
    x = (raw - centre) / scale
    inside = (group[:, None] == np.arange(group.max() + 1)).astype(np.float64)
    beta = np.concatenate([[0.0], logit(np.clip(goal @ inside / inside.sum(axis=0), 1e-6, 1 - 1e-6))])
    design = np.column_stack([x, inside])
    best = _log_likelihood(design @ beta, goal)
    for _ in range(_STEPS):
        p = sigmoid(design @ beta)
        curvature = (design * (p * (1 - p))[:, None]).T @ design + _RIDGE * np.eye(len(beta))
        step = np.linalg.solve(curvature, design.T @ (goal - p))
        # Far from the optimum a whole step can overshoot and never come back (rare events, skewed scores): halve it
        # until it gains.
        while (reached := _log_likelihood(design @ (beta + step), goal)) < best and np.abs(step).max() > _DONE:
            step = step / 2
        if np.abs(step).max() <= _DONE:
            break
        beta, best = beta + step, reached
    return float(beta[0] / scale), beta[1:] - beta[0] * centre / scale


def _log_likelihood(x: Floats, goal: Floats) -> float:
    return float((goal * x - np.logaddexp(0.0, x)).sum())
