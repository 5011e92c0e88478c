"""Names of a query resolved against the configured tables, and nothing else.

The resolved tree is canonical: relations are t0, t1, ..., every column is qualified by one of them, and ordinals and
aliases in GROUP BY, HAVING and ORDER BY are replaced by what they stand for. So no alias can pass for a column later.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlglot import exp

from segment_assets.clean_room.collaboration import Collaboration, ConfiguredTable
from segment_assets.clean_room.reasons import Finding, at
from segment_assets.segmentation import nearest

MAX_TABLES = 15  # documented quota: configured tables per query
_FILE_FORMATS = {"csv", "parquet", "json", "orc", "text", "binaryfile", "delta", "avro", "file", "iceberg"}


@dataclass(frozen=True)
class Resolved:
    """A SELECT whose every name is known.

    Attributes:
        tree: the canonical SELECT.
        relations: label (t0, t1, ...) -> configured table, in the order of FROM and JOIN.
    """

    tree: exp.Select
    relations: Mapping[str, ConfiguredTable]

    def table(self, column: exp.Column) -> ConfiguredTable:
        """The configured table a resolved column belongs to."""
        return self.relations[column.table]


def tables(
    tree: exp.Expr, collaboration: Collaboration, cached: frozenset[str] = frozenset()
) -> tuple[list[ConfiguredTable], list[Finding]]:
    """Every configured table a tree mentions, nested queries too, and what is wrong with the relations it names.

    Args:
        tree: a query.
        collaboration: whose tables can be named.
        cached: names of the tables that were cached before, which are looked up first.
    """
    known, wrong = [], []
    for node in tree.walk(prune=lambda n: isinstance(n, exp.Hint | exp.Into)):
        if not isinstance(node, exp.Table) or isinstance(node.parent, exp.Hint | exp.JoinHint | exp.Into):
            continue
        if node.name.lower() in cached and not node.db:
            continue
        if not isinstance(node.this, exp.Identifier):
            wrong.append(at(node, "TABLE_FUNCTION", "FROM names configured tables only, and no function"))
        elif _looks_like_a_file(node):
            wrong.append(at(node, "TABLE_FUNCTION", "FROM names configured tables only, and no file"))
        elif table := collaboration.tables.get(node.name.lower()) if not (node.db or _is_cte(node)) else None:
            known.append(table)
        elif node.db or not _is_cte(node):
            names = [n for n, t in collaboration.tables.items() if t.rule]
            message = f'no configured table is named "{node.name}" {nearest(node.name.lower(), names)}'
            if node.db:
                qualifier = ".".join(part.name for part in node.parts[:-1])
                message = f'a configured table has no qualifier: write "{node.name}" without "{qualifier}."'
                message += "" if node.name.lower() in names else f", and none is named so {nearest(node.name, names)}"
            wrong.append(at(node, "TABLE_NOT_ASSOCIATED", message))
    if not known and not wrong:
        wrong.append(at(tree, "NO_TABLE", "the query names no configured table"))
    if len({t.name for t in known}) > MAX_TABLES:
        wrong.append(at(tree, "TOO_MANY_TABLES", f"a query may name {MAX_TABLES} configured tables at most"))
    return known, wrong


def resolve(select: exp.Select, collaboration: Collaboration) -> tuple[Resolved, list[Finding]]:
    """The canonical form of a SELECT without nested queries, and the columns that could not be resolved."""
    tree = select.copy()
    labels: dict[str, str] = {}
    relations: dict[str, ConfiguredTable] = {}
    wrong: list[Finding] = []
    for i, node in enumerate(_relations(tree)):
        label, alias = f"t{i}", (node.alias or node.name).lower()
        if alias in labels:
            wrong.append(at(node, "COLUMN_AMBIGUOUS", f'two tables are called "{alias}": give each its own alias'))
        labels[alias] = label
        relations[label] = collaboration.tables[node.name.lower()]
        node.replace(exp.alias_(exp.to_table(relations[label].name), exp.to_identifier(label), table=True))
    wrong += ordinals(tree, len(tree.expressions))
    _replace_ordinals_and_aliases(tree, relations)
    for column in list(tree.find_all(exp.Column)):
        if isinstance(column.this, exp.Star):
            continue
        found = _resolve_column(column, labels, relations)
        if isinstance(found, Finding):
            wrong.append(found)
        else:
            identifier = exp.to_identifier(column.name.lower(), quoted=True)
            identifier.meta.update(column.this.meta)
            column.replace(exp.Column(this=identifier, table=exp.to_identifier(found, quoted=True)))
    return Resolved(tree, relations), wrong


def ordinals(query: exp.Expr, width: int) -> Iterator[Finding]:
    """Places in GROUP BY and ORDER BY that are none of the query's columns.

    Args:
        query: a SELECT or a set operation.
        width: how many columns it has.
    """
    for clause in ("group", "order"):
        found = query.args.get(clause)
        for term in found.expressions if found is not None else ():
            key = term.this if isinstance(term, exp.Ordered) else term
            place = key.name if isinstance(key, exp.Literal) and not key.is_string else ""
            if place.isdigit() and not 1 <= int(place) <= width:
                message = f"{clause.upper()} BY {place}: the columns of SELECT are 1 to {width}"
                yield at(key, "COLUMN_UNKNOWN", message)


def output_name(item: exp.Expr) -> str:
    """The name of a column of the result, in lower case: the alias, the column, or what is computed of it."""
    if (name := item.alias_or_name) and not isinstance(item, exp.Func | exp.Literal):
        return name.lower()
    words = [item.key, *("distinct" for _ in item.find_all(exp.Distinct)), *(c.name for c in item.find_all(exp.Column))]
    return "_".join(words).lower()


def _resolve_column(
    column: exp.Column, labels: Mapping[str, str], relations: Mapping[str, ConfiguredTable]
) -> str | Finding:
    name, qualifier = column.name.lower(), column.table.lower()
    if column.db or (qualifier and qualifier not in labels):
        hint = nearest(qualifier, labels)
        return at(column, "COLUMN_UNKNOWN", f'no table of the query is called "{column.table}" {hint}')
    inside = [labels[qualifier]] if qualifier else list(relations)
    owners = [label for label in inside if name in relations[label].columns]
    if len(owners) == 1:
        return owners[0]
    if owners:
        return at(column, "COLUMN_AMBIGUOUS", f'"{column.name}" is a column of several tables: write which one')
    allowed = {c for label in inside for c in relations[label].columns}
    where = " and ".join(sorted({relations[label].name for label in inside}))
    return at(
        column, "COLUMN_UNKNOWN", f'no allowed column of {where} is named "{column.name}" {nearest(name, allowed)}'
    )


def _replace_ordinals_and_aliases(tree: exp.Select, relations: Mapping[str, ConfiguredTable]) -> None:
    aliases = {i.alias.lower(): i.unalias() for i in tree.expressions if isinstance(i, exp.Alias) and i.alias}
    columns = {c for table in relations.values() for c in table.columns}
    group, order, having = (tree.args.get(k) for k in ("group", "order", "having"))
    for node in list(group.expressions) if group else ():
        _replace(node, tree.expressions, {a: e for a, e in aliases.items() if a not in columns})
    for node in [o.this for o in order.expressions] if order else ():
        _replace(node, tree.expressions, aliases)
    for column in list(having.find_all(exp.Column)) if having else ():
        # Spark looks for a column first; inside an aggregate a name is always a column.
        if column.name.lower() not in columns and not column.find_ancestor(exp.AggFunc):
            _replace(column, [], aliases)


def _replace(node: exp.Expr, items: list[exp.Expr], aliases: Mapping[str, exp.Expr]) -> None:
    if (
        isinstance(node, exp.Literal)
        and not node.is_string
        and node.name.isdigit()
        and 1 <= int(node.name) <= len(items)
    ):
        node.replace(items[int(node.name) - 1].unalias().copy())
    elif isinstance(node, exp.Column) and not node.table and node.name.lower() in aliases:
        node.replace(aliases[node.name.lower()].copy())


def _relations(select: exp.Select) -> Iterator[exp.Table]:
    # FROM and JOIN only: find_all(Table) also returns the name inside a hint.
    for clause in (select.args.get("from_"), *select.args.get("joins", ())):
        if clause is not None and isinstance(clause.this, exp.Table):
            yield clause.this


def _looks_like_a_file(table: exp.Table) -> bool:
    return bool(set(table.name) & set("/\\.*?:")) or table.db.lower() in _FILE_FORMATS


def _is_cte(table: exp.Table) -> bool:
    # A CTE sees those before it in its WITH; what comes later, and itself, would hide a configured table from its rule.
    name, node = table.name.lower(), table.parent
    inside: exp.Expr | None = None
    while node is not None:
        for cte in node.args["with_"].expressions if node.args.get("with_") else ():
            if cte is inside:
                break
            if cte.alias.lower() == name:
                return True
        inside = node if isinstance(node, exp.CTE) else inside
        node = node.parent
    return False
