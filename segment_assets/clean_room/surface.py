"""The allow-list of syntax: every class of node, and every argument of every node, that an accepted query may have.

What is not here is refused. sqlglot parses far more than a clean room may run (`FILTER`, `QUALIFY`, `SELECT ... INTO`,
`TABLESAMPLE`, `FROM t SELECT x`), and renders some of it silently differently: so the list names what may pass.
"""

from collections.abc import Iterator

from sqlglot import exp

from segment_assets.clean_room.reasons import Finding, at

_BINARY = {"this", "expression"}

# Node class -> arguments it may have. Only truthy arguments count: sqlglot writes `desc=False` for what was not said.
SKELETON: dict[type[exp.Expr], set[str]] = {
    exp.Select: {"expressions", "hint", "distinct", "from_", "joins", "where", "group", "having", "order", "limit"},
    exp.From: {"this"},
    exp.Table: {"this", "alias", "db", "catalog"},  # db and catalog are refused when names are resolved
    exp.TableAlias: {"this"},
    exp.Join: {"this", "on", "side", "kind", "using", "method"},  # joins.py says which of them each rule allows
    exp.Where: {"this"},
    exp.Group: {"expressions"},
    exp.Having: {"this"},
    exp.Order: {"expressions"},
    exp.Ordered: {"this", "desc", "nulls_first"},
    exp.Limit: {"expression"},
    exp.Distinct: {"expressions"},
    exp.Alias: {"this", "alias"},
    exp.Column: {"this", "table", "db", "catalog"},  # db and catalog are refused when names are resolved
    exp.Identifier: {"this", "quoted"},
    exp.Paren: {"this"},
    exp.Literal: {"this", "is_string"},
    exp.Boolean: {"this"},  # what a join without ON is parsed to: joins.py and conditions.py refuse it
}
OPERATORS: dict[type[exp.Expr], set[str]] = {
    **dict.fromkeys((exp.And, exp.Or, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Like), _BINARY),
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul, exp.Mod), _BINARY),
    exp.Div: {*_BINARY, "safe"},  # Spark's division by zero is null
    exp.Is: _BINARY,
    exp.Null: set(),
    exp.Not: {"this"},
    exp.Neg: {"this"},
    exp.In: {"this", "expressions"},
    exp.Between: {"this", "low", "high"},
    exp.DPipe: {*_BINARY, "safe"},  # an expression like any other in SELECT; conditions.py keeps it out of WHERE
}
FUNCTIONS: dict[type[exp.Expr], set[str]] = {
    exp.Sum: {"this"},
    exp.Avg: {"this"},
    exp.Count: {"this", "expressions", "big_int"},
    exp.Abs: {"this"},
    exp.Ceil: {"this"},
    exp.Floor: {"this"},
    exp.Sqrt: {"this"},
    exp.Ln: {"this"},
    exp.Log: _BINARY,
    exp.Lower: {"this"},
    exp.Upper: {"this"},
    exp.Trim: {"this", "position", "expression"},
    exp.Round: {"this", "decimals"},
    exp.Substring: {"this", "start", "length"},
    exp.Coalesce: {"this", "expressions"},
    exp.Cast: {"this", "to"},
    exp.TryCast: {"this", "to", "safe"},
    exp.DataType: {"this", "expressions"},
    exp.DataTypeParam: {"this"},
    exp.Extract: _BINARY,
    exp.Var: {"this"},
    exp.TimestampAdd: {"this", "expression", "unit"},
    exp.TsOrDsToDate: {"this", "format", "safe"},
    exp.CurrentDate: set(),
    exp.Anonymous: {"this", "expressions"},
    exp.ToChar: {"this", "format"},
    exp.ToNumber: {"this", "format"},
    exp.StrToTime: {"this", "format"},
}
ALLOWED = SKELETON | OPERATORS | FUNCTIONS
# Functions by class in sqlglot, operators by nature.
_NOT_FUNCTIONS = (exp.RegexpLike, exp.RegexpILike, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Explode)
TYPES = {
    exp.DType.BOOLEAN, exp.DType.TINYINT, exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT, exp.DType.FLOAT,
    exp.DType.DOUBLE, exp.DType.DECIMAL, exp.DType.TEXT, exp.DType.VARCHAR, exp.DType.CHAR, exp.DType.DATE,
    exp.DType.TIMESTAMP, exp.DType.TIMESTAMPNTZ, exp.DType.TIMESTAMPTZ,
}  # fmt: skip
MOST_ROWS = 2**31 - 1  # Spark's LIMIT is a number of 32 bits
_CLAUSES = {"offset": "LIMIT_NOT_ALLOWED", "windows": "WINDOW_FUNCTION"}


def is_function(node: exp.Expr) -> bool:
    """Something a rule judges by its name, not by its syntax."""
    return isinstance(node, exp.Func | exp.Case) and type(node) not in OPERATORS | SKELETON and not _is_syntax(node)


def is_size(node: exp.Expr) -> bool:
    """What LIMIT and OFFSET take: a whole number, or a parameter that becomes one."""
    if isinstance(node, exp.Placeholder):
        return True
    return isinstance(node, exp.Literal) and not node.is_string and node.name.isdigit() and int(node.name) <= MOST_ROWS


