"""Which clean-room results the page may show: groups, and nobody's id. The query's tree tells, not its text.

Whatever can't be read that way is not shown.
"""

from collections.abc import Iterator

from sqlglot import errors, exp

from segment_assets import sql
from segment_assets.collaboration_config import Collaboration, ConfiguredTable

MOST_GROUPS = 200  # of one result that are shown


def minimum_group(collaboration: Collaboration, query: str) -> int | None:
    """How many people are behind every row of a result; None where a row may be about one, or show who is behind it."""
    used = _read_by(collaboration, query)
    if not used or any(t.list_rule for t in used):
        return None
    least = max((minimum for t in used for minimum in _minimums(t)), default=0)
    return least if least > 1 and not _shows_an_id(collaboration, query) else None


def is_list(collaboration: Collaboration, query: str) -> bool:
    """Whether a query lists customers under list rules."""
    return any(t.list_rule for t in _read_by(collaboration, query))


def columns_of(collaboration: Collaboration, query: str) -> set[str]:
    """Names of the columns that a query names anywhere, its joins included."""
    return {column.name for column in sql.parse_whole(collaboration.text_of(query)).find_all(exp.Column)}


def is_id(column: str) -> bool:
    """Whether a column of our tables tells people apart."""
    return column.lower() in ("customer_id", "source_id", "target_id") or "sha256" in column.lower()


def _read_by(collaboration: Collaboration, query: str) -> list[ConfiguredTable]:
    """The configured tables of a query; none where it reads anything else."""
    known = collaboration.configured_tables
    try:
        names = sql.tables(sql.parse_whole(collaboration.text_of(query))) - set(collaboration.id_mapping_tables)
    except (sql.SqlError, errors.SqlglotError):
        return []
    return [known[name] for name in sorted(names)] if names <= set(known) else []


def _minimums(table: ConfiguredTable) -> Iterator[int]:
    if table.aggregation_rule:
        yield from (c.minimum for c in table.aggregation_rule.output_constraints)
    if table.custom_rule and (of := table.custom_rule.minimum_identities):
        # What holds for rows with a certain column may be less, or nothing.
        yield min([of.minimum, *of.for_output_columns.values()])


def _shows_an_id(collaboration: Collaboration, query: str) -> bool:
    """Whether a value of the result is made of what tells people apart; how many there are may be shown."""
    tree = sql.parse_whole(collaboration.text_of(query))
    uncounted = tree.transform(lambda node: exp.Literal.number(1) if isinstance(node, exp.Count) else node)
    columns = {name: dict.fromkeys(t.allowed_columns, "STRING") for name, t in collaboration.configured_tables.items()}
    bridges = {name: {"source_id": "STRING", "target_id": "STRING"} for name in collaboration.id_mapping_tables}
    try:
        found = sql.trace(uncounted, columns | bridges).values
    except (sql.SqlError, errors.SqlglotError):
        return True
    ids = {column for table in collaboration.configured_tables.values() for column in _ids(table)}
    made_of = {source.column for sources in found.values() for source in sources}
    return any(is_id(column) or column in ids for column in made_of | found.keys())


def _ids(table: ConfiguredTable) -> Iterator[str]:
    """The columns that a rule knows people by."""
    if table.aggregation_rule:
        yield from table.aggregation_rule.join_columns
        yield from (c.column for c in table.aggregation_rule.output_constraints)
    if rule := table.custom_rule:
        yield from (c for c in (rule.user_column, rule.minimum_identities and rule.minimum_identities.column) if c)
