"""A domain of Customer Profiles, in a folder or on the double, and one segment told to it."""

from collections.abc import Iterator
from typing import Any

from segment_assets.activation.activate import Outcome, activate, stages
from segment_assets.activation.customer_profiles.destination import CustomerProfilesImport
from segment_assets.activation.customer_profiles.embedded import FolderCustomerProfiles
from segment_assets.activation.customer_profiles.port import CustomerProfilesService
from segment_assets.activation.recipients import wanted
from segment_assets.lake import Lake
from segment_assets.segmentation import CustomerProfilesDestination
from segment_assets_tests.activation.world import PEOPLE, order
from segment_assets_tests.aws_double.customer_profiles import CustomerProfiles
from segment_assets_tests.aws_double.front import AwsDouble
from segment_assets_tests.aws_double.services import the

DOMAIN = "customers"
EMPTY = "nobody-yet"


def to(**settings: Any) -> CustomerProfilesDestination:
    return CustomerProfilesDestination(**({"kind": "customer_profiles_import", "domain": DOMAIN} | settings))


def told(lake: Lake, service: CustomerProfilesService, **changed: Any) -> Outcome:
    """One activation of the segment as it was last decided."""
    settings = changed.pop("settings", {})
    job = CustomerProfilesImport(service, to(**settings), "win_back")
    asked = job.renewed(order("profiles", wording=job.wording, **changed))
    return activate(lake, job, asked, wanted(lake, "win_back", "members"), "run", 60)


def staged(lake: Lake, service: CustomerProfilesService, **settings: Any) -> Iterator[str]:
    job = CustomerProfilesImport(service, to(**settings), "win_back")
    asked = job.renewed(order("profiles", wording=job.wording))
    return stages(lake, job, asked, wanted(lake, "win_back", "members"), "run", 60)


def known(service: FolderCustomerProfiles) -> None:
    """The folder's domain has everyone's profile."""
    service._write(f"domains/{DOMAIN}/profiles.json", {p: {"AccountNumber": p} for p in PEOPLE})


def profiles(service: CustomerProfilesService, double: AwsDouble | None) -> dict[str, dict[str, str]]:
    """Customer -> attributes, of all that the domain has."""
    if isinstance(service, FolderCustomerProfiles):
        kept = service._profiles(DOMAIN)
    else:
        assert double
        kept = the(double, CustomerProfiles).domains[DOMAIN]["profiles"]
    return {customer: profile.get("Attributes", {}) for customer, profile in kept.items()}


def forget(service: CustomerProfilesService, double: AwsDouble | None, customer: str) -> None:
    """DeleteProfile, by whoever keeps the domain."""
    if isinstance(service, FolderCustomerProfiles):
        kept = service._profiles(DOMAIN)
        del kept[customer]
        service._write(f"domains/{DOMAIN}/profiles.json", kept)
    else:
        assert double
        del the(double, CustomerProfiles).domains[DOMAIN]["profiles"][customer]


def members(attributes: dict[str, dict[str, str]]) -> dict[str, str]:
    """Customer -> score of all that are in."""
    return {c: a["pred_win_back_score"] for c, a in attributes.items() if a.get("pred_win_back_state") == "in"}
