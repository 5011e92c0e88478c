"""A segment in Customer Profiles: the attributes that say who is in, the file that sets them, who is targeted.

The contract with whoever sends: a customer is in while `Attributes.<prefix><segment>_state` is `in` and `_consent`
beside it is `granted`; the segment definition asks for both. Consent is the segment's own attribute, and no claim
beyond it: one for all would be rewritten by each segment, and outlive the consent it was written for.
"""

import csv
import io
from datetime import date
from typing import Any

import pyarrow as pa

from segment_assets.activation.customer_profiles.port import ObjectTypeField, SegmentGroups
from segment_assets.destination_config import PROFILE_SAYS, profile_names
from segment_assets.segmentation import ConfigError

KEY = "customer_id"
# Of a segment definition's name, and of a field's in an upload.
NAME_LENGTH = 64


def attribute_names(segment: str, prefix: str) -> dict[str, str]:
    """What is said -> the attribute that says it.

    Raises:
        ConfigError: a name is longer than Customer Profiles allows.
    """
    names = profile_names(segment, prefix)
    longest = max(names.values(), key=len)
    if len(longest) > NAME_LENGTH:
        raise ConfigError(
            f"segmentation.yaml: segments.{segment}: Customer Profiles allows {NAME_LENGTH} characters, and "
            f"\"{longest}\" has {len(longest)}: shorten the segment's name or the destination's attribute_prefix"
        )
    return names


def upload_file(rows: pa.Table, names: dict[str, str], run: str, as_of: date) -> bytes:
    """The rows as CSV, one per customer; of who leaves every attribute is set back.

    Args:
        rows: a plan's rows.
        names: as from `attribute_names`.
        run: key of the activation.
        as_of: day of the decisions.
    """
    text = io.StringIO(newline="")
    out = csv.writer(text, lineterminator="\n")
    out.writerow([KEY, *(names[what] for what in PROFILE_SAYS)])
    for row in rows.to_pylist():
        is_in = row["state"] == "in"
        told = ["in", "granted", row["channel"] or "", row["band"], f"{row['score']:.4f}"] if is_in else _OUT
        out.writerow([row["customer_id"], *told, run, as_of.isoformat()])
    return text.getvalue().encode()


# Customer Profiles removes a value that is told empty: a leaver must not keep a score.
_OUT = ["out", "none", "", "none", ""]


def fields(names: dict[str, str], matching_key: str) -> dict[str, ObjectTypeField]:
    """Fields of CreateUploadJob: the customer to the matching key, the rest to attributes of the same name."""
    found = {KEY: _field(KEY, matching_key, "STRING")}
    for what in PROFILE_SAYS:
        found[names[what]] = _field(names[what], f"Attributes.{names[what]}", "NUMBER" if what == "score" else "STRING")
    return found


def segment_groups(names: dict[str, str]) -> SegmentGroups:
    """SegmentGroups of CreateSegmentDefinition. It names no member: a definition holds 50 values, and is for good."""
    wanted = {"state": "in", "consent": "granted"}
    return {"Groups": [_group(names[what], value) for what, value in wanted.items()], "Include": "ALL"}


def asks_for(there: Any, wanted: Any) -> bool:
    """What is there asks for what is wanted, and for nothing else; defaults that the service fills in may be more."""
    if isinstance(wanted, dict):
        return isinstance(there, dict) and all(name in there and asks_for(there[name], wanted[name]) for name in wanted)
    if isinstance(wanted, list):
        alike = isinstance(there, list) and len(there) == len(wanted)
        return alike and all(asks_for(a, b) for a, b in zip(there, wanted, strict=True))
    return bool(there == wanted)


def at(profile: dict[str, Any], path: str) -> str | None:
    """The profile's value of a field such as `AccountNumber` or `Attributes.loyalty_id`."""
    top, _, attribute = path.partition(".")
    value = profile.get(top, {}).get(attribute) if attribute else profile.get(top)
    return None if value is None else str(value)


def _field(column: str, target: str, content: str) -> ObjectTypeField:
    return {"Source": f"_source.{column}", "Target": f"_profile.{target}", "ContentType": content}


def _group(attribute: str, value: str) -> dict[str, Any]:
    dimension = {attribute: {"DimensionType": "INCLUSIVE", "Values": [value]}}
    return {"Dimensions": [{"ProfileAttributes": {"Attributes": dimension}}], "Type": "ALL"}
