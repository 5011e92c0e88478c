"""Who may enter a role: moto lets everybody in. A role that was made here is entered with the word it asks for."""

import json
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from moto.iam.models import iam_backends
from werkzeug.wrappers import Response

from segment_assets_tests.aws_double.names import peeked


def refused(environ: dict[str, Any]) -> Response | None:
    """The refusal of an AssumeRole without the role's ExternalId; None where it may go on."""
    asked = {key: values[0] for key, values in parse_qs(peeked(environ).decode()).items()}
    arn = asked.get("RoleArn", "")
    account = arn.split(":")[4] if arn.count(":") >= 5 else ""
    roles = iam_backends[account]["aws"].roles.values() if account else ()
    for role in roles:
        if role.arn == arn and not _said(json.loads(role.assume_role_policy_document), asked.get("ExternalId")):
            text = escape(f"User is not authorized to perform: sts:AssumeRole on resource: {arn}")
            body = f"<ErrorResponse><Error><Code>AccessDenied</Code><Message>{text}</Message></Error></ErrorResponse>"
            return Response(body, 403, content_type="text/xml")
    return None


def _said(trust: dict[str, Any], word: str | None) -> bool:
    conditions = [s.get("Condition", {}).get("StringEquals", {}) for s in trust["Statement"]]
    wanted = {c["sts:ExternalId"] for c in conditions if "sts:ExternalId" in c}
    return not wanted or word in wanted
