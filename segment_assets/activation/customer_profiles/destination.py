"""A segment as an upload of profile attributes, held against a snapshot of the segment before it counts as told."""

import re
import time
import uuid
from dataclasses import replace
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.activation.customer_profiles.port import CustomerProfilesService, UploadJob, UploadJobRequest
from segment_assets.activation.customer_profiles.rules import judge
from segment_assets.activation.customer_profiles.segment import (
    KEY,
    asks_for,
    at,
    attribute_names,
    fields,
    segment_groups,
    upload_file,
)
from segment_assets.activation.plan import Held, Order, Plan
from segment_assets.activation.port import ActivationError, Destination, Receipt, Sorted, State, Status
from segment_assets.activation.sorting import by_verdict
from segment_assets.lake import Lake
from segment_assets.segmentation import CustomerProfilesDestination
from segment_assets.waiting import Pace

FILE = "part-000.csv"
WORDING = "1"  # raise it when the file says something else for the same rows
TOLERANCE = 0.001  # share of rows that may be refused
DIFFERENCE = 0.005  # share of members by which the snapshot may differ; leavers may not at all
LEAST = 60.0  # seconds that a snapshot is waited for, however late it is asked for
LINES_SHOWN = 10

_STATES: dict[str, State] = {
    "CREATED": "PENDING",
    "IN_PROGRESS": "RUNNING",
    "SUCCEEDED": "SUCCEEDED",
    "PARTIALLY_SUCCEEDED": "PARTIAL",
    **dict.fromkeys(("FAILED", "STOPPED"), "FAILED"),
}


