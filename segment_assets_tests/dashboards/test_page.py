import base64
import hashlib
import re
from datetime import date
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from segment_assets.dashboards.datasets import DataSet
from segment_assets.dashboards.html import age
from segment_assets.first_party.tables import CUSTOMERS
from segment_assets.lake import Lake
from segment_assets.modelling.tables import customer_scores
from segment_assets_tests.dashboards import sample
from segment_assets_tests.dashboards.conftest import page_of

Gathered = tuple[str, dict[str, DataSet]]


def tree(page: str) -> ElementTree.Element:
    return ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>\n"))  # noqa: S314  our own page


def texts(element: ElementTree.Element) -> str:
    return " ".join(" ".join(element.itertext()).split())


def section(page: str, key: str) -> ElementTree.Element:
    found = tree(page).find(f".//section[@id='{key}']")
    assert found is not None
    return found


def test_the_page_asks_for_nothing_outside_itself(gathered: Gathered):
    page, _ = gathered
    assert not re.search(r"https?:|//[a-z]|\bsrc=|@import|url\(|<script|<link|<iframe|\son[a-z]+=", page)
    assert all(a.get("href", "").startswith("#") for a in tree(page).iter("a"))


def test_the_policy_allows_this_style_sheet_and_nothing_else(gathered: Gathered):
    page, _ = gathered
    policy = tree(page).find(".//meta[@http-equiv='Content-Security-Policy']")
    style = re.search(r"<style>(.*)</style>", page, re.DOTALL)
    assert policy is not None
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy.get("content", "").startswith(f"default-src 'none'; style-src 'sha256-{digest}';")
    assert "style=" not in page


def test_every_link_leads_to_a_part_that_exists_and_no_id_repeats(gathered: Gathered):
    elements = list(tree(gathered[0]).iter())
    ids = [x.get("id") for x in elements if x.get("id")]
    assert len(ids) == len(set(ids))
    assert {a.get("href", "")[1:] for a in elements if a.tag == "a"} <= set(ids)


