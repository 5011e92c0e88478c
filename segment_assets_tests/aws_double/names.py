"""Which operation of AWS a request to one of moto's services is, as AWS's own logs would call it."""

import io
from typing import Any
from urllib.parse import parse_qs

from werkzeug.wrappers import Request

# Method, whether a key is named, a parameter that must be there: the first that fits.
_S3 = (
    ("GET", False, "list-type", "ListObjectsV2"),
    ("GET", True, "", "GetObject"),
    ("HEAD", True, "", "HeadObject"),
    ("HEAD", False, "", "HeadBucket"),
    ("PUT", True, "partNumber", "UploadPart"),
    ("PUT", True, "", "PutObject"),
    ("POST", True, "uploads", "CreateMultipartUpload"),
    ("POST", True, "uploadId", "CompleteMultipartUpload"),
    ("POST", False, "delete", "DeleteObjects"),
    ("DELETE", True, "uploadId", "AbortMultipartUpload"),
    ("DELETE", True, "", "DeleteObject"),
    ("GET", False, "encryption", "GetBucketEncryption"),
    ("GET", False, "publicAccessBlock", "GetPublicAccessBlock"),
    ("GET", False, "policy", "GetBucketPolicy"),
    ("PUT", False, "encryption", "PutBucketEncryption"),
    ("PUT", False, "publicAccessBlock", "PutPublicAccessBlock"),
    ("PUT", False, "policy", "PutBucketPolicy"),
    ("PUT", False, "", "CreateBucket"),
    ("GET", False, "", "GetBucketLocation"),
)


def operation(service: str, environ: dict[str, Any]) -> str:
    """Its name; the method where it can't be told."""
    if target := environ.get("HTTP_X_AMZ_TARGET", ""):
        return str(target.rpartition(".")[2])
    method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/")
    if service == "s3":
        asked = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
        # Buckets are named in the path: the host is an address.
        has_key = len(path.strip("/").split("/", 1)) == 2
        fits = (n for m, key, needed, n in _S3 if (m, key) == (method, has_key) and (not needed or needed in asked))
        return next(fits, method)
    if "x-www-form-urlencoded" in environ.get("CONTENT_TYPE", ""):
        return parse_qs(peeked(environ).decode()).get("Action", [method])[0]
    return str(method)


def request(environ: dict[str, Any]) -> Request:
    """The request, to look at: the next reader finds the body as it was."""
    body = peeked(environ)
    return Request({**environ, "wsgi.input": io.BytesIO(body)})


def peeked(environ: dict[str, Any]) -> bytes:
    """The body, which the next reader finds as it was."""
    content: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(content)
    return content
