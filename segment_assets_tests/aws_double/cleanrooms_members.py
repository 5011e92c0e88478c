"""Collaborations, which every member sees, and memberships, each of one account."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import uuid4

from segment_assets_tests.aws_double.service import AwsError, Caller, FakeService

ABILITIES = "memberAbilities"


class Members(FakeService):
    """Who works together. Stores are by id; `account` says whose a thing is.

    Attributes:
        page_size: things in one answer of a list, so that paging is used.
    """

    name: ClassVar[str] = "cleanrooms"

    def __init__(self) -> None:
        super().__init__()
        self.page_size = 3
        self.collaborations: dict[str, dict[str, Any]] = {}
        self.members: dict[str, dict[str, dict[str, Any]]] = {}
        self.memberships: dict[str, dict[str, Any]] = {}
        self.account_of: dict[str, str] = {}

    def create_collaboration(
        self, caller: Caller, name: str, members: list[dict[str, Any]], **asked: Any
    ) -> dict[str, Any]:
        new = self._new(caller, "collaboration")
        payer = asked.get("creatorPaymentConfiguration", {"queryCompute": {"isResponsible": True}})
        creator = {
            "accountId": caller.account,
            "displayName": asked["creatorDisplayName"],
            "abilities": asked["creatorMemberAbilities"],
            "paymentConfiguration": payer,
        }
        others = [
            {
                "accountId": m["accountId"],
                "displayName": m["displayName"],
                "abilities": m[ABILITIES],
                "paymentConfiguration": m.get("paymentConfiguration", {"queryCompute": {"isResponsible": False}}),
            }
            for m in members
        ]
        self.collaborations[new["id"]] = (
            new
            | {
                "name": name,
                "creatorAccountId": caller.account,
                "creatorDisplayName": asked["creatorDisplayName"],
                "queryLogStatus": asked["queryLogStatus"],
                "analyticsEngine": asked.get("analyticsEngine", "SPARK"),
            }
            | ({"description": asked["description"]} if "description" in asked else {})
        )
        self.members[new["id"]] = {m["accountId"]: m | _times() | {"status": "INVITED"} for m in [creator, *others]}
        return self.get_collaboration(caller, new["id"])

    def get_collaboration(self, caller: Caller, collaborationIdentifier: str) -> dict[str, Any]:  # noqa: N803
        found = self._collaboration(caller, collaborationIdentifier)
        mine = {m["id"]: m for m in self.memberships.values() if m["collaborationId"] == found["id"]}
        of_caller = next((m for i, m in mine.items() if self.account_of[i] == caller.account), None)
        joined = {"membershipId": of_caller["id"], "membershipArn": of_caller["arn"]} if of_caller else {}
        status = self.members[found["id"]][caller.account]["status"]
        return {"collaboration": found | {"memberStatus": status} | joined}

    def list_collaborations(self, caller: Caller, **asked: Any) -> dict[str, Any]:
        seen = [i for i, members in self.members.items() if caller.account in members]
        views = [self.get_collaboration(caller, i)["collaboration"] for i in seen]
        left_out = {"queryLogStatus", "description"}
        views = [{k: v for k, v in one.items() if k not in left_out} for one in views]
        return self._page("collaborationList", views, asked)

    def update_collaboration(self, caller: Caller, collaborationIdentifier: str, **changes: Any) -> dict[str, Any]:  # noqa: N803
        self._collaboration(caller, collaborationIdentifier).update(changes)
        return self.get_collaboration(caller, collaborationIdentifier)

    def delete_collaboration(self, caller: Caller, collaborationIdentifier: str) -> dict[str, Any]:  # noqa: N803
        found = self._collaboration(caller, collaborationIdentifier)
        for membership in self.memberships.values():
            if membership["collaborationId"] == found["id"]:
                membership["status"] = "COLLABORATION_DELETED"
        del self.collaborations[found["id"]], self.members[found["id"]]
        return {}

    def list_members(self, caller: Caller, collaborationIdentifier: str, **asked: Any) -> dict[str, Any]:  # noqa: N803
        found = self._collaboration(caller, collaborationIdentifier)
        return self._page("memberSummaries", self.members[found["id"]].values(), asked)

    def create_membership(self, caller: Caller, collaborationIdentifier: str, **asked: Any) -> dict[str, Any]:  # noqa: N803
        of = self._collaboration(caller, collaborationIdentifier)
        member = self.members[of["id"]][caller.account]
        if member["status"] == "ACTIVE":
            raise AwsError("ConflictException", "this account has joined already", 409, reason="ALREADY_EXISTS")
        member["status"] = "ACTIVE"
        new = self._new(caller, "membership")
        self.memberships[new["id"]] = new | {
            "collaborationArn": of["arn"],
            "collaborationId": of["id"],
            "collaborationCreatorAccountId": of["creatorAccountId"],
            "collaborationCreatorDisplayName": of["creatorDisplayName"],
            "collaborationName": of["name"],
            "status": "ACTIVE",
            ABILITIES: member["abilities"],
            "queryLogStatus": asked["queryLogStatus"],
            "paymentConfiguration": asked.get("paymentConfiguration", member["paymentConfiguration"]),
        }
        return {"membership": self.memberships[new["id"]]}

    def get_membership(self, caller: Caller, membershipIdentifier: str) -> dict[str, Any]:  # noqa: N803
        return {"membership": self._membership(caller, membershipIdentifier)}

    def list_memberships(self, caller: Caller, status: str | None = None, **asked: Any) -> dict[str, Any]:
        mine = [m for i, m in self.memberships.items() if self.account_of[i] == caller.account]
        shown = [m for m in mine if status in (None, m["status"])]
        without = [{k: v for k, v in m.items() if k != "queryLogStatus"} for m in shown]
        return self._page("membershipSummaries", without, asked)

    def update_membership(self, caller: Caller, membershipIdentifier: str, **changes: Any) -> dict[str, Any]:  # noqa: N803
        self._membership(caller, membershipIdentifier).update(changes)
        return self.get_membership(caller, membershipIdentifier)

    def delete_membership(self, caller: Caller, membershipIdentifier: str) -> dict[str, Any]:  # noqa: N803
        found = self._membership(caller, membershipIdentifier)
        if found["status"] == "ACTIVE" and found["collaborationCreatorAccountId"] == caller.account:
            # "You can only leave a collaboration by deleting the collaboration", says AWS's guide to its creator.
            raise AwsError("ConflictException", "its creator can't leave it", 409, reason="INVALID_STATE")
        found["status"] = "REMOVED"
        self.members.get(found["collaborationId"], {}).get(caller.account, {})["status"] = "LEFT"
        return {}

    def _new(self, caller: Caller, kind: str, inside: str = "") -> dict[str, Any]:
        ident = str(uuid4())
        self.account_of[ident] = caller.account
        arn = f"arn:aws:cleanrooms:{caller.region}:{caller.account}:{kind}/{inside}{ident}"
        return {"id": ident, "arn": arn, **_times()}

    def _page(self, name: str, things: Iterable[dict[str, Any]], asked: dict[str, Any]) -> dict[str, Any]:
        every, start = list(things), int(asked.get("nextToken") or 0)
        size = min(self.page_size, asked.get("maxResults") or self.page_size)
        more = {"nextToken": str(start + size)} if start + size < len(every) else {}
        return {name: every[start : start + size], **more}

    def _collaboration(self, caller: Caller, ident: str) -> dict[str, Any]:
        if caller.account not in self.members.get(ident, {}):
            raise missing("COLLABORATION", ident)
        return self.collaborations[ident]

    def _membership(self, caller: Caller, ident: str) -> dict[str, Any]:
        if ident not in self.memberships or self.account_of[ident] != caller.account:
            raise missing("MEMBERSHIP", ident)
        return self.memberships[ident]


def missing(kind: str, ident: str) -> AwsError:
    """There is no such thing, or none that this account may see."""
    return AwsError("ResourceNotFoundException", "no such resource", 404, resourceId=ident, resourceType=kind)


def _times() -> dict[str, datetime]:
    now = datetime.now(UTC)
    return {"createTime": now, "updateTime": now}
