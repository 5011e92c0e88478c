"""A segment as files for any tool that reads files, with a manifest that is written last.

Customers are named by customer_id: no address leaves this way. Whoever loads the files waits for the manifest: until it
is there, the folder is not finished. It holds nothing of the wall clock, so the same content has the same bytes.
"""

import csv
import hashlib
import io
import json
from datetime import date, timedelta
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from segment_assets.activation.plan import Plan
from segment_assets.activation.port import ActivationError, Destination, Receipt, Status
from segment_assets.lake import Lake, ObjectStore

MANIFEST = "manifest.json"
Format = Literal["csv", "parquet"]

SCHEMA = pa.schema(
    [
        ("customer_id", pa.string()),
        ("state", pa.string()),
        ("score", pa.float64()),
        ("band", pa.string()),
        ("channels", pa.string()),
    ]
)


class FileHandoff(Destination):
    """A folder per activation in the store of exports.

    Args:
        store: the exports.
        file_format: csv or parquet.
        channels: the segment's channels: the consent the files rest on.
        valid_for: how long after the day of the data the files may be used.
    """

    def __init__(self, store: ObjectStore, file_format: Format, channels: list[str], valid_for: timedelta) -> None:
        self.store = store
        self.file_format = file_format
        self.channels = channels
        self.valid_for = valid_for

    def submit(self, lake: Lake, plan: Plan) -> Receipt:
        """Write the part, then the manifest; both again, byte for byte, after a kill."""
        folder = f"handoff/{plan.order.destination}/{plan.folder}"
        content = part(plan.rows, self.file_format)
        name = f"part-000.{self.file_format}"
        self.store.write(folder + name, content)
        described = manifest(plan, name, content, self.channels, plan.order.as_of + self.valid_for)
        self.store.write(folder + MANIFEST, (json.dumps(described, indent=2) + "\n").encode())
        return Receipt(None, folder, plan.rows.num_rows)

    def poll(self, receipt: Receipt) -> Status:
        """Done as soon as the manifest is there."""
        return Status("SUCCEEDED", processed=_read_manifest(self.store, receipt)["files"][0]["rows"])

    def verify(self, plan: Plan, receipt: Receipt, status: Status) -> None:
        """Read the files back and hold them against their manifest."""
        for file in _read_manifest(self.store, receipt)["files"]:
            content = self.store.read(receipt.location + file["key"])
            rows = _count(content, self.file_format)
            if hashlib.sha256(content).hexdigest() != file["sha256"] or rows != receipt.rows:
                raise ActivationError(
                    f"{receipt.location}{file['key']} does not hold what its manifest says: something else writes to "
                    "this folder. Nothing was committed: mend that, and run the asset again."
                )


def part(rows: pa.Table, file_format: Format) -> bytes:
    """The rows as one file, columns as in `SCHEMA`; of who leaves only customer_id and state."""
    sent = rows.rename_columns(["channels" if n == "channel" else n for n in rows.column_names])
    sent = sent.select(SCHEMA.names).cast(SCHEMA)
    if file_format == "parquet":
        buffer = pa.BufferOutputStream()
        pq.write_table(sent, buffer, compression="snappy")
        content: bytes = buffer.getvalue().to_pybytes()
        return content
    text = io.StringIO(newline="")
    out = csv.writer(text, lineterminator="\n")
    out.writerow(sent.column_names)
    out.writerows(["" if v is None else v for v in row.values()] for row in sent.to_pylist())
    return text.getvalue().encode()


def manifest(plan: Plan, name: str, content: bytes, channels: list[str], expires: date) -> dict[str, Any]:
    """What the file is: whose, of which day, how many, its hash, and until when it may be used.

    Args:
        plan: what was planned.
        name: the file's name.
        content: its bytes.
        channels: the segment's channels.
        expires: first day on which the file may not be used any more.
    """
    states = plan.rows["state"].to_pylist()
    consent = f"consent.marketing.{channels[0]}=granted"
    if len(channels) > 1:  # few customers have granted them all
        consent = (
            f"consent.marketing.CHANNEL=granted, for each CHANNEL ({', '.join(sorted(channels))}) in the row's channels"
        )
    return {
        "manifest_version": 1,
        "destination": plan.order.destination,
        "segment": plan.order.segment,
        "purpose": plan.order.purpose,
        "run_key": plan.content_key[:12],
        "sequence": plan.sequence,
        "mode": "delta" if plan.guard else "full",  # a guard lets departures pass alone
        "as_of": plan.order.as_of.isoformat(),
        "schema": [_described(f) for f in SCHEMA],
        "counts": {"in": states.count("in"), "out": states.count("out"), "joined": plan.joined, "left": plan.left},
        "files": [
            {
                "key": name,
                "rows": plan.rows.num_rows,
                "bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
            }
        ],
        "consent_basis": f"{consent} at {plan.order.as_of.isoformat()}",
        "expires_at": f"{expires.isoformat()}T00:00:00Z",
    }


def _described(column: pa.Field) -> dict[str, Any]:
    enum: dict[str, Any] = {"enum": ["in", "out"]} if column.name == "state" else {}
    return {"name": column.name, "type": str(column.type)} | enum


def _read_manifest(store: ObjectStore, receipt: Receipt) -> dict[str, Any]:
    described: dict[str, Any] = json.loads(store.read(receipt.location + MANIFEST))
    return described


def _count(content: bytes, file_format: Format) -> int:
    if file_format == "parquet":
        rows: int = pq.read_metadata(pa.BufferReader(content)).num_rows
        return rows
    return sum(1 for _ in csv.reader(io.StringIO(content.decode(), newline=""))) - 1
