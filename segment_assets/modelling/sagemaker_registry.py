"""SageMaker's model registry: one group per target, one package per version, approval as promotion."""

from dataclasses import dataclass
from typing import Any

from segment_assets.modelling.artefact import Stored
from segment_assets.modelling.exchange import PARQUET_TYPE
from segment_assets.modelling.port import TrainerError
from segment_assets.modelling.sagemaker_jobs import Api, content_key, group_of

_LONGEST = 1024  # of an ApprovalDescription


@dataclass(frozen=True)
class Registry:
    """Packages of this deployment's models.

    Attributes:
        api: SageMaker.
        deployment: stands before the groups' names.
        image: what serves the models.
        instance_type: where they may be served.
    """

    api: Api
    deployment: str
    image: str
    instance_type: str

    def register(self, stored: Stored, model_url: str, job: str) -> None:
        """Put a model that won its contest into its target's group, to be approved; once per version."""
        group = self._group(stored.target)
        if self.api.find("DescribeModelPackageGroup", group, ModelPackageGroupName=group) is None:
            # deploy/ makes the groups of its targets; a new target's is made here, where the role may.
            told = f"What predicts {stored.target}"
            self.api.make(
                "CreateModelPackageGroup", group, ModelPackageGroupName=group, ModelPackageGroupDescription=told
            )
        if self._package(stored):
            return
        self.api.ask(
            "CreateModelPackage",
            group,
            ModelPackageGroupName=group,
            ModelPackageDescription=_told(stored),
            ModelApprovalStatus="PendingManualApproval",
            InferenceSpecification={
                "Containers": [{"Image": self.image, "ModelDataUrl": model_url}],
                "SupportedTransformInstanceTypes": [self.instance_type],
                "SupportedRealtimeInferenceInstanceTypes": [self.instance_type],
                "SupportedContentTypes": [PARQUET_TYPE],
                "SupportedResponseMIMETypes": [PARQUET_TYPE],
            },
            CustomerMetadataProperties={"version": stored.version, "sha256": stored.sha256, "training_job": job},
            # A lost answer is asked for again with the same token, and makes no second package.
            ClientToken=content_key(group, stored.version, stored.sha256),
        )

    def approve(self, stored: Stored) -> None:
        """Tell that the contest installs it. Who rejected it by hand is heard.

        Raises:
            TrainerError: there is no such package, or somebody rejected it.
        """
        group, found = self._group(stored.target), self._package(stored)
        if found is None:
            raise TrainerError(f"{group}: no model package says {_told(stored)}; a re-run registers it again")
        arn, status = found["ModelPackageArn"], found.get("ModelApprovalStatus")
        if status == "Rejected":
            raise TrainerError(
                f"{arn} won its contest, and somebody rejected it, so it does not go into service: set it to Approved "
                f"in SageMaker's model registry, then materialise trained_model/{stored.target}"
            )
        if status != "Approved":
            why = " ".join(stored.won["reasons"])[:_LONGEST]
            self.api.ask(
                "UpdateModelPackage",
                arn,
                ModelPackageArn=arn,
                ModelApprovalStatus="Approved",
                ApprovalDescription=why,
            )

    def find(self, stored: Stored) -> tuple[str | None, str]:
        """The ARN of a model's package, and its approval; None and nothing where it has none."""
        group = self._group(stored.target)
        there = self.api.find("DescribeModelPackageGroup", group, ModelPackageGroupName=group)
        found = self._package(stored) if there else None
        return (found["ModelPackageArn"], str(found.get("ModelApprovalStatus"))) if found else (None, "")

    def _group(self, target: str) -> str:
        return group_of(self.deployment, target)

    def _package(self, stored: Stored) -> dict[str, Any] | None:
        group = self._group(stored.target)
        more: dict[str, str] = {}
        while True:
            page = self.api.ask("ListModelPackages", group, ModelPackageGroupName=group, MaxResults=100, **more)
            for found in page["ModelPackageSummaryList"]:
                if found.get("ModelPackageDescription") == _told(stored):
                    return dict(found)
            if "NextToken" not in page:
                return None
            more = {"NextToken": page["NextToken"]}


def _told(stored: Stored) -> str:
    """A package's description, by which it is found: packages of a group have numbers, not names."""
    return f"{stored.target} {stored.version} sha256 {stored.sha256}"
