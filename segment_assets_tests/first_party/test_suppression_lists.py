"""Lists of whom not to write to: what counts as an entry, and what holds everything that is sent."""

import gzip
import re
from hashlib import sha256

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from segment_assets.config_file import ConfigError
from segment_assets.first_party import customers, suppression_lists
from segment_assets.first_party.checks import lines_name_somebody
from segment_assets.first_party.sensors import sensors
from segment_assets.first_party.tables import (
    CUSTOMER_ENDPOINTS,
    QUARANTINED_SUPPRESSIONS,
    SUPPRESSION_ENTRIES,
    unread_lists,
)
from segment_assets.landing_config import SuppressionList
from segment_assets.segmentation import load
from segment_assets.segments.tables import suppressed_channels
from segment_assets_tests.first_party.exporting import OWN, build
from segment_assets_tests.small_world import SMALL_SEGMENTATION

PATH = "suppression/stop.csv"
BOTH = SuppressionList(path=PATH, email="mail", phone="tel")
CUSTOMERS = """id,mail,tel,land,seen,news,app
ann,Ann@Example.org,(425) 555-0142,us,2026-01-01,yes,
bob,bob@example.org,(425) 555-0143,us,2026-01-01,yes,
cat,cat+news@example.org,(425) 555-0144,us,2026-01-01,yes,
dan,dan@example.org,(425) 555-0145,us,2026-01-01,yes,
"""


def hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def listed(lake, landing, *lines, where=BOTH, header="mail,tel"):
    """Read the list; who is suppressed, and where."""
    landing.write(where.path, "\n".join([header, *lines] if where.header else lines).encode())
    return read(lake, landing, where)


def read(lake, landing, where=BOTH):
    if not lake.state(CUSTOMER_ENDPOINTS).rows:
        landing.write("customers/customers.csv", CUSTOMERS.encode())
        build(lake, landing, OWN)
    found = suppression_lists.read(landing, {"stop": where}, "US")
    assert found.nothing_lost
    suppression_lists.write(lake, found, "run")
    return [(r["customer_id"], r["channel"]) for r in suppressed_channels(lake, ["stop"]).to_pylist()]


@pytest.mark.parametrize(
    ("line", "who"),
    [
        (" ANN@example.ORG ,", ("ann", "email")),
        ("Ann Lee <ann@example.org>,", ("ann", "email")),
        ('"""Lee, Ann"" <Ann@example.org>",', ("ann", "email")),
        (hashed("ann@example.org") + ",", ("ann", "email")),
        (hashed("ann@example.org").upper() + ",", ("ann", "email")),
        (",425-555-0143", ("bob", "sms")),
        (",+1 (425) 555 0143", ("bob", "sms")),
        ("," + hashed("+14255550143"), ("bob", "sms")),
        ("," + hashed("14255550143"), ("bob", "sms")),
        ("cat+news@example.org,", ("cat", "email")),
    ],
)
def test_an_address_is_found_readable_or_hashed(lake, landing, line, who):
    assert listed(lake, landing, line) == [who]


def test_nobody_else_is_found_and_another_tag_is_another_address(lake, landing):
    assert listed(lake, landing, "cat@example.org,", "nobody@example.org,", ",+14255559999") == []


def test_a_list_may_hold_everywhere_and_name_customers(lake, landing):
    every = ["email", "push", "sms"]
    wide = BOTH.model_copy(update={"everywhere": True})
    assert listed(lake, landing, "ann@example.org,", where=wide) == [("ann", c) for c in every]
    ids = SuppressionList(path=PATH, customer="who")
    assert listed(lake, landing, "dan", where=ids, header="who") == [("dan", c) for c in every]


@pytest.mark.parametrize(("known_as", "listed_as"), [("dan  ", "dan"), ("dan", " dan\t"), ("\u00a0dan", "dan ")])
def test_white_space_around_an_id_is_no_part_of_it(lake, landing, known_as, listed_as):
    landing.write(
        "customers/customers.csv", f"id,mail,tel,land,seen,news,app\n{known_as},d@example.org,,,,,\n".encode()
    )
    build(lake, landing, OWN)
    known = lake.read(customers.CUSTOMERS)["customer_id"].to_pylist()
    by_id = SuppressionList(path=PATH, customer="who")
    found = listed(lake, landing, f'"{listed_as}"', where=by_id, header="who")
    assert known == ["dan"] == sorted({who for who, _ in found})


