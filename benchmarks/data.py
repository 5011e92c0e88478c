"""The data of `make bench`: the demo's year, once as it is and once with ten times the customers.

`python -m benchmarks.data FOLDER --customers 10` fills FOLDER/landing and FOLDER/partner_landing, the places a home
folder of the embedded deployment has, and prints how long it took and how much memory. The copies are the same
households with ids, addresses, devices and links of their own, each a minute later than the one before: ten times the
load, and nothing new to learn.
"""

import argparse
import resource
import time
from datetime import date
from pathlib import Path

from segment_assets.demo.replay import Replayed, replay
from segment_assets.lake import FolderStore

# A fixed day, so that figures of different days rest on the same bytes.
TODAY = date(2026, 11, 20)


def generate(home: Path, customers_factor: int = 1, today: date = TODAY) -> Replayed:
    """Fill the landing places under a home folder; what is there already is not written again."""
    landing, partner = FolderStore(home / "landing"), FolderStore(home / "partner_landing")
    return replay(landing, partner, today, customers_factor=customers_factor)


def main() -> None:
    parser = argparse.ArgumentParser(description="Generate the data of the benchmark.")
    parser.add_argument("home", type=Path)
    parser.add_argument("--customers", type=int, default=10, help="as many times the demo's customers")
    chosen = parser.parse_args()
    began = time.perf_counter()
    done = generate(chosen.home, chosen.customers)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts in KiB
    print(
        f"{done.customers:,} customers, {done.delivered:,} records in {done.objects:,} objects ({done.written:,} "
        f"written): {seconds:.1f} s, {seconds / done.delivered * 1e6:.1f} us per record, peak {peak:.0f} MB"
    )


if __name__ == "__main__":
    main()
