"""The key: what it hides, and what is said when there is none."""

import hashlib

import pytest

from segment_assets.identity.keys import KEY_VARIABLE, KeyTooShortError, graph_key
from segment_assets.identity.tables import HOUSEHOLDS, IDENTITY_EDGES, PERSONS
from segment_assets.lake import Lake
from segment_assets_tests.identity.worlds import HASHED_AS, persons, resolve

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


def test_neither_an_address_nor_its_plain_hash_is_in_any_table(lake: Lake):
    resolve(lake, WORLD)
    written = "".join(str(lake.read(table).to_pydict()) for table in (IDENTITY_EDGES, PERSONS, HOUSEHOLDS))
    for kind, value in (("email", "ann@shop.io"), ("phone", "+12065550101"), ("device", "d1"), ("address", "1 oak")):
        assert f"'{value}'" not in written
        for hashed in (value, HASHED_AS[kind] + value):
            assert hashlib.sha256(hashed.encode()).hexdigest() not in written
