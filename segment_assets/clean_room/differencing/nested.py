"""Everybody behind the rows of a nested custom query: the sets that carry its minimum, whole and by a lasting hash."""

from sqlglot import exp

from segment_assets.clean_room.collaboration import ConfiguredTable
from segment_assets.clean_room.custom.canonical import named
from segment_assets.clean_room.custom.identities import Carrier, NotCarriedError, Slot
from segment_assets.clean_room.custom_rule import Custom

_NO_CAP = 2**31 - 1


class Whole(Carrier):
    """Carries sets that are not cut, so that they can be compared with those of other queries."""

    def _base(self, table: ConfiguredTable) -> tuple[exp.Query, list[Slot]]:
        rule = table.rule
        if not isinstance(rule, Custom) or not rule.identity:
            raise NotCarriedError(f"{table.name} has no minimum")
        name = self._name()
        items = [exp.column(c, quoted=True) for c in table.columns]
        identity = exp.column(rule.identity, quoted=True)
        known = exp.Is(this=identity.copy(), expression=exp.Null()).not_()
        # DuckDB's own HASH may be another one in its next version, and populations are remembered for long.
        hashed = exp.Anonymous(this="MD5_NUMBER_LOWER", expressions=[exp.cast(identity, exp.DType.VARCHAR)])
        value = exp.Case(ifs=[exp.If(this=known, true=hashed)])
        made = exp.select(*items, named(value, name)).from_(exp.to_table(table.name))
        return made, [Slot(table.name, name, False, _NO_CAP)]
