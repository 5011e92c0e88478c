"""A million customers from their export to the tables: CPU seconds and peak memory, from two formats.

    python -m benchmarks.customers [CUSTOMERS] ...

Every way runs in a process of its own, in an empty folder: first what was never there, then the same export again.
"""

import argparse
import gzip
import json
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.watch import measured

FORMATS = ("csv", "endpoints")


def build(landing: Path, out: Path, form: str) -> int:
    """The pipeline's own code, as the asset calls it."""
    from segment_assets.first_party import customer_exports, customers
    from segment_assets.first_party.tables import CUSTOMERS, QUARANTINED_CUSTOMERS
    from segment_assets.lake import FolderStore, Lake
    from segment_assets.lake.embedded import open_catalog
    from segment_assets.landing_config import CustomersLanding, CustomerTable

    columns = {"customer": "id", "email": "email", "phone": "phone", "country": "country", "updated": "updated"}
    said = {"email_consent": "email_ok", "sms_consent": "sms_ok"}
    where = (
        CustomersLanding(format="table", table=CustomerTable(**columns, **said), phone_region="US")
        if form == "csv"
        else CustomersLanding(phone_region="US")
    )
    lake = Lake(partial(open_catalog, out / "lake"), out / "scratch")
    export = customer_exports.read(FolderStore(landing), where)
    written = customers.write(lake, export, where.phone_region, "benchmark")
    assert not customers.readable_columns(lake)
    assert export.delivered == export.good + export.duplicates + written[QUARANTINED_CUSTOMERS].rows
    return written[CUSTOMERS].rows


def generate(landing: Path, form: str, number: int) -> int:
    """An export of invented customers; three of four have a number, every tenth of them outside North America."""
    name = "customers.csv" if form == "csv" else "endpoints.jsonl"
    path = landing / "customers" / "2026" / "02" / "01" / f"{name}.gz"
    path.parent.mkdir(parents=True)
    lines = _csv(number) if form == "csv" else _endpoints(number)
    with gzip.open(path, "wt", compresslevel=1) as file:
        file.writelines(f"{line}\n" for line in lines)
    return path.stat().st_size


def _csv(number: int) -> Iterator[str]:
    yield "id,email,phone,country,updated,email_ok,sms_ok,loyalty"
    for i in range(number):
        yield f"C{i:08d},{_email(i)},{_phone(i)},US,{_time(i)},{('yes', 'no', '')[i % 3]},{('no', 'yes')[i % 2]},gold"


def _endpoints(number: int) -> Iterator[str]:
    for i in range(number):
        yield _endpoint(i, "EMAIL", _email(i))
        if phone := _phone(i):
            yield _endpoint(i, "SMS", phone)


def _endpoint(i: int, channel: str, address: str) -> str:
    return json.dumps(
        {
            "Id": f"ep-{i:08d}-{channel.lower()}",
            "ChannelType": channel,
            "Address": address,
            "EndpointStatus": "ACTIVE",
            "OptOut": "NONE",
            "RequestId": f"rq-{i:016x}",
            "CohortId": str(i % 100),
            "CreationDate": _time(i),
            "EffectiveDate": _time(i),
            "ApplicationId": "7f3c1d2e4b5a69788796a5b4c3d2e1f0",
            "Attributes": {"marketing_consent": [("granted", "denied", "")[i % 3]], "device_id": [f"d-{i}"]},
            "Metrics": {},
            "Location": {"Country": "US", "PostalCode": f"{i % 99999:05d}"},
            "Demographic": {"Locale": "en_US", "Timezone": "America/Los_Angeles", "Platform": "web"},
            "User": {"UserId": f"C{i:08d}", "UserAttributes": {}},
        }
    )


def _email(i: int) -> str:
    return f"Person.{i}+x@example{i % 97}.org"


def _phone(i: int) -> str:
    return "" if i % 4 == 3 else f"+4420{i % 10**8:08d}" if i % 10 == 0 else f"(425) {200 + i % 700}-{i % 10**4:04d}"


def _time(i: int) -> str:
    return f"2025-{i % 12 + 1:02d}-{i % 28 + 1:02d}T{i % 24:02d}:00:00.000Z"


def main(numbers: list[int]) -> None:
    """Print a line per format and number of customers."""
    table = Table(title="An export of customers", title_justify="left", box=None)
    for head in ("format", "customers", "MB as delivered", "CPU s", "CPU us per customer", "peak MB", "again: CPU s"):
        table.add_column(head, justify="left" if head == "format" else "right")
    for form in FORMATS:
        for number in numbers:
            with tempfile.TemporaryDirectory() as folder:
                landing, out = Path(folder) / "landing", Path(folder) / "out"
                size = generate(landing, form, number)
                command = [sys.executable, "-m", "benchmarks.customers", "--build", str(landing), str(out), form]
                first, again = measured(command), measured(command)
            assert first.told == again.told == str(number)
            row = (f"{number:,}", f"{size / 2**20:.0f}", f"{first.cpu:.1f}", f"{first.cpu / number * 1e6:.0f}")
            table.add_row(form, *row, f"{max(first.peak, again.peak):,}", f"{again.cpu:.1f}")
            print(form, *row, first.peak, again.peak, f"{again.cpu:.1f}", f"{first.seconds:.0f}", file=sys.stderr)
    Console(width=120).print(table)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.customers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("customers", type=int, nargs="*", help="how many; several are measured in turn")
    parser.add_argument("--build", nargs=3, metavar=("LANDING", "OUT", "FORMAT"), help="one way, in this process")
    return parser


if __name__ == "__main__":
    asked = _arguments().parse_args()
    if asked.build:
        landing_, out_, form_ = asked.build
        print(build(Path(landing_), Path(out_), form_))
    else:
        main(asked.customers or [100_000, 1_000_000])
