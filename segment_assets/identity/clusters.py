"""Who hangs together by links, and no cluster larger than can be true."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Clusters:
    """Members in clusters.

    Attributes:
        members: sorted, each once.
        labels: cluster of each member; clusters are numbered from 0 in the order of their smallest member.
        quarantined: members whose cluster would have been too large: split, and not to be relied on.
        largest_found: members of the largest cluster before any was taken apart.
    """

    members: pa.Array
    labels: Ints
    quarantined: Bools
    largest_found: int = 0

    @property
    def count(self) -> int:
        """How many clusters there are."""
        return int(self.labels.max()) + 1 if len(self.labels) else 0

    @property
    def sizes(self) -> Ints:
        """Size of the cluster of each member."""
        return np.bincount(self.labels, minlength=self.count)[self.labels].astype(np.int64)


def components(nodes: int, a: Ints, b: Ints) -> Ints:
    """Connected component of each node, numbered in the order of its smallest node.

    scipy's own numbers depend on how it walks; ours do not, so permuting the links changes nothing.
    """
    if not nodes:
        return np.empty(0, np.int64)
    # Here, because the definitions are loaded by every process and few of them resolve identities.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(a)), (a, b)), shape=(nodes, nodes))
    _, found = connected_components(graph, directed=False)
    _, first, inverse = np.unique(found, return_index=True, return_inverse=True)
    order = np.empty(len(first), np.int64)
    order[np.argsort(first)] = np.arange(len(first))
    return order[inverse]


def bounded_clusters(members: pa.Array, links: pa.Table, maximum: int) -> Clusters:
    """Connected components of at most `maximum` members.

    A larger one is taken apart: its weak links go, and where it is still too large, all of them. Its members are
    marked as quarantined whatever becomes of them.

    Args:
        members: every member, also those without links.
        links: `a` and `b`, both members, and `strong`.
        maximum: the largest cluster that can be true.
    """
    ordered = pc.unique(members).sort()
    a, b = _positions(links["a"], ordered), _positions(links["b"], ordered)
    strong = np.asarray(links["strong"].to_numpy(), np.bool_)
    kept = np.ones(len(a), np.bool_)
    quarantined = np.zeros(len(ordered), np.bool_)
    largest = 0
    for survivors in (strong, np.zeros(len(a), np.bool_)):
        labels = components(len(ordered), a[kept], b[kept])
        sizes = np.bincount(labels, minlength=1)
        largest = max(largest, int(sizes.max()))
        crowded = sizes[labels] > maximum
        quarantined |= crowded
        kept &= ~crowded[a] | survivors
    return Clusters(ordered, components(len(ordered), a[kept], b[kept]), quarantined, largest)


def _positions(values: Any, ordered: pa.Array) -> Ints:
    return np.asarray(pc.index_in(values, value_set=ordered).to_numpy(), np.int64)
