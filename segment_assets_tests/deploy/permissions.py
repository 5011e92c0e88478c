"""What each role's work is, and what is not: by the role's name, and for each call a word that says what it does."""

from segment_assets_tests.deploy import iam
from segment_assets_tests.deploy.calls import (
    PREFIX,
    Call,
    as_guest,
    become,
    bucket,
    client,
    erase,
    forget,
    in_lake,
    look,
    look_at_training,
    new_database,
    new_table,
    packages,
    read,
    receive,
    role,
    send,
    table,
    tell,
    train,
    write,
)
from segment_assets_tests.deploy.templates import OURS, PARTNER, REGION

EXPORTS = bucket("exports")


# Every table's files of a namespace, and its entry in the catalog.
def reads(namespace: str) -> dict[str, Call]:
    return {
        f"open {namespace}": table(f"dev_{namespace}"),
        f"read {namespace}": read(bucket("lake"), in_lake(namespace)),
    }


def writes(namespace: str) -> dict[str, Call]:
    return reads(namespace) | {
        f"create in {namespace}": new_table(f"dev_{namespace}"),
        f"write {namespace}": write(bucket("lake"), in_lake(namespace, "new")),
        f"list {namespace}": look(bucket("lake"), f"dev/lake/dev_{namespace}.db/new/"),
    }


TRAINING = f"{PREFIX}-churn-28d-0123456789ab"
ADDRESSES = {
    "open addresses": table("dev_raw", "contact_addresses"),
    "read addresses": read(bucket("lake"), in_lake("raw", "contact_addresses")),
}
METADATA = in_lake("identity").replace("data/part-0.parquet", "metadata/00000.metadata.json")
DAYS = {
    "open arrival days": table("dev_raw", "arrival_days"),
    "read arrival days": read(bucket("lake"), in_lake("raw", "arrival_days")),
}
ARRIVALS = {"receive": receive(f"{PREFIX}-arrivals"), "forget": forget(f"{PREFIX}-arrivals")}
PARTNERS = {
    "open the audience": as_guest(table("dev_partner")),
    "read a drop": as_guest(read(bucket("partner"), "partner/audience/drop.csv")),
    "list drops": as_guest(look(bucket("partner"), "partner/audience/")),
    "write the audience": as_guest(write(bucket("partner"), "dev/lake/dev_partner.db/partner_audience/new.parquet")),
}


def only(things: dict[str, Call], *beginnings: str) -> dict[str, Call]:
    return {said: call for said, call in things.items() if said.startswith(beginnings)}


