"""Step 6 in Dagster: who is the same person, who lives together, and a graph to look it up."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import dagster as dg

from segment_assets.automation import OWNERS, again_if_overtaken, code_version, fresh_within, on_changed_data
from segment_assets.first_party.tables import CUSTOMER_ENDPOINTS, CUSTOMERS
from segment_assets.identity import invariants
from segment_assets.identity.edges import guarded_identifiers, identity_edges
from segment_assets.identity.guards import LIMITS, placeholders
from segment_assets.identity.households import resolve_households
from segment_assets.identity.keys import graph_key
from segment_assets.identity.persons import Resolved, resolve_persons
from segment_assets.identity.port import GraphStore
from segment_assets.identity.snapshot import take_snapshot
from segment_assets.identity.tables import HOUSEHOLD_ALIAS, HOUSEHOLDS, IDENTITY_EDGES, PERSON_ALIAS, PERSONS
from segment_assets.lake import Lake, Table, Written
from segment_assets.reporting import Result, as_of_text, blocking, report, spec_metadata
from segment_assets.segmentation import Segmentation

EDGES_KEY, PERSONS_KEY = dg.AssetKey("identity_edges"), dg.AssetKey("persons")
HOUSEHOLDS_KEY, GRAPH_KEY = dg.AssetKey("households"), dg.AssetKey("identity_graph")


def assets(config: Segmentation) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """Persons and households always; the graph where segmentation.yaml asks for it."""
    always: list[dg.AssetsDefinition | dg.AssetSpec] = [_edges(config), _persons(config), _households(config)]
    return [*always, _graph(config)] if config.identity_graph else always


def _edges(config: Segmentation) -> dg.AssetsDefinition:
    key, region = graph_key(), config.landing.customers.phone_region
    limits = replace(LIMITS, window=config.identity.confirmed_within)

    @dg.asset(
        key=EDGES_KEY,
        pool="identity_edges",
        group_name="identity",
        kinds={"iceberg", "sql"},
        owners=OWNERS,
        deps=["customers"],
        code_version=code_version("identity", key.fingerprint, config.identity, region),
        freshness_policy=fresh_within(config.policy.fresh_within),
        automation_condition=on_changed_data,
        metadata=spec_metadata(IDENTITY_EDGES) | {"graph_key": key.origin},
        check_specs=[blocking("identifiers_keyed", EDGES_KEY, "No identifier is readable, or a hash without the key.")],
    )
    def edges(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]) -> Result:
        """Which e-mail, phone, device and address each customer uses, as keyed hashes, and how many share it.

        Identifiers are keyed with SEGMENT_ASSETS_GRAPH_KEY from the environment. Without it a development key that
        everybody can read is used, and `graph_key: development` says so.
        """
        if key.origin == "development":
            context.log.warning("identity: keyed with the public development key; docs/identity.md says how to set one")
        stood, as_of = lake.state(IDENTITY_EDGES), lake.as_of(CUSTOMERS, CUSTOMER_ENDPOINTS)
        nobodys = placeholders(config.identity.placeholders.model_dump(), region)
        rows = identity_edges(lake, key, limits, nobodys)
        with again_if_overtaken():
            written = lake.write(IDENTITY_EDGES, rows, context.run.run_id, as_of=as_of, replacing=stood)
        return report(
            written,
            checks=[dg.AssetCheckResult(check_name="identifiers_keyed", passed=invariants.only_keyed(rows))],
            graph_key=key.origin,
            guards=dg.MetadataValue.json(guarded_identifiers(lake)),
        )

    return edges


def _persons(config: Segmentation) -> dg.AssetsDefinition:
    @dg.asset(
        key=PERSONS_KEY,
        pool="persons",
        group_name="identity",
        kinds={"iceberg", "python"},
        owners=OWNERS,
        deps=["customers", EDGES_KEY],
        code_version=code_version("identity", libraries=["scipy"]),
        freshness_policy=fresh_within(config.policy.fresh_within),
        automation_condition=on_changed_data,
        metadata=spec_metadata(PERSONS),
        check_specs=[
            blocking("every_customer_is_one_person", PERSONS_KEY, "Each customer is in exactly one person."),
            blocking("no_person_too_large", PERSONS_KEY, f"At most {LIMITS.person_maximum} customers are one person."),
            *_warnings(PERSONS_KEY),
        ],
    )
    def persons(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]) -> Result:
        """Which customers are one and the same person, under an id that stays from run to run."""
        stood = lake.states(PERSON_ALIAS, PERSONS)
        resolved, before = resolve_persons(lake, graph_key()), invariants.pairs(lake, PERSONS, "person_id")
        as_of = lake.as_of(CUSTOMERS, IDENTITY_EDGES)
        written = _write(lake, stood, resolved, context.run.run_id, as_of)
        misplaced = invariants.customers_not_in_one_person(lake)
        largest = invariants.largest(lake, PERSONS, "person_id")
        return report(
            written,
            checks=[
                _check("every_customer_is_one_person", misplaced == 0, customers=misplaced),
                _check("no_person_too_large", largest <= LIMITS.person_maximum, largest=largest),
                _joined_as_before("customers", before, invariants.pairs(lake, PERSONS, "person_id")),
                _few_in_quarantine("customers", resolved),
            ],
            **_summary(resolved),
        )

    return persons


def _households(config: Segmentation) -> dg.AssetsDefinition:
    @dg.asset(
        key=HOUSEHOLDS_KEY,
        pool="households",
        group_name="identity",
        kinds={"iceberg", "python"},
        owners=OWNERS,
        deps=[EDGES_KEY, PERSONS_KEY],
        code_version=code_version("identity", libraries=["scipy"]),
        freshness_policy=fresh_within(config.policy.fresh_within),
        automation_condition=on_changed_data,
        metadata=spec_metadata(HOUSEHOLDS),
        check_specs=[
            blocking("every_person_is_in_one_household", HOUSEHOLDS_KEY, "Each person is in exactly one household."),
            blocking("no_household_too_large", HOUSEHOLDS_KEY, f"At most {LIMITS.household_maximum} persons."),
            *_warnings(HOUSEHOLDS_KEY),
        ],
    )
    def households(context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake]) -> Result:
        """Which persons live together, under an id that stays from run to run: a holdout keeps whole households out."""
        stood = lake.states(HOUSEHOLD_ALIAS, HOUSEHOLDS)
        resolved, before = resolve_households(lake), invariants.pairs(lake, HOUSEHOLDS, "household_id")
        as_of = lake.as_of(PERSONS, IDENTITY_EDGES)
        written = _write(lake, stood, resolved, context.run.run_id, as_of)
        misplaced = invariants.persons_not_in_one_household(lake)
        largest = invariants.largest(lake, HOUSEHOLDS, "household_id")
        return report(
            written,
            checks=[
                _check("every_person_is_in_one_household", misplaced == 0, persons=misplaced),
                _check("no_household_too_large", largest <= LIMITS.household_maximum, largest=largest),
                _joined_as_before("persons", before, invariants.pairs(lake, HOUSEHOLDS, "household_id")),
                _few_in_quarantine("persons", resolved),
            ],
            **_summary(resolved),
        )

    return households


def _graph(config: Segmentation) -> dg.AssetsDefinition:
    @dg.asset(
        key=GRAPH_KEY,
        group_name="identity",
        kinds={"ladybug"},
        owners=OWNERS,
        deps=[EDGES_KEY, PERSONS_KEY, HOUSEHOLDS_KEY],
        code_version=code_version("identity", graph_key().fingerprint, libraries=["ladybug"]),
        freshness_policy=fresh_within(config.policy.fresh_within),
        automation_condition=on_changed_data,
    )
    def identity_graph(lake: dg.ResourceParam[Lake], graph: dg.ResourceParam[GraphStore]) -> Result:
        """People, households and devices as a graph, to look up who belongs together.

        A read index: built new from the tables, counted, then swapped in. Never the record.
        """
        snapshot = take_snapshot(lake, graph_key())
        served = graph.serve(snapshot)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": sum(served.counts.values()),
                "as_of": as_of_text(snapshot.as_of),
                "engine": served.engine,
                "counts": dg.MetadataValue.json(dict(served.counts)),
                "location": served.location,
            },
            data_version=dg.DataVersion(served.version),
        )

    return identity_graph


def _write(lake: Lake, stood: Mapping[Table, Written], resolved: Resolved, run_id: str, as_of: date | None) -> Written:
    """The aliases first: killed between the two, the next run finds both the old ids and what becomes of them.

    Args:
        lake: to write to.
        stood: the table of aliases and that of the rows, as they were before they were read.
        resolved: what is written.
        run_id: recorded in the snapshots.
        as_of: the oldest data time it rests on.
    """
    aliases, rows = stood
    with again_if_overtaken():
        lake.refuse_if_overtaken(stood)
        lake.write(aliases, resolved.aliases, run_id, as_of=as_of, replacing=stood[aliases])
        return lake.write(rows, resolved.rows, run_id, as_of=as_of, replacing=stood[rows])


def _check(name: str, passed: bool, **counts: int) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(check_name=name, passed=passed, metadata=counts)


def _warnings(key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    # They block nothing: who unsubscribed leaves by what is decided below.
    return [
        dg.AssetCheckSpec(
            "joined_as_before", asset=key, description="Not many times as many, or as few, are together."
        ),
        dg.AssetCheckSpec("few_in_quarantine", asset=key, description="No identifier joins strangers by the hundred."),
    ]


def _joined_as_before(who: str, before: int | None, now: int | None) -> dg.AssetCheckResult:
    then, pairs = before or 0, now or 0
    more = "join strangers" if pairs > then else "make such large clusters that they were taken apart"
    said = (
        f"{pairs:,} pairs of {who} are in one, where the run before had {then:,}: does something that many share {more}"
        "? docs/identity.md says how to find it"
    )
    told = said if invariants.jumped(before, now) else None
    return _warning("joined_as_before", told, pairs=pairs, pairs_before=then)


def _few_in_quarantine(who: str, resolved: Resolved) -> dg.AssetCheckResult:
    members, held = resolved.rows.num_rows, resolved.quarantined
    said = (
        f"{held:,} of {members:,} {who} are in quarantine, and nobody of them is sent to: something that many share "
        "joins strangers; docs/identity.md says how to find it"
    )
    told = said if invariants.many(held, members) else None
    return _warning("few_in_quarantine", told, quarantined=held, members=members)


def _warning(name: str, said: str | None, **counts: int) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=name,
        passed=said is None,
        severity=dg.AssetCheckSeverity.WARN,
        description=said,
        metadata=counts,
    )


def _summary(resolved: Resolved) -> dict[str, Any]:
    return {
        "clusters": resolved.clusters.count,
        "largest": resolved.largest,
        "largest_before_it_was_taken_apart": resolved.clusters.largest_found,
        "quarantined": resolved.quarantined,
        "ids_that_ended": resolved.aliases.num_rows,
    }
