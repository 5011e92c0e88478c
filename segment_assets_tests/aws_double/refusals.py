"""An error as a service writes it: S3 and STS in XML, all others in JSON."""

from collections.abc import Callable

from werkzeug.wrappers import Request, Response

# Whether a call is let in: key of the caller, service, operation, the request. None lets it in.
Gate = Callable[[str, str, str, Request], Response | None]


def refusal(service: str, code: str, message: str, status: int = 400) -> Response:
    """The answer to a call that is refused."""
    if service in ("s3", "sts", "iam"):
        error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        body = error if service == "s3" else f"<ErrorResponse>{error}</ErrorResponse>"
        return Response(body, status, content_type="text/xml")
    told = f'{{"__type": "{code}", "message": "{message}"}}'
    return Response(told, status, {"x-amzn-ErrorType": code}, content_type="application/json")
