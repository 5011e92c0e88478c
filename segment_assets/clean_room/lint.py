"""What a collaboration allows and is still unwise, for the owners of its tables."""

from segment_assets.clean_room import rules
from segment_assets.clean_room.collaboration import Collaboration
from segment_assets.clean_room.custom_rule import Custom


def lint(collaboration: Collaboration) -> list[str]:
    """One sentence each."""
    found = []
    for name, table in collaboration.tables.items():
        if table.rule:
            found += [f"{name}: {text}" for text in rules.warnings(table.rule)]
    found += [
        f"{name}: {rule.identity} is the identity column and may be shown: MIN, MAX and COLLECT beside a COUNT release "
        "single values, so name it in disallowedOutputColumns"
        for name, table in collaboration.tables.items()
        if isinstance(rule := table.rule, Custom)
        if rule.identity and rule.identity not in (rule.disallowed_output_columns or ())
    ]
    found += [
        f"{name}: both ids may be shown, so a query may list who is known to both members, one by one"
        for name, table in collaboration.tables.items()
        if (bridge := table.bridge) and bridge.source.shown and bridge.target.shown
    ]
    by_source: dict[str, set[str]] = {}
    for table in collaboration.tables.values():
        by_source.setdefault(table.source, set()).add(table.rule.type if table.rule else "none")
    found += [
        f"{source} is offered under a list rule and under another rule: "
        "rows that the list rule releases are not protected by the minimum of the other"
        for source, types in sorted(by_source.items())
        if {"LIST", "AGGREGATION"} <= types or {"LIST", "CUSTOM"} <= types
    ]
    private = {t.source for t in collaboration.tables.values() if isinstance(t.rule, Custom) and t.rule.user_column}
    return found + [
        f"{name} offers {table.source} without noise, and another table offers it under differential privacy: that "
        "protects nobody then"
        for name, table in collaboration.tables.items()
        if table.source in private and not (isinstance(table.rule, Custom) and table.rule.user_column)
    ]