# No step may, whichever it is: another deployment's things, the bones of this one, and anybody's identity.
NOBODY = {
    "read prod's lake": read(bucket("lake", "prod"), "prod/lake/prod_segments.db/some_table/data/part-0.parquet"),
    "write to prod's destinations": write(bucket("exports", "prod"), "prod/exports/handoff/crm/part-000.csv"),
    "open prod's segments": table("prod_segments"),
    "list the whole lake": look(bucket("lake"), ""),
    "create a database": new_database("dev_other"),
    "create a database of a name that is there": new_database("dev_first_party"),
    "drop a database": lambda s: client(s, "glue").delete_database(Name="dev_identity"),
    "change what landed": write(bucket("landing"), "events/2026/01/01/00/extra.gz"),
    "erase what landed": erase(bucket("landing"), "events/2026/01/01/00/first.gz"),
    "send events": send(f"{PREFIX}-events"),
    "train with a role of its own choice": train(TRAINING, role("activation")),
    "become the partner without the agreed word": become(role("first-party", PARTNER)),
    "become another step": become(role("activation")),
}
ALLOWED: dict[str, dict[str, Call]] = {
    "ingest": writes("raw")
    | writes("first_party")
    | ADDRESSES
    | {
        "read what landed": read(bucket("landing"), "events/2026/01/01/00/first.gz"),
        "list what landed": look(bucket("landing"), "events/2026/01/"),
    },
    "partner": PARTNERS,
    "clean-room": reads("first_party")
    | writes("clean_room")
    | {"take results": read(EXPORTS, "dev/clean_room/q/part-0.parquet")},
    "identity": reads("first_party")
    | writes("identity")
    | {"put files to load": write(EXPORTS, "dev/graph/run/nodes.csv")},
    "modelling": reads("first_party")
    | reads("clean_room")
    | reads("identity")
    | writes("modelling")
    | DAYS
    | {
        "keep a model": write(EXPORTS, "dev/models/churn_28d/current.json"),
        "put examples": write(EXPORTS, "dev/exports/training/churn_28d/examples.parquet"),
        "train": train(TRAINING, role("sagemaker")),
        "ask how far": look_at_training(TRAINING),
        "list packages": packages(f"{PREFIX}-churn-28d"),
    },
    "segments": reads("first_party") | reads("identity") | reads("modelling") | writes("segments") | DAYS,
    "activation": reads("first_party")
    | reads("segments")
    | writes("activation")
    | ADDRESSES
    | {
        "hand over": write(EXPORTS, "dev/exports/handoff/crm/win_back/part-000.csv"),
        "put an import": write(EXPORTS, "dev/exports/pinpoint/imports/win_back/part-000.csv"),
        "list hand-offs": look(EXPORTS, "dev/exports/handoff/"),
        "remove a snapshot": erase(EXPORTS, "dev/exports/customer_profiles/crm/win_back/1/snapshot-0/part.jsonl"),
        "ask whether persons changed": table("dev_identity", "persons"),
        "read that of households": read(bucket("lake"), METADATA.replace("some_table", "households")),
    },
    "dashboard": reads("first_party")
    | reads("clean_room")
    | reads("identity")
    | reads("modelling")
    | reads("segments")
    | reads("activation")
    | DAYS
    | {
        "publish": write(EXPORTS, "dev/exports/dashboard/index.html"),
        "put a data set": write(EXPORTS, "dev/exports/dashboard/totals/rows.csv"),
    },
    "clean-up": {
        "look at all databases": lambda s: client(s, "glue").get_databases(),
        "open a table": table("dev_identity"),
        "list its files": look(bucket("lake"), "dev/lake/dev_identity.db/some_table/"),
        "read its metadata": read(bucket("lake"), METADATA),
        "remove what nobody needs": erase(bucket("lake"), in_lake("identity", "new")),
        "become the partner's guest": PARTNERS["list drops"],
    },
    "run": {f"become {step}": become(role(step)) for step in ("ingest", "modelling", "activation", "clean-up")}
    | {"keep its log": write(bucket("logs"), "compute/run/step.out")},
    "daemon": only(PARTNERS, "list")
    | ARRIVALS
    | {
        "list what landed": look(bucket("landing"), "events/"),
        "become the partner's guest": PARTNERS["list drops"],
        "keep what it can't read": write(EXPORTS, "dev/exports/unread_messages/id.json"),
    },
    "webserver": {
        "show a log": read(bucket("logs"), "compute/run/step.out"),
        "list logs": look(bucket("logs"), "compute/"),
        "show another log": read(bucket("logs"), "compute/run/other.out"),
    },
    "sagemaker": {
        "read examples": read(EXPORTS, "dev/exports/training/churn_28d/examples.parquet"),
        "keep a model": write(EXPORTS, "dev/models/churn_28d/model.tar.gz"),
        "list examples": look(EXPORTS, "dev/exports/training/"),
    },
    "firehose": {
        "deliver": write(bucket("landing"), "events/2026/01/01/00/new.gz"),
        "set an error apart": write(bucket("landing"), "errors/processing-failed/2026/01/01/00/new"),
        "list": look(bucket("landing"), "events/"),
    },
    "clean-rooms-service": reads("first_party") | {"write results": write(EXPORTS, "dev/clean_room/q/part-0.parquet")},
    "neptune-load": {
        "read files": read(EXPORTS, "dev/graph/run/nodes.csv"),
        "read more": read(EXPORTS, "dev/graph/run/edges.csv"),
        "list files": look(EXPORTS, "dev/graph/run/"),
    },
    "pinpoint-import": {
        "read an import": read(EXPORTS, "dev/exports/pinpoint/imports/win_back/part-000.csv"),
        "read another": read(EXPORTS, "dev/exports/pinpoint/imports/coupon_lovers/part-000.csv"),
        "list imports": look(EXPORTS, "dev/exports/pinpoint/imports/win_back/"),
    },
    "profiles-export": {
        "write a snapshot": write(EXPORTS, "dev/exports/customer_profiles/snapshot.jsonl"),
        "write another": write(EXPORTS, "dev/exports/customer_profiles/other.jsonl"),
        "list": look(EXPORTS, "dev/exports/customer_profiles/"),
    },
    "quicksight": {
        "read a manifest": read(EXPORTS, "dev/exports/dashboard/totals/manifest.json"),
        "read rows": read(EXPORTS, "dev/exports/dashboard/totals/rows.csv"),
        "list the page's data": look(EXPORTS, "dev/exports/dashboard/totals/"),
    },
    "execution": {},  # it pulls the image and reads secrets: below, without calls
}
STEPS = ("ingest", "partner", "clean-room", "identity", "modelling", "segments", "activation", "dashboard")
_HAND_OVER = only(ALLOWED["activation"], "hand over", "put an import")
FORBIDDEN: dict[str, dict[str, Call]] = {
    "ingest": reads("modelling") | only(writes("segments"), "create", "write") | _HAND_OVER | PARTNERS | ARRIVALS,
    "partner": reads("first_party")
    | ADDRESSES
    | reads("segments")
    | {"read ours": read(bucket("landing"), "events/x")},
    "clean-room": ADDRESSES | reads("modelling") | only(writes("first_party"), "create", "write") | _HAND_OVER,
    "identity": ADDRESSES | reads("segments") | only(writes("first_party"), "create", "write") | _HAND_OVER,
    "modelling": ADDRESSES
    | reads("segments")
    | only(writes("identity"), "create", "write")
    | _HAND_OVER
    | PARTNERS
    | {
        "train under another name": train("someone-elses-job", role("sagemaker")),
        "train for prod": train("segment-assets-prod-churn-28d", role("sagemaker")),
        "look at prod's packages": packages("segment-assets-prod-churn-28d"),
    },
    "segments": ADDRESSES | reads("clean_room") | only(writes("modelling"), "create", "write") | _HAND_OVER | PARTNERS,
    "activation": reads("modelling")
    | reads("identity")
    | {"read who is a person": read(bucket("lake"), in_lake("identity", "persons"))}
    | only(writes("segments"), "create", "write")
    | PARTNERS
    | {
        "put out a page": write(EXPORTS, "dev/exports/dashboard/index.html"),
        "remove a hand-off": erase(EXPORTS, "dev/exports/handoff/crm/win_back/part-000.csv"),
        "train": train(TRAINING, role("sagemaker")),
    },
    "dashboard": ADDRESSES | only(writes("activation"), "create", "write") | _HAND_OVER | PARTNERS,
    "clean-up": {f"read {space}": read(bucket("lake"), in_lake(space)) for space in ("first_party", "identity", "raw")}
    | only(ADDRESSES, "read")
    | _HAND_OVER
    | {
        "create a table": new_table("dev_identity"),
        "erase what landed": erase(bucket("landing"), "events/2026/01/01/00/first.gz"),
        "erase prod's": erase(bucket("lake", "prod"), "prod/lake/prod_segments.db/some_table/data/part-0.parquet"),
    },
    "run": reads("first_party") | ADDRESSES | _HAND_OVER | PARTNERS | {"become the daemon": become(role("daemon"))},
    "daemon": reads("first_party")
    | ADDRESSES
    | _HAND_OVER
    | {
        "open what landed": read(bucket("landing"), "events/2026/01/01/00/first.gz"),
        "tell that something landed": tell(f"{PREFIX}-arrivals"),
    }
    | {f"become {step}": become(role(step)) for step in STEPS},
    "webserver": reads("first_party") | ADDRESSES | ARRIVALS | {"change a log": write(bucket("logs"), "compute/x")},
    "sagemaker": reads("modelling") | ADDRESSES | _HAND_OVER,
    "firehose": reads("raw") | {"deliver customers": write(bucket("landing"), "customers/new.gz")},
    "clean-rooms-service": ADDRESSES | reads("modelling") | _HAND_OVER | only(writes("first_party"), "create", "write"),
    "neptune-load": reads("identity") | ADDRESSES | {"change files": write(EXPORTS, "dev/graph/run/x.csv")},
    "pinpoint-import": ADDRESSES | {"read a hand-off": read(EXPORTS, "dev/exports/handoff/crm/win_back/part-000.csv")},
    "profiles-export": ADDRESSES | {"read an export": read(EXPORTS, "dev/exports/customer_profiles/snapshot.jsonl")},
    "quicksight": reads("segments")
    | ADDRESSES
    | _HAND_OVER
    | {
        "change the page's data": write(EXPORTS, "dev/exports/dashboard/totals/rows.csv"),
        "read a hand-off": read(EXPORTS, "dev/exports/handoff/crm/win_back/part-000.csv"),
        "read prod's page": read(bucket("exports", "prod"), "prod/exports/dashboard/totals/rows.csv"),
    },
    "execution": reads("first_party") | ADDRESSES | _HAND_OVER,
}


