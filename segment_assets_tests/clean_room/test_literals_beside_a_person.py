"""Is there an argument by which a function tells one person from all others? Every function, a text in every place."""

from collections.abc import Iterator
from itertools import permutations

import pytest
from sqlglot import errors, exp

from segment_assets.clean_room.checker import check
from segment_assets.clean_room.custom import functions
from segment_assets.clean_room.dialect import SPARK
from segment_assets_tests.clean_room.test_chosen_person import OFFERED, TARGET
from segment_assets_tests.clean_room.test_function_names import names_by_class

# Accepted with a text beside a person. Why no text makes them answer for one person and not for another:
OF_THE_SAME_PERSON = {
    **dict.fromkeys(("CONCAT", "CONCAT_WS", "ARRAY_JOIN"), "two people are two texts before and after"),
    **dict.fromkeys(("LPAD", "RPAD"), "what fills is put beside the person; cut, it is SUBSTRING"),
    **dict.fromkeys(("SUBSTR", "SUBSTRING", "LEFT", "RIGHT"), "the place is a number, and one for everybody"),
    **dict.fromkeys(("ENCODE", "DECODE"), "the charset is one of six, and turns each character for itself"),
    **dict.fromkeys(("SHA2", "XXHASH64"), "a hash, whatever it is of"),
    **dict.fromkeys(("DATE_PART", "EXTRACT", "TRUNC"), "the unit is one of a dozen words"),
    **dict.fromkeys(
        ("FROM_UTC_TIMESTAMP", "TO_UTC_TIMESTAMP", "CONVERT_TIMEZONE"), "the zone is a known one, and a person a time"
    ),
    "COUNT": "of several columns it counts the rows where none is missing",
    "APPROX_COUNT_DISTINCT": "the second argument is an error in percent",
    **dict.fromkeys(
        ("COALESCE", "IFNULL", "NVL", "LAG", "LEAD"),
        "a text in the place of a person is judged where such values come together: mixtures.py",
    ),
}
TEXT = f"'{TARGET}'"
FORMAT = f"''{TEXT}''"  # in the quotes of a pattern of dates
SYNTAX = (
    "CAST({p} AS DATE FORMAT {t})",
    "TRY_CAST({p} AS TIMESTAMP FORMAT {t})",
    "CAST({p} AS INT DEFAULT {t} ON CONVERSION ERROR)",
    "TRIM({t} FROM {p})",
    "TRIM(LEADING {t} FROM {p})",
    "POSITION({t} IN {p})",
    "TIMESTAMPADD(DAY, {t}, {p})",
    "TIMESTAMPADD(DAY, {p}, {t})",
    "DATEADD(YEAR, 290000, {p})",
    "DATEDIFF(DAY, {t}, {p})",
    "CASE {p} WHEN {t} THEN 1 END",
    "CASE WHEN {p} = {t} THEN 1 END",
    "{p} || {t} = {t}",
    "{p} + INTERVAL 290000 YEARS",
    "ARRAY({p})[{t}]",
    "ARRAY_DISTINCT(ARRAY({p}, {t}))",
)


def calls(name: str) -> Iterator[str]:
    orders = [*permutations(("person", TEXT)), *permutations(("person", TEXT, "1")), *permutations(("person", FORMAT))]
    for arguments in [*orders, ("person", TEXT, TEXT), ("person", "state", TEXT), ("person", "1", TEXT, TEXT)]:
        yield f"{name}({', '.join(arguments)})"


def is_kept(call: str) -> bool:
    """Whether the parser keeps both: what it drops is neither judged nor run."""
    try:
        [tree] = SPARK.parse(f"SELECT {call}")
    except errors.SqlglotError:
        return False
    texts = [node for node in tree.find_all(exp.Literal) if TARGET in node.name]
    return bool(texts) and any(column.name == "person" for column in tree.find_all(exp.Column))


def is_accepted(call: str) -> bool:
    shown = (f"COUNT({call})", call, f"MAX({call} OVER (ORDER BY state))")
    texts = [f"SELECT COUNT(*) AS n, {one} AS s FROM counted" for one in shown]
    return any(check(text, OFFERED).verdict.decision == "ACCEPT" for text in texts)


def narrow() -> list[str]:
    listed = {n for kind, names in names_by_class().items() if kind in functions.NARROW for n in names}
    return sorted(listed | functions.NARROW_NAMES)


@pytest.mark.parametrize("name", narrow())
def test_a_text_beside_a_person_is_refused_or_there_is_a_reason(name):
    accepted = [call for call in calls(name) if is_kept(call) and is_accepted(call)]
    assert bool(accepted) == (name in OF_THE_SAME_PERSON), accepted


@pytest.mark.parametrize("shape", SYNTAX)
def test_so_is_a_text_in_a_syntax_of_its_own(shape):
    assert not is_accepted(shape.format(p="person", t=TEXT))


@pytest.mark.parametrize("call", ["TO_UNIX_TIMESTAMP", "UNIX_TIMESTAMP", "TO_DATE", "TO_TIMESTAMP"])
@pytest.mark.parametrize("of", [FORMAT, "'017'", "'U1'", "CONCAT('', '''u017''')", "'----'"])
def test_a_format_that_names_a_person_is_compared_with_it(of, call):
    text = f"SELECT COUNT(*) AS n, COUNT({call}(person, {of})) AS x FROM counted"
    assert check(text, OFFERED).verdict.code == "LITERAL_COMPARISON_NOT_ALLOWED"


def test_a_format_of_days_is_a_conversion():
    text = "SELECT COUNT(*) AS n FROM tight p JOIN shop s ON TO_DATE(s.state, 'yyyy-MM-dd HH:mm:ss') = s.day"
    assert "LITERAL_COMPARISON_NOT_ALLOWED" not in {f.code for f in check(text, OFFERED).verdict.findings}
