"""Consent: of everything that was said, what holds now."""

from datetime import date
from functools import cache, lru_cache
from typing import Literal, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.sql import load, to_duckdb

State = Literal["granted", "denied", "unknown"]
_GRANTED = frozenset(("granted", "true", "yes", "y", "1", "t", "opt_in", "optin", "opted_in", "subscribed"))
_DENIED = frozenset(
    (
        "denied", "false", "no", "n", "0", "f", "opt_out", "optout", "opted_out", "unsubscribed", "off", "none",
        "revoked", "withdrawn", "declined", "refused",
    )
)  # fmt: skip
# Words that say that nothing was said: nobody is to be asked what they mean.
_UNKNOWN = frozenset(("", "unknown", "n/a", "na", "null", "pending", "?", "_"))
STATEMENTS = pa.schema(
    [
        ("customer_id", pa.string()),
        ("channel", pa.string()),
        ("purpose", pa.string()),
        ("state", pa.string()),
        ("source", pa.string()),
        ("effective_at", pa.timestamp("us")),
    ]
)


class Words(NamedTuple):
    """Words of one's own for consent, in any case; they come before those that are known anyway.

    Attributes:
        granted: such as `ja`.
        denied: such as `nein`.
    """

    granted: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()


NO_WORDS = Words()


@lru_cache(maxsize=1_024)
def state_of(written: str | None, own: Words = NO_WORDS) -> State:
    """`granted`, `denied`, or anything a yes or no is written as; all else is unknown."""
    text = letters(written)
    if text in map(letters, own.denied):
        return "denied"
    if text in map(letters, own.granted):
        return "granted"
    return "granted" if text in _GRANTED else "denied" if text in _DENIED else "unknown"


def is_no_word(written: str | None, own: Words = NO_WORDS) -> bool:
    """Whether something is written that says neither yes nor no, nor that nothing is known."""
    return state_of(written, own) == "unknown" and letters(written) not in _UNKNOWN


def letters(written: str | None) -> str:
    """A word as it is compared: in lower case, `opt in` as `opt-in` and `opt_in`."""
    return (written or "").strip().lower().replace("-", "_").replace(" ", "_")


SAID = pa.schema([*STATEMENTS, ("statement", pa.int64()), ("told_on", pa.date32()), ("reading", pa.string())])


def said_consent(statements: pa.Table) -> pa.Table:
    """What one export says: one row per customer, channel and purpose that `holds`, and perhaps one beside it.

    The latest statement wins, and denied beats granted on a tie. `unknown` is the absence of a statement, so it holds
    only where nobody said anything; it is never consent. Without a time a denial is newer than every other statement,
    a grant older. The latest denial that has a time is there too where another statement holds: whoever said no keeps
    saying no until they say yes later, so it is to be known when the other is told no more.

    Args:
        statements: columns customer_id, channel, purpose, state (granted, denied or unknown), source, effective_at.
    """
    return _run("said_consent", statements=statements.select(STATEMENTS.names).cast(STATEMENTS))


def appended(consent_state: pa.Table, said: pa.Table, told_on: date | None, reading: str) -> pa.Table:
    """Everything that was ever said, and behind it what an export says otherwise than the one before it.

    Args:
        consent_state: columns of `SAID`.
        said: what the export says, as `said_consent` gives it.
        told_on: the export's day.
        reading: how it was read: the configuration that says what of it is consent.
    """
    more = told(said, told_on, reading)
    return _run("appended_consent", consent_state=consent_state.select(SAID.names).cast(SAID), said=more)


def told(said: pa.Table, told_on: date | None, reading: str) -> pa.Table:
    """What an export says, with its day and how it was read: the table `said` of the query `appended_consent`."""
    rows = len(said)
    more = said.append_column("told_on", pa.repeat(pa.scalar(told_on, pa.date32()), rows))
    return more.append_column("reading", pa.repeat(pa.scalar(reading, pa.string()), rows))


def holding(consent_state: pa.Table) -> pa.Table:
    """One row per customer, channel and purpose: of all that was ever said, what holds.

    The latest statement wins, and denied beats granted on a tie. A statement without a time holds as long as the newest
    export makes it: a denial is then newer than all others, a grant older. Where the newest export makes no statement,
    a grant holds no longer, and a denial does. What was read by another configuration does not count.

    Args:
        consent_state: columns of `SAID`.
    """
    return _run("holding_consent", consent_state=consent_state.select(SAID.names).cast(SAID))


def consenting(consent_state: pa.Table, purpose: str = "marketing") -> pa.Table:
    """Customer and channel of everyone who granted the purpose; a missing row is no consent.

    Args:
        consent_state: columns customer_id, channel, purpose, state, as `holding` gives them.
        purpose: what they are to be written to for.
    """
    granted = consent_state.filter((pc.field("state") == "granted") & (pc.field("purpose") == purpose))
    by = ["customer_id", "channel"]
    return granted.select(by).sort_by([(column, "ascending") for column in by])


def _run(name: str, **tables: pa.Table) -> pa.Table:
    with duckdb.connect(config={"threads": 1}) as db:
        for table, rows in tables.items():
            db.register(table, rows)
        return db.sql(query(name)).to_arrow_table()


@cache
def query(name: str) -> str:
    """A query of this package, for who runs it where memory is bounded: `said_consent`, `appended_consent`."""
    return to_duckdb(load("segment_assets.people", name))
