"""A segment of a few customers and the stores an activation needs."""

import csv
import io
from collections.abc import Mapping
from datetime import date

import pyarrow as pa

from segment_assets.activation.activate import activate
from segment_assets.activation.embedded import BUCKET, FolderPinpoint
from segment_assets.activation.pinpoint import PinpointImport
from segment_assets.activation.plan import Order
from segment_assets.activation.recipients import wanted
from segment_assets.first_party.tables import CONTACT_ADDRESSES, CUSTOMER_ENDPOINTS
from segment_assets.lake import Lake, Table
from segment_assets.segments.tables import heeded, predictive_segments, suppressed_channels

DAY = date(2026, 9, 22)
PEOPLE = ("anna", "bo", "cleo", "dan")
ATTRIBUTE = "pred_win_back"
APP = "7f3c1d2e4b5a69788796a5b4c3d2e1f0"


def rows(table: Table, *records: Mapping) -> pa.Table:
    return pa.Table.from_pylist(list(records), table.schema)


def write(lake: Lake, table: Table, *records: Mapping, **more: Mapping[str, str]) -> None:
    lake.write(table, rows(table, *records), "run", as_of=DAY, **more)


def addresses(lake: Lake, *people: str) -> None:
    """Everyone has an e-mail and an SMS endpoint."""
    channels = [(p, c) for p in people or PEOPLE for c in ("email", "sms")]
    write(
        lake,
        CUSTOMER_ENDPOINTS,
        *(
            {"customer_id": p, "endpoint_id": f"ep-{p}-{c}", "channel": c, "address_sha256": f"{p}{c}", "active": True}
            for p, c in channels
        ),
    )
    write(
        lake,
        CONTACT_ADDRESSES,
        *(
            {"customer_id": p, "channel": c, "endpoint_id": f"ep-{p}-{c}", "address": address(p, c)}
            for p, c in channels
        ),
    )


def address(person: str, channel: str) -> str:
    return f"{person}@example.org" if channel == "email" else f"+1425555{PEOPLE.index(person):04}"


def members(
    lake: Lake, scores: Mapping[str, float], *, channels: tuple[str, ...] = ("email",), day: date = DAY
) -> None:
    """Decide anew: who has a score is in, all others are out."""
    about = {"household_id": "hh", "holdout_draw": 0.9, "decile": 1, "as_of": day}
    records = [
        about
        | {"customer_id": p, "channels": list(channels), "score": scores.get(p, 0.3)}
        | ({"state": "in", "reason": "in"} if p in scores else {"state": "out", "reason": "below_threshold"})
        for p in PEOPLE
    ]
    write(lake, predictive_segments("win_back"), *records, inputs=heeded(lake, suppressed_channels(lake)))


def order(destination: str = "pinpoint", **changed) -> Order:
    return Order(**{"destination": destination, "segment": "win_back", "purpose": "Win back", "as_of": DAY,
                    "wording": "1"} | changed)  # fmt: skip


def pinpoint_import(service: FolderPinpoint) -> PinpointImport:
    return PinpointImport(service, APP, ATTRIBUTE)


def told(lake: Lake, service: FolderPinpoint, **changed):
    """One activation of the segment as it was last decided."""
    return activate(lake, pinpoint_import(service), order(**changed), wanted(lake, "win_back", "endpoints"), "run")


def jobs(service: FolderPinpoint) -> list:
    """Jobs in the order of their activations."""
    return sorted(service.list_import_jobs(APP), key=lambda job: job["Definition"]["S3Url"])


def files(service: FolderPinpoint) -> list[list[dict]]:
    """What each completed job imported."""
    done = [job["Definition"]["S3Url"] for job in jobs(service) if job["JobStatus"] == "COMPLETED"]
    keys = [file.key for url in done for file in service.store.list(f"imports/{url.removeprefix(BUCKET)}")]
    return [[*csv.DictReader(io.StringIO(service.store.read(key).decode()))] for key in keys]


def held(service: FolderPinpoint) -> dict[str, str]:
    """Endpoint -> score of all that are in, after every file that was imported, as Pinpoint would hold them."""
    endpoints: dict[str, dict] = {}
    for rows_ in files(service):
        for row in rows_:
            endpoints[row["Id"]] = row
    return {
        name: row[f"Metrics.{ATTRIBUTE}_score"]
        for name, row in sorted(endpoints.items())
        if row[f"Attributes.{ATTRIBUTE}"] == "in"
    }
