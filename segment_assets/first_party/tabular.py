"""One's own tables as rows of text: CSV with a header or JSON lines, plain or gzip, or Parquet (also Iceberg's)."""

import csv
import io
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from segment_assets.config_file import nearest_column
from segment_assets.first_party.compression import Content, head
from segment_assets.first_party.contents import Plain, first_byte, is_a_list, records_in
from segment_assets.first_party.errors import LandingError
from segment_assets.first_party.records import KEPT_IN_QUARANTINE, Piece, refused
from segment_assets.lake.objects import printable
from segment_assets.separated import Separated

# Rows held at a time: a second of work, and about 40 MB.
AT_ONCE = 20_000
# Below it a float is a whole number exactly.
_EXACT = 2**53
_NO_TABLE = "; if it is no such table, move it away, or let its name begin with _, which is not read"


@dataclass
class Rows:
    r"""Some rows of one object.

    Attributes:
        names: the columns' names; a name may repeat in a CSV, and bytes of it that are no UTF-8 are written `\xf6`.
        good: position and values; an empty text is None.
        bad: position and the bytes that are no row.
    """

    names: list[str]
    good: list[tuple[int, tuple[str | None, ...]]] = field(default_factory=list)
    bad: list[tuple[int, Piece]] = field(default_factory=list)

    @property
    def full(self) -> bool:
        """As many rows as are held at a time."""
        return len(self.good) + len(self.bad) >= AT_ONCE


def read(
    key: str,
    content: Content,
    wanted: Collection[str],
    place: str,
    *,
    header: bool = True,
    blank: bool = False,
    commas: Collection[str] = (),
) -> Iterator[Rows]:
    """Rows in file order, some thousand at a time; positions count from 0 over good and bad rows.

    Blank lines are none, before a CSV's header either.

    Args:
        key: the object's key, for the message.
        content: what the object holds.
        wanted: columns that must be there.
        place: path in segmentation.yaml of the mapping, for the message.
        header: whether the first line of a CSV names the columns; otherwise they are called 1, 2, ...
        blank: whether a CSV of blank lines alone is a table without rows.
        commas: columns whose texts have a comma before a fraction: numbers of JSON and Parquet, which have no mark of
            their own, are written so there.

    Raises:
        LandingError: a wanted column is missing, or the first line is none of a table.
    """
    named = False
    try:
        for rows in _with_columns(key, _rows(key, content, wanted, place, header, commas), wanted, place):
            named = named or bool(rows.names or rows.bad)
            yield rows
    except csv.Error as too_long:  # of other lines it is told beside their rows
        raise LandingError(
            f"segmentation.yaml: {place}: {key} begins with a text of over {csv.field_size_limit():,} characters, "
            "which is no column's name: write a header, or a JSON object per line"
        ) from too_long
    if not named and not blank:
        raise LandingError(f"segmentation.yaml: {place}: {key} holds blank lines alone: write the names of its columns")


def _with_columns(key: str, found: Iterator[Rows], wanted: Collection[str], place: str) -> Iterator[Rows]:
    for rows in found:
        if missing := [name for name in wanted if rows.names and name not in rows.names]:
            if any("\n" in name or "\r" in name for name in rows.names):
                raise LandingError(
                    f"segmentation.yaml: {place}: {key} has a quote in its header that is not closed there: close it"
                )
            if not "".join(rows.names).isprintable():  # UTF-16, as Excel calls Unicode text; such names can't be shown
                raise LandingError(f"segmentation.yaml: {place}: {key} is no UTF-8 in its first line: save it as UTF-8")
            near = nearest_column(missing[0], rows.names, wanted)
            another = "" if len(missing) < len(wanted) else _NO_TABLE
            raise LandingError(f'segmentation.yaml: {place}: {key} has no column "{missing[0]}" {near}{another}')
        if twice := [name for name in wanted if rows.names.count(name) > 1]:
            raise LandingError(
                f'segmentation.yaml: {place}: {key} has the column "{twice[0]}" {rows.names.count(twice[0])} times: '
                "name it once"
            )
        # Nobody maps such a column, and a name that can't be written costs no row.
        rows.names = [printable(name) for name in rows.names]
        yield rows


