"""The ladder as it may be shown, and the commands."""

import hashlib
import json

import pyarrow as pa
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st

from segment_assets import cli, deployment, segmentation
from segment_assets.dashboards.disclosure import MINIMUM
from segment_assets.first_party.tables import CUSTOMERS
from segment_assets.lake import FolderStore, Lake
from segment_assets.operations.partner_ladder import LadderError, measure, shown
from segment_assets.people.addresses import email_sha256, sha256
from segment_assets.third_party import assets as step
from segment_assets.third_party.ladder import RUNGS, Rung

TABLE = {"customer": "id", "email": "email"}
_COUNTS = st.integers(0, 40)


@pytest.fixture
def home(tmp_path, monkeypatch):
    content = yaml.safe_load(segmentation.DEMO_FILE.read_text())
    content["landing"]["customers"] = {"format": "table", "table": TABLE}
    (tmp_path / "segmentation.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.setenv("SEGMENTATION_FILE", str(tmp_path / "segmentation.yaml"))
    monkeypatch.setenv("SEGMENT_ASSETS_HOME", str(tmp_path / "home"))
    return tmp_path


def settings() -> deployment.Settings:
    return deployment.settings(segmentation.load())


def deliver(lake: Lake, at: deployment.Settings, *written: str, customers: int = 40) -> None:
    """Both sides as their assets leave them."""
    ours = [f"person{n}@a.org" for n in range(customers)]
    landing: FolderStore = deployment.resource(at, "landing")
    landing.write("customers/c.csv", "\n".join(["id,email", *(f"c{n},{m}" for n, m in enumerate(ours))]).encode())
    digests = [email_sha256(mail) for mail in ours]
    rows = [
        {"customer_id": m, "email_sha256": d, "email_sha256_plain": d, "endpoints": 1}
        for m, d in zip(ours, digests, strict=True)
    ]
    lake.write(CUSTOMERS, pa.Table.from_pylist(rows, CUSTOMERS.schema), "run")
    header = "email,age,income,home_ownership,marital_status,household_size,household_comp,kids_count\n"
    partners: FolderStore = deployment.resource(at, "partner_landing")
    partners.write("partner/audience/a.csv", (header + "".join(f"{mail},,,,,,,\n" for mail in written)).encode())
    audience = at.segmentation.audience
    step.write(lake, at.segmentation, audience, step.read_and_clean(partners, audience), "run")


def run(*arguments: str) -> tuple[int, str]:
    outcome = CliRunner().invoke(cli.main, ["partner", *arguments])
    return outcome.exit_code, outcome.output


def test_the_command_tells_counts_and_hides_small_ones(home):
    at = settings()
    written = [f"person{n}@a.org" for n in range(15)] + [f"Person{n}@a.org " for n in range(15, 30)]
    wrong = [hashlib.md5(f"person{n}@a.org".encode(), usedforsecurity=False).hexdigest() for n in range(28, 45)]
    deliver(deployment.resource(at, "lake"), at, *written, *wrong, sha256("PERSON39@A.ORG"), "person1+x@a.org", "no")
    code, text = run("ladder", "--json")
    assert code == 0
    told = {
        r["rung"]: (r["rows"]["text"], r["would_gain"] and r["would_gain"]["text"]) for r in json.loads(text)["rungs"]
    }
    assert told == {
        "not_normalisable": ("<10", None), "wrong_hash": ("17", "about 10"), "case": ("<10", "<10"),
        "plus_address": ("<10", "<10"), "absent": ("0", "0"), "matched": ("about 35", "0"),
    }  # fmt: skip
    code, text = run("ladder")
    assert code == 0
    assert "plus_address" in text
    assert "@" not in text
    assert not any(digest in text for digest in wrong)


def test_where_there_is_no_ladder_the_reason_is_said(home, monkeypatch):
    at = settings()
    lake = deployment.resource(at, "lake")
    with pytest.raises(LadderError, match="no rows of the partner have an identifier and permit marketing"):
        measure(at, lake, "marketing")
    deliver(lake, at, *(f"person{n}@a.org" for n in range(MINIMUM - 1)))
    with pytest.raises(LadderError, match="fewer than 10 rows of the partner have an identifier"):
        measure(at, lake, "marketing")
    monkeypatch.setenv("SEGMENT_ASSETS_DEPLOYMENT", "aws")
    with pytest.raises(LadderError, match="on AWS no account holds the hashes of both sides"):
        measure(at, lake, "marketing")


@example((0, 0, 0, 0, 0, 10, 0, 1))  # one hash of another kind, of nobody we know
@given(st.tuples(*[_COUNTS] * 8).filter(lambda counts: sum(counts[:6]) >= MINIMUM))
def test_no_small_count_follows_from_what_is_shown_and_what_one_side_knows(counts):
    """The partner knows how many of its rows are usable, and how many of its hashes are of another kind."""
    normal, mended, absent, plus, case, confused, ours, other = counts
    rungs = {
        "matched": (normal + mended, 0, mended), "absent": (absent, 0), "plus_address": (plus, plus),
        "case": (case, case), "wrong_hash": (confused + ours + other, confused + ours, confused),
    }  # fmt: skip
    lines = {line.reason: line for line in shown([Rung(name, *rungs.get(name, (0, None))) for name in RUNGS])}

    def exact(text: str, count: int) -> bool:
        return text == f"{count:,}"

    hidden = {
        "absent": not exact(lines["absent"].rows.text, absent),
        "plus_address": not exact(lines["plus_address"].rows.text, plus),
        "case": not exact(lines["case"].rows.text, case),
        "mended": not exact(
            lines["matched"].mend.removesuffix(" of them since case and spaces are mended here"), mended
        ),
        "normal": not exact(lines["matched"].rows.text, normal + mended),
        "confused": not exact(lines["wrong_hash"].rows.text, confused + ours + other),
    }
    small = {"absent": absent, "plus_address": plus, "case": case, "mended": mended}
    assert all(hidden[name] for name, count in small.items() if 0 < count < MINIMUM)
    if any(0 < count < MINIMUM for count in (*small.values(), normal, confused)):
        assert sum(hidden.values()) >= 2, "one hidden part would follow from the whole"
    gain = lines["wrong_hash"].gain
    if 0 < other < MINIMUM or 0 < ours < MINIMUM:
        assert not exact(gain.text, confused + ours)


def test_a_file_that_is_there_is_not_written_over_and_folders_are_made(home):
    out = home / "partner_landing" / "2026" / "01" / "01" / "made_up.csv"
    assert run("synthesise", "--rows", "100", "--out", str(out))[0] == 0
    written = out.read_bytes()
    code, text = run("synthesise", "--rows", "101", "--out", str(out))
    assert code == 1
    assert "made_up.csv: is there already, and may be a delivery of real people: name another file" in text
    assert out.read_bytes() == written


def test_synthetic_rows_are_written_without_any_data(home):
    code, text = run("synthesise", "--rows", "100", "--seed", "1", "--out", str(home / "s.jsonl"))
    assert code == 0
    rows = [json.loads(line) for line in (home / "s.jsonl").read_text().splitlines()]
    assert len(rows) == 100
    assert {row["synthetic"] for row in rows} == {"true"}
    code, text = run("synthesise", "--rows", "100", "--out", str(home / "s.xlsx"))
    assert code == 1
    assert "s.xlsx: end its name in .csv" in text
    code, text = run("synthesise", "--rows", "100", "--out", str(home / "s.jsonl" / "s.csv"))
    assert (code, "s.csv: can't be written: " in text) == (1, True)
    assert not (home / "home" / "lake").exists()
