"""Who fits models and asks them: the run's own process, or a service that is given the same rows and the same code.

What crosses this port is rows and files; what comes back is the same, byte for byte, whoever did the work.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from segment_assets.segmentation import Target

if TYPE_CHECKING:  # both import scikit-learn, which takes two seconds, and every process loads the definitions
    from segment_assets.modelling.artefact import Stored
    from segment_assets.modelling.model import Model


class TrainerError(Exception):
    """Why training or scoring did not come to its end, and what takes it up again."""


@dataclass(frozen=True)
class TrainingOrder:
    """A contest to be held.

    Attributes:
        target: name of the target.
        definition: what is predicted, from segmentation.yaml.
        spend: event and metric that count as past spend; None where there are none.
        version: the challenger's: hash of rows, configuration, code and libraries.
        rows: training examples with features, from `matrix.examples`.
        champion: model file of the rival in service; None without one.
        late: how much later than they happen outcomes are known.
    """

    target: str
    definition: Target
    spend: tuple[str, str] | None
    version: str
    rows: pa.Table
    champion: bytes | None
    late: timedelta = timedelta(0)


@dataclass(frozen=True)
class Learnt:
    """What a contest came to.

    Attributes:
        facts: `version`, `installed`, `reasons`, `losses`, `candidates`, tests.
        backtest: rows of table `backtest`.
        stored: what `current.json` is to say of the new model; None where the champion stays.
        content: the new model file; None where the champion stays.
        where: who did the work, for the asset's page.
    """

    facts: dict[str, Any]
    backtest: pa.Table
    stored: "Stored | None"
    content: bytes | None
    where: str


@dataclass(frozen=True)
class ScoringOrder:
    """Customers to be scored.

    Attributes:
        target: name of the target.
        version: of the model in service.
        content: its file, after its hash was checked.
        model: the same, loaded.
        rows: eligible customers with features, from `matrix.scoring_rows`.
    """

    target: str
    version: str
    content: bytes
    model: "Model"
    rows: pa.Table


@dataclass(frozen=True)
class Said:
    """What a model said: columns of `scoring.said`, one row per row asked about, in the same order; and who asked."""

    rows: pa.Table
    where: str


class Trainer(ABC):
    """Whoever fits models and asks them."""

    @abstractmethod
    def learn(self, order: TrainingOrder) -> Learnt:
        """Hold the contest. The same order gives the same bytes, and a killed run's work is taken up.

        Raises:
            TrainingError: the rows do not carry a model.
            TrainerError: the work did not come to its end; of a job whose rows carry no model, the same sentence.
        """

    @abstractmethod
    def promote(self, stored: "Stored") -> None:
        """Tell that a new model goes into service; called before it does, and again after a kill."""

    @abstractmethod
    def serve(self, stored: "Stored") -> str:
        """Have the model in service answer single requests, where that is asked for; called whenever it is looked at.

        Returns:
            what answers, or why nothing does, for the asset's page.

        Raises:
            TrainerError: nothing answers with this model.
        """

    @abstractmethod
    def say(self, order: ScoringOrder) -> Said:
        """Score and explain.

        Raises:
            TrainerError: the work did not come to its end.
        """
