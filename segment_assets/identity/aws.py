"""The graph on Neptune: versions beside one another in one live graph, and an object in S3 that says which one answers.

A build writes a version's files to S3, loads vertices, then edges, and counts them; only then does `current.json` name
it, replaced by one PUT, and what came before is taken out. Killed at any point, the old graph answers, and the next run
finds the files by their marker `whole` and the load by its place in S3: neither is made twice.

The pointer is an object and no vertex: a PUT is atomic and seen by every later reader, it needs no write through
openCypher, and a person can read it while the cluster is down. That a cluster may have been emptied or restored behind
it is looked at whenever the graph is materialised. One process builds at a time: it is one asset of Dagster's.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any
from uuid import uuid4

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from segment_assets.aws import AwsRefusedError, client, code, remove, sentence
from segment_assets.aws_config import Aws, AwsNeptune
from segment_assets.identity import neptune_layout as layout
from segment_assets.identity.graph_model import NODES, Snapshot
from segment_assets.identity.neptune_loads import Loads, PassingError
from segment_assets.identity.port import GraphError, GraphStore, Served
from segment_assets.identity.queries import QUERIES, Row, Value, ordered, query
from segment_assets.lake.aws import Bucket
from segment_assets.settings import Settings

# Neptune ends a query after 120 s (neptune_query_timeout): its answer is waited for that long, and no longer.
_PATIENT = Config(retries={"mode": "adaptive", "total_max_attempts": 8}, read_timeout=130)
# A start is never repeated unseen: its answer may have been lost, and not its load.
_ONCE = Config(retries={"total_max_attempts": 1}, read_timeout=130)
_BUSY = {"ThrottlingException", "TooManyRequestsException"}
# Permission -> method of boto3's.
_METHODS = {
    "StartLoaderJob": "start_loader_job",
    "GetLoaderJobStatus": "get_loader_job_status",
    "ListLoaderJobs": "list_loader_jobs",
    "CancelLoaderJob": "cancel_loader_job",
    "GetGraphSummary": "get_propertygraph_summary",
    "ReadDataViaQuery": "execute_open_cypher_query",
    "DeleteDataViaQuery": "execute_open_cypher_query",
}
_POINTER, _WHOLE = "current.json", "whole"


def graph(settings: Settings) -> "NeptuneGraph":
    """The deployment's graph in its cluster."""
    return NeptuneGraph(settings.aws)


class Cluster:
    """One Neptune cluster, asked over HTTPS.

    Args:
        where: its address and the role it loads with; None is said when it is used, and not before.
    """

    def __init__(self, where: AwsNeptune | None) -> None:
        self._where = where

    @property
    def place(self) -> str:
        """Its address."""
        return self._known.endpoint.rstrip("/")

    @property
    def load_with(self) -> dict[str, str]:
        """What a bulk load needs to know: the role, and the region, in which the bucket must be too."""
        return {"iamRoleArn": self._known.load_role_arn, "s3BucketRegion": self._data.meta.region_name}

    def ask(
        self, cypher: str, parameters: Mapping[str, Any] | None = None, action: str = "ReadDataViaQuery"
    ) -> list[Row]:
        """What openCypher answers. It may be asked twice: nothing but reading and removing is done through it."""
        given = {"parameters": json.dumps(dict(parameters))} if parameters else {}
        rows: list[Row] = self.call(action, openCypherQuery=cypher, **given)["results"]
        return layout.in_order(rows, cypher)

    def labels(self) -> list[str]:
        """Labels that the graph's statistics know; none where they are off: folders in S3 tell of versions too."""
        try:
            told = self.call("GetGraphSummary", mode="basic")
        except AwsRefusedError:
            return []
        return list(told["payload"]["graphSummary"].get("nodeLabels", ()))

    def call(self, action: str, **asked: Any) -> Any:
        """Ask for the operation of a permission.

        Raises:
            AwsRefusedError: it was refused for good.
            PassingError: a start that may have taken effect, or may be tried again.
        """
        once = action == "StartLoaderJob"
        try:
            return getattr(self._starter if once else self._data, _METHODS[action])(**asked)
        except (ClientError, BotoCoreError) as refused:
            kind = PassingError if once and _passing(refused) else AwsRefusedError
            raise kind(sentence(refused, f"neptune-db:{action} on {self.place}")) from refused

    @property
    def _known(self) -> AwsNeptune:
        if self._where is None:
            raise GraphError(
                "segmentation.yaml: aws.neptune is missing, and the identity graph is asked for; name the cluster's "
                "endpoint and load_role_arn there, or set identity_graph: off"
            )
        return self._where

    @property
    def _data(self) -> Any:
        return client("neptunedata", config=_PATIENT, endpoint_url=self.place)

    @property
    def _starter(self) -> Any:
        return client("neptunedata", config=_ONCE, endpoint_url=self.place)


