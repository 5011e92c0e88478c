import re
from pathlib import Path

from segment_assets.reference import page
from segment_assets.segmentation import Segmentation

ROOT = Path(__file__).parents[1]


def test_the_committed_page_is_current():
    committed = (ROOT / "docs" / "segmentation.md").read_text(encoding="utf-8")
    assert committed == page(), "run: python -m segment_assets.reference > docs/segmentation.md"


def test_every_key_that_validates_is_on_the_page():
    schema = Segmentation.model_json_schema()
    models = [schema, *schema["$defs"].values()]
    keys = {key for model in models for key in model.get("properties", {})}
    assert {key for key in keys if f"| `{key}` |" not in page()} == set()


def test_every_link_on_the_page_leads_to_a_heading():
    text = page()
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", re.sub(r"&[lg]t;", "", h).lower()).replace(" ", "-") for h in headings}
    links = set(re.findall(r"\(#([^)]*)\)", text))
    assert links
    assert links <= anchors
    assert len(anchors) == len(headings)
