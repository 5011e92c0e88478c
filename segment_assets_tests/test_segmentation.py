"""A mistake in segmentation.yaml is one sentence: file, path in the file, what is wrong, the nearest valid choice."""

import io
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from segment_assets.operations import starter
from segment_assets.operations.instance import PACKAGED
from segment_assets.segmentation import DEMO_FILE, ConfigError, load


def changed(tmp_path: Path, path: str, value: Any) -> Path:
    content = yaml.safe_load(DEMO_FILE.read_text())
    *parents, last = path.split(".")
    node = content
    for parent in parents:
        node = node[parent]
    if value is None:
        del node[last]
    else:
        node[last] = value
    file = tmp_path / "segmentation.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


MISTAKES = [
    ("targets.churn_28d.horizn", "28d", 'churn_28d.horizn: no such key "horizn" (did you mean "horizon"?)'),
    ("targets.churn_28d.horizon", "2 moons", "targets.churn_28d.horizon: must be a number of days or weeks"),
    (
        "targets.churn_28d.kind",
        "abscence",
        'targets.churn_28d.kind: "abscence" is not a choice (did you mean "absence"?)',
    ),
    ("targets.spend_28d.metric", None, "targets.spend_28d: metric is missing: kind: value sums one"),
    ("segments.win_back.target", "churn", 'segments.win_back.target: no target is named "churn"'),
    ("segments.win_back.destinations", ["pinpont"], 'no destination is named "pinpont" (did you mean "pinpoint"?)'),
    ("segments.win_back.purpose", None, "segments.win_back.purpose: is missing"),
    ("segments.win_back.channels", ["mail"], '"mail" is not a choice (did you mean "email"?)'),
    ("segments.win_back.where", None, "segments.win_back: give where (a predicate), top"),
    ("destinations.handoff.kind", "file", 'destinations.handoff: kind "file" is not a choice'),
    ("collaboration.configured_tables.audience_list.list", None, "give exactly one analysis rule"),
    ("audience", None, "audience and collaboration belong together"),
    ("landng", {}, 'landng: no such key "landng" (did you mean "landing"?)'),
    ("targets", {}, "targets: must not be empty"),
    ("targets", [1], "targets: must be keys with values, and is a list"),
    ("targets", {"Churn 28": {}}, 'targets.Churn 28: "Churn 28" must be lower case letters, digits and underscores'),
    ("targets.churn_28d.horizon", "0d", "targets.churn_28d.horizon: must be a number of days or weeks"),
    ("targets.churn_28d.horizon", "99999999999d", "targets.churn_28d.horizon: must be a number of days or weeks"),
    ("targets.churn_28d.seed", "x", 'targets.churn_28d.seed: must be a whole number, and is "x"'),
    ("targets.churn_28d.seed", -1, "targets.churn_28d.seed: must be at least 0"),
    (
        "targets.churn_28d.eligible",
        "purchase_count_84d >",
        'eligible: "purchase_count_84d >" is not a condition in SQL: it stops making sense at line 1, column 20',
    ),
    ("targets.churn_28d.eligible", "read_csv('x') > 0", "READCSV is not allowed in a condition"),
    ("targets.churn_28d.eligible", True, "targets.churn_28d.eligible: must be a text, and is on"),
    ("segments.win_back.where", "score > (SELECT 1)", "SUBQUERY is not allowed in a condition"),
    ("segments.win_back.where", "score > 1; SELECT 1", "must be one condition"),
    ("segments.win_back.holdout", 0.9, "segments.win_back.holdout: must be at most 0.5"),
    ("segments.win_back.top", "20%", 'segments.win_back.top: must be a number, such as 0.3, and is "20%"'),
    ("segments.win_back.top", 1.0, "segments.win_back.top: 1.0 is neither a share below 1 nor a whole number without"),
    ("segments.win_back.top", 250.5, "segments.win_back.top: 250.5 is neither a share below 1 nor a whole number"),
    ("segments.win_back.top", "1.0", "segments.win_back.top: 1.0 is neither a share below 1 nor a whole number"),
    ("segments.win_back.top", True, "segments.win_back.top: must be a share below 1, such as 0.3, or a number of"),
    ("segments.win_back.top", 0, "segments.win_back.top: must be above 0"),
    ("segments.win_back.where", "probability + 1", '"probability + 1" is no condition: it is a number or a text'),
    (
        "segments.win_back.where",
        "decile <= 3 AND (1)",
        "is no condition: it is a number or a text, and must be true or",
    ),
    ("targets.churn_28d.eligible", "1", 'targets.churn_28d.eligible: "1" is no condition: it is a number or a text'),
    ("segments.win_back.max_change", 30, "max_change: must be a share above 0 and at most 1, such as 0.3 for 30 %"),
    ("segments.win_back.max_change", True, "max_change: must be a share above 0 and at most 1, such as 0.3 for 30 %"),
    ("segments.win_back.max_change", 0, "max_change: must be a share above 0 and at most 1, such as 0.3 for 30 %"),
    ("segments.win_back.max_change", "30%", 'max_change: must be a number, such as 0.3, and is "30%"'),
    ("segments.win_back.max_change", "30", "max_change: must be at most 1"),
    ("segments.win_back.min_size", True, "segments.win_back.min_size: must be a number, such as 100, and is on"),
    ("segments.win_back.min_size", -1, "segments.win_back.min_size: must be at least 0"),
    (
        "destinations.pinpoint.application_id",
        "../x",
        "pinpoint: application_id is letters, digits, _ and -, at most 64",
    ),
    ("destinations.pinpoint.attribute_prefix", "p:", "pinpoint: attribute_prefix is letters, digits, _ and -, at most"),
    ("segments.win_back.purpose", " ", "segments.win_back.purpose: must not be empty"),
    ("destinations.pinpoint.application_id", "", "destinations.pinpoint.application_id: must not be empty"),
    ("targets.churn_28d.event", "", "targets.churn_28d.event: must not be empty"),
    ("name", "", "name: must not be empty"),
    ("segments.win_back.top", float("inf"), "segments.win_back.top: must be a number"),
    ("segments.win_back.channels", "email", 'channels: must be a list, such as [a, b], and is "email"'),
    ("destinations.handoff", {}, "destinations.handoff: kind is missing"),
    ("destinations.handoff", "csv", 'destinations.handoff: must be keys with values, and is "csv"'),
    (
        "destinations.file_handoff",
        {"kind": "file_handoff", "formt": "csv"},
        'destinations.file_handoff.formt: no such key "formt" (did you mean "format"?)',
    ),
    ("identity_graph", "maybe", 'identity_graph: must be on or off, and is "maybe"'),
    ("version", "1", "version: must be 1 as a number, without quotes"),
    ("version", 2, 'version: "2" is not a choice (one of: 1)'),
    ("landing", {"events": {"path": "/events/"}}, 'landing.events.path: "/events/" must be a path below the place'),
    ("landing", {"customers": {"path": "../people/"}}, "landing.customers.path: "),
    ("landing", {"customers": {"phone_region": "UK"}}, 'landing.customers.phone_region: "UK" is no country'),
    (
        "identity",
        {"placeholders": {"email": ["front desk"]}},
        'placeholders.email.0: "front desk" is no e-mail address',
    ),
    ("identity", {"placeholders": {"phone": ["+1 2"]}}, 'identity.placeholders.phone.0: "+1 2" is no telephone number'),
    ("identity", {"placeholders": {"address": ["--"]}}, 'identity.placeholders.address.0: "--" is no street'),
    (
        "identity",
        {"placeholders": {"device": [" "]}},
        'identity.placeholders.device.0: " " is no identifier of a device',
    ),
    ("alerts", {"webhook": "chat.example"}, "alerts.webhook: must be an address that begins with https://"),
    ("alerts", {"command": []}, "alerts.command: must not be empty"),
    ("aws.deployment", "dev_eu", 'aws.deployment: "dev_eu" must be at most 12 lower case letters and digits'),
    ("aws.landing_bucket", "Not A Bucket!", 'aws.landing_bucket: "Not A Bucket!" must be the name of a bucket'),
    ("aws.exports_bucket", "segment-assets-demo-lake", 'aws: exports_bucket: "segment-assets-demo-lake" is the lake'),
    ("aws.arrivals_queue", "my-queue", 'aws.arrivals_queue: "my-queue" must be the URL of a queue: https://sqs.'),
    ("aws.events_stream", "a stream", 'aws.events_stream: "a stream" must be the name of a Firehose stream'),
    ("aws.event_bus", "a b c!", 'aws.event_bus: "a b c!" must be the name or ARN of an event bus'),
    ("aws.partner.role_arn", "partner", 'aws.partner.role_arn: "partner" must be the ARN of a role: arn:aws:iam::'),
    ("aws.clean_rooms.partner_service_role_arn", "x", 'partner_service_role_arn: "x" must be the ARN of a role'),
    ("aws.role_prefix", "segment-assets-", 'aws.role_prefix: "segment-assets-" must be the beginning of a role'),
    ("aws.neptune.endpoint", "graph.example", "aws.neptune.endpoint: must be an address that begins with https://"),
    ("aws.quicksight.principal_arn", "me", 'principal_arn: "me" must be the ARN of a user or group of QuickSight'),
]


