"""The query that measures a holdout's effect by hand, as docs/limits.md prints it."""

import re
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from segment_assets.activation.tables import ACTIVATION_LEDGER
from segment_assets.first_party.tables import CUSTOMER_ENDPOINTS, ENGAGEMENT_EVENTS
from segment_assets.operations.sql_command import rows
from segment_assets.segments.tables import predictive_segments
from segment_assets_tests.segments.world import CUTOFF, endpoint, unsubscribe, write

PAGE = Path(__file__).parents[2] / "docs" / "limits.md"


def purchase(customer: str | None, day: int, **more: object) -> dict:
    at = datetime.combine(CUTOFF, datetime.min.time()) + timedelta(days=day)
    about = {"event_id": f"{customer}{day}{more}", "event_name": "purchase", "occurred_at": at, "received_at": at}
    return unsubscribe(customer or "x") | about | {"user_id": customer, "arrival_date": at.date()} | more


def decision(customer: str, draw: float) -> dict:
    return {
        "customer_id": customer, "household_id": customer, "state": "out", "reason": "below_threshold", "channels": [],
        "holdout_draw": draw, "own_draw": draw, "as_of": CUTOFF,
    }  # fmt: skip


def activation(sequence: int, days_later: int) -> dict:
    return {
        "destination": "handoff", "segment": "win_back", "sequence": sequence, "content_key": "k", "purpose": "p",
        "as_of": CUTOFF + timedelta(days=days_later), "members": 1, "joined": 1, "left": 0, "stayed": 0,
        "rows_sent": 1, "location": "x", "state": "SUCCEEDED",
    }  # fmt: skip


@pytest.fixture
def sent(lake):
    """Two held out, of whom one buys, and four who are not, of whom three do; the segment was sent twice."""
    treated, held = ["anna", "bo", "cleo", "dan"], ["eve", "finn"]
    decided = [decision(c, 0.5) for c in treated] + [decision(c, 0.05) for c in held]
    write(lake, predictive_segments("win_back"), *decided)
    write(lake, CUSTOMER_ENDPOINTS, endpoint("cleo"))
    bought = [
        purchase("anna", 0), purchase("anna", 3), purchase("bo", 27), purchase(None, 5, endpoint_id="ep-cleo-email"),
        purchase("dan", -1), purchase("dan", 28), purchase("eve", 1), purchase("finn", 2, event_name="visit"),
    ]  # fmt: skip
    days = sorted({row["arrival_date"] for row in bought})
    lake.write(ENGAGEMENT_EVENTS, pa.Table.from_pylist(bought, ENGAGEMENT_EVENTS.schema), "run", partitions=days)
    write(lake, ACTIVATION_LEDGER, activation(1, 0), activation(2, 40))
    return lake


def test_outcomes_after_the_first_activation_are_told_for_both_sides_of_the_draw(sent):
    [statement] = re.findall(r"```sql\n(WITH told.*?)```", PAGE.read_text(), re.DOTALL)
    with rows(sent, statement) as (names, found):
        assert names == ["side", "customers", "with_outcome", "share", "plus_minus"]
        assert list(found) == [("held out", 2, 1, 0.5, 0.693), ("not held out", 4, 3, 0.75, 0.4244)]


def test_who_is_in_and_who_is_held_out_can_be_kept(sent):
    [statement] = re.findall(r'sql --csv "(SELECT customer_id, household_id.*?)"', PAGE.read_text(), re.DOTALL)
    with rows(sent, statement) as (names, found):
        assert (names, list(found)) == (["customer_id", "household_id", "reason", "as_of"], [])
