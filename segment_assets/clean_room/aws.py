"""The clean room on AWS: a query that was accepted here runs in Clean Rooms, once per content.

StartProtectedQuery takes no token that would make it safe to repeat. So a note is put beside the result before the
query is started and again when its id is known: whoever comes later follows the note, and where the answer was lost
finds the query among all of them by the prefix its result goes to.
"""

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlparse
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from segment_assets.aws import AwsRefusedError, body, client, code, sentence, telling
from segment_assets.aws_config import Aws
from segment_assets.clean_room import aws_text
from segment_assets.clean_room.aws_id_mapping import Filler
from segment_assets.clean_room.aws_lock import LEASE_SECONDS, Lock
from segment_assets.clean_room.aws_membership import InCollaboration
from segment_assets.clean_room.aws_noise import Answered, AwsNoise
from segment_assets.clean_room.aws_note import Note, Notes, NoteTakenError
from segment_assets.clean_room.aws_patience import patience
from segment_assets.clean_room.circumstances import Run
from segment_assets.clean_room.collaboration import template_from_config
from segment_assets.clean_room.port import CleanRoom, QueryFailedError, ReadTable
from segment_assets.clean_room.runnable import Runnable
from segment_assets.clean_room.templates import Template
from segment_assets.settings import Settings

DEADLINE_SECONDS = 3600.0
IAM_SECONDS = 120.0  # "changes might not be immediately visible": IAM user guide, eventual consistency
ATTEMPTS = 2  # of a query that AWS says may be tried again; each is paid for
YOUNG = timedelta(minutes=10)
_ONCE = Config(retries={"total_max_attempts": 1, "mode": "standard"})
_BUSY = {
    "InternalServerException", "InternalServerError", "500", "502", "503", "504",
    "ThrottlingException", "TooManyRequestsException", "429",
}  # fmt: skip
_ENDED_BADLY = {"FAILED", "CANCELLED", "CANCELLING", "TIMED_OUT"}
_LIMITS = {"INSUFFICIENT_COMPUTE", "TIMED_OUT"}