@pytest.mark.parametrize(("path", "value", "sentence"), MISTAKES)
def test_a_mistake_is_said_in_one_sentence(tmp_path: Path, path: str, value: Any, sentence: str) -> None:
    with pytest.raises(ConfigError) as mistake:
        load(changed(tmp_path, path, value))
    assert sentence in str(mistake.value)
    assert all(line.startswith("segmentation.yaml: ") for line in str(mistake.value).splitlines())


CRM = {"kind": "customer_profiles_import", "domain": "one"}
APP = {"kind": "pinpoint_import", "application_id": "app"}
CLASHES = [
    (
        {"crm": CRM, "crm_eu": CRM | {"domain": "two"}},
        {"eu_vip": "crm", "vip": "crm_eu"},
        "segments.vip.destinations: vip at crm_eu and eu_vip at crm would share the table active_members_crm_eu_vip: "
        "rename the segment or the destination that was told nothing yet",
    ),
    (
        {"app": APP},
        {"a": "app", "a_band": "app"},
        "segments.a_band.destinations: a_band at app and a at app would both write Attributes.pred_a_band in "
        "application app: rename one",
    ),
    (
        {"one": CRM, "two": CRM | {"attribute_prefix": "pred_x_"}},
        {"x_y": "one", "y": "two"},
        "y at two and x_y at one would both write Attributes.pred_x_y_state in domain one",
    ),
    ({"one": APP, "two": APP}, {"a": ["one", "two"]}, "a at two and a at one would both write Attributes.pred_a in"),
    (
        {"crm": CRM | {"matching_key": "Attributes.pred_a_state"}},
        {"a": "crm"},
        "destinations.crm.matching_key: Attributes.pred_a_state is what a writes: name the field that holds",
    ),
]


