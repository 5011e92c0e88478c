"""Notes on queries that were begun, beside their results: how a run finds the query of one that is gone."""

import json
from typing import Any

from segment_assets.aws import AwsRefusedError, body, code, sentence, telling

_GONE = {"NoSuchKey", "404"}


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

    def read(self, key: str) -> dict[str, str]:
        """`begun` and perhaps `id`; empty where no query of this content was begun.

        Raises:
            AwsRefusedError: S3 refused.
        """
        place = self._place(key)
        try:
            content = body(self._s3, self.bucket, place)
        except self._s3.exceptions.ClientError as refused:
            if code(refused) in _GONE:
                return {}
            raise AwsRefusedError(sentence(refused, f"s3:GetObject on s3://{self.bucket}/{place}")) from refused
        note: dict[str, str] = json.loads(content)
        return note

    def write(self, key: str, note: dict[str, str]) -> None:
        """Put the note in the place of what was there.

        Raises:
            AwsRefusedError: S3 refused.
        """
        place = self._place(key)
        with telling(f"s3:PutObject on s3://{self.bucket}/{place}"):
            self._s3.put_object(Bucket=self.bucket, Key=place, Body=json.dumps(note).encode())

    def _place(self, key: str) -> str:
        return f"{self.folder}{key}.json"
