"""What each feature adds to one customer's raw score: exact, and summing to it.

Linear models: coefficient times distance from the mean of the rows fitted on. Trees: Shapley values of the
path-dependent game (TreeSHAP; Lundberg et al., 2020, https://doi.org/10.1038/s42256-019-0138-9), computed exactly leaf
by leaf. On the way to a leaf a row either agrees with all splits on a feature or does not; with m features on the path
there are 2^m patterns, so each leaf has a small table of Shapley values that rows look up. Eight leaves make m at most
7.
"""

from functools import lru_cache
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def linear(transformed: Floats, coefficients: Floats, background: Floats) -> Floats:
    """Contributions per transformed column; with `intercept + background @ coefficients` they sum to the raw score."""
    return (transformed - background) * coefficients


def trees(values: Floats, predictors: list[Any], baseline: float) -> tuple[float, Floats]:
    """Base value and contributions of boosted trees.

    Args:
        values: one row per customer, columns as the trees number them.
        predictors: scikit-learn's `TreePredictor`s, without categorical splits.
        baseline: the raw score before the first tree.

    Returns:
        the expected raw score (leaves weighted by the rows fitted on), and one contribution per row and column.
    """
    base, total = baseline, np.zeros(values.shape, order="F")
    for tree in predictors:
        base += _add_tree(total, values, tree.nodes)
    return base, total


def _add_tree(total: Floats, values: Floats, nodes: NDArray[Any]) -> float:
    went_left = _directions(values, nodes)
    expected = 0.0
    # Per feature on the way: rows that agree so far, and the share of fitted rows that would go along.
    pending: list[tuple[int, dict[int, tuple[NDArray[np.bool_], float]]]] = [(0, {})]
    while pending:
        index, path = pending.pop()
        node = nodes[index]
        if node["is_leaf"]:
            share = float(np.prod([z for _, z in path.values()])) if path else 1.0
            expected += share * float(node["value"])
            _add_leaf(total, path, float(node["value"]))
            continue
        feature = int(node["feature_idx"])
        for child, agrees in ((int(node["left"]), went_left[index]), (int(node["right"]), ~went_left[index])):
            share = float(nodes[child]["count"]) / float(node["count"])
            if feature in path:
                agrees, share = agrees & path[feature][0], share * path[feature][1]
            pending.append((child, path | {feature: (agrees, share)}))
    return expected


def _directions(values: Floats, nodes: NDArray[Any]) -> dict[int, NDArray[np.bool_]]:
    found = {}
    for index in np.flatnonzero(nodes["is_leaf"] == 0):
        node = nodes[index]
        if node["is_categorical"]:
            raise ValueError("categorical splits are not explained here: encode categories as numbers")
        column = values[:, int(node["feature_idx"])]
        left = column <= node["num_threshold"]
        found[int(index)] = left | np.isnan(column) if node["missing_go_to_left"] else left
    return found


def _add_leaf(total: Floats, path: dict[int, tuple[NDArray[np.bool_], float]], value: float) -> None:
    if not path or value == 0.0:
        return
    pattern = np.zeros(len(total), dtype=np.intp)
    for bit, (agrees, _) in enumerate(path.values()):
        pattern |= agrees.astype(np.intp) << bit
    table = value * _shapley(np.array([share for _, share in path.values()]))
    for bit, feature in enumerate(path):
        total[:, feature] += table[pattern, bit]


def _shapley(shares: Floats) -> Floats:
    """Shapley values of the game `product over features of (agrees, if known, else share)`, per pattern of agrees."""
    ones, weights = _patterns(len(shares))
    table = np.empty(ones.shape)
    for feature, share in enumerate(shares):
        # Coefficient k: the sum over coalitions of k other features of the product of what they know.
        by_size = np.zeros(ones.shape)
        by_size[:, 0] = 1.0
        for other, other_share in enumerate(shares):
            if other != feature:
                shifted = by_size[:, :-1] * ones[:, other, None]
                by_size *= other_share
                by_size[:, 1:] += shifted
        table[:, feature] = (ones[:, feature] - share) * (by_size @ weights)
    return table


@lru_cache(maxsize=32)
def _patterns(features: int) -> tuple[Floats, Floats]:
    ones = (np.arange(2**features)[:, None] >> np.arange(features)) & 1
    weights = [factorial(k) * factorial(features - 1 - k) / factorial(features) for k in range(features)]
    return ones.astype(np.float64), np.array(weights)