def told(destinations: dict[str, Any], segments: dict[str, Any]) -> dict[str, Any]:
    about = {"target": "churn", "purpose": "why", "channels": ["email"], "top": 0.1}
    asked = {name: about | {"destinations": [to] if isinstance(to, str) else to} for name, to in segments.items()}
    churn = {"kind": "absence", "event": "purchase", "horizon": "28d"}
    return {"name": "shop", "targets": {"churn": churn}, "segments": asked, "destinations": destinations}


@pytest.mark.parametrize(("destinations", "segments", "sentence"), CLASHES)
def test_two_segments_that_would_write_one_name_are_refused(
    tmp_path: Path, destinations: dict[str, Any], segments: dict[str, Any], sentence: str
) -> None:
    file = tmp_path / "segmentation.yaml"
    file.write_text(yaml.safe_dump(told(destinations, segments)))
    with pytest.raises(ConfigError) as mistake:
        load(file)
    assert sentence in str(mistake.value)


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        (
            "probabilty > 0.1",
            'segments.a.where: "probabilty > 0.1": no column is named "probabilty" (did you mean "probability"?)',
        ),
        (
            "decyle <= 3 AND score > 0",
            'where: "decyle <= 3 AND score > 0": no column is named "decyle" (did you mean "decile"?)',
        ),
        ("value > 3", 'no column is named "value" (one of: decile, percentile, probability, score)'),
        ("decile = 11", 'segments.a.where: "decile = 11": decile goes from 1 to 10, and never to 11'),
        ("probability >= 30", "probability goes from 0 to 1, and never to 30"),
        ("decile IN (0, 1)", "decile goes from 1 to 10, and never to 0"),
        ("NOT (percentile < 101)", "percentile goes from 0 to 100, and never to 101"),
    ],
)
def test_a_misspelt_score_is_told_before_anything_is_trained(tmp_path: Path, where: str, sentence: str) -> None:
    file, content = tmp_path / "segmentation.yaml", told({"app": APP}, {"a": "app"})
    for asked, refused in ((where, True), ("no_such_feature_28d > 11 OR probability > 0.5 AND decile > 0", False)):
        content["segments"]["a"]["where"] = asked
        file.write_text(yaml.safe_dump(content))
        if not refused:
            assert load(file)
            continue
        with pytest.raises(ConfigError) as mistake:
            load(file)
        assert sentence in str(mistake.value)


