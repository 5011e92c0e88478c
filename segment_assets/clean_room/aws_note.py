"""Notes on queries that were begun, beside their results: how a run finds the query of one that is gone."""

import json
from dataclasses import dataclass, field
from typing import Any

from segment_assets.aws import AwsRefusedError, code, sentence, telling
from segment_assets.clean_room.aws_lock import GONE, TAKEN


class NoteTakenError(AwsRefusedError):
    """Another run wrote the note since this one read it: what that one began is what counts."""


@dataclass(frozen=True)
class Note:
    """A note as it stands.

    Attributes:
        said: `begun` and perhaps `id`; empty where no query of this content was begun.
        etag: S3's name of this version; None where there is none.
    """

    said: dict[str, str] = field(default_factory=dict)
    etag: str | None = None


class Notes:
    """One note per content: when its query was begun, and its id once that is known.

    Args:
        s3: the client that may read and write there.
        bucket: where results go.
        folder: above all results, ending in `/`.
    """

    def __init__(self, s3: Any, bucket: str, folder: str) -> None:
        self._s3, self.bucket, self.folder = s3, bucket, folder

    def prefix(self, key: str) -> str:
        """Where the result of a content goes."""
        return f"{self.folder}{key}/"

    def read(self, key: str) -> Note:
        """The note of a content; an empty one where there is none.

        Raises:
            AwsRefusedError: S3 refused.
        """
        place = self._place(key)
        try:
            found = self._s3.get_object(Bucket=self.bucket, Key=place)
        except self._s3.exceptions.ClientError as refused:
            if code(refused) in GONE:
                return Note()
            raise AwsRefusedError(sentence(refused, f"s3:GetObject on s3://{self.bucket}/{place}")) from refused
        return Note(json.loads(found["Body"].read()), found["ETag"])

    def write(self, key: str, said: dict[str, str], over: Note | None = None) -> Note:
        """Put a note in the place of what was there.

        Args:
            key: of the content.
            said: the note.
            over: as it was read; None: whatever is there now.

        Raises:
            NoteTakenError: it is another by now; nothing was written.
            AwsRefusedError: S3 refused.
        """
        place = self._place(key)
        condition = {} if over is None else {"IfMatch": over.etag} if over.etag else {"IfNoneMatch": "*"}
        with telling(f"s3:PutObject on s3://{self.bucket}/{place}"):
            try:
                answer = self._s3.put_object(Bucket=self.bucket, Key=place, Body=json.dumps(said).encode(), **condition)
            except self._s3.exceptions.ClientError as refused:
                if code(refused) not in TAKEN | GONE:
                    raise
                if (now := self.read(key)).said == said:
                    return now  # boto3 wrote it twice: the first answer was lost
                taken = f"s3://{self.bucket}/{place} was written by another run meanwhile: run it again"
                raise NoteTakenError(taken) from refused
        return Note(said, answer["ETag"])

    def _place(self, key: str) -> str:
        return f"{self.folder}{key}.json"
