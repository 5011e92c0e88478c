"""Plan, begin, submit, poll, verify, commit: the order that a kill between any two can't harm."""

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pyarrow.compute as pc

from segment_assets.activation import ledger
from segment_assets.activation.plan import Held, Order, Plan, plan, state
from segment_assets.activation.port import ActivationError, Destination, Receipt, Status
from segment_assets.lake import Lake
from segment_assets.waiting import Pace

DEADLINE = 2 * 60 * 60.0  # seconds: Pinpoint took at most minutes per million endpoints, and queues two jobs at a time


@dataclass(frozen=True)
class Outcome:
    """How an activation ended.

    Attributes:
        plan: what was planned.
        held: what the destination held before.
        receipt: what was handed over; None where nothing was sent.
        status: how it ended; None where nothing was sent.
        refused: `Sorted.refused`: who was left out, and why.
    """

    plan: Plan
    held: Held
    receipt: Receipt | None = None
    status: Status | None = None
    refused: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def holds(self) -> str:
        """Content key of what the destination holds now."""
        return self.plan.content_key if self.receipt else self.held.content_key or "nothing"


def activate(
    lake: Lake, destination: Destination, order: Order, wanted: pa.Table, run_id: str, deadline: float = DEADLINE
) -> Outcome:
    """Bring the destination to what is wanted, or say why not.

    Raises:
        ActivationError: the destination refused, failed, or took longer than the deadline.
    """
    running = stages(lake, destination, order, wanted, run_id, deadline)
    while True:
        try:
            next(running)
        except StopIteration as done:
            outcome: Outcome = done.value
            return outcome


def stages(
    lake: Lake, destination: Destination, order: Order, wanted: pa.Table, run_id: str, deadline: float = DEADLINE
) -> Generator[str, None, Outcome]:
    """`activate`, step by step: yields the name of each step once it is done. Tests stop between any two."""
    began = time.monotonic()
    destination.ready()
    wait_for_earlier(destination, order, deadline)
    held = ledger.held(lake, order.destination, order.segment)
    _refuse_another_place(order, held)
    found = destination.sort_out(state(wanted, "in"))
    refused = {} if order.nobody else found.refused
    # What would have been refused was never handed over: nobody has to be told to leave because of it.
    held = replace(held, perhaps=destination.sort_out(state(held.perhaps, "out")).taken)
    planned = plan(order, found.taken, held)
    if not planned.why_nothing and (absent := destination.absent(planned, held)):
        planned = plan(order, found.taken, held, absent)
    yield "plan"
    if planned.why_nothing:
        return Outcome(planned, held, refused=refused)
    ledger.begin(lake, planned, run_id)
    yield "begin"
    receipt = destination.submit(lake, planned)
    yield "submit"
    status = poll(destination, receipt, max(deadline - (time.monotonic() - began), 0.0))
    yield "poll"
    destination.verify(planned, receipt, status)
    yield "verify"
    ledger.commit(lake, planned, receipt, status, run_id)
    yield "commit"
    return Outcome(planned, held, receipt, status, refused)


def _refuse_another_place(order: Order, held: Held) -> None:
    """Who is in at one place stays in there until told to leave: at another nobody would ever tell them."""
    if held.told.num_rows and held.place not in (None, order.place):
        members = len(pc.unique(held.told["customer_id"]))
        raise ActivationError(
            f"segmentation.yaml: destinations.{order.destination}: {members} customers of {order.segment} are in at "
            f"{held.place}, and would stay in there for ever were {order.place} told instead: nothing was sent. Set it "
            f"back and let them leave first (segments.{order.segment}: destinations: [{order.destination}] and where: "
            '"FALSE"), or, to leave them as they are, give the destination another name'
        )


def wait_for_earlier(destination: Destination, order: Order, deadline: float) -> None:
    """Wait until every earlier job of the segment has ended: the service orders none, and the last to end holds.

    A killed run's job goes on, and so does one that a deadline left behind.

    Raises:
        ActivationError: one had not ended before the deadline (seconds).
    """
    earlier = [*destination.running(order)]
    for last in Pace(destination.poll_seconds, deadline=deadline).turns():
        while earlier and not _goes_on(destination.poll(earlier[0])):
            earlier.pop(0)
        if not earlier:
            return
        if last:
            raise ActivationError(
                f"{order.destination}: job {earlier[0].job_id} of an earlier activation of {order.segment} has not "
                f"ended after {deadline:.0f} seconds; what is told while it runs it might undo, so nothing was begun: "
                "run the asset again once it has ended"
            )


def poll(
    destination: Destination, receipt: Receipt, deadline: float, pause: Callable[[float], None] = time.sleep
) -> Status:
    """Ask until the destination is done, with growing pauses.

    Raises:
        ActivationError: it was not done before the deadline (seconds). The job goes on; a re-run finds it again.
    """
    for last in Pace(destination.poll_seconds, deadline=deadline, pause=pause).turns():
        if not _goes_on(status := destination.poll(receipt)):
            return status
        if last:
            raise ActivationError(
                f"job {receipt.job_id} is still {status.state} after {deadline:.0f} seconds; it was not cancelled: "
                "run the asset again, and it is looked up instead of sent again"
            )
    raise AssertionError("the last look returns or raises")


def _goes_on(status: Status) -> bool:
    return status.state in ("PENDING", "RUNNING")
