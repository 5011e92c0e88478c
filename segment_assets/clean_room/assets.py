"""Steps 4 and 5 as Dagster sees them: the collaboration, and one result per query."""

import json
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

import dagster as dg
import pyarrow as pa

from segment_assets import collaboration_config
from segment_assets.automation import (
    OWNERS,
    again_if_overtaken,
    at_a_gate,
    code_version,
    fresh_within,
    on_changed_data_once_a_day,
)
from segment_assets.clean_room import offered as offers
from segment_assets.clean_room import protected_query, results, runnable
from segment_assets.clean_room.checker import Checked, check
from segment_assets.clean_room.circumstances import Circumstances, PrivacyBudget, Run
from segment_assets.clean_room.collaboration import Collaboration, CollaborationError, declare
from segment_assets.clean_room.custom.check import Accepted
from segment_assets.clean_room.custom.privacy import is_private
from segment_assets.clean_room.lint import lint
from segment_assets.clean_room.port import CleanRoom
from segment_assets.clean_room.privacy import assets as private_assets
from segment_assets.clean_room.privacy import shape
from segment_assets.clean_room.privacy.query import PrivateQuery
from segment_assets.clean_room.privacy.template import from_config as budget_template
from segment_assets.clean_room.protected_query import Outcome, ProtectedQuery
from segment_assets.first_party.tables import CUSTOMERS
from segment_assets.lake import Lake, Table
from segment_assets.lake.tags import tagged
from segment_assets.reporting import Result, as_of_text, blocking, report, spec_metadata
from segment_assets.segmentation import Segmentation
from segment_assets.third_party.tables import partner_audience, permitted_audience

GROUP = "clean_room"
LIBRARIES = ("duckdb", "sqlglot")
PURPOSE = "marketing"  # of the consent that segments ask for
COLLABORATION = dg.AssetKey("collaboration")
SOURCES = {"customers": dg.AssetKey("customers"), "partner_audience": dg.AssetKey("partner_audience")}


def assets(config: Segmentation) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """The collaboration and its queries' results; nothing where nobody collaborates.

    Raises:
        CollaborationError: the declaration does not fit the tables.
        QueryRefusedError: a query breaks the rules.
        ResultError: a query's result can't be kept as a table.
    """
    if config.collaboration is None:
        return []
    queries = protected_queries(config, config.collaboration)
    private = private_queries(config, config.collaboration)
    deps = [*SOURCES.values(), COLLABORATION]
    return [
        _collaboration(config, config.collaboration),
        *(_result(config, query) for query in queries),
        *(private_assets.result(config, query, GROUP, _assets_of(query), deps) for query in private),
    ]


def sources(config: Segmentation) -> dict[str, Table]:
    """The catalog tables that can be offered, by short name, with the tags of their owners.

    Where rows say what they permit there is one more for each purpose that tables are offered for.
    """
    audience, tags = config.audience, config.audience.tags if config.audience else {}
    found = {CUSTOMERS: config.landing.tags, partner_audience(audience): tags}
    if audience and audience.governed and config.collaboration:
        for purpose in config.collaboration.purposes().values():
            found[permitted_audience(audience, purpose)] = tags | {"purpose": purpose}
    return {t.short_name: tagged(t, dict.fromkeys(t.schema.names, said)) for t, said in found.items()}


def declared(config: Segmentation, offered: collaboration_config.Collaboration) -> Collaboration:
    """The collaboration of segmentation.yaml, checked against the tables as they are declared."""
    return declare(offered, {name: t.schema for name, t in sources(config).items()})


def privacy_budget(offered: collaboration_config.Collaboration) -> PrivacyBudget | None:
    """The declared budget for tables under differential privacy."""
    if (declared_ := offered.privacy_budget) is None:
        return None
    return PrivacyBudget(epsilon=declared_.epsilon, users_noise_per_query=declared_.users_noise_per_query)


