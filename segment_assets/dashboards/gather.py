"""Everything the page shows, read from the lake once."""

from segment_assets.dashboards import delivery, predictions
from segment_assets.dashboards.datasets import DataSet, Reader, Row
from segment_assets.dashboards.pages import Page
from segment_assets.lake import Lake
from segment_assets.segmentation import Segmentation


def gather(lake: Lake, config: Segmentation) -> dict[str, DataSet]:
    """Data sets by the names that the page's definition uses.

    Args:
        lake: read, never written.
        config: which queries, targets and segments there are.
    """
    reader = Reader(lake)
    found = delivery.engagement(reader) | delivery.partner(reader, config) | delivery.identity(reader)
    for name, target in config.targets.items():
        found |= predictions.target(reader, name, target)
    for name, segment in config.segments.items():
        found |= predictions.segment(reader, name, segment.target)
    found["activations"] = predictions.activations(reader)
    return found


def ages(page: Page, found: dict[str, DataSet]) -> DataSet:
    """The oldest data under each section of the page."""
    rows: list[Row] = []
    for section in page.sections:
        under = [found[name] for name in section.datasets() if name in found]
        rows.append(
            {
                "part": section.title,
                "as_of": min((d.as_of for d in under if d.as_of), default=None),
                "tables": ", ".join(sorted({t.split(".", 1)[1] for d in under for t in d.tables})),
            }
        )
    return DataSet(tuple(rows), as_of=min((d.as_of for d in found.values() if d.as_of), default=None))
