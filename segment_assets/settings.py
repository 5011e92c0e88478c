"""What every adapter is made from."""

from dataclasses import dataclass
from pathlib import Path

from segment_assets.aws_config import Aws
from segment_assets.segmentation import Segmentation

DEPLOYMENT_VARIABLE = "SEGMENT_ASSETS_DEPLOYMENT"


class DeploymentError(Exception):
    """The deployment asked for can't be had, and what can."""


@dataclass(frozen=True)
class Settings:
    """What adapters are made from.

    Attributes:
        home: folder that holds everything the embedded deployment writes.
        segmentation: the user's file.
        landing_place: folder where the first party's data lands.
        partner_place: folder where the partner's data lands.
        memory_limit: what one DuckDB connection may use.
        threads: threads of one DuckDB connection.
    """

    home: Path
    segmentation: Segmentation
    landing_place: Path
    partner_place: Path
    memory_limit: str = "1GB"
    threads: int = 2

    @property
    def aws(self) -> Aws:
        """Where things are on AWS.

        Raises:
            DeploymentError: the file does not say.
        """
        if self.segmentation.aws is None:
            raise DeploymentError(
                f"{DEPLOYMENT_VARIABLE}=aws: segmentation.yaml has no section aws: it says where things are there "
                "(docs/segmentation.md)"
            )
        return self.segmentation.aws