def test_a_screen_reader_is_told_every_chart_and_table(gathered: Gathered):
    root = tree(gathered[0])
    for svg in root.iter("svg"):
        assert svg.get("aria-hidden") == "true" or (svg.get("role") == "img" and svg.get("aria-label"))
    for table in root.iter("table"):
        assert table.find("caption") is not None or table.get("aria-label")
        assert all(th.get("scope") in ("row", "col") for th in table.iter("th"))
    levels = [int(x.tag[1]) for x in root.iter() if re.fullmatch(r"h[1-6]", x.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_records_delivered_are_events_duplicates_or_quarantined(gathered: Gathered):
    (row,) = gathered[1]["delivery"].rows
    assert row == {"customers": 1200, "events": 5191, "delivered": 5235, "duplicates": 41, "quarantined": 3}
    assert row["delivered"] == 5191 + 41 + 3
    shown = texts(section(gathered[0], "arrivals"))
    for number in ("1,200", "5,191", "5,235", "41", "3"):
        assert number in shown.split()


def test_the_partner_section_shows_the_match_and_only_groups_that_left_the_clean_room(gathered: Gathered):
    shown = texts(section(gathered[0], "partner"))
    for expected in ("500", "380", "76.0 %", "33.3 %", "at least 25 customers", "137", "45-54", "LIST", "AGGREGATION"):
        assert expected in shown
    assert [r["customers"] for r in gathered[1]["query/audience_overlap"].rows] == [61, 102, 137, 48]
    assert gathered[1]["query_budget"].rows == ({"total": 6, "on_last_day": 2, "budget": 10},)


def test_households_are_counted_by_size_with_the_rare_sizes_pooled(gathered: Gathered):
    rows = [(r["size"], r["households"].text) for r in gathered[1]["household_sizes"].rows]  # type: ignore[union-attr]
    assert rows == [("1", "740"), ("2", "150"), ("3 or more", "37")]
    (totals,) = gathered[1]["identity"].rows
    assert (totals["persons"], totals["households"], totals["guarded"]) == (1160, 927, 3)
    assert totals["quarantined"].text == "14"  # type: ignore[union-attr]
    assert totals["apart"].text == "0"  # type: ignore[union-attr]


def test_each_model_stands_beside_its_baselines_with_intervals_and_an_honest_verdict(gathered: Gathered):
    page, found = gathered
    shown = texts(section(page, "models"))
    assert "model 0.836 (0.811 to 0.859), best baseline (frequency alone) 0.828 (0.803 to 0.852)" in shown
    assert [r["tone"] for r in found["verdict/churn_28d"].rows] == ["unclear", "unclear"]
    assert found["verdict/coupon_redemption_28d"].rows[0]["tone"] == "good"
    assert "Slope: 1 is right" in shown


def test_a_segment_shows_every_decision_and_hides_what_is_small(gathered: Gathered):
    page, found = gathered
    rows = {r["reason"]: r["customers"].text for r in found["decisions/win_back"].rows}  # type: ignore[union-attr]
    assert rows == {
        "In the segment": "214",
        "Held out to measure the effect": "31",
        "Suppressed: unsubscribed, complained, bounced or on a suppression list": "<10",
        "Unreachable: consent, but no active address": "0",
        "Quarantined: taken for one person or household with too many others, or not known to identity yet": "0",
        "No consent for the channels": "122",
        "Below the threshold": "about 620",
        "Not eligible: can't be scored": "217",
    }
    reasons = {r["feature"]: (r["members"].text, r["contribution"]) for r in found["reasons/win_back"].rows}  # type: ignore[union-attr]
    assert reasons == {
        "purchase_count_84d": ("214", -0.25),
        "purchase_recency_days": ("214", 0.8),
        "email_click_rate_84d": ("all but <10", 0.125),
        "age_band": ("<10", None),
    }
    assert "Win back customers who are likely to stay away for four weeks" in texts(section(page, "segments"))


def test_tenths_of_scores_are_of_customers_alone(lake: Lake):
    scores = customer_scores("churn_28d")
    sample.write(lake, CUSTOMERS, [{"customer_id": sample.customer(i), "endpoints": 1} for i in range(100)])
    about = {"as_of": sample.LAST, "decile": 1, "model_version": "m"}
    scored = [sample.customer(i) for i in range(100)] + [f"guest-{i}" for i in range(50)]
    sample.write(lake, scores, [about | {"customer_id": c, "score": i / 200} for i, c in enumerate(scored)])
    rows = page_of(lake)[1]["deciles/churn_28d"].rows
    assert [(r["customers"].text, r["mean_score"]) for r in rows] == [  # type: ignore[union-attr]
        ("10", round(0.4725 - 0.05 * i, 6)) for i in range(10)
    ]


def test_only_the_last_activation_of_a_segment_at_a_destination_is_what_is_there(gathered: Gathered):
    rows = [(r["destination"], r["segment"], r["sequence"], r["left"].text) for r in gathered[1]["activations"].rows]  # type: ignore[union-attr]
    assert rows == [
        ("handoff", "big_baskets", 2, "<10"),
        ("handoff", "win_back", 2, "<10"),
        ("pinpoint", "win_back", 2, "<10"),
    ]
    shown = texts(section(gathered[0], "activations"))
    assert "252" not in shown, "rows sent less members would tell how many left"
    assert "pinpoint/win_back/2/" in texts(section(gathered[0], "activations"))


def test_as_of_is_the_oldest_data_under_each_part(gathered: Gathered):
    page, _ = gathered
    assert "Events to 30 March 2026, the partner's data of 15 March 2026." in texts(section(page, "partner"))
    assert "Data as of 30 March 2026" in texts(section(page, "segments"))
    assert "partner's data of" not in texts(section(page, "segments"))
    header = tree(page).find(".//header")
    assert header is not None
    assert "Data as of 15 March 2026 to 30 March 2026" in texts(header)


def test_what_rests_on_older_data_of_the_partner_says_of_when_our_own_are():
    ours, theirs, other = date(2026, 3, 30), date(2026, 3, 15), date(2026, 3, 1)
    found = {"delivery": DataSet(as_of=ours), "partner": DataSet(as_of=theirs)}
    assert age(theirs, found) == "Events to 30 March 2026, the partner's data of 15 March 2026."
    assert age(ours, found) == "Data as of 30 March 2026."
    assert age(other, found) == "Data as of 1 March 2026."


def test_an_activation_is_of_the_last_day_of_its_data_and_not_of_the_cutoff_behind_it(gathered: Gathered):
    page, found = gathered
    assert {r["as_of"] for r in found["activations"].rows} == {date(2026, 3, 30)}
    assert "Data as of 30 March 2026" in texts(section(page, "activations"))


def test_no_customer_person_or_hash_is_on_the_page(gathered: Gathered):
    page, _ = gathered
    body = tree(page).find("body")
    assert body is not None
    shown = texts(body)
    assert not re.search(r"customer-\d|per_|hh_\d|phn_|[0-9a-f]{32}|@|event-\d|job-", shown)


@pytest.mark.parametrize("tested", ["decisions", "channels", "reasons", "person_rules", "household_sizes", "deciles"])
def test_no_group_of_people_below_ten_is_exact(gathered: Gathered, tested: str):
    drawn = [v for name, d in gathered[1].items() if name.startswith(tested) for r in d.rows for v in r.values()]
    texts_shown = [v.text for v in drawn if hasattr(v, "text")]
    assert texts_shown
    assert not [t for t in texts_shown if re.fullmatch(r"[1-9]", t)]


def test_an_empty_lake_gives_a_page_that_says_what_is_missing(lake: Lake):
    page, found = page_of(lake)
    assert all(d.missing for d in found.values())
    shown = texts(tree(page))
    assert "Not built yet: persons, households, identity_edges." in shown
    assert "Not built yet: predictive_segments_win_back." in shown
    assert "Data as of unknown" in shown


def test_tables_without_rows_are_said_to_be_empty(lake: Lake):
    sample.empty(lake)
    page, _ = page_of(lake)
    shown = texts(tree(page))
    assert "Nothing to show: persons, households, identity_edges has no rows." not in shown
    assert "Nothing to show: persons, households, identity_edges have no rows." in shown
    assert "Not built yet" not in shown


def test_the_same_lake_gives_the_same_page(filled: Lake, gathered: Gathered):
    assert page_of(filled)[0] == gathered[0]


def test_text_from_tables_is_escaped(lake: Lake):
    hostile = "<script>alert(1)</script>&amp;"
    table = sample.OVERLAP
    sample.write(lake, table, [{"age_band": hostile, "income_band": "x", "customers": 30}])
    page, _ = page_of(lake)
    assert "<script" not in page
    assert hostile in texts(section(page, "partner"))
