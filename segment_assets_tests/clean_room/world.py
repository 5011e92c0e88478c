"""The demo's collaboration in two accounts on the double, with rows for its two tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from segment_assets import segmentation
from segment_assets.aws_config import Aws
from segment_assets.clean_room import assets as clean_room_assets
from segment_assets.clean_room import aws_plan
from segment_assets.clean_room.aws import AwsCleanRoom
from segment_assets.clean_room.aws_apply import Rooms
from segment_assets.clean_room.collaboration import template_from_config
from segment_assets.clean_room.protected_query import ProtectedQuery
from segment_assets.first_party.tables import CUSTOMERS
from segment_assets.lake import Lake, Table
from segment_assets.segmentation import Segmentation
from segment_assets_tests.aws_double import world as double
from segment_assets_tests.aws_double.cleanrooms import CleanRooms
from segment_assets_tests.aws_double.front import AwsDouble

CONFIG = segmentation.load(segmentation.DEMO_FILE)


@dataclass
class World:
    """Two accounts, their tables, and the service."""

    aws: AwsDouble
    where: Aws
    lake: Lake
    service: CleanRooms
    config: Segmentation = CONFIG

    @property
    def queries(self) -> dict[str, ProtectedQuery]:
        assert self.config.collaboration
        found = clean_room_assets.protected_queries(self.config, self.config.collaboration)
        return {query.name: query for query in found}

    @property
    def rooms(self) -> Rooms:
        declared = self.config.collaboration
        assert declared
        name = aws_plan.resource_name(self.where.deployment, declared.name)
        return Rooms(self.where, (name, declared.runner, declared.provider), patience=2)

    def room(self, kind: type[AwsCleanRoom] = AwsCleanRoom, **changes: Any) -> Any:
        assert self.config.collaboration
        quick: dict[str, Any] = {"pause": 0.02, "patience": 2.0, "deadline": 30.0}
        declared = self.config.collaboration
        templates = {n: template_from_config(n, t, declared.runner) for n, t in declared.templates.items()}
        return kind(self.where, declared.name, **{"templates": templates} | quick | changes)

    def wanted(self) -> list[aws_plan.Resource]:
        assert self.config.collaboration
        collaboration = clean_room_assets.declared(self.config, self.config.collaboration)
        return aws_plan.declared(collaboration, self.where, clean_room_assets.sources(self.config))

    def plan(self) -> list[aws_plan.Change]:
        return aws_plan.plan(self.wanted(), self.rooms.observe())

    def apply(self, *delete: str) -> list[aws_plan.Step]:
        rooms = self.rooms
        steps = aws_plan.steps(aws_plan.plan(self.wanted(), rooms.observe()), delete)
        for step in steps:
            rooms.take(step)
        return steps

    def started(self) -> int:
        """Queries that Clean Rooms has begun: each of them is paid for."""
        return len(self.service.queries)


def fill(lake: Lake, config: Segmentation = CONFIG, customers: int = 90) -> None:
    """Customers whom the partner knows: two thirds in one age band, the rest in two that are too small."""
    ids = [f"c{i:03}" for i in range(customers)]
    ages = ["19-24" if i % 3 else f"{25 + i % 2}-99" for i in range(customers)]
    rows = {"customer_id": ids, "email_sha256": [f"h{i}" for i in ids], "endpoints": [1] * customers}
    partner = {
        "email_sha256": rows["email_sha256"],
        "age_band": ages,
        "kids_count": [str(i % 4) for i in range(customers)],
    }
    assert config.audience
    write(lake, CUSTOMERS, rows)
    write(lake, clean_room_assets.sources(config)["partner_audience"], partner)


def write(lake: Lake, table: Table, values: dict[str, list[Any]]) -> None:
    """A table with these columns, and nothing in its others."""
    size = len(next(iter(values.values())))
    columns = {f.name: pa.array(values.get(f.name, [None] * size)).cast(f.type) for f in table.schema}
    lake.write(table, pa.table(columns), "r")


@contextmanager
def clean_rooms(
    monkeypatch: pytest.MonkeyPatch, home: Path, *, apply: bool = True, config: Segmentation = CONFIG
) -> Iterator[World]:
    """The world, with the collaboration made as `segment-assets aws apply` makes it."""
    with double.world(monkeypatch) as (aws, where):
        [service] = [s for s in aws.services if isinstance(s, CleanRooms)]
        here = World(aws, where, double.lake(where, home), service, config)
        fill(here.lake, config)
        if apply:
            here.apply()
        yield here
