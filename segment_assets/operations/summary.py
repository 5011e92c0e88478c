"""One screen at the end of a refresh: what there is, how sure it is, where to look."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from segment_assets.activation.tables import ACTIVATION_LEDGER, left_in
from segment_assets.deployment import Settings
from segment_assets.first_party.tables import (
    ARRIVAL_DAYS,
    CUSTOMERS,
    ENGAGEMENT_EVENTS,
    HEARD_SUPPRESSIONS,
    NO_DAY,
    QUARANTINED_CUSTOMERS,
    QUARANTINED_RECORDS,
)
from segment_assets.identity.tables import HOUSEHOLDS, PERSONS
from segment_assets.lake import Lake, ObjectStore, Table
from segment_assets.modelling.tables import model_evaluation
from segment_assets.operations import partner_ladder, quarantined
from segment_assets.operations.words import counted
from segment_assets.segmentation import Segmentation, Target
from segment_assets.segments.tables import predictive_segments
from segment_assets.third_party.tables import QUARANTINED_AUDIENCE, partner_audience

HEADLINE = {"absence": "roc_auc", "presence": "roc_auc", "value": "spearman"}
# Every reason of a decision, so that a row adds up to all customers.
DECISIONS = {
    "in": "in",
    "holdout": "held out",
    "suppressed": "suppressed",
    "unreachable": "unreachable",
    "quarantined": "in doubt",
    "no_consent": "no consent",
    "below_threshold": "below",
    "not_eligible": "not eligible",
}
_DATED = f"arrival_date > DATE '{NO_DAY}'"
CONTENDERS = {
    "model": "model",
    "logistic": "linear",
    "recency": "recency",
    "frequency": "frequency",
    "past_spend": "past spend",
}


@dataclass(frozen=True)
class Summary:
    """What a person wants to know after a refresh.

    Attributes:
        config: the user's file.
        settings: where things are.
        lake: the tables.
        exports: where files for people are.
        invented: the demo invents its days, and may be ahead of the clock: nobody is told to mend that.
        held_back: a sentence for each segment that a guard keeps from a destination.
        repeated_customers: rows of the newest export of whom another row, which counts, is of.
    """

    config: Segmentation
    settings: Settings
    lake: Lake
    exports: ObjectStore
    invented: bool = False
    held_back: Sequence[str] = ()
    repeated_customers: int = 0

    def show(self, console: Console) -> None:
        """Print it."""
        for part in (
            self._read(), *self._ladder(), self._models(), *self._spend(), *self._refused(), self._segments(),
            *self._told(), *self.held_back, *self._left_behind(), self._places(),
        ):  # fmt: skip
            console.print(part)

    def _read(self) -> Grid:
        grid = _grid("What was read", "", "")
        # A day whose objects are gone stays in the table, empty: it is no arrival day any more.
        columns = f"count(*) FILTER (WHERE {_DATED}), max(arrival_date) FILTER (WHERE {_DATED})"
        columns += ", sum(delivered)::BIGINT, sum(quarantined)::BIGINT"
        days, last, delivered, bad = self._row(ARRIVAL_DAYS, columns, "objects > 0")
        events = self._row(ENGAGEMENT_EVENTS, "count(*)")[0]
        if delivered is not None:
            on = f"on {counted(days, 'arrival day')}, the last {last}" if days else "and none of them says its day"
            grid.add_row("records delivered", f"{delivered:,} {on}")
            if last and last > datetime.now(UTC).date() + timedelta(days=1) and not self.invented:
                grid.add_row("", f"{last} is in the future, and the last day is the clock of all that follows: mend")
                grid.add_row("", "or remove the records with that time")
            waiting = self._waiting()
            dropped = delivered - bad - events - sum(waiting)
            # While a day that has events waits to be made again, its records and events are of different days' look.
            told = f"; {dropped:,} duplicates and probes dropped" if dropped >= 0 else ""
            grid.add_row("quarantined", f"{bad:,}{told}")
            self._add_reasons(grid, QUARANTINED_RECORDS)
            if waiting:
                what = f"{counted(sum(waiting), 'record')} on {counted(len(waiting), 'arrival day')}"
                grid.add_row("not built", f"events of {what}")
        grid.add_row("events", f"{events:,}")
        if heard := self._remembered():
            hold = "whose record is gone holds" if heard == 1 else "whose records are gone hold"
            grid.add_row("", f"{counted(heard, 'opt-out or bounce', 'opt-outs and bounces')} {hold} all the same")
        persons = self._row(PERSONS, "count(DISTINCT person_id)")[0]
        households = self._row(HOUSEHOLDS, "count(DISTINCT household_id)")[0]
        customers = self._row(CUSTOMERS, "count(*)")[0]
        people = f"{counted(persons, 'person')} in {counted(households, 'household')}"
        grid.add_row("customers", f"{customers:,}, who are {people}")
        if self.repeated_customers:
            grid.add_row("", f"{counted(self.repeated_customers, 'row')} more, of customers whom another row is of")
        if bad := self._row(QUARANTINED_CUSTOMERS, "count(*)")[0]:
            grid.add_row("", f"{counted(bad, 'row')} of customers quarantined")
            self._add_reasons(grid, QUARANTINED_CUSTOMERS)
        if self.config.audience:
            audience = partner_audience(self.config.audience)
            grid.add_row("partner", self._delivered(audience))
            if readable := self._row(audience, "count(*)", "identifier_form IN ('normal', 'mended')")[0]:
                grid.add_row("", f"{readable:,} of them readable, not hashed (to refuse that: docs/partner.md)")
            if self._row(audience, "count(*)")[0] and self.lake.state(audience).as_of is None:
                grid.add_row("", "no path of the partner's files names a day, so all of them are one delivery")
        return grid

    def _add_reasons(self, grid: Grid, table: Table) -> None:
        for line in quarantined.reasons(self.lake, table):
            grid.add_row("", f"  {line}")

    def _delivered(self, audience: Table) -> str:
        people = self._row(audience, "count(*)")[0]
        aside = "count(*) FILTER (WHERE reason = 'duplicate'), count(*) FILTER (WHERE reason <> 'duplicate')"
        duplicates, bad = self._row(QUARANTINED_AUDIENCE, aside)
        return f"{people:,} people; {duplicates:,} duplicates, {bad:,} rows quarantined"

    def _ladder(self) -> Iterator[Grid]:
        """Why the partner's rows do not join: where both sides' hashes lie in one lake, and enough of them."""
        try:
            lines = partner_ladder.shown(partner_ladder.measure(self.settings, self.lake, "marketing"))
        except partner_ladder.LadderError:
            return
        yield partner_ladder.grid(lines, self.config.audience)

    def _models(self) -> Grid:
        grid = _grid("Models, out of time (± half of the 95 % interval)", "target", "metric", *CONTENDERS.values())
        for name, target in self.config.targets.items():
            grid.add_row(name, HEADLINE[target.kind], *self._contenders(name, target))
        return grid

    def _contenders(self, name: str, target: Target) -> Iterator[str]:
        table = model_evaluation(name)
        with self.lake.connect(table) as db:
            rows = db.execute(
                f"SELECT contender, value, low, high FROM {table.short_name} WHERE cutoff = 'pooled' AND metric = ?",
                [HEADLINE[target.kind]],
            ).fetchall()
        found = {contender: f"{value:.3f} ±{(high - low) / 2:.3f}" for contender, value, low, high in rows}
        return (found.get(contender, "-") for contender in CONTENDERS)

    def _spend(self) -> Iterator[str]:
        """How there would be a past spend beside the models: events have numbers, and no target says which is money."""
        if any(target.metric for target in self.config.targets.values()):
            return
        if self._row(ENGAGEMENT_EVENTS, "count(*)", "cardinality(metrics) > 0")[0]:
            yield (
                "No past spend stands beside the models, for no target says which number of an event is money: one of "
                "kind value does, with its event and metric."
            )

    def _refused(self) -> Iterator[str]:
        """Why a model stays in service though another was trained: the numbers above are of the one that stays."""
        for name in self.config.targets:
            table = model_evaluation(name)
            why = [row["why"] for row in self.lake.read(table).to_pylist() if row.get("why")]
            yield from (f"{name}: {reason}" for reason in why[:1])

    def _segments(self) -> Grid:
        grid = _grid("Segments", "segment", *DECISIONS.values())
        for name in self.config.segments:
            reasons = self._reasons(predictive_segments(name))
            grid.add_row(name, *(f"{reasons.get(r, 0):,}" for r in DECISIONS))
        return grid

    def _reasons(self, table: Table) -> dict[str, int]:
        with self.lake.connect(table) as db:
            return dict(db.sql(f"SELECT reason, count(*) FROM {table.short_name} GROUP BY reason").fetchall())

    def _told(self) -> Iterator[Grid]:
        """Customers each destination holds as in, and who came and went with its last activation."""
        told = [row for row in self._last_activations() if self._asked(*row[:2])]
        if not told:
            return
        grid = _grid("Told last", "segment", "destination", "in", "joined", "left", "data of")
        for segment, destination, *counts, day in told:
            grid.add_row(segment, destination, *(f"{count:,}" for count in counts), f"{day}")
        yield grid

    def _left_behind(self) -> Iterator[Grid | Text | str]:
        """Who was told to be in, and whom nobody tells to leave: their segment or destination is configured no more."""
        left = left_in(self.lake, self.config)
        if not left:
            return
        grid = _grid("Still in, though segmentation.yaml has them no more", "segment", "destination", "customers")
        for segment, destination, members in left:
            grid.add_row(segment, destination, f"{members:,}")
        yield grid
        if any(segment not in self.config.segments for segment, *_ in left):
            yield 'Put a segment that is gone back with where: "FALSE", and refresh: then all are told to leave.'
        for segment, destination, *_ in left:
            if segment in self.config.segments:
                yield Text(
                    f'Give {segment} that destination alone (destinations: [{destination}]) with where: "FALSE", '
                    "refresh, and set both back: all are told to leave there, and its other destinations nothing."
                )

    def _last_activations(self) -> list[tuple[Any, ...]]:
        """Segment, destination, customers in, joined, left and day of the data of the last activation of each."""
        with self.lake.connect(ACTIVATION_LEDGER) as db:
            return db.execute(
                'SELECT DISTINCT ON (segment, destination) segment, destination, members, joined, "left", as_of '
                "FROM activation_ledger ORDER BY segment, destination, sequence DESC"
            ).fetchall()

    def _asked(self, segment: str, destination: str) -> bool:
        segments = self.config.segments
        return segment in segments and destination in segments[segment].destinations

    def _places(self) -> Grid:
        grid = _grid("Where", "", "")
        grid.add_row("import files", self.exports.uri("").rstrip("/"))
        if self.config.dashboard:
            grid.add_row("dashboard", self.exports.uri("dashboard/index.html"))
        grid.add_row("Dagster home", str(self.settings.home / "dagster"))
        return grid

    def _remembered(self) -> int:
        """What suppresses though its record is gone: of a record that is there again its event says what it means."""
        with self.lake.connect(ENGAGEMENT_EVENTS, HEARD_SUPPRESSIONS) as db:
            [(found,)] = db.sql(
                "SELECT count(*) FROM heard_suppressions ANTI JOIN engagement_events USING (event_id)"
            ).fetchall()
        return int(found)

    def _waiting(self) -> list[int]:
        """Good records of each arrival day of which no events were made yet, because something could not be built."""
        made = self.lake.inputs(ENGAGEMENT_EVENTS)
        days = self.lake.read(ARRIVAL_DAYS, ["arrival_date", "good"]).to_pylist()
        return [day["good"] for day in days if day["good"] and str(day["arrival_date"]) not in made]

    def _row(self, table: Table, columns: str, where: str = "true") -> tuple[Any, ...]:
        with self.lake.connect(table) as db:
            [row] = db.sql(f"SELECT {columns} FROM {table.short_name} WHERE {where}").fetchall()
        return tuple(row)


def _grid(title: str, *headers: str) -> Grid:
    named = any(headers)
    grid = Grid(title=title, title_justify="left", title_style="bold", show_header=named, box=None, pad_edge=False)
    for number, header in enumerate(headers):
        first = number == 0
        grid.add_column(header, justify="left" if first or not named else "right", no_wrap=first)
    return grid
