"""Steps 1 and 2: from landing objects to catalogued events and customers."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import dagster as dg
from pydantic import Field

from segment_assets.automation import (
    OWNERS,
    again_if_overtaken,
    arrival_days,
    at_a_gate,
    code_version,
    events_version,
    fresh_within,
    on_changed_data,
)
from segment_assets.first_party import (
    contract_customers,
    contract_events,
    customer_exports,
    engagement,
    event_account,
    gone,
    raw_events,
    readable_ids,
    suppression_assets,
    unread_suppressions,
)
from segment_assets.first_party import customers as customer_records
from segment_assets.first_party.checks import (
    are_read,
    consent_is_understood,
    names_somebody,
    no_addresses,
    objects_are_there,
    one_mapping,
    suppress_as_they_sound,
)
from segment_assets.first_party.deliveries import event_objects
from segment_assets.first_party.errors import LandingError
from segment_assets.first_party.formats.choice import format_of
from segment_assets.first_party.heard import heard_with
from segment_assets.first_party.loading import load
from segment_assets.first_party.tables import (
    CUSTOMERS,
    ENGAGEMENT_EVENTS,
    HEARD_SUPPRESSIONS,
    QUARANTINED_CUSTOMERS,
    RAW_EVENTS,
    of_another_mapping,
)
from segment_assets.first_party.vocabulary import NAMES
from segment_assets.lake import Lake, ObjectStore, combined
from segment_assets.promises import check_columns
from segment_assets.reporting import Result, blocking, contract_check, contracts, report, spec_metadata
from segment_assets.segmentation import Segmentation

# Loading records and making events of them take turns: no day that lands meanwhile is judged by events it has not yet.
EVENTS_POOL = "events"
GROUP = "first_party"
NO_ADDRESSES = "No id is an e-mail address or a telephone number: ids stay readable everywhere."
LANDING_EVENTS, LANDING_CUSTOMERS = dg.AssetKey("landing_events"), dg.AssetKey("landing_customers")
RAW, EVENTS, PEOPLE = dg.AssetKey("raw_events"), dg.AssetKey("engagement_events"), dg.AssetKey("customers")


class Days(dg.Config):
    """Which arrival days to make again; left empty: those that can differ from what is there."""

    first_day: str = Field("", description="first arrival day to make again, such as 2026-01-31; empty: from the first")
    last_day: str = Field("", description="last arrival day to make again; empty: to the last")

    def asked(self) -> tuple[date, date] | None:
        """First and last day; None where neither was given.

        Raises:
            LandingError: a day is no day, or the first is after the last.
        """
        try:
            first, last = (date.fromisoformat(d) if d else None for d in (self.first_day, self.last_day))
        except ValueError as bad:
            raise LandingError(
                "engagement_events: first_day and last_day are days such as 2026-01-31, or empty; nothing was made"
            ) from bad
        if first and last and first > last:
            raise LandingError(
                f"engagement_events: first_day, {first}, is after last_day, {last}: exchange them; nothing was made"
            )
        return (first or date.min, last or date.max) if first or last else None


def assets(config: Segmentation) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The landing places, and what is made of them.

    Raises:
        ConfigError: a contract promises something of a column that is not there.
    """
    for place, (_, contract) in config.landing.events.contracts.items():
        check_columns(contract.columns, ENGAGEMENT_EVENTS.schema, place)
    if promised := config.landing.customers.contract:
        check_columns(promised.columns, CUSTOMERS.schema, "landing.customers.contract")
    lists = suppression_assets.assets(config)
    return [*_landing(config), _raw_events(config), _engagement_events(config), _customers(config), *lists]


def _landing(config: Segmentation) -> list[dg.AssetSpec]:
    common: dict[str, Any] = {
        "group_name": GROUP,
        "kinds": {"file"},
        "owners": OWNERS,
        "freshness_policy": fresh_within(config.policy.fresh_within),
    }
    return [
        dg.AssetSpec(
            LANDING_EVENTS,
            description="Objects with engagement events, as they arrive. A sensor reports each arrival day's version.",
            partitions_def=arrival_days,
            metadata={
                "path": ", ".join(config.landing.events.by_path),
                "format": ", ".join(one.format for one in config.landing.events.by_path.values()),
            },
            **common,
        ),
        dg.AssetSpec(
            LANDING_CUSTOMERS,
            description="Exports of customers, as they arrive; the latest is read. A sensor reports its version.",
            metadata={"path": config.landing.customers.path, "format": config.landing.customers.format},
            **common,
        ),
    ]


