"""An accepted query as it runs: one flat SELECT, or a whole custom program; and what both have in common."""

from collections import Counter

from segment_assets.clean_room import names
from segment_assets.clean_room.collaboration import Collaboration, ConfiguredTable
from segment_assets.clean_room.custom.check import Accepted
from segment_assets.clean_room.names import Resolved

Runnable = Resolved | Accepted


def tables(query: Runnable) -> list[ConfiguredTable]:
    """The configured tables of a query, each once, by name."""
    found = query.tables if isinstance(query, Accepted) else query.relations.values()
    return [table for _, table in sorted({t.name: t for t in found}.items())]


def uses(query: Runnable) -> Counter[str]:
    """How often a query uses each configured table: what its access budget pays for."""
    if isinstance(query, Resolved):
        return Counter(t.name for t in query.relations.values())
    collaboration = Collaboration("", "", "", {t.name: t for t in query.tables})
    return Counter(t.name for tree, cached in query.program.steps for t in names.tables(tree, collaboration, cached)[0])
