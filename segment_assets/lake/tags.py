"""Tags of columns, which travel with whatever is computed from them.

Three are known: `owner`, who gave the data; `purpose`, what they may be used for, separated by commas; `retention`,
how many days they may be kept, such as `180d`. They stand in the metadata of a field, and in a property of the table.
"""

import json
from collections.abc import Iterable, Mapping

import pyarrow as pa

from segment_assets.lake.table import Table

Tags = Mapping[str, str]
PROPERTY = "segment-assets.column-tags"
_FIELD = b"tags"


def tagged(table: Table, tags: Mapping[str, Tags]) -> Table:
    """The table with tags on its columns, by name; what a column had before is replaced."""
    return table.with_schema(pa.schema([_with(field, tags.get(field.name, {})) for field in table.schema]))


def tags_of(schema: pa.Schema) -> dict[str, dict[str, str]]:
    """Column -> its tags, of columns that have any."""
    return {f.name: json.loads(f.metadata[_FIELD]) for f in schema if f.metadata and _FIELD in f.metadata}


def joined(several: Iterable[Tags]) -> dict[str, str]:
    """Tags of what is computed from several columns.

    Every owner is one of it; it may be used for what all of them may be used for (`none` where that is nothing), and
    kept as long as the shortest of them. A column that says nothing of a tag takes no part in it.
    """
    found = list(several)
    owners = {owner for tags in found for owner in _words(tags.get("owner", ""))}
    purposes = [_words(tags["purpose"]) for tags in found if "purpose" in tags]
    days = [int(tags["retention"].removesuffix("d")) for tags in found if "retention" in tags]
    result = {"owner": ", ".join(sorted(owners))} if owners else {}
    if purposes:
        result["purpose"] = ", ".join(sorted(set.intersection(*purposes))) or "none"
    return result | ({"retention": f"{min(days)}d"} if days else {})


def _words(text: str) -> set[str]:
    return {word.strip() for word in text.split(",") if word.strip()} - {"none"}


def _with(field: pa.Field, tags: Tags) -> pa.Field:
    kept = {k: v for k, v in (field.metadata or {}).items() if k != _FIELD}
    return field.with_metadata(kept | ({_FIELD: json.dumps(dict(tags), sort_keys=True)} if tags else {}))
