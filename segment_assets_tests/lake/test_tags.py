import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from segment_assets.lake import Lake, Table, column
from segment_assets.lake.tags import joined, tagged, tags_of

TABLE = Table("some.table", "A table", pa.schema([column("a", pa.int64(), "A"), column("b", pa.int64(), "B")]), ("a",))
TAGS = st.fixed_dictionaries(
    {},
    optional={
        "owner": st.sampled_from(["us", "them"]),
        "purpose": st.sampled_from(["marketing", "marketing, research", "none"]),
        "retention": st.sampled_from(["30d", "180d"]),
    },
)


def test_what_is_computed_of_two_columns_belongs_to_both_and_may_be_used_as_both_allow():
    ours = {"owner": "us", "purpose": "marketing, research", "retention": "400d"}
    theirs = {"owner": "them", "purpose": "marketing, resale", "retention": "90d"}
    assert joined([ours, theirs]) == {"owner": "them, us", "purpose": "marketing", "retention": "90d"}


def test_what_shares_no_purpose_may_be_used_for_none():
    assert joined([{"purpose": "marketing"}, {"purpose": "research"}]) == {"purpose": "none"}
    assert joined([{"purpose": "none"}, {"purpose": "none"}]) == {"purpose": "none"}


def test_what_says_nothing_takes_no_part():
    assert joined([{}, {"owner": "us"}]) == {"owner": "us"}
    assert joined([]) == {}


@given(st.lists(TAGS, max_size=4), st.integers(0, 4))
def test_on_several_ways_tags_come_to_the_same(several, at):
    assert joined([joined(several[:at]), *several[at:]]) == joined(several) == joined(reversed(several))


def test_tags_stay_with_the_table(lake: Lake):
    table = tagged(TABLE, {"a": {"owner": "us"}})
    lake.write(table, pa.table({"a": [1], "b": [2]}), "run")
    assert lake.tags(TABLE) == {"a": {"owner": "us"}}
    lake.write(tagged(TABLE, {"b": {"owner": "them"}}), pa.table({"a": [1], "b": [2]}), "run")
    assert lake.tags(TABLE) == {"b": {"owner": "them"}}
    assert tags_of(TABLE.schema) == {}
    assert table.schema.field("a").metadata[b"doc"] == b"A"