def _rows(
    key: str, content: Content, wanted: Collection[str], place: str, header: bool, commas: Collection[str]
) -> Iterator[Rows]:
    if head(content, 4) == b"PAR1":
        return _parquet(key, content, wanted, place, commas)
    if first_byte(content) == b"{":
        return _json(content, wanted, commas)
    if is_a_list(content):
        raise LandingError(
            f"segmentation.yaml: {place}: {key} is one JSON list: write a JSON object per line, without the brackets "
            "around them all and the commas between them (jq -c '.[]')"
        )
    return _separated(content, wanted, header)


def _parquet(
    key: str, content: Content, wanted: Collection[str], place: str, commas: Collection[str]
) -> Iterator[Rows]:
    position = 0
    try:
        file = _opened(key, content, place)
        names = list(file.schema_arrow.names)
        yield Rows(names)
        if nested := [f.name for f in file.schema_arrow if f.name in wanted and pa.types.is_nested(f.type)]:
            raise LandingError(
                f'segmentation.yaml: {place}: the column "{nested[0]}" holds several values per row: write one'
            )
        texts_of = ", ".join(_text_of(column, column.name in commas) for column in file.schema_arrow)
        with duckdb.connect(config={"threads": 1}) as db:
            db.execute("SET TimeZone='UTC'")
            for batch in file.iter_batches(AT_ONCE):
                db.register("own_table", _for_duckdb(pa.Table.from_batches([batch])))
                texts = db.sql(f"SELECT {texts_of} FROM own_table").to_arrow_table()
                yield _texts(names, texts, position)
                position += batch.num_rows
    except (pa.ArrowException, duckdb.Error, OSError) as unreadable:
        del unreadable  # its text may quote data
        yield Rows([], bad=[(position, refused(head(content), "bad_parquet"))])


