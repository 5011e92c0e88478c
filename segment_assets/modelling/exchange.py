"""What is handed to a job and what it hands back, as files: Parquet for rows, JSON for facts, skops for models.

Floats survive: Parquet keeps their bits, and JSON writes the shortest text that reads back as the same double.
"""

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from segment_assets.modelling.artefact import Stored
from segment_assets.modelling.port import Learnt, TrainingOrder
from segment_assets.segmentation import Target

Files = Mapping[str, bytes]
MODEL, FACTS, BACKTEST = "model.skops", "facts.json", "backtest.parquet"
_EXAMPLES, _ORDER, _CHAMPION = "examples.parquet", "order.json", "champion.skops"
PARQUET_TYPE = "application/vnd.apache.parquet"


def packed(order: TrainingOrder) -> dict[str, bytes]:
    """An order as the files of a training channel, without what its hyperparameters say."""
    definition = {
        # Written as the user writes them: pydantic's own form of a duration is not one that the file may have.
        name: f"{value.days}d" if isinstance(value, timedelta) else value
        for name, value in order.definition.model_dump().items()
    }
    told = {"definition": definition, "spend": order.spend, "late": order.late.days}
    files = {_EXAMPLES: to_parquet(order.rows), _ORDER: json.dumps(told, sort_keys=True).encode()}
    return files if order.champion is None else files | {_CHAMPION: order.champion}


def hyperparameters(order: TrainingOrder) -> dict[str, str]:
    """What a job's page shows of the order."""
    return {"target": order.target, "version": order.version}


def unpacked(files: Files, told: Mapping[str, str]) -> TrainingOrder:
    """The order again, from the channel's files and the hyperparameters."""
    order = json.loads(files[_ORDER])
    return TrainingOrder(
        target=told["target"],
        definition=Target.model_validate(order["definition"]),
        spend=(order["spend"][0], order["spend"][1]) if order["spend"] else None,
        version=told["version"],
        rows=from_parquet(files[_EXAMPLES]),
        champion=files.get(_CHAMPION),
        late=timedelta(days=order["late"]),
    )


def result(learnt: Learnt) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Files for the model's folder, and files that are not to be handed out with the model: its backtest has people."""
    facts: dict[str, Any] = {"facts": learnt.facts, "stored": asdict(learnt.stored) if learnt.stored else None}
    model = {FACTS: json.dumps(facts, sort_keys=True).encode()}
    if learnt.content is not None:
        model[MODEL] = learnt.content
    return model, {BACKTEST: to_parquet(learnt.backtest)}


def learnt(model: Files, data: Files, where: str) -> Learnt:
    """The result again, from the two folders."""
    told = json.loads(model[FACTS])
    stored = Stored(**told["stored"]) if told["stored"] else None
    return Learnt(told["facts"], from_parquet(data[BACKTEST]), stored, model.get(MODEL), where)


def to_parquet(rows: pa.Table) -> bytes:
    """Rows as one Parquet file."""
    out = io.BytesIO()
    pq.write_table(rows, out, compression="snappy")
    return out.getvalue()


def from_parquet(content: bytes) -> pa.Table:
    """The rows of one Parquet file, in one piece, as they were before they were written."""
    return pq.read_table(pa.BufferReader(content)).combine_chunks()


def joined(parts: Sequence[bytes]) -> pa.Table:
    """The rows of several, in order."""
    return pa.concat_tables(from_parquet(part) for part in parts).combine_chunks()


def to_tar(files: Files) -> bytes:
    """Files as a model.tar.gz; no clock in it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def from_tar(content: bytes) -> dict[str, bytes]:
    """The plain files at the top of a tar.gz, in memory: nothing that an archive names is written anywhere."""
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
        found = {entry.name.removeprefix("./"): archive.extractfile(entry) for entry in archive if entry.isfile()}
        return {name: opened.read() for name, opened in found.items() if opened}
