"""The partner's file: the demographics of some households, keyed by e-mail addresses the way people write them."""

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from segment_assets.demo.chance import fractions
from segment_assets.demo.people import Customer
from segment_assets.people.addresses import sha256

COLUMNS = (
    "age", "income", "home_ownership", "marital_status", "household_size", "household_comp", "kids_count",
)  # fmt: skip


def audience(demographics: pa.Table, customers: Sequence[Mapping[int, Customer]]) -> bytes:
    """A CSV of e-mail and attributes, one row per demographic row and copy of the customers.

    Args:
        demographics: household_id and the partner's columns.
        customers: per copy, household -> its customer.
    """
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(("email", *COLUMNS))
    rows = demographics.select(["household_id", *COLUMNS]).to_pylist()
    for people in customers:
        known = [people[row["household_id"]] for row in rows]
        luck = fractions(np.array([c.key for c in known], np.uint64), "as the partner has it").tolist()
        for row, customer, at in zip(rows, known, luck, strict=True):
            out.writerow((as_written(customer.own_email, at), *(row[name] or "" for name in COLUMNS)))
    return text.getvalue().encode()


def as_written(email: str, luck: float) -> str:
    """The address as a form, a till, a typist or another system left it."""
    name, domain = email.split("@")
    if luck < 0.50:
        return email
    if luck < 0.55:
        # Some were hashed before they were delivered: rightly, without lower case, with the wrong function.
        return sha256(email) if luck < 0.515 else sha256(email.upper()) if luck < 0.535 else _md5(email)
    if luck < 0.70:
        return email.upper() if luck < 0.62 else email.title()
    if luck < 0.80:
        return f"  {email} " if luck < 0.75 else f"{email}\t"
    if luck < 0.89:
        return f"{name}+shop@{domain}"
    if luck < 0.95:
        return f"{name}x@{domain}"  # a typing mistake: an address, but nobody's
    return ("", "n/a", f"{name} at {domain}", f"{name}@", "unknown")[int((luck - 0.95) * 100)]


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