def at(service: str, name: str) -> str:
    return f"arn:aws:{service}:{REGION}:{OURS}:{name}"


# What the dashboard asks of QuickSight, all of it, by kind and name of thing.
QUICKSIGHT = (
    ("datasource", "metrics", ("DescribeDataSource", "UpdateDataSource", "PassDataSource")),
    ("dataset", "metrics", ("CreateDataSet", "DescribeDataSet", "UpdateDataSet", "PassDataSet")),
    ("dataset", "metrics/ingestion/1", ("CreateIngestion", "DescribeIngestion", "CancelIngestion")),
    (
        "dashboard",
        "overview",
        (
            "CreateDashboard",
            "DescribeDashboard",
            "UpdateDashboard",
            "UpdateDashboardPublishedVersion",
            "ListDashboardVersions",
            "DescribeDashboardPermissions",
            "UpdateDashboardPermissions",
        ),
    ),
)
TO_CLEAN_ROOMS = {"iam:PassedToService": "cleanrooms.amazonaws.com"}
BY_CLEAN_ROOMS = {"aws:CalledVia": "cleanrooms.amazonaws.com"}
IN_CLUSTER = {"ecs:cluster": at("ecs", f"cluster/{PREFIX}")}
RUN_TASK = at("ecs", f"task-definition/{PREFIX}-run:7")
# Role, action, what to, with what in the request, and whether.
BEYOND_MOTO: list[tuple[str, str, str, iam.Context, bool]] = [
    ("clean-room", "cleanrooms:StartProtectedQuery", at("cleanrooms", "membership/m"), {}, True),
    ("clean-room", "cleanrooms:CreateConfiguredTableAnalysisRule", at("cleanrooms", "configuredtable/t"), {}, True),
    ("clean-room", "cleanrooms:DeleteCollaboration", at("cleanrooms", "collaboration/c"), {}, False),
    ("clean-room", "cleanrooms:DeleteConfiguredTable", at("cleanrooms", "configuredtable/t"), {}, False),
    ("clean-room", "cleanrooms:PopulateIdMappingTable", at("cleanrooms", "membership/m"), {}, True),
    ("clean-room", "cleanrooms:DeleteIdMappingTable", at("cleanrooms", "membership/m"), {}, False),
    ("clean-room", "cleanrooms:PreviewPrivacyImpact", at("cleanrooms", "membership/m"), {}, True),
    ("clean-room", "entityresolution:StartIdMappingJob", at("entityresolution", "idmappingworkflow/w"), {}, True),
    (
        "clean-room",
        "entityresolution:DeleteIdMappingWorkflow",
        at("entityresolution", "idmappingworkflow/w"),
        {},
        False,
    ),
    ("modelling", "entityresolution:StartIdMappingJob", at("entityresolution", "idmappingworkflow/w"), {}, False),
    ("clean-room", "cleanrooms:UpdateConfiguredTableAllowedColumns", at("cleanrooms", "configuredtable/t"), {}, True),
    ("clean-room", "cleanrooms:UpdateConfiguredTableReference", at("cleanrooms", "configuredtable/t"), {}, True),
    *[
        ("clean-room", "cleanrooms:GetCollaborationAnalysisTemplate", template.replace(OURS, owner), {}, True)
        for template in [at("cleanrooms", "membership/m/analysistemplate/t")]
        for owner in (OURS, PARTNER)
    ],
    ("clean-room", "glue:GetPartitions", at("glue", "table/dev_first_party/customers"), {}, True),
    ("clean-room", "glue:GetPartitions", at("glue", "table/dev_identity/persons"), {}, False),
    ("clean-room", "logs:PutResourcePolicy", "*", BY_CLEAN_ROOMS, True),
    ("clean-room", "logs:PutResourcePolicy", "*", {}, False),
    ("clean-room", "logs:CreateLogGroup", at("logs", "log-group:/aws/cleanrooms/c"), BY_CLEAN_ROOMS, True),
    ("clean-room", "logs:CreateLogGroup", at("logs", "log-group:/something/else"), BY_CLEAN_ROOMS, False),
    ("sagemaker", "logs:CreateLogGroup", at("logs", "log-group:/aws/sagemaker/TrainingJobs"), {}, True),
    (
        "sagemaker",
        "logs:PutLogEvents",
        at("logs", f"log-group:/aws/sagemaker/Endpoints/{PREFIX}-churn-28d:log-stream:x"),
        {},
        True,
    ),
    ("sagemaker", "logs:CreateLogGroup", at("logs", "log-group:/aws/sagemaker/Endpoints/someone-elses"), {}, False),
    ("clean-room", "iam:PassRole", role("clean-rooms-service"), TO_CLEAN_ROOMS, True),
    ("clean-room", "iam:PassRole", role("activation"), TO_CLEAN_ROOMS, False),
    ("modelling", "cleanrooms:StartProtectedQuery", at("cleanrooms", "membership/m"), {}, False),
    ("identity", "neptune-db:StartLoaderJob", at("neptune-db", "cluster-ABCDEFGHIJ/*"), {}, True),
    ("identity", "neptune-db:ReadDataViaQuery", at("neptune-db", "cluster-ABCDEFGHIJ/*"), {}, True),
    ("identity", "neptune-db:WriteDataViaQuery", at("neptune-db", "cluster-ABCDEFGHIJ/*"), {}, False),
    ("identity", "neptune-db:ResetDatabase", at("neptune-db", "cluster-ABCDEFGHIJ/*"), {}, False),
    ("identity", "neptune-db:StartLoaderJob", at("neptune-db", "cluster-ZZZZZZZZZZ/*"), {}, False),
    ("modelling", "sagemaker:CreateEndpoint", at("sagemaker", f"endpoint/{PREFIX}-churn-28d"), {}, True),
    ("modelling", "sagemaker:CreateEndpoint", at("sagemaker", f"endpoint-config/{PREFIX}-churn-28d-0"), {}, True),
    ("modelling", "sagemaker:UpdateEndpoint", at("sagemaker", f"endpoint/{PREFIX}-churn-28d"), {}, True),
    ("modelling", "sagemaker:DeleteEndpointConfig", at("sagemaker", f"endpoint-config/{PREFIX}-churn-28d-0"), {}, True),
    ("modelling", "sagemaker:DeleteModel", at("sagemaker", f"model/{PREFIX}-churn-28d-0"), {}, True),
    ("modelling", "sagemaker:DeleteEndpoint", at("sagemaker", "endpoint/someone-elses"), {}, False),
    ("modelling", "sagemaker:UpdateEndpoint", at("sagemaker", "endpoint/segment-assets-prod-churn-28d"), {}, False),
    ("modelling", "sagemaker:InvokeEndpoint", at("sagemaker", f"endpoint/{PREFIX}-churn-28d"), {}, False),
    ("activation", "profile:CreateUploadJob", at("profile", f"domains/{PREFIX}"), {}, True),
    ("activation", "profile:PutProfileObject", at("profile", f"domains/{PREFIX}/object-types/score"), {}, False),
    ("activation", "profile:CreateUploadJob", at("profile", "domains/segment-assets-prod"), {}, False),
    ("activation", "profile:DeleteProfile", at("profile", f"domains/{PREFIX}"), {}, False),
    ("activation", "mobiletargeting:CreateImportJob", at("mobiletargeting", f"apps/{'0' * 32}"), {}, False),
    ("activation", "connect-campaigns:StartCampaign", at("connect-campaigns", "campaign/c"), {}, False),
    ("segments", "profile:CreateUploadJob", at("profile", f"domains/{PREFIX}"), {}, False),
    *[
        ("dashboard", f"quicksight:{action}", at("quicksight", f"{kind}/{PREFIX}-{name}"), {}, True)
        for kind, name, actions in QUICKSIGHT
        for action in actions
    ],
    ("dashboard", "quicksight:CreateDataSource", "*", {}, True),
    ("dashboard", "quicksight:ListIngestions", "*", {}, True),
    ("dashboard", "iam:PassRole", role("quicksight"), {"iam:PassedToService": "quicksight.amazonaws.com"}, True),
    ("dashboard", "iam:PassRole", role("activation"), {"iam:PassedToService": "quicksight.amazonaws.com"}, False),
    ("dashboard", "quicksight:UpdateDashboard", at("quicksight", "dashboard/someone-elses"), {}, False),
    ("dashboard", "quicksight:UpdateDataSet", at("quicksight", "dataset/segment-assets-prod-metrics"), {}, False),
    ("dashboard", "quicksight:DeleteDataSet", at("quicksight", f"dataset/{PREFIX}-metrics"), {}, False),
    ("dashboard", "quicksight:UpdateDataSetPermissions", at("quicksight", f"dataset/{PREFIX}-metrics"), {}, False),
    ("segments", "quicksight:UpdateDataSet", at("quicksight", f"dataset/{PREFIX}-metrics"), {}, False),
    ("daemon", "ecs:RunTask", RUN_TASK, IN_CLUSTER, True),
    ("daemon", "ecs:RunTask", RUN_TASK, {"ecs:cluster": at("ecs", "cluster/another")}, False),
    ("daemon", "ecs:RunTask", at("ecs", "task-definition/anything:1"), IN_CLUSTER, False),
    ("daemon", "ecs:RegisterTaskDefinition", "*", {}, False),
    ("daemon", "iam:PassRole", role("modelling"), {"iam:PassedToService": "ecs-tasks.amazonaws.com"}, True),
    ("daemon", "iam:PassRole", role("modelling"), {"iam:PassedToService": "lambda.amazonaws.com"}, False),
    ("daemon", "iam:PassRole", role("sagemaker"), {"iam:PassedToService": "ecs-tasks.amazonaws.com"}, False),
    ("webserver", "ecs:StopTask", at("ecs", f"task/{PREFIX}/0123"), {}, True),
    ("webserver", "ecs:StopTask", at("ecs", "task/segment-assets-prod/0123"), {}, False),
    ("webserver", "ecs:RunTask", RUN_TASK, IN_CLUSTER, False),
    ("execution", "ecr:BatchGetImage", at("ecr", "repository/segment-assets"), {}, True),
    ("execution", "ecr:PutImage", at("ecr", "repository/segment-assets"), {}, False),
    ("execution", "secretsmanager:GetSecretValue", at("secretsmanager", "secret:GraphKey"), {}, True),
    ("execution", "secretsmanager:GetSecretValue", at("secretsmanager", "secret:another"), {}, False),
    ("daemon", "cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "segment-assets/dev"}, True),
    ("daemon", "cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "segment-assets/prod"}, False),
    ("daemon", "cloudwatch:PutMetricData", "*", {}, False),
    ("daemon", "events:PutEvents", at("events", f"event-bus/{PREFIX}"), {"events:source": "segment-assets"}, True),
    ("daemon", "events:PutEvents", at("events", f"event-bus/{PREFIX}"), {"events:source": "someone.else"}, False),
    ("daemon", "events:PutEvents", at("events", "event-bus/default"), {"events:source": "segment-assets"}, False),
    ("run", "cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "segment-assets/dev"}, False),
    ("ingest", "cloudwatch:PutMetricData", "*", {"cloudwatch:namespace": "segment-assets/dev"}, False),
]
