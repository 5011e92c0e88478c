"""What runs in SageMaker's container: `python -m segment_assets.modelling.sagemaker_entry train` (or `serve`).

Places are those of the container contract, https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms.html, or
what SageMaker's toolkit calls them in the environment.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

# Before ours, as in definitions.py: skops then finds scipy's functions sooner, which takes a tenth off a start.
import scipy.special  # noqa: F401  for what its import does

from segment_assets.modelling import artefact, exchange, sagemaker_serving
from segment_assets.modelling.learning import learn
from segment_assets.modelling.training import TrainingError

_ROOT = Path("/opt/ml")


def place(variable: str, default: str) -> Path:
    """A folder by the environment, else where the platform puts it."""
    return Path(os.environ.get(variable, _ROOT / default))


def train() -> None:
    """Hold the contest that lies in the channel; the model goes where models are taken from, the rest beside it.

    Raises:
        TrainingError: the rows do not carry a model; `failure` holds the sentence, and with it the job's FailureReason.
    """
    channel = place("SM_CHANNEL_TRAINING", "input/data/training")
    try:
        order = exchange.unpacked({p.name: p.read_bytes() for p in channel.iterdir()}, _hyperparameters())
        model, data = exchange.result(learn(order, "SageMaker"))
    except Exception as failed:
        place("SM_OUTPUT_DIR", "output").joinpath("failure").write_text(_reason(failed), encoding="utf-8")
        raise
    _write(place("SM_MODEL_DIR", "model"), model)
    _write(place("SM_OUTPUT_DATA_DIR", "output/data"), data)


def main(arguments: list[str]) -> None:
    """The word after the module's name says what to do; SageMaker itself says `train` or `serve`."""
    if arguments == ["serve"]:
        port = int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080"))
        sagemaker_serving.serve(place("SM_MODEL_DIR", "model"), port, os.environ.get(sagemaker_serving.SHA256))
    elif arguments == ["train"]:
        train()
    else:
        sys.exit(f"say train or serve, not {' '.join(arguments) or 'nothing'}")


def _hyperparameters() -> Mapping[str, str]:
    folder = place("SM_INPUT_CONFIG_DIR", "input/config")
    told: dict[str, str] = json.loads((folder / "hyperparameters.json").read_bytes())
    return told


def _reason(failed: Exception) -> str:
    # Our own sentences name no person; another library's message might.
    ours = isinstance(failed, TrainingError | artefact.ModelError)
    return str(failed) if ours else f"{type(failed).__name__}: see the job's log"


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    main(sys.argv[1:])
