"""A model behind SageMaker's two addresses: `GET /ping`, and `POST /invocations` with Parquet in and out.

For batch transform, and for an endpoint. https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-batch-code.html
"""

import hashlib
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from segment_assets.modelling import artefact, exchange, scoring
from segment_assets.modelling.model import Model

# In the environment: what the model file's SHA-256 must be.
SHA256 = "SEGMENT_ASSETS_MODEL_SHA256"


def serve(folder: Path, port: int, sha256: str | None) -> None:
    """Answer until the process is ended.

    Args:
        folder: where the archive with the model was unpacked.
        port: where to listen.
        sha256: of the model file, as the order says it; None does not look.

    Raises:
        ModelError: the file is not the one ordered, or can't be read here.
    """
    content = (folder / exchange.MODEL).read_bytes()
    if sha256 and hashlib.sha256(content).hexdigest() != sha256:
        raise artefact.ModelError(f"{exchange.MODEL} is not the file that was ordered: its SHA-256 differs")
    # All addresses: the platform comes from outside the container, and nobody else can (network isolation).
    with ThreadingHTTPServer(("", port), _handler(artefact.loads(content, exchange.MODEL))) as server:
        server.serve_forever()


def _handler(model: Model) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """One request."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """Whether it is up."""
            self._answer(HTTPStatus.OK if self.path == "/ping" else HTTPStatus.NOT_FOUND)

        def do_POST(self) -> None:
            """What the model says of the rows."""
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path != "/invocations":
                return self._answer(HTTPStatus.NOT_FOUND)
            try:
                said = exchange.to_parquet(scoring.said(exchange.from_parquet(content), model))
            except (ValueError, KeyError, TypeError) as bad:  # Arrow's errors are ValueErrors
                return self._answer(HTTPStatus.BAD_REQUEST, type(bad).__name__.encode(), "text/plain")
            return self._answer(HTTPStatus.OK, said, exchange.PARQUET_TYPE)

        def log_message(self, *_: Any) -> None:
            """Nothing: a line per request tells nobody anything."""

        def _answer(self, status: HTTPStatus, content: bytes = b"", kind: str = "text/plain") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler
