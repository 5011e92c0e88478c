"""Every check, in order, and the row of docs/aws.md that each answers."""

from segment_assets.operations.smoke import accounts, services, storage
from segment_assets.operations.smoke.check import Check

MADE = "that the stacks create, and make what segmentation.yaml names"
ROLES = "IAM as AWS decides it: the partner's door, the step roles, its delays"
COMMITS = "Glue's optimistic lock between two writers of a table"
ROOMS = "Clean Rooms: its own dialect, the place of a result, whether an empty result writes a file"
JOBS = "SageMaker: its container (who may write `/opt/ml`), and the words in which it refuses"
GRAPH = "Neptune's bulk loader, removal of an old version at millions of vertices"
ENDS = "destinations: matching by key, delays, the form of snapshot records, headers of an encrypted upload"
WATCH = "CloudWatch, EventBridge and QuickSight beyond their published models"
LANDS = "Firehose, S3's notifications and the queue, at their own pace"

CHECKS = (
    Check("credentials", ROLES, accounts.credentials),
    Check("partner", ROLES, accounts.partner),
    Check("partner's word", ROLES, accounts.word),
    Check("partner's drop", ROLES, accounts.drop),
    Check("landing bucket", MADE, storage.bucket("landing")),
    Check("lake bucket", MADE, storage.bucket("lake")),
    Check("exports bucket", MADE, storage.bucket("exports")),
    Check("objects", MADE, storage.objects),
    Check("databases", MADE, storage.databases),
    Check("tables", COMMITS, storage.tables),
    Check("collaboration", ROOMS, services.collaboration),
    Check(
        "query", ROOMS, services.query, costs="about 0.27 CRPU hours (16 CRPU for a minute, the least that is billed)"
    ),
    Check("graph", GRAPH, services.graph),
    Check("image", JOBS, services.image),
    Check("model", JOBS, services.model),
    Check("endpoints", JOBS, services.endpoints),
    Check("pinpoint", ENDS, services.pinpoint),
    Check("profiles", ENDS, services.profiles),
    Check("stream", LANDS, services.stream),
    Check("queue", LANDS, services.queue),
    Check("metrics", WATCH, services.metrics),
    Check("events", WATCH, services.bus),
    Check("dashboard", WATCH, services.dashboard),
    Check("step roles", ROLES, accounts.steps),
)
