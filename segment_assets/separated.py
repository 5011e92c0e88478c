"""Delimited text (CSV), record by record, each with the lines it is made of.

A quote that is never closed makes one record of many lines. Only who knows the lines can tell, so nobody reads CSV
without them.
"""

import csv
import re
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from typing import NamedTuple

_DELIMITERS = ",;\t|"
_SEPARATOR = re.compile(r'sep=([^\w \r\n"])', re.IGNORECASE)  # what Excel wants to be told before the header


class Record(NamedTuple):
    """One record.

    Attributes:
        values: its fields; None where one is longer than any should be.
        lines: as they were read, with their ends; more than one where a quote was open at the end of a line.
        number: of its first line in the file, from 1.
        ended: the text ended while a quote was open.
    """

    values: list[str] | None
    lines: tuple[str, ...]
    number: int
    ended: bool


class Separated:
    """A text's records, from the first line that is not blank; blank lines are none.

    Args:
        text: its lines, with their ends.
        wanted: names of columns: of several delimiters the one that gives most of them is meant.

    Attributes:
        first: the first line that is not blank; empty where there is none.
        delimiter: as a line before it says, or else the one that gives most columns.
        filled: how many lines were read that are not blank, from `first` on.

    Raises:
        csv.Error: the first line holds a text of over 131,072 characters.
    """

    def __init__(self, text: Iterable[str], wanted: Collection[str] = ()) -> None:
        numbered = enumerate(text, 1)
        filled = ((number, line) for number, line in numbered if line.strip())
        at, self.first = next(filled, (0, ""))
        told = _SEPARATOR.fullmatch(self.first.rstrip("\r\n"))
        if told:
            at, self.first = next(filled, (0, ""))
        self.delimiter = told[1] if told else _delimiter(self.first, wanted)
        self.filled = 0
        self._taken: list[str] = []
        self._line = 0
        self._ended = False
        self._rest = chain([(at, self.first)] if self.first else [], numbered)
        self._reader = csv.reader(self._lines(), delimiter=self.delimiter)

    def header(self) -> list[str]:
        """The names in the first record; none where there is no line.

        Raises:
            csv.Error: one is longer than any should be.
        """
        names = [name.strip() for name in next(self._reader, [])]
        self._taken.clear()
        return names

    def __iter__(self) -> Iterator[Record]:
        while True:
            values: list[str] | None = None
            try:
                values = next(self._reader)
            except StopIteration:
                return
            except csv.Error:
                pass
            lines = tuple(self._taken)
            self._taken.clear()
            if len(lines) > 1 or not self.blank(lines[0]):
                yield Record(values, lines, self._line - len(lines) + 1, self._ended)

    def blank(self, line: str) -> bool:
        """Whether a line is no record; one of delimiters alone is a record of empty fields."""
        return not line.strip() and self.delimiter not in line

    def _lines(self) -> Iterator[str]:
        for number, line in self._rest:
            self._line = number
            self._taken.append(line)
            self.filled += not self.blank(line)
            yield line
        # A reader asks for another line only while a record is not at its end: behind the last line that is one with a
        # quote that was never closed. Otherwise it asks when there is no record left, and nobody looks at this.
        self._ended = True


def _delimiter(header: str, wanted: Collection[str]) -> str:
    """The one that gives most of the wanted columns, and of those the one that gives most columns."""

    def fit(delimiter: str) -> tuple[int, int]:
        names = [name.strip() for name in next(csv.reader([header], delimiter=delimiter), [])]
        return len(set(wanted) & set(names)), len(names)

    return max(_DELIMITERS, key=fit)