class CustomerProfilesImport(Destination):
    """One upload job per activation, and one segment definition for good.

    Args:
        service: Customer Profiles, or its stand-in.
        to: the destination's settings.
        segment: the segment's name.
    """

    def __init__(self, service: CustomerProfilesService, to: CustomerProfilesDestination, segment: str) -> None:
        self.service, self.to = service, to
        self.names = attribute_names(segment, to.attribute_prefix)
        self.fields = fields(self.names, to.matching_key)
        self.groups = segment_groups(self.names)
        self.definition = self.defined = f"{to.attribute_prefix}{segment}"
        self.poll_seconds = service.poll_seconds

    @property
    def wording(self) -> str:
        """What the content depends on besides the rows."""
        return f"{WORDING} {self.to.domain} {self.to.matching_key} {self.definition}"

    @property
    def target(self) -> dict[str, object]:
        """What to send to: the segment definition. A later version has a name of its own, once it is made."""
        return {"DomainName": self.to.domain, "SegmentDefinitionName": self.defined, "SegmentGroups": self.groups}

    def renewed(self, order: Order) -> Order:
        """The order, told anew after half the time for which the service keeps what it was told."""
        half = max(self.to.expires_after.days // 2, 1)
        return replace(order, wording=f"{order.wording} {order.as_of.toordinal() // half}")

    def ready(self) -> None:
        """The domain is there."""
        self.service.ready(self.to.domain)

    def running(self, order: Order) -> list[Receipt]:
        """Upload jobs of the segment that were started and have not ended; one that is CREATED does nothing."""
        jobs = self._jobs(order)
        return [Receipt(job["JobId"], job["DisplayName"], 0) for job in jobs if job["Status"] == "IN_PROGRESS"]

    def sort_out(self, rows: pa.Table) -> Sorted:
        """By the documented rules of an upload."""
        content = upload_file(rows, self.names, "0" * 12, date.min)
        return by_verdict(rows, judge(content, self.fields, KEY), FILE)

    def absent(self, plan: Plan, held: Held) -> set[str]:
        """Leavers whom a snapshot does not show: the profile was deleted or has expired, and a row would make it anew.

        Believed where every earlier upload has had its time to show, and where the snapshot shows who stays.
        """
        leaving = set(plan.rows.filter(pc.equal(plan.rows["state"], "out"))["customer_id"].to_pylist())
        staying = set(held.told["customer_id"].to_pylist()) - leaving
        defined = asks_for(self.service.segment_groups(self.to.domain, self.definition), self.groups)
        if not (leaving and staying and defined and self._all_settled(plan.order)):
            return set()
        status, there = self._snapshot(plan, self.definition, time.monotonic())
        if status != "COMPLETED" or len(staying - there) > DIFFERENCE * len(staying):
            return set()
        return leaving - there

    def submit(self, lake: Lake, plan: Plan) -> Receipt:
        """Make the job, put the file, start it: each only where an earlier run did not."""
        job, next_name = self._job(plan)
        if job is None or job["Status"] == "CREATED":
            content = upload_file(plan.rows, self.names, plan.content_key[:12], plan.order.as_of)
            self._refuse_what_the_service_would(content)
            self.service.put(self._folder(plan) + FILE, content)
            job = job or {"JobId": self.service.create_upload_job(self._request(next_name))}
            self.service.upload(self.to.domain, job["JobId"], content)
            self.service.start_upload_job(self.to.domain, job["JobId"])
        return Receipt(job["JobId"], self.service.location(self._folder(plan)), plan.rows.num_rows)

    def poll(self, receipt: Receipt) -> Status:
        """The job's state in our words; an end with failed records is PARTIAL."""
        job = self.service.get_upload_job(self.to.domain, str(receipt.job_id))
        state, results = _STATES[job["Status"]], job.get("ResultsSummary", {})
        failed = results.get("FailedRecords", 0)
        done = results.get("UpdatedRecords", 0) + results.get("CreatedRecords", 0)
        reason = job.get("StatusReason")
        return Status("PARTIAL" if failed and state == "SUCCEEDED" else state, done, failed, [reason] if reason else [])

    def verify(self, plan: Plan, receipt: Receipt, status: Status) -> None:
        """Hardly a row refused, no profile made that was not to be, and the snapshot holds whom it should."""
        if status.state == "FAILED":
            raise self._mistake(plan, receipt, status, "")
        self._refuse_new_profiles(plan, receipt)
        target = self._ensure_definition(plan)
        complete = receipt.rows == status.processed + status.failed
        if status.failed > TOLERANCE * receipt.rows or not complete:
            raise self._mistake(plan, receipt, status, self._difference(plan, target, time.monotonic()))
        if differs := self._once_settled(plan, target):
            raise self._mistake(plan, receipt, status, differs)

    def _refuse_new_profiles(self, plan: Plan, receipt: Receipt) -> None:
        job = self.service.get_upload_job(self.to.domain, str(receipt.job_id))
        made = job.get("ResultsSummary", {}).get("CreatedRecords", 0)
        # Where nobody is told in, it can only be leavers whom the domain has deleted.
        if made and not self.to.create_profiles and "in" in plan.rows["state"].to_pylist():
            raise ActivationError(
                f"{plan.order.destination}: the upload made {made:,} profiles that {self.to.domain} did not have: "
                f"either {self.to.matching_key} is not where it keeps the customer's id (matching_key), or new "
                "profiles are wanted (create_profiles: on), as in a domain that is still empty: on one machine each is "
                "at first. Nothing was committed: mend segmentation.yaml, and run the asset again."
            )

    def _jobs(self, order: Order) -> list[UploadJob]:
        """Every upload of the segment at this destination, whatever it told."""
        below = f"{self.definition}/{order.destination}/"
        return [job for job in self.service.list_upload_jobs(self.to.domain) if job["DisplayName"].startswith(below)]

    def _all_settled(self, order: Order) -> bool:
        return all(self._shows(job) for job in self._jobs(order) if job["Status"] != "CREATED")

    def _shows(self, job: UploadJob) -> bool:
        """The job ended so long ago that what it did is seen in a segment."""
        done, within = job.get("CompletedAt"), self.service.settles_within
        return within == 0 or (done is not None and (datetime.now(UTC) - done).total_seconds() > within)

    def _job(self, plan: Plan) -> tuple[UploadJob | None, str]:
        """The job for this content whose work holds, and the name of the next: it is what a client token would be."""
        name = f"{self.definition}/{plan.order.destination}/{plan.folder.partition('/')[2]}{FILE.partition('.')[0]}"
        attempts = {n: job for job in self.service.list_upload_jobs(self.to.domain) if (n := _attempt(job, name))}
        if not attempts:
            return None, name
        last = attempts[max(attempts)]
        return None if self._undone(last, plan) else last, f"{name}-r{max(attempts) + 1}"

    def _request(self, name: str) -> UploadJobRequest:
        return {
            "DomainName": self.to.domain,
            "DisplayName": name,
            "Fields": self.fields,
            "UniqueKey": KEY,
            "DataExpiry": self.to.expires_after.days,
        }

    def _refuse_what_the_service_would(self, content: bytes) -> None:
        verdict = judge(content, self.fields, KEY)
        if problems := [verdict.file] if verdict.file else verdict.refused:
            raise ActivationError(
                f"Customer Profiles would refuse {len(problems):,} rows of {FILE}, so nothing was sent: {problems[0]}"
            )

    def _undone(self, job: UploadJob, plan: Plan) -> bool:
        """The job failed, or what it did is not there any more: the file must be sent again."""
        if job["Status"] in ("FAILED", "STOPPED"):
            return True
        if job["Status"] in ("CREATED", "IN_PROGRESS"):
            return False
        results = self.service.get_upload_job(self.to.domain, job["JobId"]).get("ResultsSummary", {})
        if results.get("FailedRecords", 0) > TOLERANCE * plan.rows.num_rows:
            return True
        if job.get("CompletedAt") and not self._shows(job):
            return False  # it may not show yet
        # An upload of long ago, of a ledger that was lost, or overwritten since by somebody else.
        return bool(self._difference(plan, self._ensure_definition(plan), time.monotonic()))

    def _ensure_definition(self, plan: Plan) -> str:
        """The definition that asks for our attributes. None is ever changed: campaigns may hang on it."""
        version, name = 1, self.definition
        while (there := self.service.segment_groups(self.to.domain, name)) and not asks_for(there, self.groups):
            version += 1
            name = f"{self.definition}-v{version}"
        if there is None:
            display = f"{plan.order.segment}: {plan.order.purpose}"[:255]
            self.service.create_segment_definition(self.to.domain, name, display, self.groups)
        self.defined = name
        return name

    def _once_settled(self, plan: Plan, target: str) -> str:
        """How the segment differs from the plan, once it does not or the time is over: changes take a while to show."""
        until, differs = time.monotonic() + self.service.settles_within, ""
        for _ in Pace(self.poll_seconds, deadline=self.service.settles_within).turns():
            if not (differs := self._difference(plan, target, until)):
                break
        return differs

    def _difference(self, plan: Plan, target: str, until: float) -> str:
        status, there = self._snapshot(plan, target, until)
        return difference(plan, there) if status == "COMPLETED" else f"the snapshot of {target} is {status}"

    def _snapshot(self, plan: Plan, target: str, until: float) -> tuple[str, set[str | None]]:
        """How a snapshot of the segment ended, and the customers in it."""
        # A place of its own for each: what an earlier snapshot left would be read with it.
        key = f"{self._folder(plan)}snapshot-{uuid.uuid4().hex[:12]}/"
        snapshot = self.service.create_segment_snapshot(self.to.domain, target, key)
        status, within = "", max(until - time.monotonic(), LEAST)
        for _ in Pace(self.poll_seconds, deadline=within).turns():
            if (status := self.service.snapshot_status(self.to.domain, target, snapshot)) != "IN_PROGRESS":
                break
        try:
            read = self.service.read_snapshot(key) if status == "COMPLETED" else ()
            return status, {at(profile, self.to.matching_key) for profile in read}
        finally:  # with this one those that killed runs left behind
            self.service.remove_snapshots(f"{plan.order.destination}/{plan.order.segment}/")

    def _folder(self, plan: Plan) -> str:
        return f"{plan.order.destination}/{plan.folder}"

    def _mistake(self, plan: Plan, receipt: Receipt, status: Status, differs: str) -> ActivationError:
        return ActivationError(
            f"{plan.order.destination}: upload job {receipt.job_id} of {plan.order.segment} ended {status.state}: "
            f"{status.processed:,} of {receipt.rows:,} rows taken, {status.failed:,} refused"
            + "".join(f"; {text}" for text in (*status.errors, differs) if text)
            + ". Nothing was committed: mend that, and run the asset again."
        )


def difference(plan: Plan, there: set[str | None]) -> str:
    """How who is there differs from who should be, by line of the file; empty where it may.

    A leaver who is still there is never within bounds: it may be one who withdrew consent.
    """
    wanted = set(plan.afterwards["customer_id"].to_pylist())
    sent = plan.rows["customer_id"].to_pylist()
    left = {c for c, state in zip(sent, plan.rows["state"].to_pylist(), strict=True) if state == "out"} - wanted
    staying, missing, more = there & left, wanted - there, there - wanted
    if not staying and len(missing) + len(more) <= DIFFERENCE * max(len(wanted), 1):
        return ""
    lines = [str(line) for line, customer in enumerate(sent, start=2) if customer in missing or customer in staying]
    named = f" (lines {', '.join(lines[:LINES_SHOWN])}{', ...' if lines[LINES_SHOWN:] else ''} of {FILE})"
    return (
        f"the segment lacks {len(missing):,} of {len(wanted):,} members, and holds {len(staying):,} who left and "
        f"{len(more) - len(staying):,} others" + (named if lines else "")
    )


def _attempt(job: UploadJob, name: str) -> int:
    """1 for the job of that name, n for its n-th attempt, 0 for another's."""
    found = re.fullmatch(re.escape(name) + r"(?:-r(\d+))?", job["DisplayName"])
    return int(found[1] or 1) if found else 0