class NeptuneGraph(GraphStore):
    """Tagged versions in one cluster, several deployments side by side.

    Args:
        aws: where things are.
        pause: as of `Loads`.
        deadline: as of `Loads`.
    """

    def __init__(self, aws: Aws, pause: float = 0.5, deadline: float = 7200) -> None:
        self._aws, self._pause, self._deadline = aws, pause, deadline
        self._cluster = Cluster(aws.neptune)
        self._bucket = Bucket(aws.exports_bucket, f"{aws.deployment}/graph/")

    @property
    def engine(self) -> str:
        """Our layout alone: Neptune is upgraded in place and keeps its data, which is no reason to load it anew."""
        return "neptune, layout 1"

    def served(self) -> Served | None:
        """What the pointer names, if the cluster still has it."""
        now = self._current()
        filled = [label for label in NODES if now and now.counts.get(label)]
        if now and filled and not self._cluster.ask(layout.left(filled[0], self._tag(now.version))):
            return None
        return now

    def build(self, snapshot: Snapshot) -> Served:
        """Write files, load them beside the version in service, and count; what failed is taken out again."""
        snapshot.refuse_dangling()
        now = self._current()
        self._sweep({snapshot.version, now.version if now else ""})
        mark = self._tag(snapshot.version)
        try:
            self._load(snapshot, mark)
            counts = {str(r["label"]): int(r["rows"] or 0) for r in self._cluster.ask(layout.tagged(_COUNTS, mark))}
            if wrong := sorted(label for label, rows in snapshot.counts.items() if counts.get(label) != rows):
                raise GraphError(
                    f"{self._cluster.place}: {', '.join(wrong)} were not all loaded; the old graph stays in service"
                )
        except GraphError:
            with suppress(AwsRefusedError):  # what can't be taken out now, the next build takes out
                self._remove(layout.short(snapshot.version))
            raise
        return Served(snapshot.version, self.engine, counts, f"{self._cluster.place}/{mark}")

    def publish(self, built: Served) -> None:
        """Replace the pointer by one PUT, then take out every other version."""
        self._bucket.write(_POINTER, json.dumps(asdict(built)).encode())
        # Nothing resumes a load that was published: were the cluster emptied, a new attempt would fill it.
        self._delete(self._markers(layout.short(built.version)))
        self._sweep({built.version})

    def ask(self, name: str, parameters: Mapping[str, Value] | None = None) -> list[Row]:
        """Answer from the version in service: an answer during which it was replaced is asked for again."""
        asked = query(name, parameters or {})
        while now := self._current():
            if now.engine != self.engine:
                raise GraphError(f"{now.location}: was built as {now.engine}; materialise identity_graph to build anew")
            rows = self._cluster.ask(layout.tagged(asked.cypher, self._tag(now.version)), parameters)
            # Vertices are taken out only after the pointer has left them, and S3 shows a PUT to every later GET.
            if self._current() == now:
                return ordered(rows) if asked.sort else rows
        raise GraphError(f"{self._cluster.place}: no graph is in service; materialise identity_graph first")

    @property
    def _s3(self) -> Any:
        return client("s3")

    def _tag(self, version: str) -> str:
        return layout.tag(self._aws.deployment, version)

    def _current(self) -> Served | None:
        try:
            found = Served(**json.loads(self._bucket.read(_POINTER)))
        except FileNotFoundError:
            return None
        # A pointer into another cluster says nothing of this one.
        return found if found.location == f"{self._cluster.place}/{self._tag(found.version)}" else None

    def _load(self, snapshot: Snapshot, mark: str) -> None:
        found = self._markers(layout.short(snapshot.version))
        # A place of its own for each attempt: a load that was done, and taken out since, must not pass for this one.
        attempt = found[0].removesuffix(_WHOLE) if found else f"{layout.short(snapshot.version)}/{uuid4().hex[:8]}/"
        if not found:
            for key, content in layout.files(snapshot, mark):
                self._bucket.write(attempt + key, content)
            self._bucket.write(attempt + _WHOLE, b"")
        loads = Loads(self._cluster.call, self._cluster.place, self._cluster.load_with, self._pause, self._deadline)
        for part in (layout.VERTICES, layout.EDGE_FILES):
            if self._bucket.list(f"{attempt}{part}/"):
                loads.load(self._bucket.uri(f"{attempt}{part}/"), again=bool(found))

    def _sweep(self, kept: Iterable[str]) -> None:
        """Take out versions that folders in S3 or labels in the graph tell of, but for those kept."""
        folders = {o.key.split("/", 1)[0] for o in self._bucket.list("") if "/" in o.key}
        known = folders | layout.versions(self._cluster.labels(), self._aws.deployment)
        for version in sorted(known - {layout.short(v) for v in kept}):
            self._remove(version)

    def _remove(self, version: str) -> None:
        # The marker goes first, so that nothing resumes what is being taken out; the files last: they remember it.
        self._delete(self._markers(version))
        mark = self._tag(version)
        for label in NODES:
            before: list[Row] = []
            while there := self._cluster.ask(layout.left(label, mark)):
                if there == before:
                    raise GraphError(f"{self._cluster.place}: vertices of {label}_{mark} can't be taken out")
                self._cluster.ask(
                    layout.removal(label, mark), {"ids": [row["id"] for row in there]}, "DeleteDataViaQuery"
                )
                before = there
        self._delete([o.key for o in self._bucket.list(f"{version}/")])

    def _markers(self, version: str) -> list[str]:
        return [o.key for o in self._bucket.list(f"{version}/") if o.key.endswith(f"/{_WHOLE}")]

    def _delete(self, keys: list[str]) -> None:
        remove(self._s3, self._bucket.name, [self._bucket.prefix + key for key in keys], self._bucket.uri(""))


_COUNTS = QUERIES["graph_counts"].cypher


def _passing(error: Exception) -> bool:
    """Whether it may go well if tried again: throttled, a fault of the server's, or of the way there."""
    if not isinstance(error, ClientError):
        return isinstance(error, HTTPClientError)
    return code(error) in _BUSY or error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500