class AwsCleanRoom(InCollaboration, CleanRoom):
    """Runs queries as protected queries of our membership.

    Args:
        aws: where things are.
        collaboration: its declared name; None where there is none.
        deadline: seconds until a query is cancelled.
        pause: seconds between the first two looks at a query; later ones are further apart.
        patience: seconds to wait for roles that are not known everywhere yet, and for AWS to take calls again.
        lease: seconds until the lock of a run that was killed is taken over.
        templates: analysis templates by their declared name.
    """

    def __init__(
        self,
        aws: Aws,
        collaboration: str | None,
        deadline: float = DEADLINE_SECONDS,
        pause: float = 1.0,
        patience: float = IAM_SECONDS,
        lease: float = LEASE_SECONDS,
        templates: Mapping[str, Template] | None = None,
    ) -> None:
        super().__init__(aws, collaboration, templates)
        self.deadline, self.pause, self.patience, self.lease = deadline, pause, patience, lease
        self._costs: dict[str, dict[str, float]] = {}

    def run(
        self, query: Runnable, read: ReadTable, as_of: date | None = None, key: str = "", of: Run | None = None
    ) -> pa.Table:
        """Start the query or follow the one that was started, await it, bring its result."""
        return self.answered(query, as_of, key or uuid4().hex, of)[0]

    def answered(self, query: Runnable, as_of: date | None, key: str, of: Run | None) -> Answered:
        """The result, and what Clean Rooms tells of the query (GetProtectedQuery)."""
        asked = self._of_template(of) if of else {"queryString": aws_text.submitted(query, as_of)}
        for attempt in range(1, ATTEMPTS + 1):
            answer = self._awaited(self._id(key, asked))
            if answer["status"] == "SUCCESS":
                break
            if attempt == ATTEMPTS or not answer.get("error", {}).get("retry", {}).get("retryable"):
                raise _failed(answer)
        billed = answer.get("statistics", {})
        units = billed.get("billedResourceUtilization", {}).get("units", 0.0)
        self._costs[key] = {"cost_units": units, "seconds": billed.get("totalDurationInMillis", 0) / 1000}
        return aws_text.ordered(query, self._brought(_location(answer))), answer

    @property
    def noise(self) -> AwsNoise:
        """Clean Rooms' own."""
        return AwsNoise(self)

    @property
    def reads_by_itself(self) -> bool:
        """Clean Rooms does."""
        return True

    def forget(self, key: str) -> None:
        """By the note: whoever asks for the content is led to no query."""
        self._notes.write(key, {})

    @property
    def maps_ids(self) -> bool:
        """Entity Resolution does, and shows nobody the rows."""
        return False

    def fill(self, versions: Mapping[str, str]) -> None:
        """Have Entity Resolution fill each table once per version; it may take hours, and a later run goes on."""
        for name, version in versions.items():
            filler = Filler(self._rooms, self.aws, self._membership["id"], self._notes, self.deadline, self.pause)
            filler.fill(name, version, self.exclusively)

    def begun(self, key: str) -> bool:
        """Whether a query of this content runs, or ended well and its result is there."""
        return self._known(key, self._notes.read(key)) is not None

    def cost(self, key: str) -> Mapping[str, float]:
        """CRPU hours billed (`cost_units`) and the seconds the query took."""
        return self._costs.get(key, {})

    def exclusively(self) -> AbstractContextManager[None]:
        """A lock in the bucket of exports."""
        bucket, prefix = self.aws.exports_bucket, f"{self.aws.deployment}/clean_room"
        return Lock(lambda: self._s3, bucket, f"{prefix}/lock", self.lease).held()

    @property
    def _s3(self) -> Any:
        return client("s3")

    @property
    def _notes(self) -> Notes:
        return Notes(self._s3, self.aws.exports_bucket, f"{self.aws.deployment}/clean_room/")

    @property
    def _once(self) -> Any:
        # Tried again by us alone: boto3 can't know that a lost answer may have started a query.
        return client("cleanrooms", config=_ONCE)

    def _id(self, key: str, asked: Mapping[str, Any]) -> str:
        """The query of this content: the one that runs or ended well, or a new one."""
        began, ours = time.monotonic(), None
        for last in patience(self.deadline, self.pause):
            with self.exclusively():
                # A lost answer is looked for here, in the next round: the note says that a query may have begun.
                note = self._notes.read(key)
                if known := self._known(key, note):
                    if ours and ours != known:
                        self._cancel(ours)
                    return known
                try:
                    begun = self._notes.write(key, {"begun": datetime.now(UTC).isoformat()}, note)
                    ours = self._start(key, asked)
                    self._notes.write(key, {"begun": datetime.now(UTC).isoformat(), "id": ours}, begun)
                except (ClientError, BotoCoreError) as refused:
                    waited = time.monotonic() - began
                    if last or not self._again(refused, waited):
                        raise AwsRefusedError(sentence(refused, "cleanrooms:StartProtectedQuery")) from refused
                except NoteTakenError:
                    # AWS took longer than the lease, and another run went on: the query that it noted is the one.
                    if last:
                        raise
                else:
                    return ours
        raise AssertionError("the last try returns or raises")

    def _known(self, key: str, note: Note) -> str | None:
        known = note.said.get("id") or (self._search(key, note.said["begun"]) if note.said else None)
        answer = self._get(known) if known else {"status": "FAILED"}
        # A result may have been removed since, by a rule of the bucket.
        gone = answer["status"] == "SUCCESS" and not self._parts(_location(answer))
        return None if gone or answer["status"] in _ENDED_BADLY else known

    def _start(self, key: str, asked: Mapping[str, Any]) -> str:
        where = {"resultFormat": "PARQUET", "bucket": self.aws.exports_bucket, "keyPrefix": self._notes.prefix(key)}
        answer = self._once.start_protected_query(
            type="SQL",
            membershipIdentifier=self._membership["id"],
            sqlParameters=dict(asked),
            resultConfiguration={"outputConfiguration": {"s3": where}},
        )
        return str(answer["protectedQuery"]["id"])

    def _again(self, refused: Exception, waited: float) -> bool:
        """Whether the same call may be taken later: AWS is busy, or does not know a new role everywhere yet."""
        if code(refused) == "ServiceQuotaExceededException":
            return True  # five queries at a time: until the deadline
        delay = isinstance(refused, ClientError) and refused.response.get("reason") == "IAM_SYNCHRONIZATION_DELAY"
        young = datetime.now(UTC) - self._membership["createTime"] < YOUNG
        denied = young and code(refused) == "AccessDeniedException"
        busy = isinstance(refused, HTTPClientError) or code(refused) in _BUSY
        return waited < self.patience and (delay or denied or busy)

    def _search(self, key: str, begun: str) -> str | None:
        """The query whose result goes to this content's prefix, among those started since."""
        since = datetime.fromisoformat(begun) - timedelta(minutes=5)  # clocks differ
        of = {"membershipIdentifier": self._membership["id"]}
        pages = self._rooms.get_paginator("list_protected_queries").paginate(**of)
        with telling("cleanrooms:ListProtectedQueries"):
            every = [q for page in pages for q in page["protectedQueries"] if q["createTime"] >= since]
        for one in sorted(every, key=lambda q: q["createTime"], reverse=True):
            if one["status"] in _ENDED_BADLY:
                continue
            to = self._get(one["id"]).get("resultConfiguration", {}).get("outputConfiguration", {}).get("s3", {})
            if to.get("keyPrefix") == self._notes.prefix(key):
                return str(one["id"])
        return None

    def _get(self, ident: str) -> dict[str, Any]:
        with telling("cleanrooms:GetProtectedQuery"):
            of = {"membershipIdentifier": self._membership["id"], "protectedQueryIdentifier": ident}
            answer: dict[str, Any] = self._rooms.get_protected_query(**of)["protectedQuery"]
        return answer

    def _awaited(self, ident: str) -> dict[str, Any]:
        """The query at its end; cancelled when this run is interrupted or the deadline is over."""
        try:
            for last in patience(self.deadline, self.pause, most=30.0):
                answer = self._get(ident)
                if answer["status"] == "SUCCESS" or answer["status"] in _ENDED_BADLY - {"CANCELLING"}:
                    return answer
                if last:
                    break
        except BaseException as stopped:
            # A fault of the network leaves the query to the next run; a run that is stopped stops its query.
            if not isinstance(stopped, Exception):
                self._cancel(ident)
            raise
        self._cancel(ident)
        raise QueryFailedError(
            "RESOURCE_LIMIT", f"the query did not end within {self.deadline:.0f} s and was cancelled"
        )

    def _cancel(self, ident: str) -> None:
        with suppress(ClientError, BotoCoreError):
            of = {"membershipIdentifier": self._membership["id"], "protectedQueryIdentifier": ident}
            self._rooms.update_protected_query(**of, targetStatus="CANCELLED")

    def _brought(self, location: str) -> pa.Table:
        parts = self._parts(location)
        if not parts:
            raise QueryFailedError("FAILED", f"the query ended well, and {location} holds no Parquet file")
        bucket = urlparse(location).netloc
        with telling(f"s3:GetObject on {location}"):
            files = [body(self._s3, bucket, key) for key in parts]
        return pa.concat_tables([pq.read_table(pa.BufferReader(file)) for file in files], promote_options="permissive")

    def _parts(self, location: str) -> list[str]:
        where = urlparse(location)
        asked = {"Bucket": where.netloc, "Prefix": where.path.removeprefix("/")}
        with telling(f"s3:ListBucket on {location}"):
            pages = self._s3.get_paginator("list_objects_v2").paginate(**asked)
            found = [o["Key"] for page in pages for o in page.get("Contents", ())]
        return sorted(key for key in found if key.endswith(".parquet"))


def _location(answer: Mapping[str, Any]) -> str:
    return str(answer["result"]["output"]["s3"]["location"])


def _failed(answer: Mapping[str, Any]) -> QueryFailedError:
    """One fixed sentence: AWS's own message stays in the console, for it may hold a value."""
    told = str(answer.get("error", {}).get("code", answer["status"]))
    what = {"CANCELLED": "was cancelled", "TIMED_OUT": "ran out of time"}.get(answer["status"], f"failed with {told}")
    where = f"protected query {answer['id']} in the Clean Rooms console says why"
    return QueryFailedError("RESOURCE_LIMIT" if told in _LIMITS else "FAILED", f"the query {what}: {where}")


def clean_room(settings: Settings) -> AwsCleanRoom:
    """The clean room of the AWS deployment."""
    declared = settings.segmentation.collaboration
    if declared is None:
        return AwsCleanRoom(settings.aws, None)
    templates = {n: template_from_config(n, t, declared.runner) for n, t in declared.templates.items()}
    return AwsCleanRoom(settings.aws, declared.name, templates=templates)