def private_queries(config: Segmentation, offered: collaboration_config.Collaboration) -> list[PrivateQuery]:
    """Every query of segmentation.yaml under differential privacy, checked and ready to run."""
    if (budget := offered.privacy_budget) is None:
        return []
    tables, found = sources(config), []
    for name, query in offered.queries.items():
        path = f"segmentation.yaml: collaboration.queries.{name}.sql"
        checked = _checked(name, config, offered)
        if (accepted := checked.custom) is None or not _is_private(checked):
            continue
        _refuse_other_purposes(path.removesuffix(".sql"), query, offered, {t.name for t in accepted.tables})
        who = declared(config, offered)
        catalog = offers.schemas(who, {n: t.schema for n, t in tables.items()})
        made, trace, table = shape.prepared(name, query, accepted, catalog, path)
        text, uses = _said(offered, name), runnable.uses(accepted)
        template, per_day = budget_template(budget), offered.queries_per_day
        told = (name, text, accepted, made, query.bounds, trace, table, tables, who, template, per_day, uses)
        found.append(PrivateQuery(*told, template_run(who, query)))
    return found


def _checked(name: str, config: Segmentation, offered: collaboration_config.Collaboration) -> Checked:
    collaboration = declared(config, offered)
    run = template_run(collaboration, offered.queries[name])
    return check(offered.text_of(name), collaboration, Circumstances(run=run, privacy_budget=privacy_budget(offered)))


def _is_private(checked: Checked) -> bool:
    return checked.custom is not None and any(is_private(table) for table in checked.custom.tables)


def protected_queries(config: Segmentation, offered: collaboration_config.Collaboration) -> list[ProtectedQuery]:
    """Every query of segmentation.yaml that runs without noise, checked and ready to run."""
    collaboration, tables = declared(config, offered), sources(config)
    engine = ", ".join(f"{library} {version(library)}" for library in LIBRARIES)
    found = []
    for name, query in offered.queries.items():
        path = f"segmentation.yaml: collaboration.queries.{name}"
        if _is_private(checked := _checked(name, config, offered)):
            continue
        said = f"{path}.{'template' if query.template else 'sql'}"
        resolved = checked.runnable(said)
        _refuse_other_purposes(path, query, offered, {t.name for t in runnable.tables(resolved)})
        text, of = offered.text_of(name), template_run(collaboration, query)
        catalog = offers.schemas(collaboration, {n: t.schema for n, t in tables.items()})
        table = results.table(name, query.description, resolved, catalog, said)
        per_day = offered.queries_per_day
        found.append(ProtectedQuery(name, text, resolved, table, tables, collaboration, per_day, engine, of))
    return found


def _said(offered: collaboration_config.Collaboration, name: str) -> str:
    """The text with the values of its parameters: with other values it is another question."""
    values = sorted(offered.queries[name].parameters.items())
    return offered.text_of(name) + "".join(f"\n-- :{k} = {_literal(v)}" for k, v in values)


def template_run(collaboration: Collaboration, query: collaboration_config.Query) -> Run | None:
    """The run of an analysis template that a query is; None for free text."""
    if query.template is None:
        return None
    values = {name: _literal(value) for name, value in query.parameters.items()}
    return Run(query.template, collaboration.templates[query.template].creator, values)


def _literal(value: str | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _collaboration(config: Segmentation, offered: collaboration_config.Collaboration) -> dg.AssetsDefinition:
    @dg.asset(
        key=COLLABORATION,
        deps=list(SOURCES.values()),
        group_name=GROUP,
        kinds={"json"},
        owners=OWNERS,
        code_version=code_version(GROUP, config.collaboration, config.audience),
        freshness_policy=fresh_within(config.policy.fresh_within),
        automation_condition=at_a_gate,
    )
    def collaboration(lake: dg.ResourceParam[Lake]) -> Result:
        """Who works together, which tables each member offers, and under which analysis rules.

        A column that is offered and that the catalog lacks fails the run.
        """
        tables = sources(config)
        found = declare(offered, {n: _in_catalog(lake, t) for n, t in tables.items()})
        return dg.MaterializeResult(
            metadata=describe(found) | {"as_of": as_of_text(lake.as_of(*tables.values()))},
            data_version=dg.DataVersion(found.version),
        )

    return collaboration


def _result(config: Segmentation, query: ProtectedQuery) -> dg.AssetsDefinition:
    key = dg.AssetKey(["clean_room_results", query.name])

    @dg.asset(
        key=key,
        deps=[*SOURCES.values(), COLLABORATION],
        group_name=GROUP,
        kinds={"iceberg", "sql"},
        owners=OWNERS,
        code_version=code_version(GROUP, config.collaboration, config.audience, libraries=LIBRARIES),
        freshness_policy=fresh_within(config.policy.fresh_within),
        automation_condition=on_changed_data_once_a_day,
        metadata=spec_metadata(query.table),
        description=query.table.description,
        check_specs=[
            blocking("minimum_group_size_kept", key, "Every group that left is large enough, recomputed."),
            blocking("keys_unique", key, "Every row of the result has its own key."),
        ],
    )
    def clean_room_result(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], clean_room: dg.ResourceParam[CleanRoom]
    ) -> Result:
        with again_if_overtaken():
            outcome = protected_query.run(query, lake, clean_room, context.run.run_id)
        trace = results.traced(query.resolved)
        return report(
            outcome.written,
            trace=trace,
            made_by=_assets_of(query),
            checks=[
                dg.AssetCheckResult(
                    check_name="minimum_group_size_kept",
                    passed=outcome.minimum_kept,
                    metadata={"recounted": outcome.recounted},
                ),
                dg.AssetCheckResult(check_name="keys_unique", passed=outcome.keys_unique),
            ],
            reused=outcome.reused,
            **(_match_rate(query, outcome, lake) | dict(outcome.cost)),
        )

    return clean_room_result


