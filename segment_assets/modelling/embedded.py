"""Models fitted and asked in the run's own process."""

from typing import TYPE_CHECKING

from segment_assets.modelling.port import Learnt, Said, ScoringOrder, Trainer, TrainingOrder

if TYPE_CHECKING:
    from segment_assets.modelling.artefact import Stored

# Methods import what they need: scikit-learn takes two seconds, and every process loads the definitions.


class InProcess(Trainer):
    """Training and scoring as plain calls.

    Args:
        why: what is added to `where` on the asset's page.
    """

    def __init__(self, why: str = "") -> None:
        self._where = f"this run's process{f' ({why})' if why else ''}"

    def learn(self, order: TrainingOrder) -> Learnt:
        """Here and now."""
        from segment_assets.modelling.learning import learn

        return learn(order, self._where)

    def promote(self, stored: "Stored") -> None:
        """Nobody else is to be told: the pointer alone says what is in service."""

    def serve(self, stored: "Stored") -> str:
        """Nothing does: scores are made in batches."""
        return "no endpoint"

    def say(self, order: ScoringOrder) -> Said:
        """Here and now."""
        from segment_assets.modelling.scoring import parts, said_of

        return Said(said_of((part, order.model) for part in parts(order.rows)), self._where)


def trainer(settings: object) -> InProcess:
    """The embedded deployment's trainer; it has no settings."""
    return InProcess()
