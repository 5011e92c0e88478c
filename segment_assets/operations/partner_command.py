"""What `segment-assets partner ladder` and `partner synthesise` do."""

import json
from pathlib import Path

from rich.console import Console

from segment_assets import deployment, segmentation
from segment_assets.operations import partner_ladder
from segment_assets.third_party import synthetic, synthetic_files


def ladder(console: Console, purpose: str, *, as_json: bool = False) -> bool:
    """Tell why the partner's rows do not join, and what each mend would gain."""
    settings = deployment.settings(segmentation.load())
    rungs = partner_ladder.measure(settings, deployment.resource(settings, "lake"), purpose)
    lines = partner_ladder.shown(rungs)
    if as_json:
        console.print(json.dumps(partner_ladder.as_json(lines), indent=2), markup=False, soft_wrap=True)
    else:
        console.print(partner_ladder.grid(lines, settings.segmentation.audience))
    return True


def synthesise(console: Console, rows: int, seed: int, out: Path) -> bool:
    """Write rows made up from the declaration and the contract alone."""
    config = segmentation.load()
    if config.audience is None:
        raise synthetic.SynthesisError("segmentation.yaml: no audience is declared, so there is nothing to make up")
    if out.exists():
        raise synthetic.SynthesisError(
            f"{out}: is there already, and may be a delivery of real people: name another file, or remove it first"
        )
    content = synthetic_files.write(synthetic.rows(config.audience, rows, seed), out.name)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("xb") as file:
            file.write(content)
    except OSError as refused:
        raise synthetic.SynthesisError(f"{out}: can't be written: {refused.strerror}") from refused
    console.print(
        f"{rows:,} synthetic rows, about nobody, in {out}; each says so in its column synthetic", soft_wrap=True
    )
    return True
