"""One contract for stores of objects: a folder and a bucket."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from segment_assets.lake import FolderStore, ObjectStore
from segment_assets.lake.aws import Bucket
from segment_assets_tests.aws_double.world import world


@pytest.fixture(params=["folder", "bucket", "prefix of a bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    if request.param == "folder":
        yield FolderStore(tmp_path)
        return
    with world(monkeypatch) as (_, where):
        yield Bucket(where.exports_bucket, "dev/exports/" if request.param == "prefix of a bucket" else "")


def test_what_is_written_is_read_and_listed_by_key(store: ObjectStore) -> None:
    store.write("b/2", b"two")
    store.write("b/1", b"one")
    store.write("c/3", b"three")
    assert store.read("b/2") == b"two"
    assert [(o.key, o.size) for o in store.list("b/")] == [("b/1", 3), ("b/2", 3)]


def test_a_file_whose_name_is_no_utf8_is_an_object_with_a_name_that_can_be_written(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    folder = tmp_path / "events" / os.fsdecode(b"M\xe4rz")
    folder.mkdir(parents=True)
    (folder / os.fsdecode(b"\xff\xfe.csv")).write_bytes(b"one")
    (folder / "a.csv").write_bytes(b"two")
    (folder / r"literal\xff.csv").write_bytes(b"three")
    keys = [r"events/M\xe4rz/\xff\xfe.csv", r"events/M\xe4rz/a.csv", r"events/M\xe4rz/literal\xff.csv"]
    assert [o.key for o in store.list("events/")] == keys
    assert [o.key for o in store.list("events/M\\xe4rz/a")] == keys[1:2]
    for at, before in enumerate(["", *keys]):
        assert [o.key for o in store.after("events/", before, 9)] == keys[at:]
        assert [o.key for o in store.after("events/M\\xe4rz/", before, 9)] == keys[at:]
    assert [store.read(key) for key in keys] == [b"one", b"two", b"three"]
    with store.file(keys[0]) as path:
        assert path.read_bytes() == b"one"
    assert store.uri(keys[0]).endswith(keys[0])
    store.write(keys[0], b"new")
    assert [o.size for o in store.list("events/")] == [3, 3, 5], "it is written over, and not beside"


def test_a_large_object_is_lent_as_a_file(store: ObjectStore) -> None:
    store.write("a b/ü+=&é.gz", b"x" * 100_000)
    with store.file("a b/ü+=&é.gz") as path:
        assert path.read_bytes() == b"x" * 100_000
    with pytest.raises(FileNotFoundError), store.file("nothing"):
        pass


def test_a_prefix_need_not_end_at_a_slash(store: ObjectStore) -> None:
    store.write("b/1x", b"")
    store.write("b/2x", b"")
    assert [o.key for o in store.list("b/1")] == ["b/1x"]
    assert store.list("nothing/") == []


def test_two_who_write_one_object_each_write_a_whole_one_and_leave_nothing_beside_it(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)

    def write(letter: bytes) -> set[int]:
        sizes = set()
        for _ in range(200):
            store.write("one", letter * 100_000)
            sizes.add(len(store.read("one")))
        return sizes

    with ThreadPoolExecutor(2) as both:
        assert list(both.map(write, (b"a", b"b"))) == [{100_000}] * 2
    assert [path.name for path in tmp_path.iterdir()] == ["one"]


def test_the_etag_follows_the_content_alone(store: ObjectStore) -> None:
    def etag() -> str:
        return store.list("k")[0].etag

    store.write("k", b"one")
    first = etag()
    store.write("k", b"one")
    assert etag() == first
    store.write("k", b"two")
    assert etag() != first


def test_an_object_that_is_not_there_is_said_to_be_missing(store: ObjectStore) -> None:
    with pytest.raises(FileNotFoundError):
        store.read("nothing")


def test_keys_with_blanks_signs_and_letters_of_any_language_keep_them(store: ObjectStore) -> None:
    store.write("a b/ü+=&é.csv", b"x")
    assert [o.key for o in store.list("a b/")] == ["a b/ü+=&é.csv"]
    assert store.read("a b/ü+=&é.csv") == b"x"


def test_hidden_objects_are_not_listed(store: ObjectStore) -> None:
    store.write("b/.hidden", b"x")
    assert store.list("b/") == []


def test_a_listing_goes_on_behind_a_key_in_the_order_of_keys(store: ObjectStore) -> None:
    keys = ["b-1", "b/1/2", "b/1/3", "b/10", "b/2", "b/é", "c/1"]
    for key in [*keys, "b/1/.hidden"]:
        store.write(key, b"x")
    assert [o.key for o in store.after("", "", 9)] == keys
    assert [o.key for o in store.after("b", "", 2)] == ["b-1", "b/1/2"]
    assert [o.key for o in store.after("b/", "b/1/2", 3)] == ["b/1/3", "b/10", "b/2"]
    assert [o.key for o in store.after("b/1", "b/1/2\U0010ffff", 9)] == ["b/1/3", "b/10"]
    assert store.after("b/", "b/é", 9) == store.after("nothing/", "", 9) == []
    assert store.after("b/1/2", "", 9) == store.list("b/1/2")
