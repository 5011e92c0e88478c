"""Functions are judged by the name in the text: sqlglot makes one node of many names."""

from collections import defaultdict

import pytest
from sqlglot import errors, exp

from segment_assets.clean_room import suggest
from segment_assets.clean_room.custom import functions
from segment_assets.clean_room.custom.function_names import NAMES
from segment_assets.clean_room.dialect import SPARK, CleanRoomsSpark, written


def names_by_class() -> dict[type[exp.Expr], set[str]]:
    """Every class that the parser makes of a call by a plain name, with the names it makes it of."""
    found = defaultdict(set)
    parser = CleanRoomsSpark.Parser
    for name in {*parser.FUNCTIONS, *parser.FUNCTION_PARSERS}:
        for arguments in ("(x)", "(x, 1)", "()", "(x, 1, 2)", "(DAY, 1, x)", "(x AS INT)", "('a' IN x)"):
            try:
                [tree] = SPARK.parse(f"SELECT {name}{arguments}")
            except (errors.SqlglotError, ValueError, TypeError, AttributeError, IndexError):
                continue
            found[type(tree.expressions[0])].add(name)
    return found


def test_where_the_parser_makes_one_of_many_names_the_list_says_which_are_sparks():
    many = {kind: names for kind, names in names_by_class().items() if len(names) > 1 and kind in functions.ALL}
    assert len(many) > 40
    assert {kind.__name__ for kind in many} - {kind.__name__ for kind in NAMES} == set()


@pytest.mark.parametrize("call", ["nvl(x, 1)", "Substr(x, 1)", "CONVERT(x, INT)", "ceiling(x)", "MEAN(x)", "GETDATE()"])
def test_the_name_is_that_of_the_text(call):
    [tree] = SPARK.parse(f"SELECT {call}")
    assert written(tree.expressions[0]) == call.partition("(")[0].upper()


@pytest.mark.parametrize(
    ("called", "listed"), [("UCASE(state)", "UPPER(state)"), ("SUBSTR(state, 1)", "SUBSTRING(state, 1)")]
)
def test_the_listed_name_is_offered_for_another(called, listed, collaboration):
    mended = suggest.rewrite(f"SELECT {called}, SUM(spend) FROM open_panel GROUP BY {called}", collaboration)
    assert mended is not None
    assert mended.count(listed) == 2
    assert called not in mended
