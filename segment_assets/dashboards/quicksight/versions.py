"""The dashboard itself: a version per definition, and the one that people see.

A version's description is the hash of its definition: what is there already is not made again, though it be an earlier
version, and versions do not pile up.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from segment_assets.dashboards.port import PublishError
from segment_assets.dashboards.quicksight.calls import Answer, Api
from segment_assets.waiting import Pace

# To look, and no more: what it shows is made here, not there. A reader's three, as AWS's example grants them:
# https://docs.aws.amazon.com/quicksight/latest/developerguide/update-dashboard-permissions.html
MAY = ("quicksight:DescribeDashboard", "quicksight:ListDashboardVersions", "quicksight:QueryDashboard")


@dataclass(frozen=True)
class Board:
    """One dashboard.

    Attributes:
        api: QuickSight.
        name: its id.
        principal: ARN of the user or group that sees it.
        pace: of waiting.
    """

    api: Api
    name: str
    principal: str
    pace: Pace

    def show(self, title: str, definition: dict[str, Any]) -> int:
        """Have the definition published, and seen by the principal; returns the version.

        Raises:
            PublishError: QuickSight did not take the definition.
        """
        told = f"segment-assets {_hash(title, definition)}"
        asked = {"DashboardId": self.name, "Name": title, "VersionDescription": told, "Definition": definition}
        known = self._versions()
        if known is None:
            granted = [{"Principal": self.principal, "Actions": list(MAY)}]
            self.api.make("CreateDashboard", self.name, Permissions=granted, **asked)
        elif _newest(told, known) is None:
            self.api.once(
                "UpdateDashboard", self.name, lambda: _newest(told, self._versions() or []) is not None, **asked
            )
        version = self._await(told, {v["VersionNumber"] for v in known or () if _failed(v)})
        if self._published() != version:
            self.api.ask("UpdateDashboardPublishedVersion", self.name, DashboardId=self.name, VersionNumber=version)
        if known is not None:
            self._grant()
        return version

    def _await(self, told: str, failed_before: set[int]) -> int:
        def look() -> Answer | None:
            versions = [v for v in self._versions() or [] if v["VersionNumber"] not in failed_before]
            number = _newest(told, versions, failed=True)
            if number is None:
                return None  # what was just made may not be listed yet
            found = self.api.ask("DescribeDashboard", self.name, DashboardId=self.name, VersionNumber=number)
            version: Answer = found["Dashboard"]["Version"]
            return None if version["Status"].endswith("_IN_PROGRESS") else version

        version = self.pace.until(look)
        if version is None:
            raise PublishError(
                f"QuickSight's dashboard {self.name} was not done after {self.pace.deadline / 60:.0f} minutes; a "
                "re-run waits again"
            )
        if _failed(version):
            why = "; ".join(f"{e.get('Type')}: {e.get('Message')}" for e in version.get("Errors", ()))
            raise PublishError(
                f"QuickSight did not take version {version['VersionNumber']} of the dashboard {self.name}: "
                f"{why or 'no reason was given'}; the version before stays, and a re-run tries again"
            )
        return int(version["VersionNumber"])

    def _versions(self) -> list[Answer] | None:
        found: list[Answer] = []
        more: dict[str, str] = {}
        while True:
            page = self.api.find("ListDashboardVersions", self.name, DashboardId=self.name, MaxResults=100, **more)
            if page is None:
                return None
            found += page["DashboardVersionSummaryList"]
            if not page.get("NextToken"):
                return found
            more = {"NextToken": page["NextToken"]}

    def _published(self) -> int | None:
        found = self.api.find("DescribeDashboard", self.name, DashboardId=self.name)
        return int(found["Dashboard"]["Version"]["VersionNumber"]) if found else None

    def _grant(self) -> None:
        """Whoever else was let see it in QuickSight still may."""
        found = self.api.ask("DescribeDashboardPermissions", self.name, DashboardId=self.name)
        held = {a for p in found.get("Permissions", ()) if p["Principal"] == self.principal for a in p["Actions"]}
        if not held >= set(MAY):
            granted = [{"Principal": self.principal, "Actions": list(MAY)}]
            self.api.ask("UpdateDashboardPermissions", self.name, DashboardId=self.name, GrantPermissions=granted)


def _newest(told: str, versions: list[Answer], *, failed: bool = False) -> int | None:
    """The newest version of that description; whether one that failed counts is said."""
    numbers = [int(v["VersionNumber"]) for v in versions if v.get("Description") == told and (failed or not _failed(v))]
    return max(numbers, default=None)


def _failed(version: Answer) -> bool:
    return bool(version["Status"].endswith("_FAILED"))


def _hash(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