def test_a_list_without_a_header_names_columns_by_number(lake, landing):
    where = SuppressionList(path=PATH, email="1", header=False)
    assert listed(lake, landing, "ann@example.org,BOUNCE", "bob@example.org,COMPLAINT", where=where) == [
        ("ann", "email"),
        ("bob", "email"),
    ]


def test_a_line_added_or_removed_takes_effect(lake, landing):
    assert listed(lake, landing, "ann@example.org,") == [("ann", "email")]
    assert listed(lake, landing, "ann@example.org,", "bob@example.org,") == [("ann", "email"), ("bob", "email")]
    assert listed(lake, landing, "bob@example.org,") == [("bob", "email")]
    assert listed(lake, landing) == [], "a header alone lists nobody"


def test_a_list_that_is_not_configured_any_more_suppresses_nobody(lake, landing):
    listed(lake, landing, "ann@example.org,")
    assert suppressed_channels(lake, ["another"]).num_rows == suppressed_channels(lake).num_rows == 0


def test_a_list_that_comes_back_was_not_read_until_it_is(lake, landing):
    listed(lake, landing, "ann@example.org,")
    suppression_lists.write(lake, suppression_lists.read(landing, {}, "US"), "without")
    assert unread_lists(lake.inputs(SUPPRESSION_ENTRIES), ["stop"]) == ["stop"]
    assert listed(lake, landing, "ann@example.org,") == [("ann", "email")]
    assert unread_lists(lake.inputs(SUPPRESSION_ENTRIES), ["stop"]) == []


def test_lines_that_list_nobody_are_kept_named_and_counted(lake, landing):
    lines = ["ann@example.org,", "ann@example.org,", "no address,", ",", "bob@example.org,12"]
    assert listed(lake, landing, *lines) == [("ann", "email"), ("bob", "email")]
    found = suppression_lists.read(landing, {"stop": BOTH}, "US")
    assert found.counts["stop"] == {
        "lines": 5, "entries": 2, "duplicates": 1, "quarantined": 2, "unusable_addresses": 1,
    }  # fmt: skip
    assert [(r["position"], r["reason"]) for r in lake.read(QUARANTINED_SUPPRESSIONS).to_pylist()] == [
        (2, "bad_address"),
        (3, "missing_address"),
    ]


@pytest.mark.parametrize("before", ["\n", "\r\n \r\n", "\ufeff\n\n", "sep=;\n", "\nsep=,\n"])
def test_what_stands_before_the_header_hides_no_line(lake, landing, before):
    sign = ";" if ";" in before else ","
    landing.write(PATH, f"{before}mail{sign}tel\nann@example.org{sign}\n".encode())
    assert read(lake, landing) == [("ann", "email")]


def test_lines_that_list_nobody_warn(lake, landing):
    listed(lake, landing, "ann@example.org,", "no address,")
    warned = lines_name_somebody(suppression_lists.read(landing, {"stop": BOTH}, "US").counts)
    assert (warned.passed, warned.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert (warned.description or "").startswith("1 of 2 lines of stop name nobody")
    listed(lake, landing, "ann@example.org,")
    assert lines_name_somebody(suppression_lists.read(landing, {"stop": BOTH}, "US").counts).passed


def test_blank_lines_are_no_lines_of_a_list(lake, landing):
    where = SuppressionList(path=PATH, email="1", header=False)
    assert listed(lake, landing, "", "ann@example.org", "", "   ", "bob@example.org", where=where) == [
        ("ann", "email"),
        ("bob", "email"),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('mail,tel\nann@example.org,\n"bob@example.org,\ncat+news@example.org,\n', r"\(open_quote, row 2\)"),
        ('mail,tel\n"ann@example.org,\nbob@example.org,\n"dan@example.org,\n', "line break in row 1"),
        ('mail,tel\nann@example.org,"\nbob@example.org,"\n', "line break in row 1"),
        ('mail,tel,"note\nann@example.org,,\nbob@example.org,,"\n', "line break in the header"),
        ('"mail,tel\nann@example.org,\n', "has a quote in its header that is not closed"),
        ("mail,tel\nann@example.org,\na,b,c\n", r"\(wrong_columns, row 2\)"),
        ("mail,tel\n" + "x" * 200_000 + ",\nann@example.org,\n", r"\(bad_csv, row 1\)"),
        ('{"mail": "ann@example.org"}\n{"mail": "bob@example.org"\n', r"\(not_json, row 2\)"),
        ('{"mail": "ann@example.org\\nbob@example.org"}\n', "line break in row 1"),
        ("\n \n", "holds blank lines alone"),
        ('{"email": "ann@example.org"}\n', "of its 1 lines not one names anybody"),
        ("tel,mail\nann@example.org,\nbob@example.org,\n", "of its 2 lines not one names anybody"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_read_holds_everything(lake, landing, content, said):
    landing.write(PATH, content.encode())
    found = suppression_lists.read(landing, {"stop": BOTH}, "US")
    [problem] = found.problems
    assert re.search(said, problem)
    assert not re.search("example|ann|bob", problem)
    assert found.made_from == {"stop": "unread"}


def test_every_file_of_a_folder_counts_plain_gzip_or_parquet(lake, landing):
    where = SuppressionList(path="suppression/", email="mail")
    landing.write("suppression/a.csv", b"mail\nann@example.org\n")
    landing.write("suppression/b/c.csv.gz", gzip.compress(b"mail;why\nbob@example.org;asked\n"))
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"mail": ["cat+news@example.org", None]}), sink)
    landing.write("suppression/d.parquet", sink.getvalue().to_pybytes())
    assert read(lake, landing, where) == [("ann", "email"), ("bob", "email"), ("cat", "email")]


