"""From an export of customers to who they are, how they are reached and what they agreed to."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pyarrow as pa

from segment_assets.first_party.contact_rows import AT_ONCE, Contacts
from segment_assets.first_party.contacts import PURPOSE
from segment_assets.first_party.customer_exports import Export
from segment_assets.first_party.customer_rows import in_key_order
from segment_assets.first_party.tables import (
    CONSENT_STATE,
    CONTACT_ADDRESSES,
    CUSTOMER_ENDPOINTS,
    CUSTOMERS,
    QUARANTINED_CUSTOMERS,
)
from segment_assets.lake import Lake, Table, Written
from segment_assets.lake.parts import Part, PartWriter
from segment_assets.lake.private import private_folder
from segment_assets.people import addresses
from segment_assets.people.consent import STATEMENTS, query, told


def states(lake: Lake) -> dict[Table, Written]:
    """The tables as they are. To be asked before an export is read: `write` then knows who came between."""
    return lake.states(QUARANTINED_CUSTOMERS, CONTACT_ADDRESSES, CONSENT_STATE, CUSTOMER_ENDPOINTS, CUSTOMERS)


def write(
    lake: Lake, export: Export, phone_region: str | None, run_id: str, before: Mapping[Table, Written] | None = None
) -> dict[Table, Written]:
    """Replace the tables, customers last: what it names is complete. To what was said of consent it is added.

    All that is computed is computed before the first of them is replaced.

    Args:
        lake: to write to.
        export: what the tables are made from.
        phone_region: country of phone numbers that are written without one.
        run_id: recorded in the snapshots.
        before: the tables as they were before the export was read; default: as they are now.

    Raises:
        CommitFailedException: another run wrote them since, perhaps from a newer export; what that one added to
            consent_state stays.
    """
    before = before or states(lake)
    with _in_files(lake, export, phone_region) as large:
        lake.refuse_if_overtaken(before)
        refused = lake.write(
            QUARANTINED_CUSTOMERS,
            export.quarantined,
            run_id,
            as_of=export.as_of,
            replacing=before[QUARANTINED_CUSTOMERS],
        )
        return {QUARANTINED_CUSTOMERS: refused} | {
            t: lake.replace_all(t, part, run_id, as_of=export.as_of, replacing=before[t]) for t, part in large.items()
        }


@contextmanager
def _in_files(lake: Lake, export: Export, region: str | None) -> Iterator[dict[Table, Part]]:
    """Rows of all tables but the quarantine: those of a million customers take a gigabyte each."""
    with private_folder(lake.scratch) as folder:
        files = {
            t: PartWriter(folder / f"{t.short_name}.parquet", lake.file_schema(t), plain=_hashes(t))
            for t in (CONTACT_ADDRESSES, CONSENT_STATE, CUSTOMER_ENDPOINTS, CUSTOMERS)
        }
        with files[CONSENT_STATE] as consent:
            for batch in _appended(lake, export):
                consent.add(pa.Table.from_batches([batch]).select(CONSENT_STATE.schema.names))
        with files[CUSTOMER_ENDPOINTS] as found, files[CUSTOMERS] as people, files[CONTACT_ADDRESSES] as readable:
            for some_endpoints, some_people, some_addresses in in_key_order(export.contacts, region):
                found.add(some_endpoints)
                people.add(some_people)
                readable.add(some_addresses)
        yield {table: file.part(table.schema) for table, file in files.items()}


def _appended(lake: Lake, export: Export) -> Iterator[pa.RecordBatch]:
    """Rows of consent_state in key order: the lake's engine spills what does not fit in its memory."""
    with lake.connect(statements=_statements(export.contacts)) as db:
        said = db.sql(query("said_consent")).to_arrow_table()
    with lake.connect(CONSENT_STATE, said=told(said, export.as_of, export.reading)) as db:
        yield from db.sql(query("appended_consent")).to_arrow_reader(AT_ONCE)


def _hashes(table: Table) -> list[str]:
    return [name for name in table.schema.names if "sha256" in name]


def _statements(contacts: Contacts) -> pa.Table:
    said = contacts.said()
    return said.append_column("purpose", pa.repeat(PURPOSE, said.num_rows)).select(STATEMENTS.names).cast(STATEMENTS)


def unusable_addresses(lake: Lake) -> dict[str, int]:
    """Channel -> active endpoints whose address is none: nobody is reached there."""
    counted = (
        f"SELECT channel, COUNT(*) FROM {CUSTOMER_ENDPOINTS.short_name} "
        "WHERE active AND channel IN ('email', 'sms', 'push') AND address_sha256 IS NULL "
        "GROUP BY channel ORDER BY channel"
    )
    with lake.connect(CUSTOMER_ENDPOINTS) as db:
        return dict(db.execute(counted).fetchall())


def readable_columns(lake: Lake) -> list[str]:
    """Columns outside the raw zone in which a text is an address: there should be none.

    Ids are left out: a grocer may call a customer by their address, and then every id is one.
    """
    found = []
    for table in (CUSTOMERS, CUSTOMER_ENDPOINTS, CONSENT_STATE):
        names = [f.name for f in table.schema if pa.types.is_string(f.type) and not f.name.endswith("_id")]
        found += [f"{table.name}.{name}" for name in names if _holds_an_address(lake, table, name)]
    return found


def _holds_an_address(lake: Lake, table: Table, name: str) -> bool:
    # A text without either sign is none: of millions of hashes not one becomes an object.
    signed = f"SELECT DISTINCT {name} FROM {table.short_name} WHERE {name} LIKE '%@%' OR {name} LIKE '%+%'"
    with lake.connect(table) as db:
        return any(addresses.looks_like_an_address(text) for (text,) in db.execute(signed).fetchall())