def _raw_events(config: Segmentation) -> dg.AssetsDefinition:
    landing_config, form = config.landing.events, format_of(config.landing.events)
    code = events_version(landing_config)

    @dg.asset(
        key=RAW,
        pool=EVENTS_POOL,
        group_name=GROUP,
        kinds={"iceberg", "python"},
        owners=OWNERS,
        deps=[LANDING_EVENTS],
        partitions_def=arrival_days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        # No output, but an event per day: an output would give all days of a run one version.
        output_required=False,
        code_version=code,
        freshness_policy=fresh_within(config.policy.fresh_within),
        automation_condition=at_a_gate,
        metadata=spec_metadata(RAW_EVENTS),
        check_specs=[blocking("nothing_lost", RAW, "Every record delivered is in raw_events or in quarantine.")],
    )
    def raw_events_asset(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], landing: dg.ResourceParam[ObjectStore]
    ) -> Iterator[dg.AssetCheckResult]:
        """Every delivered event record, exactly as it came, by the day it arrived.

        What is no valid record is kept beside it in quarantine, with the reason. A day is replaced whole.
        """
        before = raw_events.states(lake)
        objects = event_objects(landing, landing_config)
        lost: list[str] = []
        days = [date.fromisoformat(key) for key in context.partition_keys]
        # A file that can't be read fails the run once all other days are written: nothing waits for it to be mended.
        for loaded in load(landing, form, objects, days, lake.scratch, partial(raw_events.loaded_from, lake)):
            with again_if_overtaken():
                versions = raw_events.write(lake, loaded, context.run.run_id, code, before)
            counts = raw_events.verify(lake, loaded)
            lost += [day for day, count in counts.items() if not count.nothing_lost]
            for day, version in versions.items():
                context.log_event(
                    dg.AssetMaterialization(
                        RAW,
                        partition=day,
                        tags={"dagster/data_version": version, "dagster/code_version": code},
                        metadata={"dagster/partition_row_count": counts[day].good, "as_of": day, **asdict(counts[day])},
                    )
                )
        yield dg.AssetCheckResult(check_name="nothing_lost", passed=not lost, metadata={"days": lost})

    return raw_events_asset


def _engagement_events(config: Segmentation) -> dg.AssetsDefinition:
    where, form = config.landing.events, format_of(config.landing.events)
    promises = [contract for _, contract in where.contracts.values()]
    named = [(p, one.table.kept_names, one.path) for p, one in where.by_place.items() if one.table]
    tables = {one.path: one.table for one in where.by_path.values() if one.table}
    code = events_version(where)

    @dg.asset(
        key=EVENTS,
        pool=EVENTS_POOL,
        group_name=GROUP,
        kinds={"iceberg", "sql", "python"},
        owners=OWNERS,
        deps=[RAW],
        # A contract that changed is looked at again, and no day is made again for it.
        code_version=code_version("first_party", code, *(promises or (None,))),
        freshness_policy=fresh_within(config.policy.fresh_within),
        automation_condition=on_changed_data,
        metadata=spec_metadata(ENGAGEMENT_EVENTS),
        check_specs=[
            blocking("nothing_lost", EVENTS, "Every good record is an event, a duplicate or a test record."),
            blocking("keys_unique", EVENTS, "No event is there twice on its arrival day."),
            blocking("schema", EVENTS, "Columns, types and event names are those that are described."),
            blocking("one_mapping", EVENTS, "Every day was made by the code and the mapping in force."),
            dg.AssetCheckSpec(
                "suppressions_name_somebody",
                asset=EVENTS,
                description="Every unsubscribe, complaint and bounce names somebody.",
            ),
            dg.AssetCheckSpec(
                "suppressions_are_read",
                asset=EVENTS,
                description="No unsubscribe, complaint or bounce lies in quarantine.",
            ),
            dg.AssetCheckSpec(
                "objects_are_there",
                asset=EVENTS,
                description="No object whose events were there is gone since the last run.",
            ),
            dg.AssetCheckSpec(
                "names_suppress_as_they_sound",
                asset=EVENTS,
                description="No name in a table of one's own sounds like an opt-out and suppresses nobody.",
            ),
            dg.AssetCheckSpec("ids_are_no_addresses", asset=EVENTS, description=NO_ADDRESSES),
            *contracts(EVENTS, promises),
        ],
    )
    def engagement_events(context: dg.AssetExecutionContext, config: Days, lake: dg.ResourceParam[Lake]) -> Result:
        """What customers did: one row per event, duplicates dropped, one schema for every source."""
        with again_if_overtaken():
            stale = engagement.days_to_make(lake, code, config.asked())
            left = gone.leaving(lake, [*map(date.fromisoformat, stale)])
            written, days = engagement.update(lake, form, code, context.run.run_id, config.asked())
        account = event_account.account(lake)
        unknown = event_account.departures(lake, NAMES)
        checks = [
            dg.AssetCheckResult(check_name="nothing_lost", passed=account.nothing_lost, metadata=asdict(account)),
            dg.AssetCheckResult(check_name="keys_unique", passed=account.keys == account.events),
            dg.AssetCheckResult(check_name="schema", passed=not unknown, metadata={"departures": unknown}),
            names_somebody(account.suppress_nobody),
            are_read(unread_suppressions.count(lake, tables)),
            no_addresses(readable_ids.count(lake, readable_ids.OF_EVENTS)),
            objects_are_there(left),
            one_mapping(of_another_mapping(lake.inputs(ENGAGEMENT_EVENTS), code), len(written.versions)),
        ]
        names = {place: event_account.perhaps_suppressions(lake, kept, path) for place, kept, path in named}
        checks.append(suppress_as_they_sound(names))
        if promises:
            checks.append(contract_check(*contract_events.of_every_source(lake, where, _today())))
        heard = lake.state(HEARD_SUPPRESSIONS)
        told: dict[str, Any] = {"days_made": days, "remembered": heard.rows} | asdict(account)
        if tables:
            told["perhaps_suppressions"] = dict(sum(map(Counter, names.values()), Counter[str]()))
        return report(written, checks=checks, version=heard_with(written, heard), **told)

    return engagement_events