def no_file(landing):
    (landing.root / PATH).unlink()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (no_file, "stop.csv is not in the landing place"),
        (lambda landing: landing.write(PATH, b""), "is not in the landing place, or is an empty file"),
        (lambda landing: landing.write(PATH, b"email,tel\nann@example.org,\n"), r'has no column "mail" .*"email"'),
        (lambda landing: landing.write(PATH, gzip.compress(b"mail,tel\n" * 99)[:-9]), "can't be read to its end"),
        (lambda landing: landing.write(PATH, b"PAR1 and nothing"), "can't be read to its end"),
    ],
    ids=["gone", "empty", "another column", "cut off", "no Parquet"],
)
def test_of_a_list_that_cannot_be_read_everyone_stays_suppressed_and_nothing_may_be_sent(lake, landing, spoil, said):
    listed(lake, landing, "ann@example.org,")
    assert unread_lists(lake.inputs(SUPPRESSION_ENTRIES), ["stop"]) == []
    spoil(landing)
    [problem] = suppression_lists.read(landing, {"stop": BOTH}, "US").problems
    assert re.search(said, problem)
    assert "ann@" not in problem
    assert read(lake, landing) == [("ann", "email")]
    assert unread_lists(lake.inputs(SUPPRESSION_ENTRIES), ["stop", "another"]) == ["another", "stop"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{path: x.csv}", "name a column: email, phone or customer"),
        ("{path: /x.csv, email: mail}", "path below the place"),
        ('{path: "", email: mail}', "must name a file"),
        ("{path: x.csv, emial: mail}", r'no such key "emial" \(did you mean "email"'),
    ],
)
def test_a_mistake_in_the_file_is_one_sentence(tmp_path, given, said):
    text = SMALL_SEGMENTATION.read_text().replace("landing:\n", f"landing:\n  suppression: {{stop: {given}}}\n", 1)
    (tmp_path / "segmentation.yaml").write_text(text)
    with pytest.raises(ConfigError, match=said):
        load(tmp_path / "segmentation.yaml")


def test_the_sensor_tells_that_a_file_came_changed_went_or_never_was(landing):
    config = load(SMALL_SEGMENTATION)
    lists = config.landing.model_copy(update={"suppression": {"stop": BOTH}})
    config = config.model_copy(update={"landing": lists})
    [sensor] = [s for s in sensors(config, told=True) if s.name == "landing_suppression_sensor"]
    cursor, told = None, []

    def tick():
        nonlocal cursor
        resources = {"landing": landing}
        with dg.build_sensor_context(cursor=cursor, resources=resources) as context:
            result = sensor(context)
        if isinstance(result, dg.SkipReason):
            return 0
        cursor = result.cursor
        told.append(result.asset_events[0].tags["dagster/data_version"])
        return len(result.asset_events)

    assert (tick(), tick()) == (1, 0), "that it is not there is told once"
    landing.write(PATH, b"mail,tel\n")
    assert (tick(), tick()) == (1, 0)
    landing.write(PATH, b"mail,tel\na@example.org,\n")
    assert tick() == 1
    no_file(landing)
    assert tick() == 1
    assert told[0] == told[3]
    assert len(set(told)) == 3
