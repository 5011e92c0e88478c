"""The guard on everything that leaves the partner's landing place: no text of it is a readable address."""

import pyarrow as pa

from segment_assets.people.addresses import looks_like_an_address


def readable_columns(*tables: pa.Table) -> list[str]:
    """Columns in which a text is an e-mail address or a telephone number: there should be none.

    File names are left out: whoever delivers names them.
    """
    found = []
    for rows in tables:
        for name in rows.column_names:
            column = rows[name]
            if name == "object_key" or not (pa.types.is_string(column.type) or pa.types.is_binary(column.type)):
                continue
            texts = column.unique().drop_null().cast(pa.string()).to_pylist()
            found += [name] if any(map(looks_like_an_address, texts)) else []
    return found
