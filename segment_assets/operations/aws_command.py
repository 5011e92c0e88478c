"""What `segment-assets aws plan` and `aws apply` do: the collaboration of segmentation.yaml in two accounts."""

from collections.abc import Collection, Sequence

from rich.console import Console
from rich.table import Table as Screen

from segment_assets import deployment, segmentation
from segment_assets.clean_room import assets as clean_room
from segment_assets.clean_room import aws_plan
from segment_assets.clean_room.aws_apply import Rooms
from segment_assets.clean_room.aws_plan import OURS, PARTNERS, Change, PlanError
from segment_assets.deployment import Settings

BOTH = (OURS, PARTNERS)
_STYLES = {"create": "green", "change": "yellow", "blocked": "red", "unchanged": "dim", "not declared": "magenta"}
_DONE = {"create": "created", "change": "changed", "delete": "deleted"}


def plan(console: Console, accounts: Sequence[str] = BOTH) -> bool:
    """Show what differs between the declaration and the accounts; nothing is changed."""
    settings = deployment.settings(segmentation.load())
    _, changes = _compared(settings, accounts)
    _show(console, changes)
    return True


def apply(
    console: Console, accounts: Sequence[str] = BOTH, delete: Collection[str] = (), *, delete_all: bool = False
) -> bool:
    """Make what is declared and not there and change what differs; or delete what is named, or all there is."""
    settings = deployment.settings(segmentation.load())
    rooms, changes = _compared(settings, accounts)
    if delete_all:
        delete = [c.resource.label for c in changes if c.action != "create"]
    steps = [] if delete_all and not delete else aws_plan.steps(changes, delete)
    if any(s.resource.kind == "configured_table" and s.verb == "create" for s in steps):
        _tables_exist(settings)
    for step in steps:
        rooms.take(step)
        # Said at once: what was done before a refusal stays done, and the next run goes on from there.
        console.print(f"{_DONE[step.verb]} {step.resource.label}", markup=False)
    kept = [c for c in changes if c.action == "not declared" and c.resource.label not in delete]
    for change in kept:
        console.print(f"kept {change.resource.label}: it is not declared; --delete names what goes", markup=False)
    if not steps:
        as_declared = "Everything is as declared: nothing was changed."
        console.print("There is nothing of this deployment to delete." if delete_all else as_declared)
    return True


def _compared(settings: Settings, accounts: Sequence[str]) -> tuple[Rooms, list[Change]]:
    offered = settings.segmentation.collaboration
    if offered is None:
        raise PlanError("segmentation.yaml: no collaboration is declared, so there is nothing to plan")
    collaboration = clean_room.declared(settings.segmentation, offered)
    wanted = aws_plan.declared(collaboration, settings.aws, clean_room.sources(settings.segmentation))
    name = aws_plan.resource_name(settings.aws.deployment, offered.name)
    rooms = Rooms(settings.aws, (name, offered.runner, offered.provider), accounts)
    return rooms, aws_plan.plan([r for r in wanted if r.account in accounts], rooms.observe())


def _tables_exist(settings: Settings) -> None:
    """Clean Rooms takes tables that Glue has: before the first data they are empty ones."""
    from segment_assets.lake.aws import lake

    tables = lake(settings)
    for table in clean_room.sources(settings.segmentation).values():
        if not tables.state(table).versions:
            tables.write(table, table.empty(), "segment-assets aws apply")


def _show(console: Console, changes: Collection[Change]) -> None:
    screen = Screen(box=None)
    for title in ("action", "resource", "differs"):
        screen.add_column(title, overflow="fold")
    for change in changes:
        style = _STYLES[change.action]
        screen.add_row(f"[{style}]{change.action}[/{style}]", change.resource.label, ", ".join(change.differs))
    console.print(screen)
    counts = [f"{n} {action}" for action in _STYLES if (n := sum(c.action == action for c in changes))]
    console.print(", ".join(counts))
