"""Connected components against a union-find of ten lines, on random graphs."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.identity.clusters import bounded_clusters, components

NODES = 12
graphs = st.lists(st.tuples(st.integers(0, NODES - 1), st.integers(0, NODES - 1), st.booleans()), max_size=24)


def union_find(links: list[tuple[int, int, bool]]) -> list[int]:
    """The smallest node that each node hangs together with."""
    root = list(range(NODES))

    def find(node: int) -> int:
        while root[node] != node:
            node = root[node]
        return node

    for a, b, _ in links:
        low, high = sorted((find(a), find(b)))
        root[high] = low
    return [find(node) for node in range(NODES)]


def names(*nodes: int) -> list[str]:
    return [f"n{node:02}" for node in nodes]


def table(links: list[tuple[int, int, bool]]) -> pa.Table:
    rows = [{"a": names(a)[0], "b": names(b)[0], "strong": strong} for a, b, strong in links]
    return pa.Table.from_pylist(rows, pa.schema([("a", pa.string()), ("b", pa.string()), ("strong", pa.bool_())]))


MEMBERS = pa.array(names(*range(NODES)))


@given(graphs)
def test_components_are_those_of_a_union_find_numbered_by_their_smallest_node(links: list[tuple[int, int, bool]]):
    a, b = (np.array([link[end] for link in links], np.int64) for end in (0, 1))
    smallest = union_find(links)
    order = sorted(set(smallest))
    assert components(NODES, a, b).tolist() == [order.index(s) for s in smallest]


@given(graphs, st.randoms(use_true_random=False), st.integers(1, NODES))
def test_the_order_of_links_and_members_changes_nothing(links, random, maximum: int):
    shuffled = [(b, a, s) if random.random() < 0.5 else (a, b, s) for a, b, s in random.sample(links, len(links))]
    members = pa.array(random.sample(MEMBERS.to_pylist(), NODES))
    one, other = bounded_clusters(MEMBERS, table(links), maximum), bounded_clusters(members, table(shuffled), maximum)
    assert one.members.equals(other.members)
    assert one.labels.tolist() == other.labels.tolist()
    assert one.quarantined.tolist() == other.quarantined.tolist()


@given(graphs, st.integers(1, NODES))
def test_no_cluster_exceeds_its_maximum_and_what_fits_is_left_alone(links, maximum: int):
    found = bounded_clusters(MEMBERS, table(links), maximum)
    whole = union_find(links)
    sizes = np.array([whole.count(root) for root in whole])
    assert found.sizes.max() <= maximum
    assert found.quarantined.tolist() == (sizes > maximum).tolist()
    untouched = np.flatnonzero(sizes <= maximum)
    for node in untouched:
        together = [other for other in untouched if found.labels[other] == found.labels[node]]
        assert together == [other for other in range(NODES) if whole[other] == whole[node]]


@pytest.mark.parametrize("links", [[], [(0, 0, True)], [(n, n + 1, True) for n in range(NODES - 1)]])
def test_nothing_selves_and_one_chain(links: list[tuple[int, int, bool]]):
    found = bounded_clusters(MEMBERS, table(links), NODES)
    assert found.count == (1 if len(links) > 1 else NODES)


def test_no_members_have_no_clusters():
    found = bounded_clusters(pa.array([], pa.string()), table([]), 3)
    assert (found.count, len(found.sizes)) == (0, 0)