def describe(collaboration: Collaboration) -> dict[str, Any]:
    """Members, configured tables and rules, for the UI."""
    lines = ["| configured table | owner | catalog table | rule | allowed columns |", "|---|---|---|---|---|"]
    lines += [
        f"| {t.name} | {t.owner} | {' and '.join(t.sources)} | {t.rule.type if t.rule else 'none'} "
        f"| {', '.join(t.columns)} |"
        for t in collaboration.tables.values()
    ]
    return {
        "members": dg.MetadataValue.json([collaboration.runner, collaboration.provider]),
        "configured_tables": dg.MetadataValue.md("\n".join(lines)),
        "declaration": dg.MetadataValue.json(json.loads(json.dumps(collaboration.declaration()))),
        "lint": dg.MetadataValue.json(lint(collaboration)),
    }


def _match_rate(query: ProtectedQuery, outcome: Outcome, lake: Lake) -> dict[str, Any]:
    # A list rule gives the runner its own matched customers, so this tells it nothing new. A filter or a limit would
    # make another number of it, and an aggregation rule never says who matched.
    if isinstance(query.resolved, Accepted):
        return {}
    tree = query.resolved.tree
    filtered = tree.args.get("where") or tree.args.get("limit")
    if not tree.args.get("distinct") or filtered or "customer_id" not in outcome.rows.column_names:
        return {}
    customers = lake.state(CUSTOMERS).rows
    matched = len(outcome.rows["customer_id"].unique())
    return {"matched_customers": matched, "coverage": round(matched / customers, 4) if customers else 0.0}


def _assets_of(query: ProtectedQuery | PrivateQuery) -> dict[str, dg.AssetKey]:
    """Catalog table -> the asset that makes it; tables of single purposes are made with the whole."""
    return {name: SOURCES.get(name, SOURCES["partner_audience"]) for name in query.sources}


def _refuse_other_purposes(
    path: str, query: collaboration_config.Query, offered: collaboration_config.Collaboration, used: Iterable[str]
) -> None:
    """A result is for what its tables are offered for, and features are for marketing."""
    purposes = {purpose: name for name, purpose in sorted(offered.purposes().items()) if name in set(used)}
    if len(purposes) > 1:
        raise CollaborationError(
            f"{path}.sql: reads tables offered for more than one purpose: {', '.join(sorted(purposes))}; ask one each"
        )
    if query.use_as_features and (other := sorted(set(purposes) - {PURPOSE})):
        raise CollaborationError(
            f"{path}.use_as_features: {purposes[other[0]]} is offered for {other[0]}, and features choose whom "
            f"{PURPOSE} reaches: offer it for {PURPOSE} (its key purpose), or make no features of the result"
        )


def _in_catalog(lake: Lake, table: Table) -> pa.Schema:
    # What the table is, not what it should be: a partner may have dropped a column since.
    # The lake reads a column that is not there as empty, so the catalog itself is asked.
    if not lake.catalog.table_exists(table.name):
        return table.schema
    return lake.catalog.load_table(table.name).schema().as_arrow()
