"""Extracts brought into QuickSight's memory: a file and its manifest, a data source, a data set, an ingestion.

A data set's physical table is named by the hash of its definition, and an ingestion by the hash of its content: both
say whether there is anything to do. Making or changing a data set starts an ingestion of AWS's own, under a name that
says nothing; it is waited for, and ours comes after it.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from segment_assets.dashboards.port import PublishError
from segment_assets.dashboards.quicksight import shapes
from segment_assets.dashboards.quicksight.calls import Answer, Api
from segment_assets.dashboards.quicksight.extracts import Extract
from segment_assets.lake import ObjectStore
from segment_assets.waiting import Pace, T

FOLDER = "dashboard"  # of the exports: deploy/ lets QuickSight read below it
_GOING = {"INITIALIZED", "QUEUED", "RUNNING"}
_OURS = re.compile(r"(?P<key>[0-9a-f]{20})-(?P<number>\d+)")
_SHUT_OUT = re.compile("ACCESS|PERMISSION|ROLE|AUTH")


@dataclass(frozen=True)
class Spice:
    """The data sets of one deployment.

    Attributes:
        api: QuickSight.
        prefix: stands before every id.
        store: the exports, in a bucket.
        role: that QuickSight takes to read them; None for the account's own.
        pace: of waiting.
    """

    api: Api
    prefix: str
    store: ObjectStore
    role: str | None
    pace: Pace

    def arn(self, extract: Extract) -> str:
        """Of its data set."""
        return self.api.arn("dataset", self._id(extract))

    def bring(self, extracts: Iterable[Extract]) -> list[str]:
        """Have every extract in; returns the names of those that were not.

        Raises:
            PublishError: QuickSight can't read one, or did not take all its rows.
        """
        known = {e: self.api.find("DescribeDataSet", self._id(e), DataSetId=self._id(e)) for e in extracts}
        new = [e for e, found in known.items() if not self._is_in(e, found)]
        for extract in new:
            if known[extract]:
                self._idle(extract)  # or what goes on under the old content's name would read the new file
            self._write(extract)
            self._make_source(extract)
        for extract in new:
            self._await_source(extract)
            self._make_set(extract, known[extract])
        started: dict[str, str] = {}
        try:
            for extract in new:
                started[self._id(extract)] = self._start(extract)
            for extract in new:
                self._await(extract, started[self._id(extract)])
        except BaseException as ended:
            # A run that is cancelled takes its work with it. An error does not: the next run finds what goes on.
            if not isinstance(ended, Exception):
                for dataset, ingestion in started.items():
                    self._cancel(dataset, ingestion)
            raise
        return [e.name for e in new]

    def _id(self, extract: Extract) -> str:
        return f"{self.prefix}-{extract.name}"

    def _is_in(self, extract: Extract, found: Answer | None) -> bool:
        if found is None or self._mark(extract) not in found["DataSet"]["PhysicalTableMap"]:
            return False
        newest = max(self._ingestions(extract), key=lambda i: i["CreatedTime"], default=None)
        return newest is not None and _took(newest, extract)

    # --- files

    def _write(self, extract: Extract) -> None:
        rows = f"{FOLDER}/{extract.name}/rows.csv"
        self.store.write(rows, extract.content())
        self.store.write(self._manifest(extract), shapes.manifest(self.store.uri(rows)))

    def _manifest(self, extract: Extract) -> str:
        return f"{FOLDER}/{extract.name}/manifest.json"

    # --- data source

    def _source(self, extract: Extract) -> dict[str, Any]:
        return shapes.source(self._id(extract), self.store.uri(self._manifest(extract)), self.role)

    def _make_source(self, extract: Extract) -> None:
        name, wanted = self._id(extract), self._source(extract)
        found = self.api.find("DescribeDataSource", name, DataSourceId=name)
        if found is None:
            self.api.make("CreateDataSource", name, DataSourceId=name, Type="S3", **wanted)
            return
        source = self._settled(extract)
        if _failed(source) or any(source.get(key) != value for key, value in wanted.items()):
            self.api.ask("UpdateDataSource", name, DataSourceId=name, **wanted)

    def _await_source(self, extract: Extract) -> None:
        source = self._settled(extract)
        if _failed(source):
            why = source.get("ErrorInfo", {})
            raise PublishError(f"QuickSight's data source {self._id(extract)} could not be made: {self._told(why)}")

    def _settled(self, extract: Extract) -> Answer:
        name = self._id(extract)

        def look() -> Answer | None:
            # What was just made may not be found yet.
            found = self.api.find("DescribeDataSource", name, DataSourceId=name)
            return (
                None if found is None or found["DataSource"]["Status"].endswith("_IN_PROGRESS") else found["DataSource"]
            )

        return self._in_time(self.pace.until(look), f"data source {name}")

    # --- data set

    def _set(self, extract: Extract, mark: str = "") -> dict[str, Any]:
        return shapes.dataset(self._id(extract), extract, self.api.arn("datasource", self._id(extract)), mark)

    def _mark(self, extract: Extract) -> str:
        return shapes.mark(self._set(extract), self._source(extract))

    def _make_set(self, extract: Extract, found: Answer | None) -> None:
        name, mark = self._id(extract), self._mark(extract)
        wanted = self._set(extract, mark)
        if found is None:
            self.api.make("CreateDataSet", name, **wanted)
        elif mark not in found["DataSet"]["PhysicalTableMap"]:
            self.api.ask("UpdateDataSet", name, **wanted)

    # --- ingestion

    def _ingestions(self, extract: Extract) -> list[Answer]:
        name = self._id(extract)
        found: list[Answer] = []
        more: dict[str, str] = {}
        while True:
            page = self.api.find("ListIngestions", name, DataSetId=name, MaxResults=100, **more)
            if page is None:
                return found
            found += page["Ingestions"]
            if not page.get("NextToken"):
                return found
            more = {"NextToken": page["NextToken"]}

    def _idle(self, extract: Extract) -> list[Answer]:
        """Its ingestions, none of which is going on: one would wait for the other, or give way to it."""

        def look() -> list[Answer] | None:
            found = self._ingestions(extract)
            return None if any(i["IngestionStatus"] in _GOING for i in found) else found

        return self._in_time(self.pace.until(look), f"data set {self._id(extract)}")

    def _start(self, extract: Extract) -> str:
        """The id of the ingestion that brings the content: one that an earlier run started, or a new one."""
        known = self._idle(extract)
        newest = max(known, key=lambda i: i["CreatedTime"], default=None)
        if newest is not None and _took(newest, extract):
            return str(newest["IngestionId"])
        numbers = [int(m["number"]) for i in known if (m := _OURS.fullmatch(i["IngestionId"]))]
        # Numbered: content that comes back after another is brought in again, and an id can't be used twice.
        ingestion, name = f"{extract.key()}-{max(numbers, default=0) + 1}", self._id(extract)
        self.api.make("CreateIngestion", name, DataSetId=name, IngestionId=ingestion)
        return ingestion

    def _await(self, extract: Extract, ingestion: str) -> None:
        name = self._id(extract)

        def look() -> Answer | None:
            found = self.api.find("DescribeIngestion", name, DataSetId=name, IngestionId=ingestion)
            return None if found is None or found["Ingestion"]["IngestionStatus"] in _GOING else found["Ingestion"]

        found = self.pace.until(look)
        if found is None:
            self._cancel(name, ingestion)
        ended = self._in_time(found, f"data set {name}")
        if ended["IngestionStatus"] != "COMPLETED":
            why = ended.get("ErrorInfo", {"Type": ended["IngestionStatus"]})
            raise PublishError(f"QuickSight could not take in the data set {name}: {self._told(why)}")
        if not _took(ended, extract):
            rows = ended["RowInfo"]
            raise PublishError(
                f"QuickSight's data set {name} took {rows.get('RowsIngested', 0)} of {len(extract.rows)} rows and "
                f"dropped {rows.get('RowsDropped', 0)}: {self.store.uri(FOLDER)}/{extract.name}/rows.csv is what was "
                "read; a re-run brings it in again"
            )

    def _cancel(self, dataset: str, ingestion: str) -> None:
        with suppress(Exception):  # what ends the run is told, not what came of tidying up
            self.api.ask("CancelIngestion", dataset, DataSetId=dataset, IngestionId=ingestion)

    def _in_time(self, found: T | None, what: str) -> T:
        if found is None:
            raise PublishError(
                f"QuickSight's {what} was not done after {self.pace.deadline / 60:.0f} minutes; a re-run waits again"
            )
        return found

    def _told(self, error: Answer) -> str:
        kind = error.get("Type", "UNKNOWN")
        told = f"{kind}: {' '.join(str(error.get('Message') or 'no reason was given').split())}"
        if kind.startswith("S3_") or _SHUT_OUT.search(kind):
            return f"{told}; QuickSight must be let read {self.store.uri(FOLDER)}/ (deploy/README.md), then re-run"
        return f"{told}; a re-run tries again"


def _failed(source: Answer) -> bool:
    return bool(source["Status"].endswith("_FAILED"))


def _took(ingestion: Answer, extract: Extract) -> bool:
    """The ingestion brought this content, all of it."""
    named = _OURS.fullmatch(ingestion["IngestionId"])
    rows = ingestion.get("RowInfo", {})
    return (
        named is not None
        and named["key"] == extract.key()
        and ingestion["IngestionStatus"] == "COMPLETED"
        and not rows.get("RowsDropped")
        and rows.get("RowsIngested", len(extract.rows)) == len(extract.rows)
    )
