"""A model as a file: skops with a fixed list of trusted types, named by a pointer that knows its hash.

Written in this order: `<target>/<version>.skops`, then `<target>/current.json`. A kill between the two leaves the old
champion in service, and the next run writes the same file again. See docs/decisions/0005-models-are-skops-files.md.
"""

import hashlib
import io
import json
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version as installed_version
from typing import Any
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

import pyarrow as pa
import skops.io
from skops.io.exceptions import UnsupportedTypeException, UntrustedTypesFoundException

from segment_assets.lake import ObjectStore, combined, content_hash
from segment_assets.modelling.model import Model, Part

# Besides skops' own list of scikit-learn's and numpy's types. Nothing that a file names is added at run time.
TRUSTED = ["numpy.dtype", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]
LIBRARIES = ("scikit-learn", "skops")


class ModelError(Exception):
    """A model file that is not what its pointer says, or can't be read here."""


@dataclass(frozen=True)
class Stored:
    """The model in service: what `current.json` says of it.

    Attributes:
        target: what it predicts.
        version: hash of training rows, parameters, seed, code and libraries.
        sha256: of the model file.
        libraries: versions it was trained with.
        features: what it reads.
        trained_until: nearly every outcome it was trained on was known by this day.
        training_rows: how many examples it was trained and calibrated on.
        won: the contest in which it was installed: test results, losses, reasons.
        last_contest: the latest contest, which it won or survived.
        card: the model card, markdown, as of the contest it won.
    """

    target: str
    version: str
    sha256: str
    libraries: dict[str, str]
    features: list[str]
    trained_until: str
    training_rows: int
    won: dict[str, Any]
    last_contest: dict[str, Any]
    card: str

    @property
    def shown(self) -> str:
        """The card, and below it what the last contest said where the model stayed."""
        return "\n".join([self.card, *filter(None, [self.last_contest.get("since")])])

    @property
    def key(self) -> str:
        """Where the model file lies."""
        return f"{self.target}/{self.version}.skops"


def version_of(rows: pa.Table, code: str) -> str:
    """A model's version: the hash of its training rows and of the code, configuration and libraries behind it."""
    return combined({"rows": content_hash(rows), "code": code})[:16]


def libraries() -> dict[str, str]:
    """Versions that a model file depends on."""
    return {name: installed_version(name) for name in LIBRARIES}


def dumps(model: Model) -> bytes:
    """The model as a skops file; equal models make equal bytes."""
    parts = {"chance": model.chance, "amount": model.amount}
    plain = {
        "recipe": model.recipe,
        "kind": model.kind,
        "trained_until": model.trained_until.isoformat(),
        "parts": {name: dict(vars(part)) for name, part in parts.items() if part},
    }
    return _canonical(skops.io.dumps(plain))


def loads(content: bytes, where: str) -> Model:
    """The model in a skops file.

    Raises:
        ModelError: it names types that are not on the list, or is no skops file.
    """
    try:
        plain = skops.io.loads(content, trusted=TRUSTED)
        parts = {name: Part(**part) for name, part in plain["parts"].items()}
        until = date.fromisoformat(plain["trained_until"])
        if ("amount" if plain["kind"] == "value" else "chance") not in parts:
            raise ValueError("a part is missing")
        return Model(plain["recipe"], plain["kind"], parts.get("chance"), parts.get("amount"), until)
    except UntrustedTypesFoundException as untrusted:
        raise ModelError(f"{where}: {_why(untrusted)}; only types on the fixed list are loaded") from untrusted
    except (BadZipFile, UnsupportedTypeException, KeyError, TypeError, ValueError) as bad:
        raise ModelError(f"{where}: not a model file of this project ({type(bad).__name__})") from bad


def save(store: ObjectStore, content: bytes, pointer: Stored) -> None:
    """Put the model file, then the pointer that puts it in service."""
    store.write(pointer.key, content)
    point(store, pointer)


def point(store: ObjectStore, pointer: Stored) -> None:
    """Replace `current.json`, whole or not at all."""
    store.write(_pointer(pointer.target), json.dumps(asdict(pointer), indent=1, sort_keys=True).encode())


def current(store: ObjectStore, target: str) -> Stored | None:
    """What is in service; None before the first model."""
    try:
        return Stored(**json.loads(store.read(_pointer(target))))
    except FileNotFoundError:
        return None
    except (TypeError, ValueError) as bad:
        raise ModelError(
            f"{store.uri(_pointer(target))} is damaged: delete it, then materialise trained_model/{target}"
        ) from bad


def load(store: ObjectStore, stored: Stored) -> Model:
    """The model in service, after its hash and the library versions were checked; see `read`."""
    return loads(read(store, stored), store.uri(stored.key))


def read(store: ObjectStore, stored: Stored) -> bytes:
    """The file of the model in service, after its hash and the library versions were checked.

    Raises:
        ModelError: missing, not the file that was written, or trained with another scikit-learn.
    """
    where, mend = store.uri(stored.key), f"materialise trained_model/{stored.target}"
    try:
        content = store.read(stored.key)
    except FileNotFoundError as missing:
        raise ModelError(f"{where} is missing: delete current.json beside it, then {mend}") from missing
    if hashlib.sha256(content).hexdigest() != stored.sha256:
        raise ModelError(
            f"{where} is not the file that was written (its SHA-256 differs from the one recorded), so it is not "
            f"loaded: delete current.json beside it, then {mend}"
        )
    if not readable(stored):
        raise ModelError(f"{where} was trained with {stored.libraries}, and here are {libraries()}: {mend}")
    return content


def readable(stored: Stored) -> bool:
    """Whether the installed libraries are those it was trained with."""
    return stored.libraries == libraries()


def _pointer(target: str) -> str:
    return f"{target}/current.json"


def _why(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")


def _canonical(content: bytes) -> bytes:
    """The same skops file with ids numbered in order and times left out: skops names parts by memory address."""
    with ZipFile(io.BytesIO(content)) as given:
        schema = json.loads(given.read("schema.json"))
        files = {name: given.read(name) for name in given.namelist() if name != "schema.json"}
    ids: dict[int, int] = {}
    names: dict[str, str] = {}
    _renumber(schema, ids, names)
    out = io.BytesIO()
    with ZipFile(out, "w", compression=ZIP_DEFLATED) as written:
        for old, new in names.items():
            written.writestr(_undated(new), files[old])
        written.writestr(_undated("schema.json"), json.dumps(schema))
    return out.getvalue()


def _renumber(node: Any, ids: dict[int, int], names: dict[str, str]) -> None:
    if isinstance(node, list):
        for item in node:
            _renumber(item, ids, names)
    elif isinstance(node, dict):
        if "__id__" in node:
            node["__id__"] = ids.setdefault(node["__id__"], len(ids) + 1)
        if isinstance(node.get("file"), str):
            ending = node["file"].rpartition(".")[2]
            node["file"] = names.setdefault(node["file"], f"{len(names) + 1}.{ending}")
        for item in node.values():
            _renumber(item, ids, names)


def _undated(name: str) -> ZipInfo:
    info = ZipInfo(name)  # 1980-01-01
    info.compress_type = ZIP_DEFLATED
    return info
