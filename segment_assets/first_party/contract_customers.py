"""What an export of customers keeps of its contract."""

from dataclasses import replace
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.contract_config import CustomersContract
from segment_assets.first_party.customer_exports import Export
from segment_assets.first_party.tables import CUSTOMERS
from segment_assets.lake import Lake
from segment_assets.people.addresses import sha256
from segment_assets.promises import Finding, fresh, share, untold, volume

EXAMPLES = 3


def findings(
    lake: Lake, contract: CustomersContract, export: Export, sizes: dict[date, int], today: date
) -> list[Finding]:
    """Every promise that is made, with what was measured.

    Args:
        lake: with the customers as they were just written.
        contract: the promises.
        export: what was read.
        sizes: bytes of the exports in the landing place, by their day.
        today: by the clock, UTC.
    """
    undated = export.as_of is None and export.delivered > 0
    found = [untold(of, "the export's path") for of in ("fresh_within", "volume") if undated and getattr(contract, of)]
    if contract.fresh_within and not undated:
        found.append(fresh(export.as_of, today, contract.fresh_within))
    if contract.volume and not undated:
        # An export is whole when it is there, and one before it is enough to compare with.
        found += volume(sizes, date.max, contract.volume, "bytes", fewest=1)
    quarantined = export.quarantined.num_rows
    for name, what, part, allowed in (
        ("duplicates", "outdated", export.duplicates, contract.duplicates),
        ("quarantined", "no valid record", quarantined, contract.quarantined),
    ):
        if allowed is not None:
            found.append(share(name, "records", what, part, export.delivered, allowed))
    rows = lake.read(CUSTOMERS, ["customer_id", *(c for c in contract.columns if c != "customer_id")])
    return found + [_column(rows, name, promise.nulls) for name, promise in contract.columns.items()]


def _column(rows: pa.Table, name: str, allowed: float) -> Finding:
    missing = rows.filter(pc.is_null(rows[name]))
    found = share(name, "customers", "without it", missing.num_rows, rows.num_rows, allowed)
    if found.kept:
        return found
    such = tuple(f"SHA-256 of the id {sha256(who)[:16]}" for who in missing["customer_id"][:EXAMPLES].to_pylist())
    return replace(found, examples=such)
