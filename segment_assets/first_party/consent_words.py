"""What consent is written as where nobody knows the word: counted, and shown where it can be nobody's own."""

from collections import Counter
from collections.abc import Iterable, Mapping

from segment_assets.people.addresses import looks_like_an_address
from segment_assets.people.consent import Words, is_no_word

LONGEST = 20
# A word that fewer wrote, and no tenth of all, may be a name in a column that was taken for another.
FEWEST = 10
# As many are told apart: a column of times has another word in each row.
APART = 1_000
OTHER = ""


class Heard:
    """Counts what consent is written as.

    Args:
        words: of one's own for consent.
    """

    def __init__(self, words: Words) -> None:
        self._words = words
        self._values = 0
        self._strange: Counter[str] = Counter()

    def add(self, written: Iterable[str | None]) -> None:
        """What a record says."""
        for value in written:
            self._values += value is not None
            if value is not None and is_no_word(value, self._words):
                word = value.strip()
                shown = len(word) <= LONGEST and (word in self._strange or len(self._strange) < APART)
                self._strange[word if shown else OTHER] += 1

    def strange(self) -> Mapping[str, int]:
        """How many values are no word for consent: each that may be shown, most first, and under `OTHER` the rest."""
        found: Counter[str] = Counter()
        for word, count in self._strange.items():
            often = count >= FEWEST or count * 10 >= self._values
            found[word if often and word.isprintable() and not looks_like_an_address(word) else OTHER] += count
        return dict(found.most_common())