def _customers(config: Segmentation) -> dg.AssetsDefinition:
    where = config.landing.customers

    @dg.asset(
        key=PEOPLE,
        pool="customers",
        group_name=GROUP,
        kinds={"iceberg", "python"},
        owners=OWNERS,
        deps=[LANDING_CUSTOMERS],
        code_version=code_version("first_party", where, libraries=["phonenumbers", "idna", "pyarrow"]),
        freshness_policy=fresh_within(config.policy.fresh_within),
        automation_condition=at_a_gate,
        metadata=spec_metadata(CUSTOMERS),
        check_specs=[
            blocking("nothing_lost", PEOPLE, "Every record delivered is used, a duplicate, or in quarantine."),
            blocking("no_readable_address", PEOPLE, "Outside the raw zone no text is an e-mail address or a number."),
            dg.AssetCheckSpec("ids_are_no_addresses", asset=PEOPLE, description=NO_ADDRESSES),
            dg.AssetCheckSpec(
                "consent_is_understood",
                asset=PEOPLE,
                description="Every value of consent is a word that is known for it.",
            ),
            *contracts(PEOPLE, where.contract),
        ],
    )
    def customers(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], landing: dg.ResourceParam[ObjectStore]
    ) -> Result:
        """Our customers, one row each: hashed addresses to join on, and beside them endpoints and consent."""
        before = customer_records.states(lake)
        export = customer_exports.read(landing, where, _today())
        customer_exports.refuse_nobody(export, where, before[CUSTOMERS].rows)
        with again_if_overtaken():
            written = customer_records.write(lake, export, where.phone_region, context.run.run_id, before)
        quarantined = written[QUARANTINED_CUSTOMERS].rows
        whole = export.nothing_lost(written)
        readable = customer_records.readable_columns(lake)
        checks = [
            dg.AssetCheckResult(check_name="nothing_lost", passed=whole),
            dg.AssetCheckResult(check_name="no_readable_address", passed=not readable, metadata={"columns": readable}),
            no_addresses(readable_ids.count(lake, readable_ids.OF_CUSTOMERS)),
            consent_is_understood(export.strange),
        ]
        if where.contract:
            sizes = customer_exports.export_sizes(landing, where)
            found = contract_customers.findings(lake, where.contract, export, sizes, _today())
            checks.append(contract_check(found, "landing.customers.contract"))
        return report(
            written[CUSTOMERS],
            tags=config.landing.tags,
            checks=checks,
            version=combined({table.name: state.version for table, state in written.items()}),
            delivered=export.delivered,
            duplicates=export.duplicates,
            quarantined=quarantined,
            unusable_addresses=customer_records.unusable_addresses(lake),
            dated_in_the_future=export.ahead,
            no_word_for_consent=sum(export.strange.values()),
            rows_by_table={table.name: state.rows for table, state in written.items()},
        )

    return customers


def _today() -> date:
    return datetime.now(UTC).date()