def _opened(key: str, content: Content, place: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(io.BytesIO(content) if isinstance(content, bytes) else content, pre_buffer=False)
    except UnicodeDecodeError as not_utf8:
        raise LandingError(
            f"segmentation.yaml: {place}: {key} has a column whose name is no UTF-8: write it in UTF-8"
        ) from not_utf8


def _for_duckdb(rows: pa.Table) -> pa.Table:
    """The rows without the two types of numbers that DuckDB does not know: halves, and decimals of over 38 digits."""
    for at, column in enumerate(rows.schema):
        if pa.types.is_float16(column.type):
            rows = rows.set_column(at, column.name, rows.column(at).cast(pa.float32()))
        elif pa.types.is_decimal256(column.type):
            rows = rows.set_column(at, column.name, rows.column(at).cast(pa.string()))
    return rows


def _texts(names: list[str], texts: pa.Table, position: int) -> Rows:
    try:
        values = zip(*(column.to_pylist() for column in texts.columns), strict=True)
        return Rows(names, good=[(i, _without_blanks(v)) for i, v in enumerate(values, position)])
    except UnicodeDecodeError:
        if texts.num_rows == 1:
            return Rows(names, bad=[(position, refused(b"", "not_utf8"))])
    half = texts.num_rows // 2
    first, rest = _texts(names, texts.slice(0, half), position), _texts(names, texts.slice(half), position + half)
    return Rows(names, first.good + rest.good, first.bad + rest.bad)


def _text_of(column: pa.Field, comma: bool) -> str:
    """A column as text. Whole numbers have no point: a column of ids becomes one of floats by its first null."""
    name = '"' + column.name.replace('"', '""') + '"'
    text = f"CAST({name} AS VARCHAR)"
    if pa.types.is_decimal(column.type):
        text = f"regexp_replace({text}, '[.]0+$', '')"
    elif pa.types.is_floating(column.type):
        whole = f"{name} = trunc({name}) AND abs({name}) < {_EXACT}"
        text = f"CASE WHEN {whole} THEN CAST(CAST({name} AS BIGINT) AS VARCHAR) ELSE {text} END"
    else:
        return text
    return f"replace({text}, '.', ',')" if comma else text


class _Float(str):
    """A number with a point or an exponent, as a JSON object writes it."""

    __slots__ = ()


def _json(content: Content, wanted: Collection[str], commas: Collection[str]) -> Iterator[Rows]:
    """JSON lines, or objects one after another, each a row of its own keys; rows of equal keys stand together.

    A key that a record lacks is empty there, so unlike a column of a header it can't be told from a misspelt one.
    """
    yield Rows([])
    by_names: dict[tuple[str, ...], Rows] = {}
    for position, piece in enumerate(records_in(content, lambda value: isinstance(value, dict))):
        row = {} if piece.reason else _json_row(piece.content, commas)
        names = tuple(sorted({*row, *wanted}))
        rows = by_names.setdefault(names, Rows(list(names)))
        if piece.reason:
            rows.bad.append((position, piece))
        else:
            rows.good.append((position, _without_blanks(tuple(row.get(name) for name in names))))
        if rows.full:
            yield by_names.pop(names)
    yield from by_names.values()


def _json_row(record: bytes, commas: Collection[str]) -> dict[str, str | None]:
    """An object's values as text, numbers as they are written; what lies inside of one is JSON, as it was."""
    row = json.loads(record, parse_int=str, parse_float=_Float)
    inside = json.loads(record) if any(isinstance(value, dict | list) for value in row.values()) else row
    return {name: _json_text(value, inside[name], name in commas) for name, value in row.items()}


def _json_text(value: object, inside: object, comma: bool) -> str | None:
    if isinstance(value, _Float):
        # As a column of Parquet: pandas writes a column of ids with one null as floats.
        number = float(value)
        text = str(int(number)) if number.is_integer() and abs(number) < _EXACT else str(value)
        return text.replace(".", ",") if comma else text
    return value if value is None or isinstance(value, str) else json.dumps(inside, sort_keys=True, ensure_ascii=False)


def _separated(content: Content, wanted: Collection[str], header: bool) -> Iterator[Rows]:
    plain = Plain(content)
    text = io.TextIOWrapper(io.BufferedReader(plain), "utf-8-sig", "surrogateescape", newline="")
    records = Separated(text, wanted if header else ())
    if header:
        names = records.header()
    else:
        first = next(csv.reader([records.first], delimiter=records.delimiter), [])
        names = [str(number) for number, _ in enumerate(first, 1)]
    if plain.broken and not records.first.endswith(("\n", "\r")):  # nobody knows which columns it has
        yield Rows([], bad=[(0, plain.broken)])
        return
    rows, position = Rows(names), 0
    for values, lines, _, ended in records:
        reason = "bad_csv" if values is None else "wrong_columns" if len(values) != len(names) else None
        reason = "open_quote" if ended else reason
        raw = "".join(lines)
        try:
            whole = raw.encode()
        except UnicodeEncodeError:
            whole, reason = raw.encode("utf-8", "surrogateescape"), reason if ended else "not_utf8"
        if reason or values is None:
            rows.bad.append((position, Piece(whole[:KEPT_IN_QUARANTINE], None, reason)))
        else:
            rows.good.append((position, _without_blanks(tuple(values))))
        position += 1
        if rows.full:
            yield rows
            rows = Rows(names)
    if plain.broken:
        rows.bad.append((position, plain.broken))
    yield rows


def _without_blanks(values: tuple[str | None, ...]) -> tuple[str | None, ...]:
    return tuple(v if v and not v.isspace() else None for v in values)