def sweep(tree: exp.Expr) -> Iterator[Finding]:
    """Everything in a tree that is on no allow-list; functions that are on none are left to the rules."""
    if isinstance(tree, exp.SetOperation):
        yield at(tree, "SET_OPERATION", "UNION, INTERSECT and EXCEPT are not allowed")
        yield from (f for side in (tree.this, tree.expression) for f in sweep(side))
        yield from _with(tree)
    elif isinstance(tree, exp.Window):
        yield at(tree, "WINDOW_FUNCTION", "window functions are not allowed")
    elif isinstance(tree, exp.Subquery | exp.Lateral | exp.Exists):
        yield from _nested(tree)
    elif isinstance(tree, exp.Star | exp.Hint):
        return  # a star is judged by the rules; a hint carries no data, and is dropped
    elif isinstance(tree, exp.Column) and isinstance(tree.this, exp.Star):
        return
    elif is_function(tree) and type(tree) not in ALLOWED:
        yield from (f for query in _outermost_queries(tree) for f in _nested(query))
    elif type(tree) not in ALLOWED:
        yield at(tree, "SYNTAX_NOT_ALLOWED", f"{_name(tree)} is not allowed")
    elif isinstance(tree, exp.Table) and not isinstance(tree.this, exp.Identifier):
        return  # a table function: names.py says so
    else:
        yield from _arguments(tree)


def strict(tree: exp.Expr) -> Iterator[Finding]:
    """The last gate: every node and argument must be on the list, functions too."""
    for node in tree.walk(prune=lambda n: isinstance(n, exp.Hint)):
        if isinstance(node, exp.Hint):
            continue
        strange = {k for k, v in node.args.items() if v} - ALLOWED.get(type(node), set())
        if type(node) not in ALLOWED or strange:
            yield at(node, "SYNTAX_NOT_ALLOWED", f"{_name(node)} is not allowed here")


def _arguments(node: exp.Expr) -> Iterator[Finding]:
    for name, value in node.args.items():
        if not value:
            continue
        children = [v for v in (value if isinstance(value, list) else [value]) if isinstance(v, exp.Expr)]
        if isinstance(node, exp.Select) and name == "with_":
            yield from _with(node)
        elif isinstance(node, exp.Select) and name in _CLAUSES:
            yield at(node, _CLAUSES[name], f"{name.upper()} is not allowed")
        elif isinstance(node, exp.Select) and name == "limit" and not isinstance(value, exp.Limit):
            yield at(node, "LIMIT_NOT_ALLOWED", "FETCH is not allowed")
        elif isinstance(node, exp.In) and name == "query":
            yield from _nested(value)
        elif name not in ALLOWED[type(node)]:
            yield at(
                children[0] if children else node,
                "SYNTAX_NOT_ALLOWED",
                f"{name.rstrip('_').upper()} of {_name(node)} is not allowed",
            )
        else:
            yield from (f for child in children for f in sweep(child))
    if isinstance(node, exp.DataType) and node.this not in TYPES:
        yield at(node, "SYNTAX_NOT_ALLOWED", "the type is not allowed: only simple types are")


def _with(node: exp.Expr) -> Iterator[Finding]:
    if clause := node.args.get("with_"):
        code = "SYNTAX_NOT_ALLOWED" if clause.args.get("recursive") else "SUBQUERY_OR_CTE"
        yield at(clause, code, "WITH is not allowed" if code == "SUBQUERY_OR_CTE" else "WITH RECURSIVE is not allowed")
        yield from (f for cte in clause.expressions for f in sweep(cte.this))


def _nested(node: exp.Expr) -> Iterator[Finding]:
    inner = node.this
    if isinstance(node, exp.Query) and not isinstance(node, exp.Subquery):
        inner = node
    elif isinstance(node, exp.Lateral) and not isinstance(inner, exp.Query):
        yield at(node, "SYNTAX_NOT_ALLOWED", "LATERAL is not allowed")
        return
    elif isinstance(node, exp.Subquery) and not isinstance(inner, exp.Query):
        yield at(node, "SYNTAX_NOT_ALLOWED", "a join or table in parentheses is not allowed")
        return
    yield at(node, "SUBQUERY_OR_CTE", "a query inside the query is not allowed")
    if isinstance(node, exp.Subquery) and (more := [k for k in ("pivots", "sample") if node.args.get(k)]):
        yield at(node, "SYNTAX_NOT_ALLOWED", f"{more[0].upper()} is not allowed")
    yield from sweep(inner)


def _outermost_queries(node: exp.Expr) -> Iterator[exp.Expr]:
    for child in node.iter_expressions():
        if isinstance(child, exp.Query):
            yield child
        else:
            yield from _outermost_queries(child)


def _is_syntax(node: exp.Expr) -> bool:
    return isinstance(node, _NOT_FUNCTIONS)


def _name(node: exp.Expr) -> str:
    return node.name.upper() if isinstance(node, exp.Anonymous) else node.key.upper()
