"""Files of tables in a bucket, as pyiceberg reads and writes them: through boto3, under the session that owns them.

pyiceberg's own reader is given credentials once, and fails when they end; boto3's renew themselves. A file is written
by one PutObject where pyarrow's S3 makes three calls of it, and refusals are one sentence.
"""

from collections.abc import Callable, Sequence
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import Any, cast

from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile, OutputStream

from segment_assets.aws import AwsRefusedError, body, code, remove, telling
from segment_assets.lake.files import Files, TableFile

# As much is sent at once, and kept in memory until it is; more goes to disk first, and to S3 in parts.
AT_ONCE = 16 * 1024 * 1024
_MISSING = {"NoSuchKey", "NoSuchBucket", "404"}


class BucketFiles(FileIO):
    """Files by their URI.

    Args:
        s3: a client of the account that owns them.
    """

    def __init__(self, s3: Any) -> None:
        super().__init__()
        self._s3 = s3

    def new_input(self, location: str) -> "BucketFile":
        """A file to read."""
        return BucketFile(self._s3, location)

    def new_output(self, location: str) -> "BucketFile":
        """A file to write."""
        return BucketFile(self._s3, location)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Remove the file; one that is not there is removed."""
        uri = location if isinstance(location, str) else location.location
        bucket, key = place(uri)
        with telling(f"s3:DeleteObject on {uri}"):
            self._s3.delete_object(Bucket=bucket, Key=key)


class BucketFile(InputFile, OutputFile):
    """One file, to read or to write.

    Args:
        s3: as of `BucketFiles`.
        location: its URI.
    """

    def __init__(self, s3: Any, location: str) -> None:
        super().__init__(location)
        self._s3, (self._bucket, self._key) = s3, place(location)
        self._size: int | None = None

    def __len__(self) -> int:
        """Its bytes: known of what was just written, else asked for."""
        if self._size is None:
            self._size = self._head()
        if self._size is None:
            raise FileNotFoundError(self.location)
        return self._size

    def exists(self) -> bool:
        """Whether it is there."""
        return self._head() is not None

    def open(self, seekable: bool = True) -> InputStream:
        """The file, whole, in memory: metadata is small, and data files are read from copies (`lake/aws_copies.py`)."""
        with telling(f"s3:GetObject on {self.location}"):
            try:
                content = body(self._s3, self._bucket, self._key)
            except self._s3.exceptions.ClientError as refused:
                if code(refused) in _MISSING:
                    raise FileNotFoundError(self.location) from refused
                raise
        return cast(InputStream, BytesIO(content))

    def to_input_file(self) -> "BucketFile":
        """The same, to read."""
        return BucketFile(self._s3, self.location)

    def create(self, overwrite: bool = False) -> OutputStream:
        """A stream whose content is put into the bucket when it is closed, and dropped where writing failed.

        Whether the file is there is not asked: its name holds a UUID.
        """
        return cast(OutputStream, _Writing(self))

    def put(self, content: Any, size: int) -> None:
        """Put the content: S3 shows it whole or not at all."""
        with telling(f"s3:PutObject on {self.location}"):
            if size <= AT_ONCE:
                self._s3.put_object(Bucket=self._bucket, Key=self._key, Body=content)
            else:
                try:
                    self._s3.upload_fileobj(content, self._bucket, self._key)
                except self._s3.exceptions.ClientError as refused:
                    # The answer to the last of its calls may be lost: repeated, it finds no upload to complete.
                    if code(refused) != "NoSuchUpload" or self._head() != size:
                        raise
        self._size = size

    def _head(self) -> int | None:
        with telling(f"s3:GetObject on {self.location}"):
            try:
                return int(self._s3.head_object(Bucket=self._bucket, Key=self._key)["ContentLength"])
            except self._s3.exceptions.ClientError as refused:
                if code(refused) in _MISSING:
                    return None
                raise


class _Writing(SpooledTemporaryFile[bytes]):
    def __init__(self, to: BucketFile) -> None:
        super().__init__(max_size=AT_ONCE)
        self._to, self._failed = to, False

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        self._failed = kind is not None
        self.close()

    def close(self) -> None:
        if not self.closed:
            size = self.tell()
            try:
                if not self._failed:
                    self.seek(0)
                    self._to.put(self, size)
            finally:
                super().close()


class BucketOfFiles(Files):
    """Files of tables in the buckets of both accounts.

    Args:
        of: the client that may list and remove in a bucket.
    """

    def __init__(self, of: Callable[[str], Any]) -> None:
        self._s3_of = of

    def name(self, uri: str) -> str:
        """The URI itself: nothing is escaped in it."""
        return uri

    def below(self, root: str) -> list[TableFile]:
        """Objects below the table's prefix."""
        bucket, key = place(root)
        prefix = f"{key.rstrip('/')}/"
        with telling(f"s3:ListBucket on {root}"):
            pages = self._s3_of(bucket).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
            found = [o for page in pages for o in page.get("Contents", ())]
        return [TableFile(f"s3://{bucket}/{o['Key']}", o["Size"], o["LastModified"]) for o in found]

    def remove(self, names: Sequence[str]) -> None:
        """As many at a time as DeleteObjects takes."""
        if names:
            bucket, where = place(names[0])[0], names[0].rpartition("/")[0]
            remove(self._s3_of(bucket), bucket, [place(name)[1] for name in names], where)


def place(uri: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`; a key may hold any character, as a URI may not."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not key:
        raise AwsRefusedError(f"{uri} is no file in a bucket (s3://bucket/key)")
    return bucket, key
