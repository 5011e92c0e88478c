"""The key: what it hides, and what is said when there is none."""

import hashlib
from functools import partial
from pathlib import Path

import pytest

from segment_assets.identity.graph_model import Snapshot
from segment_assets.identity.keys import KEY_VARIABLE, GraphKey, KeyTooShortError, graph_key
from segment_assets.identity.snapshot import take_snapshot
from segment_assets.identity.tables import HOUSEHOLDS, IDENTITY_EDGES, PERSONS
from segment_assets.lake import Lake
from segment_assets.lake.embedded import open_catalog
from segment_assets_tests.identity.worlds import HASHED_AS, households, persons, resolve

WORLD = {"a": ["email:ann@shop.io", "phone:+12065550101"], "b": ["email:ann@shop.io", "device:d1", "address:1 oak"]}


def test_without_a_key_the_development_key_is_used_and_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    assert graph_key().origin == "development"
    monkeypatch.setenv(KEY_VARIABLE, "a key of more than 16 characters")
    assert graph_key().origin == "environment"


def test_a_short_key_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(KEY_VARIABLE, "hunter2")
    with pytest.raises(KeyTooShortError, match="16") as refused:
        graph_key()
    assert "hunter2" not in str(refused.value)


def test_a_key_is_not_shown_in_its_repr(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(KEY_VARIABLE, "a key of more than 16 characters")
    assert "more than" not in repr(graph_key())


def test_another_key_gives_other_identifiers_and_the_same_persons(lake: Lake, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    resolve(lake, WORLD)
    before, ids, fingerprint = set(lake.read(IDENTITY_EDGES)["identifier"].to_pylist()), persons(lake), graph_key()
    monkeypatch.setenv(KEY_VARIABLE, "another key, and a long one")
    resolve(lake, WORLD)
    assert not before & set(lake.read(IDENTITY_EDGES)["identifier"].to_pylist())
    assert persons(lake) == ids
    assert graph_key().fingerprint != fingerprint.fingerprint


def test_the_id_of_a_customer_without_identifiers_is_found_with_the_key_alone(lake: Lake, tmp_path: Path):
    # The customer's own id is an address, and nothing else is known of them.
    world = {"ann@shop.io": ["email:none@example.com"]}
    resolve(lake, world, key=GraphKey(b"one key, and a long one", "environment"))
    other = Lake(partial(open_catalog, tmp_path / "other"), tmp_path / "other" / "scratch", memory_limit="500MB")
    resolve(other, world, key=GraphKey(b"another key, and a long one", "environment"))
    assert not set(persons(lake).values()) & set(persons(other).values())
    assert not set(households(lake).values()) & set(households(other).values())


def test_of_an_earlier_key_nothing_is_left_in_the_graph(lake: Lake):
    first, second = (GraphKey(secret, "environment") for secret in (b"a key of long ago", b"the key of today"))
    resolve(lake, WORLD, key=first)
    ids, before = set(persons(lake).values()) | set(households(lake).values()), texts(take_snapshot(lake, first))
    resolve(lake, WORLD, key=second)
    assert set(persons(lake).values()) | set(households(lake).values()) == ids, "the lake's ids stay"
    assert not texts(take_snapshot(lake, second)) & (before | ids)


def texts(graph: Snapshot) -> set[str]:
    """Every id in a graph."""
    ends = [rows[name] for rows in graph.edges.values() for name in ("start_id", "end_id")]
    return {text for column in (*(rows["id"] for rows in graph.nodes.values()), *ends) for text in column.to_pylist()}


def test_neither_an_address_nor_its_plain_hash_is_in_any_table(lake: Lake):
    resolve(lake, WORLD)
    written = "".join(str(lake.read(table).to_pydict()) for table in (IDENTITY_EDGES, PERSONS, HOUSEHOLDS))
    for kind, value in (("email", "ann@shop.io"), ("phone", "+12065550101"), ("device", "d1"), ("address", "1 oak")):
        assert f"'{value}'" not in written
        for hashed in (value, HASHED_AS[kind] + value):
            assert hashlib.sha256(hashed.encode()).hexdigest() not in written
