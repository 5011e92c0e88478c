"""One at a time, across processes and machines: an object that only one of them can make.

It rests on S3's conditional writes: `If-None-Match: *` lets one writer make the object, `If-Match` lets one take over
a lock whose holder died. Who holds it is judged by S3's own clock, so the clocks of the machines do not matter.

A holder that takes longer than its lease is not stopped: what is written under the lock says what it replaces, and that
is refused where another wrote it meanwhile.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import uuid4

from segment_assets.aws import AwsRefusedError, code, sentence
from segment_assets.waiting import Pace

# What is done under the lock takes seconds; a run that was killed in it makes the next one wait this long at most.
LEASE_SECONDS = 90.0
PATIENCE_SECONDS = 900.0
TAKEN = {"PreconditionFailed", "412", "ConditionalRequestConflict", "409"}
GONE = {"NoSuchKey", "404"}


class Lock:
    """A lock in a bucket.

    Args:
        s3: makes the client that may write there.
        bucket: the bucket.
        key: the object that is the lock.
        lease: seconds after which a lock counts as left behind.
        patience: seconds to wait for it.
    """

    def __init__(
        self,
        s3: Callable[[], Any],
        bucket: str,
        key: str,
        lease: float = LEASE_SECONDS,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._client, self.bucket, self.key, self.lease, self.patience = s3, bucket, key, lease, patience

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for the lock, hold it, give it back.

        Raises:
            AwsRefusedError: S3 refused, or another holds it for too long.
        """
        s3 = self._client()
        try:
            etag = self._take(s3)
        except s3.exceptions.ClientError as refused:
            raise AwsRefusedError(sentence(refused, f"s3:PutObject on {self._place}")) from refused
        try:
            yield
        finally:
            self._give_back(s3, etag)

    @property
    def _place(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def _take(self, s3: Any) -> str:
        owner = uuid4().hex.encode()
        for _ in Pace(first=0.05, most=2.0, growth=1.5, deadline=self.patience, jitter=0.5).turns():
            try:
                condition = self._condition(s3, owner)
                if ours := condition.get("Ours"):
                    return ours
                return str(s3.put_object(Bucket=self.bucket, Key=self.key, Body=owner, **condition)["ETag"])
            except s3.exceptions.ClientError as refused:
                if code(refused) not in TAKEN | GONE:
                    raise
        raise AwsRefusedError(f"{self._place} is held by another run; remove it if no run is going on")

    def _condition(self, s3: Any, owner: bytes) -> dict[str, str]:
        """What must be so when we write: there is no lock, or it is still the one whose lease has ended."""
        try:
            found = s3.get_object(Bucket=self.bucket, Key=self.key)
        except s3.exceptions.ClientError as refused:
            if code(refused) in GONE:
                return {"IfNoneMatch": "*"}
            raise
        if found["Body"].read() == owner:
            return {"Ours": found["ETag"]}  # boto3 wrote it twice: the first answer was lost
        now = parsedate_to_datetime(found["ResponseMetadata"]["HTTPHeaders"]["date"])
        if (now - found["LastModified"]).total_seconds() > self.lease:
            return {"IfMatch": found["ETag"]}
        return {"IfNoneMatch": "*"}

    def _give_back(self, s3: Any, etag: str) -> None:
        try:
            s3.delete_object(Bucket=self.bucket, Key=self.key, IfMatch=etag)
        except s3.exceptions.ClientError as refused:
            # Another took it over after the lease: it is not ours to remove.
            if code(refused) not in TAKEN | GONE:
                raise AwsRefusedError(sentence(refused, f"s3:DeleteObject on {self._place}")) from refused
