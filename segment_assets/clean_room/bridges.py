"""ID mapping tables of segmentation.yaml, checked against the catalog."""

from collections.abc import Iterable, Iterator, Mapping

import pyarrow as pa

from segment_assets import collaboration_config
from segment_assets.clean_room.id_mapping import Bridge, Side
from segment_assets.id_mapping_config import IdMappingSide
from segment_assets.segmentation import nearest
from segment_assets.third_party.tables import NAME as PARTNERS
from segment_assets.third_party.tables import permitted_name

_PATH = "segmentation.yaml: collaboration.id_mapping_tables"


def catalog_table(table: str, purpose: str, catalog: Iterable[str]) -> str:
    """The catalog table behind an offer: where rows say what they permit, each purpose has one of its own.

    So no query can reach the rows that permit something else.
    """
    permitted = permitted_name(purpose) if table == PARTNERS else ""
    return permitted if permitted in catalog else table


def declared(
    config: collaboration_config.Collaboration, catalog: Mapping[str, pa.Schema]
) -> tuple[dict[str, Bridge], list[str]]:
    """Every bridge by its name, and one sentence per mistake.

    Args:
        config: the section `collaboration`.
        catalog: catalog table -> its schema.
    """
    found, wrong = {}, []
    for name, table in config.id_mapping_tables.items():
        source, target = (_side(s, catalog) for s in (table.source, table.target))
        bridge = Bridge(source, target, tuple(tuple(rule.items()) for rule in table.match))
        if name in catalog:
            wrong.append(f"{_PATH}.{name}: a catalog table has that name: give the bridge another")
        elif mistakes := list(_mistakes(f"{_PATH}.{name}", bridge, catalog)):
            wrong += mistakes
        else:
            found[name] = bridge
    return found, wrong


def _side(of: IdMappingSide, catalog: Mapping[str, pa.Schema]) -> Side:
    return Side(catalog_table(of.table, of.purpose, catalog), of.id, of.may_be_shown)


def _mistakes(path: str, bridge: Bridge, catalog: Mapping[str, pa.Schema]) -> Iterator[str]:
    source, target = catalog[bridge.source.table], catalog[bridge.target.table]
    unknown = list(_unknown(f"{path}.source.id", bridge.source.table, source, [bridge.source.id]))
    unknown += _unknown(f"{path}.target.id", bridge.target.table, target, [bridge.target.id])
    pairs = [pair for rule in bridge.match for pair in rule]
    unknown += _unknown(f"{path}.match", bridge.source.table, source, [one for one, _ in pairs])
    unknown += _unknown(f"{path}.match", bridge.target.table, target, [other for _, other in pairs])
    yield from unknown
    for one, other in () if unknown else pairs:
        if (kind := source.field(one).type) != (its := target.field(other).type):
            yield f"{path}.match: {one} is {kind} and {other} is {its}: match columns of one type"


def _unknown(place: str, table: str, schema: pa.Schema, names: Iterable[str]) -> Iterator[str]:
    for name in names:
        if name not in schema.names:
            yield f'{place}: no column "{name}" in {table} {nearest(name, schema.names)}'
