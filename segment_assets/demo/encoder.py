"""What each delivery of the timeline says, as the bytes of a record."""

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from segment_assets.demo import records
from segment_assets.demo.people import Customer
from segment_assets.demo.records import FLAWS, Sender
from segment_assets.demo.source import Source
from segment_assets.demo.timeline import BASKET, EXPOSURE, Timeline

People = Sequence[Mapping[int, Customer]]


class Encoder:
    """From rows of the timeline to records.

    Args:
        data: what the rows point into.
        customers: per copy, household -> its customer.
        basket_suffix: put behind basket numbers, where a year is told again.
    """

    def __init__(self, data: Source, customers: People, basket_suffix: str) -> None:
        self.senders = [{household: records.sender(c) for household, c in copy.items()} for copy in customers]
        self.suffix = basket_suffix
        self.baskets = _columns(
            data.baskets,
            ["household_id", "basket_id", "store_id", "amount", "retail_discount", "coupon_discount", "items"],
        )
        self.exposures = _columns(data.exposures, ["household_id", "campaign_id"])
        self.redemptions = _columns(data.redemptions, ["household_id", "coupon_upc", "campaign_id"])

    def __call__(self, rows: Timeline) -> Iterator[bytes]:
        """The records of some deliveries, in their order."""
        columns: Sequence[list[int]] = [
            c.tolist() for c in (rows.kind, rows.row, rows.copy, rows.occurred, rows.arrived, rows.flaw)
        ]
        for kind, row, copy, occurred, arrived, flaw in zip(*columns, strict=True):
            record = self._record(kind, row, copy, occurred, arrived)
            yield records.broken(record, FLAWS[flaw]) if flaw >= 0 else record

    def _record(self, kind: int, row: int, copy: int, occurred: int, arrived: int) -> bytes:
        if kind == BASKET:
            household, basket, store, amount, retail, coupon, items = (column[row] for column in self.baskets)
            return records.purchase(
                self._sender(copy, household),
                occurred,
                arrived,
                basket=f"{basket}{f'-{copy}' if copy else ''}{self.suffix}",
                store=store,
                cents=(amount, retail, coupon),
                items=items,
            )
        if kind == EXPOSURE:
            household, campaign = (column[row] for column in self.exposures)
            return records.send(self._sender(copy, household), occurred, arrived, campaign=campaign)
        household, coupon, campaign = (column[row] for column in self.redemptions)
        return records.redemption(self._sender(copy, household), occurred, arrived, coupon=coupon, campaign=campaign)

    def _sender(self, copy: int, household: int) -> Sender:
        return self.senders[copy][household]


def _columns(rows: pa.Table, names: list[str]) -> list[list[int]]:
    # Lists of Python's own numbers: asking an Arrow column or an array for one number at a time took twice as long.
    return [rows[name].to_numpy().tolist() for name in names]
