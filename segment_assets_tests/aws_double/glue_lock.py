"""Glue's optimistic lock, which moto leaves out: without it concurrent commits of Iceberg tables lose rows."""

import json
import re
import threading
from typing import Any

from moto.backends import get_backend
from moto.iam.models import get_account_id_from
from werkzeug.wrappers import Response

from segment_assets_tests.aws_double.names import peeked

LOCK = threading.Lock()
_SCOPE = re.compile(r"Credential=([^/]+)/\d{8}/([^/]+)/")


def stale(environ: dict[str, Any]) -> Response | None:
    """The refusal of an UpdateTable whose VersionId is not the table's; None where it may go on."""
    asked = json.loads(peeked(environ))
    found = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    if not asked.get("VersionId") or not found:
        return None
    glue = get_backend("glue")[get_account_id_from(found[1])][found[2]]
    table = glue.get_table(asked["DatabaseName"], asked["TableInput"]["Name"])
    now = str(table.as_dict()["VersionId"])
    if now == asked["VersionId"]:
        return None
    body = json.dumps({"__type": "ConcurrentModificationException", "Message": f"the table is at version {now}"})
    return Response(body, 400, content_type="application/x-amz-json-1.1")