def test_names_that_only_look_alike_are_no_clash(tmp_path: Path) -> None:
    file = tmp_path / "segmentation.yaml"
    destinations = {"app": APP, "crm": CRM, "other": APP | {"application_id": "other"}}
    file.write_text(yaml.safe_dump(told(destinations, {"a": ["app", "crm", "other"], "a_score": ["app", "app"]})))
    assert load(file).segments["a"].destinations == ["app", "crm", "other"]


@pytest.mark.parametrize("folder", ["my-shop", "2026", "on", "the shop: it's ours", "Geschäft"])
def test_a_new_file_is_named_as_its_folder(tmp_path: Path, folder: str) -> None:
    starter.write(Console(file=io.StringIO()), tmp_path / folder)
    assert load(tmp_path / folder / "segmentation.yaml").name == folder


def test_the_demos_own_file_and_the_starter_are_valid() -> None:
    assert load(DEMO_FILE).targets.keys() == {"churn_28d", "coupon_redemption_28d", "spend_28d"}
    assert load(PACKAGED / "segmentation.yaml").landing.events.format == "table"


def test_what_is_no_yaml_or_no_file_is_said_so(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: [")
    with pytest.raises(ConfigError, match="not YAML"):
        load(broken)
    with pytest.raises(ConfigError, match="segment-assets init"):
        load(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="can't be read: Is a directory"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "must hold keys such as name"),
        (b"name:\n\tx: 1", "not YAML: line 2, column 1: a tab stands where YAML takes spaces alone"),
        (b"name: a\nname: b", 'not YAML: line 2, column 1: the key "name" is there twice'),
        (b"name: a\nalerts:\n  webhook: a\n  webhook: b", 'line 4, column 3: the key "webhook" is there twice'),
        ("name: Läden".encode("latin-1"), r"is not UTF-8 \(byte 7\)"),
        (b"[" * 10_000, "not YAML"),
    ],
)
def test_a_file_that_can_t_be_read_says_where_it_stops(tmp_path: Path, content: bytes, sentence: str) -> None:
    file = tmp_path / "segmentation.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=sentence) as mistake:
        load(file)
    assert len(str(mistake.value).splitlines()) == 1


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    file = tmp_path / "segmentation.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + DEMO_FILE.read_bytes())
    assert load(file) == load(DEMO_FILE)
